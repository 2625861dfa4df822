/** Runs a real Prometheus on a free loopback port for tests and the demo, and leaves nothing behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { ensurePrometheus } from './fetch.ts';

const START_MS = 30_000;
const STOP_MS = 5_000;
const POLL_MS = 50;

export interface StartOptions {
  /** The configuration as YAML text. */
  readonly config: string;
  /** Folder of the time series, kept when the process stops. Without one a fresh folder is made, and removed. */
  readonly dir?: string;
  /** Loopback port; 0, the default, takes a free one. */
  readonly port?: number;
  /** Further command line flags, e.g. `--query.max-samples=1000`. */
  readonly args?: readonly string[];
}

export interface RunningPrometheus {
  /** Base address without a slash at its end. */
  readonly url: string;
  readonly pid: number;
  /** Ends the process and removes the folders made for it. Calling it twice is harmless. */
  stop(): Promise<void>;
}

/**
 * Starts Prometheus and resolves once it answers queries. Its first *sample* comes some six seconds later (new
 * targets are picked up every five): wait for it with `waitForSample`.
 * Throws with the last lines of its log when it does not come up. The process dies with this one.
 */
export async function startPrometheus(options: StartOptions): Promise<RunningPrometheus> {
  const { prometheus } = await ensurePrometheus();
  const scratch = await mkdtemp(join(tmpdir(), 'prometheus-'));
  const dir = options.dir ?? join(scratch, 'data');
  await mkdir(dir, { recursive: true });
  const configFile = join(scratch, 'prometheus.yml');
  await writeFile(configFile, options.config);
  const child = spawn(
    prometheus,
    [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${dir}`,
      `--web.listen-address=127.0.0.1:${options.port ?? 0}`,
      ...(options.args ?? []),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  const stop = async () => {
    await end(child);
    process.off('exit', killAtExit);
    await rm(scratch, { recursive: true, force: true });
  };
  try {
    const url = await comeUp(child);
    return { url, pid: child.pid ?? 0, stop };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

/**
 * The first value of an instant query, once it has one: asked every 100 ms.
 * Throws after `timeoutMs` (default 30 s) with what was answered last.
 */
export async function waitForSample(url: string, query: string, timeoutMs = 30_000): Promise<number> {
  const deadline = performance.now() + timeoutMs;
  let last = 'nothing';
  while (performance.now() < deadline) {
    const response = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query })}`);
    last = await response.text();
    const value = firstValue(last);
    if (value !== null) return value;
    await wait(100);
  }
  throw new Error(`no sample for ${query} within ${timeoutMs} ms; last answer: ${last.slice(0, 300)}`);
}

function firstValue(body: string): number | null {
  const answer: unknown = JSON.parse(body);
  const text = (answer as { data?: { result?: { value?: [number, string] }[] } }).data?.result?.[0]
    ?.value?.[1];
  if (text === undefined) return null;
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}

/** The real port is in the log ("Listening on"), so that nobody has to guess a free one; then its own readiness counts. */
async function comeUp(child: ChildProcess): Promise<string> {
  const tail: string[] = [];
  const address = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`Prometheus ended at its start:\n${tail.join('\n')}`)));
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
  const url = await Promise.race([address, expired(deadline, tail)]);
  while (child.exitCode === null && child.signalCode === null && !deadline.aborted) {
    const response = await fetch(`${url}/-/ready`, { signal: deadline }).catch(() => null);
    await response?.arrayBuffer();
    if (response?.ok) return url;
    await wait(POLL_MS);
  }
  throw new Error(`Prometheus did not become ready:\n${tail.join('\n')}`);
}

async function expired(signal: AbortSignal, tail: readonly string[]): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw new Error(`Prometheus did not listen within ${START_MS} ms:\n${tail.join('\n')}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await gone;
  clearTimeout(force);
}
