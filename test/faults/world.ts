/** One daemon's surroundings in the fault table: its own Nacos, a share of a real Prometheus, and a way to see all. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { DumpLag } from '../../infra/dev-nacos/dump.ts';
import type { Version } from '../../infra/dev-nacos/generation.ts';
import { type DevNacos, startDevNacos } from '../../infra/dev-nacos/server.ts';
import { type Cleanup, type Daemon, readBack, startDaemon, weightIn } from '../system/world.ts';
import { type Between, startBetween } from './between.ts';
import type { Series } from './exporter.ts';
import type { Measured } from './measured.ts';

/** Compiled code is kept for the daemons that follow, which halves what a start costs. */
const KEPT_CODE = { NODE_COMPILE_CACHE: join(import.meta.dirname, '../../node_modules/.cache/faults') };

const LINES_TOLD = 25;

export interface Place {
  readonly dir: string;
  readonly canaries: string;
  readonly db: string;
  /** Tells this place's series from those of others. */
  readonly name: string;
  readonly nacos: DevNacos;
  readonly between: Between;
  /** Writes `shop.yaml`; parts given here are laid over the usual ones. */
  declare(revision: string, parts?: Parts): void;
  /** Share of requests of each revision that fail; those of others are 0. */
  setErrors(errors: Readonly<Record<string, number>>): void;
  /** Replaces all series of this place. */
  show(series: readonly Series[]): void;
  start(args?: readonly string[], env?: Readonly<Record<string, string>>): Daemon;
  /** Weights of `shop` in the order in which Nacos stored them. */
  readonly stored: readonly number[];
}

/** Parts of the declaration, as its `spec` has them. */
export interface Parts {
  readonly name?: string;
  readonly query?: string;
  readonly metric?: Readonly<Record<string, unknown>>;
  readonly traffic?: Readonly<Record<string, unknown>>;
  readonly strategy?: Readonly<Record<string, unknown>>;
  readonly analysis?: Readonly<Record<string, unknown>>;
}

export interface PlaceOptions {
  readonly version?: Version;
  readonly dumpLag?: DumpLag;
  /** The daemon asks Prometheus itself. */
  readonly isDirect?: boolean;
}

/** Never leaves its first step upward. */
export const STAYING: Parts = {
  strategy: {
    steps: [
      { setWeight: 50, bake: '1h' },
      { setWeight: 100, bake: '1s' },
    ],
  },
};

export const REVISIONS = ['v1', 'v2', 'v3'] as const;

let places = 0;

export async function aPlace(
  cleanup: Cleanup,
  measured: Measured,
  options: PlaceOptions = {},
): Promise<Place> {
  const dir = mkdtempSync(join(tmpdir(), 'canary-faults-'));
  cleanup(() => rmSync(dir, { recursive: true, force: true }));
  const canaries = join(dir, 'canaries');
  mkdirSync(canaries);
  const { version = '2.5.1', dumpLag = 'measured' } = options;
  const nacos = await startDevNacos({ version, dumpLag });
  cleanup(() => nacos.close());
  const between = await startBetween(measured.url);
  cleanup(() => between.close());
  places += 1;
  const name = `place-${places}`;
  const db = join(dir, 'canary.db');
  const stored: number[] = [];
  nacos.onPublish(({ content, dataId }) => {
    if (dataId === dataIdOf('shop')) stored.push(weightIn(content));
  });
  const show = (series: readonly Series[]) => measured.exporter.show(name, series);
  const setErrors = (errors: Readonly<Record<string, number>>) =>
    show(REVISIONS.map((revision) => errorsOf(name, revision, String(errors[revision] ?? 0))));
  setErrors({});
  return {
    ...{ dir, canaries, db, name, nacos, between, show, setErrors, stored },
    declare: (revision, parts = {}) =>
      writeFileSync(join(canaries, `${parts.name ?? 'shop'}.yaml`), declaration(name, revision, parts)),
    start(args = [], env = {}) {
      const flags = [
        ...['--canaries', canaries, '--db', db, '--listen', '127.0.0.1:0', '--nacos', nacos.url],
        ...['--prometheus', options.isDirect === true ? measured.url : between.url],
        ...['--tick', '1s', '--log-format', 'json', ...args],
      ];
      const daemon = startDaemon(cleanup, flags, { ...KEPT_CODE, ...env });
      cleanup(({ task }) => {
        if (task.result?.state === 'fail') tellLog(task.name, daemon);
      });
      return daemon;
    },
  };
}

/** What a daemon said last is the first thing to read about a test that failed. */
function tellLog(test: string, { lines }: Daemon): void {
  const tail = lines.slice(-LINES_TOLD).map((line) => JSON.stringify(line).slice(0, 400));
  process.stderr.write(`the daemon's log in "${test}" ends with\n${tail.join('\n')}\n`);
}

export function errorsOf(place: string, version: string, value: string, copy = 'a'): Series {
  return { name: 'shop_errors', labels: { place, version, copy }, value };
}

/** What a query may multiply with, once. */
export function weightOf(place: string, copy: string): Series {
  return { name: 'shop_weight', labels: { place, copy }, value: '1' };
}

/** The same query with so many characters more. */
export function padded(query: string, characters: number): string {
  return query.replace('{', `{padding!="${'x'.repeat(characters)}",`);
}

export const GROUP = 'CANARY_GROUP';

export function dataIdOf(name: string): string {
  return `canary-rules.${name}.json`;
}

/** The document of a Canary that judges `shop_errors` every second and has two steps. */
export function declaration(place: string, revision: string, parts: Parts = {}): string {
  const { name = 'shop', traffic, strategy, analysis, metric } = parts;
  const query = parts.query ?? `shop_errors{place="${place}",version="{{version}}"}`;
  return stringify({
    apiVersion: 'canary/v1',
    kind: 'Canary',
    metadata: { name },
    spec: {
      revision,
      stableRevision: 'v1',
      traffic: { settle: '0s', verifyTimeout: '5s', ...traffic },
      strategy: {
        // The first bake gives a test the time to do what it does at that step.
        steps: [
          { setWeight: 50, bake: '4s' },
          { setWeight: 100, bake: '1s' },
        ],
        ...strategy,
      },
      analysis: {
        interval: '1s',
        window: '1s',
        ...analysis,
        metrics: [{ name: 'errors', query, maxDelta: 0.01, critical: true, ...metric }],
      },
    },
  });
}

/** A daemon at the first step of a rollout of `v2`. */
export async function atFirstStep(place: Place, parts: Parts = {}): Promise<Daemon> {
  place.declare('v2', parts);
  const daemon = place.start();
  await daemon.logged(readBack(50));
  return daemon;
}

/** Starts a daemon and ends it in peace, so that it leaves its compiled code behind. */
export async function warmUp(measured: Measured): Promise<void> {
  const cleanups: (() => unknown)[] = [];
  const place = await aPlace((cleanup) => void cleanups.push(() => cleanup({ task: {} } as never)), measured);
  const daemon = place.start();
  await daemon.url();
  daemon.kill('SIGTERM');
  await daemon.ended;
  for (const cleanup of cleanups.toReversed()) await cleanup();
}
