/** The daemon as the real process: how it is started, what it says, and what it used up. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { SHIPPED } from '../support/as-shipped.ts';
import type { Cores } from './cores.ts';
import { type Histogram, histogramOf, sumOf } from './exposition.ts';
import { COMMIT_DELAY, type Commit, type Inside, KEEP_COMMITS } from './inside.ts';
import { cpuMsOf, rssBytesOf } from './usage.ts';

const LEADS = '"leads":true';
const FIRST_OF_CANARIES = '# HELP canary_info ';
/** Prometheus' default. */
const SCRAPE_TIMEOUT_MS = 10_000;
const PHASES_TIMEOUT_MS = 60_000;

export interface Sample extends Inside {
  /** On this process' monotonic clock. */
  readonly atMs: number;
  /** User and system time of the process. */
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly prometheusQueries: number;
  /** Of committed looks, seconds. */
  readonly lookLag: Histogram;
  /** Runs of the loop that failed. */
  readonly errors: number;
}

export interface Daemon {
  readonly url: string;
  readonly pid: number;
  /** From the spawn to its word that it is ready. */
  readonly readyMs: number;
  /** Whether it led when it was ready. */
  readonly leads: boolean;
  /** Resolves when it leads. */
  leading(): Promise<void>;
  /** Reads all of `/metrics` as a Prometheus would; returns how long it took, infinite when it was given up. */
  scrapeMs(): Promise<number>;
  sample(): Promise<Sample>;
  /** When each event became visible, by a daemon that was started to keep it. */
  commits(): Promise<readonly Commit[]>;
  /** How many canaries are in this phase; null when `/metrics` does not say it within a minute. */
  inPhase(phase: string): Promise<number | null>;
  /** Ends it; resolves when it is gone. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

export interface DaemonPlan {
  readonly cores: Cores;
  readonly canaries: string;
  readonly database: string;
  readonly nacosUrl: string;
  readonly prometheusUrl: string;
  /** Milliseconds that each commit takes longer; default 0. */
  readonly commitDelayMs?: number;
  /** Keep the time of each commit; default false. */
  readonly keepsCommits?: boolean;
  /** Told each line of its log. */
  readonly onLine?: (line: string) => void;
}

/** Starts `canary serve`; resolves when it says that it is ready. Rejects with its last lines when it ends first. */
export async function startDaemon(plan: DaemonPlan): Promise<Daemon> {
  const serve = ['serve', '--canaries', plan.canaries, '--db', plan.database, '--listen', '127.0.0.1:0'];
  const others = ['--nacos', plan.nacosUrl, '--prometheus', plan.prometheusUrl, '--log-format', 'json'];
  const [command, args] = plan.cores.onDaemonCore(process.execPath, [
    '--import',
    SHIPPED.probe,
    SHIPPED.main,
    ...serve,
    ...others,
  ]);
  const startedAt = performance.now();
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: environment(plan),
  });
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  const exited = once(child, 'exit').finally(() => process.off('exit', killAtExit));
  const leading = Promise.withResolvers<void>();
  const { url, leader } = await ready(child, leading.resolve, plan.onLine);
  const readyMs = performance.now() - startedAt;
  const pid = child.pid ?? 0;
  return {
    url,
    pid,
    readyMs,
    leads: leader,
    leading: () => leading.promise,
    async scrapeMs() {
      const sentAt = performance.now();
      const page = await metricsPage(url, SCRAPE_TIMEOUT_MS);
      return page === null ? Infinity : performance.now() - sentAt;
    },
    async sample() {
      const usage = { atMs: performance.now(), cpuMs: cpuMsOf(pid), rssBytes: rssBytesOf(pid) };
      return { ...usage, ...(await ask<Inside>(child, 'inside')), ...figuresOf(await controllerSeries(url)) };
    },
    commits: () => ask<readonly Commit[]>(child, 'commits'),
    async inPhase(phase) {
      const page = await metricsPage(url, PHASES_TIMEOUT_MS);
      return page === null ? null : sumOf(page, 'canary_phase', `phase="${phase}"`);
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await exited;
    },
  };
}

interface Ready {
  readonly url: string;
  readonly leader: boolean;
}

/** Reads its log for as long as it runs: a full pipe would stop it. Parsing every line would cost others their core. */
function ready(
  child: ChildProcess,
  onLeading: () => void,
  onLine: (line: string) => void = () => {},
): Promise<Ready> {
  const tail: string[] = [];
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the daemon ended with ${code}:\n${tail.join('\n')}`)));
    if (child.stderr === null) return;
    createInterface({ input: child.stderr }).on('line', (line) => {
      tail.push(line);
      if (tail.length > 10) tail.shift();
      onLine(line);
      if (line.includes(LEADS)) onLeading();
      if (line.includes('"canary controller is ready"')) resolve(JSON.parse(line) as Ready);
    });
  });
}

async function ask<T>(child: ChildProcess, question: 'inside' | 'commits'): Promise<T> {
  const answer = once(child, 'message');
  child.send(question);
  return (await answer)[0] as T;
}

/** The whole page; null when it takes too long. */
async function metricsPage(url: string, timeoutMs: number): Promise<string | null> {
  try {
    return await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(timeoutMs) })).text();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'TimeoutError') return null;
    throw error;
  }
}

/** The beginning of the page: what follows is made for each canary, and takes a while. */
async function controllerSeries(url: string): Promise<string> {
  const { body } = await fetch(`${url}/metrics`);
  let page = '';
  for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    page += piece;
    if (page.includes(FIRST_OF_CANARIES)) break;
  }
  return page;
}

function figuresOf(page: string): Pick<Sample, 'prometheusQueries' | 'lookLag' | 'errors'> {
  const requests = 'canary_controller_provider_request_duration_seconds_count';
  return {
    prometheusQueries: sumOf(page, requests, 'provider="prometheus"'),
    lookLag: histogramOf(page, 'canary_controller_look_lag_seconds'),
    errors: sumOf(page, 'canary_controller_reconcile_errors_total'),
  };
}

/** The caller's environment without settings meant for a controller of its own. */
function environment({ commitDelayMs = 0, keepsCommits = false }: DaemonPlan): NodeJS.ProcessEnv {
  const quiet = Object.entries(process.env).filter(([name]) => !name.startsWith('CANARY_'));
  return {
    ...Object.fromEntries(quiet),
    [COMMIT_DELAY]: String(commitDelayMs),
    [KEEP_COMMITS]: keepsCommits ? '1' : '0',
  };
}
