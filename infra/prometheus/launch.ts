/** Runs a server of the Prometheus family, which tells the port it listens on in its log, and ends it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';

const START_MS = 30_000;
const STOP_MS = 5_000;
const POLL_MS = 50;

export interface Launched {
  /** Base address without a slash at its end. */
  readonly url: string;
  readonly pid: number;
  /** Ends the process. Calling it twice is harmless. */
  stop(): Promise<void>;
}

/**
 * Starts `program` and resolves once it says that it is ready. Throws with the last lines of its log when it does not
 * come up. The process dies with this one.
 */
export async function launch(name: string, program: string, args: readonly string[]): Promise<Launched> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  const stop = async () => {
    await end(child);
    process.off('exit', killAtExit);
  };
  try {
    const url = await comeUp(name, child);
    return { url, pid: child.pid ?? 0, stop };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

/** The real port is in the log ("Listening on"), so that nobody has to guess a free one; then its own readiness counts. */
async function comeUp(name: string, child: ChildProcess): Promise<string> {
  const tail: string[] = [];
  const address = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`${name} ended at its start:\n${tail.join('\n')}`)));
    if (child.stderr === null) return;
    // Read for as long as it runs: a full pipe would stop it.
    createInterface(child.stderr).on('line', (line) => {
      tail.push(line);
      if (tail.length > 10) tail.shift();
      const match = /msg="Listening on".* address=(\S+)/.exec(line);
      if (match?.[1] !== undefined) resolve(`http://${match[1]}`);
    });
  });
  const deadline = AbortSignal.timeout(START_MS);
  const url = await Promise.race([address, expired(name, deadline, tail)]);
  while (child.exitCode === null && child.signalCode === null && !deadline.aborted) {
    const response = await fetch(`${url}/-/ready`, { signal: deadline }).catch(() => null);
    await response?.arrayBuffer();
    if (response?.ok) return url;
    await wait(POLL_MS);
  }
  throw new Error(`${name} did not become ready:\n${tail.join('\n')}`);
}

async function expired(name: string, signal: AbortSignal, tail: readonly string[]): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw new Error(`${name} did not listen within ${START_MS} ms:\n${tail.join('\n')}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await gone;
  clearTimeout(force);
}
