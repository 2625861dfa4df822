/** The real daemon as a process, between a Nacos-compatible server and a real Prometheus or a stand-in for one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'vitest';
import type { Version } from '../../infra/dev-nacos/generation.ts';
import { type DevNacos, startDevNacos } from '../../infra/dev-nacos/server.ts';
import type { Series } from '../faults/exporter.ts';
import type { Measured } from '../faults/measured.ts';
import { type Asked, type StandIn, startStandIn, vectorBody } from '../metrics/stand-in.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** What runs when a test is over; the test's own, because these tests run side by side. */
export type Cleanup = TestContext['onTestFinished'];

/** A line of the daemon's log. */
export type Line = Readonly<Record<string, unknown>>;

export interface Daemon {
  readonly pid: number;
  /** Every line so far, those that are no JSON as `{text}`. */
  readonly lines: readonly Line[];
  /** Resolves with the first line, old or new, that holds all of `part`; rejects when the process ends without one. */
  logged(part: Line): Promise<Line>;
  /** Where it listens; resolves once it is ready. */
  url(): Promise<string>;
  /** GET of its HTTP interface. */
  get(path: string): Promise<unknown>;
  kill(signal: NodeJS.Signals): void;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

export interface World {
  readonly dir: string;
  readonly db: string;
  readonly nacos: DevNacos;
  /** What the daemon asks: the stand-in itself, or one that passes every question on to the real Prometheus. */
  readonly prometheus: StandIn;
  /** Writes the declaration of the shop. */
  declare(revision: string): void;
  /** Share of requests of the canary that fail. */
  setErrors(share: number): void;
  /** Starts a daemon; another one when one runs already. */
  start(args?: readonly string[], env?: Readonly<Record<string, string>>): Daemon;
  /** Weights for the canary in the order in which the server stored them. */
  readonly stored: readonly number[];
}

const DATA_ID = 'shop.json';
const GROUP = 'CANARY_GROUP';

/** The last value in a minute: a machine that runs two dozen daemons at once misses scrapes. */
function declaration(world: string, revision: string): string {
  return `apiVersion: canary/v1
kind: Canary
metadata: { name: shop }
spec:
  revision: ${revision}
  stableRevision: v1
  traffic: { settle: 0s, nacos: { dataId: ${DATA_ID} } }
  strategy:
    ready: { query: 'last_over_time(instance_up{world="${world}",version="{{canary}}"}[1m])' }
    steps: [{ setWeight: 10, bake: 1s }, { setWeight: 50, bake: 1s }, { setWeight: 100, bake: 1s }]
  analysis:
    interval: 1s
    window: 1s
    metrics:
      - { name: errors, query: 'last_over_time(errors{world="${world}",version="{{version}}"}[1m])', maxDelta: 0.01, critical: true }
`;
}

export interface WorldOptions {
  readonly version?: Version;
  /** The real Prometheus that measures; without it a stand-in answers. */
  readonly measured?: Measured;
}

export async function aWorld(
  cleanup: Cleanup,
  { version = '2.5.1', measured }: WorldOptions = {},
): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), 'canary-system-'));
  const name = basename(dir);
  cleanup(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, 'canaries'));
  const nacos = await startDevNacos({ version });
  cleanup(() => nacos.close());
  const shown: Shown = { errors: 0 };
  const prometheus = await startStandIn((asked, response) => {
    if (measured === undefined) answer(shown, asked, response);
    else passOn(measured.url, asked, response).catch(() => response.destroy());
  });
  cleanup(() => prometheus.close());
  measured?.exporter.show(name, seriesOf(name, shown));
  const stored: number[] = [];
  nacos.onPublish(({ content }) => stored.push(weightIn(content)));
  const db = join(dir, 'canary.db');
  return {
    dir,
    db,
    nacos,
    prometheus,
    declare: (revision) => writeFileSync(join(dir, 'canaries', 'shop.yaml'), declaration(name, revision)),
    setErrors(share) {
      shown.errors = share;
      measured?.exporter.show(name, seriesOf(name, shown));
    },
    start: (args = [], env = {}) =>
      startDaemon(
        cleanup,
        [
          ...['--canaries', join(dir, 'canaries'), '--db', db, '--listen', '127.0.0.1:0'],
          ...['--nacos', nacos.url, '--prometheus', prometheus.url, '--tick', '1s', '--log-format', 'json'],
          ...args,
        ],
        env,
      ),
    stored,
  };
}

