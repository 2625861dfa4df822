import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createLiveFile } from '../../src/access/live-file.ts';
import { err, ok } from '../../src/lib/result.ts';

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'canary-live-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Files that hold good words; a text that begins with "bad" cannot be used. */
function follow(...paths: readonly string[]) {
  const changes: string[] = [];
  const troubles: (string | null)[] = [];
  const file = createLiveFile({
    files: paths.map((path) => ({ path, text: 'first' })),
    parse: (texts) => (texts.some((text) => text.startsWith('bad')) ? err('is bad') : ok(texts.join('+'))),
    onChange: (value) => changes.push(value),
    onTrouble: (trouble) => troubles.push(trouble),
  });
  return { file, changes, troubles };
}

test('a file that did not change is no news', async () => {
  const path = join(scratch(), 'file');
  writeFileSync(path, 'first');
  const { file, changes, troubles } = follow(path);
  await file.look();
  expect([file.current(), file.trouble(), changes, troubles]).toEqual(['first', null, [], []]);
});

test('another content is in force from the look on that finds it, whatever the times of the file say', async () => {
  const path = join(scratch(), 'file');
  const { file, changes } = follow(path);
  for (const text of ['second', 'thirds']) {
    writeFileSync(path, text);
    await file.look();
  }
  expect([file.current(), changes]).toEqual(['thirds', ['second', 'thirds']]);
});

test('a link that is swapped, and a file that is replaced, are seen', async () => {
  const dir = scratch();
  const path = join(dir, 'file');
  for (const text of ['one', 'two']) writeFileSync(join(dir, text), text);
  symlinkSync('one', path);
  const { file, changes } = follow(path);
  await file.look();
  symlinkSync('two', join(dir, 'next'));
  renameSync(join(dir, 'next'), path);
  await file.look();
  writeFileSync(join(dir, 'new'), 'three');
  renameSync(join(dir, 'new'), path);
  await file.look();
  expect([changes, file.current()]).toEqual([['one', 'two', 'three'], 'three']);
});

test('what cannot be used leaves the last good content in force, is told once, and so is its end', async () => {
  const path = join(scratch(), 'file');
  const { file, changes, troubles } = follow(path);
  await file.look();
  await file.look();
  expect(troubles).toEqual([`${path} cannot be read: ENOENT`]);
  writeFileSync(path, 'bad one');
  await file.look();
  writeFileSync(path, 'bad two');
  await file.look();
  expect([file.current(), file.trouble()]).toEqual(['first', `${path} is bad`]);
  writeFileSync(path, 'x'.repeat(1024 * 1024 + 1));
  await file.look();
  writeFileSync(path, 'first');
  await file.look();
  expect([file.current(), file.trouble(), changes]).toEqual(['first', null, []]);
  expect(troubles.slice(1)).toEqual([`${path} is bad`, `${path} is larger than 1 MiB`, null]);
});

test('files that belong together change together', async () => {
  const dir = scratch();
  const [cert, key] = [join(dir, 'cert'), join(dir, 'key')];
  writeFileSync(cert, 'bad half');
  writeFileSync(key, 'first');
  const { file, changes } = follow(cert, key);
  await file.look();
  expect(file.current()).toBe('first+first');
  writeFileSync(cert, 'new');
  writeFileSync(key, 'pair');
  await file.look();
  expect([file.current(), changes]).toEqual(['new+pair', ['new+pair']]);
});

test('two looks at once are one', async () => {
  const path = join(scratch(), 'file');
  writeFileSync(path, 'second');
  const { file, changes } = follow(path);
  await Promise.all([file.look(), file.look()]);
  expect(changes).toEqual(['second']);
});
