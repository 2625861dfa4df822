import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { rewriteFile } from '../../src/access/rewrite.ts';
import { err, ok } from '../../src/lib/result.ts';

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'canary-rewrite-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const growing = (text: string | null) => ok({ text: `${text ?? ''}x`, value: text });

test('a change sees what is there and leaves one whole file', () => {
  const dir = scratch();
  const path = join(dir, 'file');
  expect(rewriteFile(path, growing)).toEqual({ ok: true, value: null });
  expect(rewriteFile(path, growing)).toEqual({ ok: true, value: 'x' });
  expect([readFileSync(path, 'utf8'), readdirSync(dir)]).toEqual(['xx', ['file']]);
});

test('a change that is none leaves everything as it was', () => {
  const dir = scratch();
  const path = join(dir, 'file');
  expect(rewriteFile(path, () => err('no'))).toEqual({ ok: false, error: 'no' });
  expect(readdirSync(dir)).toEqual([]);
  const fails = () => {
    throw new Error('a fault');
  };
  expect(rewriteFile(path, fails)).toMatchObject({ ok: false });
  expect(readdirSync(dir)).toEqual([]);
});

test('a folder that is not there is told', () => {
  const path = join(scratch(), 'nowhere', 'file');
  expect(rewriteFile(path, growing)).toEqual({ ok: false, error: `${path}.new cannot be made: ENOENT` });
});

test('two changes at once cannot undo each other', () => {
  const path = join(scratch(), 'file');
  const nested = rewriteFile(path, (text) => {
    const second = rewriteFile(path, growing);
    expect(second).toMatchObject({ ok: false, error: expect.stringContaining('.new is there') });
    return growing(text);
  });
  expect([nested.ok, readFileSync(path, 'utf8')]).toEqual([true, 'x']);
});

test.skipIf(process.getuid?.() !== 0)('what root changes still belongs to the daemon', () => {
  const path = join(scratch(), 'file');
  writeFileSync(path, '');
  chownSync(path, 4321, 4322);
  chmodSync(path, 0o640);
  rewriteFile(path, growing);
  expect(statSync(path)).toMatchObject({ uid: 4321, gid: 4322 });
  expect(statSync(path).mode & 0o777).toBe(0o640);
});