/** What the instances of both versions show. */
interface Shown {
  /** Share of requests of the canary that fail. */
  errors: number;
}

function answer({ errors }: Shown, { form }: Asked, response: ServerResponse): void {
  const query = form.get('query') ?? '';
  const value = query.includes('instance_up{') ? 1 : /version="v1"/.test(query) ? 0 : errors;
  response.setHeader('content-type', 'application/json');
  response.end(vectorBody([{ metric: {}, value: String(value) }]));
}

async function passOn(url: string, { request, form }: Asked, response: ServerResponse): Promise<void> {
  const found = await fetch(`${url}${request.url}`, { method: 'POST', body: form });
  response.writeHead(found.status, {
    'content-type': 'application/json',
    // Whoever asks compares it with its own clock.
    date: found.headers.get('date') ?? new Date().toUTCString(),
  });
  response.end(await found.text());
}

function seriesOf(world: string, { errors }: Shown): Series[] {
  return ['v1', 'v2'].flatMap((version) => [
    { name: 'instance_up', labels: { world, version }, value: '1' },
    { name: 'errors', labels: { world, version }, value: String(version === 'v1' ? 0 : errors) },
  ]);
}

export function startDaemon(
  cleanup: Cleanup,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Daemon {
  const child = spawn(process.execPath, ['src/main.ts', 'serve', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
  });
  const { lines, logged } = follow(child);
  const ended = new Promise<number | NodeJS.Signals | null>((done) => {
    child.once('exit', (code, signal) => done(code ?? signal));
  });
  cleanup(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const url = async () => String((await logged({ msg: 'canary controller is ready' }))['url']);
  return {
    pid: child.pid ?? 0,
    lines,
    logged,
    url,
    async get(path) {
      const response = await fetch(`${await url()}${path}`);
      return response.json();
    },
    kill: (signal) => child.kill(signal),
    ended,
  };
}

function follow(child: ChildProcess): Pick<Daemon, 'lines' | 'logged'> {
  const lines: Line[] = [];
  const watchers = new Set<() => void>();
  let isOver = false;
  if (child.stderr === null) throw new Error('standard error is a pipe');
  const reader = createInterface(child.stderr);
  reader.on('line', (text) => {
    lines.push(text.startsWith('{') ? JSON.parse(text) : { text });
    for (const watcher of watchers) watcher();
  });
  reader.on('close', () => {
    isOver = true;
    for (const watcher of watchers) watcher();
  });
  return {
    lines,
    logged(part) {
      return new Promise((found, failed) => {
        const look = () => {
          const line = lines.find((candidate) => holds(candidate, part));
          if (line === undefined && !isOver) return;
          watchers.delete(look);
          if (line !== undefined) found(line);
          else failed(new Error(`never logged ${JSON.stringify(part)}:\n${lines.map(textOf).join('\n')}`));
        };
        watchers.add(look);
        look();
      });
    },
  };
}

function textOf(line: Line): string {
  return JSON.stringify(line).slice(0, 300);
}

function holds(line: Line, part: Line): boolean {
  return Object.entries(part).every(([key, value]) => {
    const own = line[key];
    if (typeof value !== 'object' || value === null) return own === value;
    return typeof own === 'object' && own !== null && holds(own as Line, value as Line);
  });
}

/** The line by which a weight was read back. */
export function readBack(weight: number): Line {
  return { type: 'WeightVerified', facts: { weight } };
}

export function ended(outcome: 'Promoted' | 'RolledBack'): Line {
  return { type: 'RolloutEnded', facts: { outcome } };
}

export function weightIn(content: string): number {
  return JSON.parse(content).rules[0].condition.canaryWeight;
}

/** What the server holds for the canary; null: no document. */
export function liveWeight({ nacos }: World): number | null {
  const document = nacos.get(DATA_ID, GROUP);
  return document === undefined ? null : weightIn(document.content);
}

/** The events of the shop as a daemon tells them: "TYPE WEIGHT" for verified weights, else "TYPE". */
export async function history(daemon: Daemon): Promise<string[]> {
  const answer = (await daemon.get('/api/v1/events?canary=shop&limit=500&after=0')) as {
    items: { type: string; facts: { weight?: number } }[];
  };
  return answer.items.map(({ type, facts }) =>
    type === 'WeightVerified' ? `${type} ${facts.weight}` : type,
  );
}

/** Resolves once `isSo`, looked at every few milliseconds. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
}
