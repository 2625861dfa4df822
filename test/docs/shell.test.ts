/** Every shell script of the project, and the shell that its pages tell to type, under shellcheck. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { find, run, skipped } from '../terraform/tools.ts';
import { ROOT } from './reference.ts';

const shellcheck = await find('shellcheck');
const missing =
  shellcheck === null ? skipped('shellcheck of all scripts', 'shellcheck is not on PATH') : null;

/** Files below a folder, but for what was installed or fetched there. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return entry.name === 'node_modules' || entry.name === '.terraform' ? [] : filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

const FILES = ['.ci', 'canaries', 'docs', 'infra', 'src', 'test'].flatMap(filesBelow);
const SCRIPTS = FILES.filter(
  (path) =>
    path.endsWith('.sh') || /^#!.*\b(?:ba|da)?sh\b/.test(readFileSync(join(ROOT, path), 'utf8').slice(0, 80)),
);

test('there are scripts, with and without an ending', () => {
  expect(SCRIPTS).toEqual(
    expect.arrayContaining(['.ci/run', 'docs/end-to-end.sh', 'infra/docker/secrets.sh']),
  );
});

test.skipIf(missing !== null)('every script is clean', async () => {
  expect((await run(shellcheck ?? 'shellcheck', SCRIPTS)).said).toBe('');
});

test.skipIf(missing !== null)('so is what the pages tell to type', async ({ onTestFinished }) => {
  const dir = mkdtempSync(join(tmpdir(), 'shell-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const pages = ['README.md', 'CONTRIBUTING.md', ...FILES.filter((path) => path.endsWith('.md'))];
  const blocks = pages.flatMap((page) =>
    [...readFileSync(join(ROOT, page), 'utf8').matchAll(/^ *```sh\n([\s\S]*?)^ *```$/gm)].map(
      ([, block = ''], index) => {
        const file = join(dir, `${page.replaceAll('/', '-')}-${index}.sh`);
        writeFileSync(file, block);
        return file;
      },
    ),
  );
  expect(blocks.length).toBeGreaterThan(40);
  // In a terminal: a folder that is there, a variable set before, a file of one's own, an export that may fail visibly.
  const { said } = await run(shellcheck ?? 'shellcheck', [
    '--shell=bash',
    '--exclude=SC2164,SC2154,SC1090,SC2155',
    ...blocks,
  ]);
  expect(said).toBe('');
});
