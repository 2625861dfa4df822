import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type ProcessPlan, startProcess } from '../../infra/demo/processes.ts';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'demo-processes-'));
  return () => rm(home, { recursive: true, force: true });
});

async function plan(script: string, changes: Partial<ProcessPlan> = {}): Promise<ProcessPlan> {
  const file = join(home, 'script.mjs');
  await writeFile(file, script);
  return {
    name: 'the script',
    args: [file],
    logFile: join(home, 'script.log'),
    ready: /ready at (\S+)/,
    readyWithinMs: 20_000,
    onDeath: () => undefined,
    ...changes,
  };
}

/** A process that ended but was not waited for by its parent yet (state Z) is not alive. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !/\) Z /.test(stat);
}

const STAY = 'setInterval(() => {}, 1000);';

describe('a started process', () => {
  test('gives the address of its ready line and is gone after stop', async () => {
    const started = await startProcess(await plan(`console.log('ready at http://there'); ${STAY}`));
    expect(started.address).toBe('http://there');
    expect(await isAlive(started.pid)).toBe(true);
    await started.stop();
    expect(await isAlive(started.pid)).toBe(false);
  });

  test('is killed when it does not heed SIGTERM, with what it started itself', async () => {
    const deaf = `
      import { spawn } from 'node:child_process';
      process.on('SIGTERM', () => {});
      const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); console.log(1); ${STAY}']);
      child.stdout.once('data', () => console.log('ready at ' + child.pid));`;
    const started = await startProcess(await plan(deaf));
    await started.stop(50);
    expect(await isAlive(started.pid)).toBe(false);
    await expect.poll(() => isAlive(Number(started.address))).toBe(false);
  });

  test('reports its death when nobody asked for it', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    await startProcess(
      await plan(`console.log('ready at x'); setImmediate(() => process.exit(3));`, { onDeath: resolve }),
    );
    expect(await promise).toBe('exit code 3');
  });

  test('that ends before it is ready is an error, and its words are in the log', async () => {
    const failing = await plan('console.error("no such thing"); process.exit(2);');
    await expect(startProcess(failing)).rejects.toThrow('the script ended before it was ready: exit code 2');
    await expect.poll(() => readFile(failing.logFile, 'utf8')).toContain('no such thing');
  });

  test('that never gets ready is an error and is not left running', async () => {
    const pidFile = join(home, 'pid');
    const script = `import { writeFileSync } from 'node:fs'; writeFileSync('${pidFile}', String(process.pid)); ${STAY}`;
    const silent = startProcess(await plan(script, { readyWithinMs: 1_000 }));
    await expect(silent).rejects.toThrow('the script was not ready after 1 s');
    expect(await isAlive(Number(await readFile(pidFile, 'utf8').catch(() => '0')))).toBe(false);
  });
});

test("a process of the fleet ends when its parent's end of the pipe closes", async () => {
  const child = spawn(process.execPath, [resolve(import.meta.dirname, '../../infra/fleet/service.ts')]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  child.stdin.end();
  expect(await once(child, 'exit')).toEqual([0, null]);
});
