import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

/** Runs a suite of these files as `make test` runs ours: its exit code and the last line of its output. */
async function runSuite(files: Record<string, string>): Promise<{ code: number | null; lastLine: string }> {
  const root = await mkdtemp(join(tmpdir(), 'closing-line-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, 'test'));
  for (const [name, body] of Object.entries(files)) await writeFile(join(root, 'test', name), body);
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const config = join(ROOT, 'test/support/suite.config.ts');
  const args = [vitest, 'run', '--config', config, '--root', root, '--globals'];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { code, lastLine: output.split('\n').at(-2) ?? '' };
}

test('a suite that passes ends with the count alone on its line', async () => {
  const run = await runSuite({ 'a.test.ts': 'test("a", () => {}); test("b", () => {});' });
  expect(run).toEqual({ code: 0, lastLine: '2 passed, 0 failed' });
});

test('failures, skipped tests, files that do not load and errors outside tests all show in the closing line', async () => {
  const run = await runSuite({
    'a.test.ts':
      'test("a", () => {}); test("b", () => { throw new Error("no"); }); test.skip("c", () => {});',
    'b.test.ts': 'import "./missing.ts"; test("d", () => {});',
    'c.test.ts':
      'test("e", async () => { Promise.reject(new Error("stray")); await new Promise((r) => setImmediate(r)); });',
  });
  expect(run).toEqual({ code: 1, lastLine: '2 passed, 3 failed, 1 skipped' });
});

test('a suite without any test file fails', async () => {
  const run = await runSuite({});
  expect(run.code).toBe(1);
});
