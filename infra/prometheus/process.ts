/** Runs a real Prometheus on a free loopback port for tests and the demo, and leaves nothing behind. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ensurePrometheus } from './fetch.ts';
import { type Launched, launch } from './launch.ts';

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

/** Stopping it removes the folders that were made for it. */
export type RunningPrometheus = Launched;

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
  const clean = () => rm(scratch, { recursive: true, force: true });
  try {
    const { url, pid, stop } = await launch('Prometheus', prometheus, [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${dir}`,
      `--web.listen-address=127.0.0.1:${options.port ?? 0}`,
      ...(options.args ?? []),
    ]);
    return { url, pid, stop: () => stop().then(clean) };
  } catch (cause) {
    await clean();
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
