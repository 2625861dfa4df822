/** docs/end-to-end.sh: the whole picture on real processes, and nothing of it left behind. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { noAlertmanager } from '../support/alertmanager.ts';
import type { Cleanup } from '../system/world.ts';
import { find, skipped } from '../terraform/tools.ts';
import { ROOT } from './reference.ts';

const missing =
  (await find('curl')) === null
    ? skipped('docs/end-to-end.sh', 'curl is not on PATH')
    : await noAlertmanager('docs/end-to-end.sh');

/** The script, in a folder for temporary files of its own, by which its processes are known. */
function begin(cleanup: Cleanup) {
  const dir = mkdtempSync(join(tmpdir(), 'end-to-end-'));
  const { PATH, HOME } = process.env;
  // npm would else keep what it compiled in the folder for temporary files.
  const env = { PATH, HOME, TMPDIR: dir, NODE_DISABLE_COMPILE_CACHE: '1' };
  const child = spawn(join(ROOT, 'docs/end-to-end.sh'), { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const watchers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      for (const watcher of watchers) watcher();
    });
  }
  const ended = new Promise<number | null>((done) => child.once('close', done));
  cleanup(async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(dir, { recursive: true, force: true });
  });
  return {
    dir,
    ended,
    said: () => said,
    kill: () => child.kill('SIGTERM'),
    /** Resolves once it said this, or ended. */
    saying: (words: string) =>
      Promise.race([
        ended,
        new Promise<void>((done) => {
          watchers.add(() => {
            if (said.includes(words)) done();
          });
        }),
      ]),
  };
}

/** Command lines of the processes that have the folder in their environment. */
function processesOf(dir: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const ours = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`TMPDIR=${dir}\0`);
        return ours ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : [];
      } catch {
        return []; // It ended since the folder was read, or is not ours to look at.
      }
    });
}

test.skipIf(missing !== null)(
  'a release is started, approved and promoted, and the next one is taken back by a real alert',
  { timeout: 240_000 },
  async ({ onTestFinished }) => {
    const { dir, ended, said } = begin(onTestFinished);
    expect(await ended, said()).toBe(0);
    expect(said()).toMatch(/✓ Promoted {2}v2/);
    expect(said()).toMatch(/RolledBack {2}v3 .* alert CanarySlow/);
    expect(readdirSync(dir)).toEqual([]);
    expect(processesOf(dir)).toEqual([]);
  },
);

test.skipIf(missing !== null)(
  'a run that is stopped in the middle leaves nothing behind, so it can be run again',
  { timeout: 120_000 },
  async ({ onTestFinished }) => {
    const { dir, ended, said, saying, kill } = begin(onTestFinished);
    await saying('started through the API');
    expect(processesOf(dir).length).toBeGreaterThan(8);
    kill();
    expect(await ended, said()).toBe(143);
    expect(readdirSync(dir)).toEqual([]);
    expect(processesOf(dir)).toEqual([]);
  },
);
