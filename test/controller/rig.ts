/** A controller on a virtual clock, with a real store and journal, and a traffic router and metrics that tests play with. */
import { onTestFinished } from 'vitest';
import { type Controller, createController } from '../../src/controller/controller.ts';
import type { FileStatus } from '../../src/controller/removals.ts';
import type { Changes, SpecIndex } from '../../src/controller/specs.ts';
import type { MeasureRequest, PublishReport, Reading, RouteReading } from '../../src/core/observation.ts';
import { md5 } from '../../src/core/rule.ts';
import { type Clock, sleep } from '../../src/lib/clock.ts';
import type { Spec, TrafficTarget } from '../../src/spec/canary.ts';
import { createJournal } from '../../src/store/journal.ts';
import type { NewCommand, Store } from '../../src/store/store.ts';
import type { Fields, Log } from '../../src/telemetry/log.ts';
import type { ListenersReading, TrafficRouter } from '../../src/traffic/router.ts';
import { aMetric, aSpec, type CanaryParts, steps } from '../support/a-canary.ts';
import { aCommand } from '../support/saves.ts';
import { type TempStore, tempStore } from '../support/temp-store.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';

/** Steps of one minute, judged every ten seconds, without settling. */
export function quickSpec(name = 'shop', parts: CanaryParts = {}): Spec {
  const { strategy, analysis, ...rest } = parts;
  return aSpec({
    name,
    service: name,
    settleMs: 0,
    target: { kind: 'nacos', namespace: '', group: 'CANARY_GROUP', dataId: `${name}.json` },
    ...rest,
    strategy: { steps: steps(10, 50, 100).map((step) => ({ ...step, bakeMs: 60_000 })), ...strategy },
    analysis: { intervalMs: 10_000, metrics: [errorRate(name)], ...analysis },
  });
}

function errorRate(job: string) {
  const total = `http_requests_total{job="${job}"}`;
  const bad = `http_requests_total{job="${job}",code=~"5.."}`;
  return aMetric({ source: { kind: 'ratio', bad, total, minRequests: 10 }, windowMs: 10_000 });
}

export const GOOD: Reading = { kind: 'value', value: 0, requests: 1_000 };
export const BAD: Reading = { kind: 'value', value: 0.9, requests: 1_000 };

/** Which of two names a thing is for, e.g. 'shop'. */
function nameOf(target: TrafficTarget): string {
  return target.kind === 'nacos' ? target.dataId.replace('.json', '') : target.path;
}

export interface Traffic extends TrafficRouter {
  /** Documents by name. */
  readonly documents: Map<string, string>;
  /** Every write that was tried: "NAME WEIGHT blind|guarded". */
  readonly writes: string[];
  /** Reads so far, by name. */
  readonly reads: string[];
  /** Who listens, for every name. */
  listening: ListenersReading;
  /** The names for which listeners were asked for. */
  readonly listenersAsked: string[];
  /** Names whose reads and whose listeners only end when they are aborted. */
  readonly hanging: Set<string>;
  /** Names whose reads and writes throw a bug. */
  readonly faulty: Set<string>;
  /** Set: what the next writes get instead of being done. */
  refusal: Pick<PublishReport, 'result' | 'code' | 'detail'> | null;
}

export function createTraffic(clock: Clock): Traffic {
  const documents = new Map<string, string>();
  const traffic: Traffic = {
    documents,
    writes: [],
    reads: [],
    listening: { kind: 'addresses', current: 3, total: 4 },
    listenersAsked: [],
    hanging: new Set(),
    faulty: new Set(),
    refusal: null,
    async read(target, signal): Promise<RouteReading> {
      const name = nameOf(target);
      traffic.reads.push(name);
      if (traffic.faulty.has(name)) throw new TypeError(`a bug in ${name}`);
      if (traffic.hanging.has(name)) await aborted(signal);
      const at = clock.now();
      if (signal.aborted) return { kind: 'unreadable', at, code: 'TIMEOUT', detail: 'no answer in time' };
      const content = documents.get(name);
      if (content === undefined) return { kind: 'absent', at, authoritative: true };
      return { kind: 'document', at, content, md5: md5(content), authoritative: true };
    },
    async publish(target, operation, content, { expectMd5 }) {
      const name = nameOf(target);
      const weight = JSON.parse(content).rules[0].condition.canaryWeight;
      traffic.writes.push(`${name} ${weight} ${expectMd5 === null ? 'blind' : 'guarded'}`);
      const at = clock.now();
      if (traffic.refusal !== null) return { operation, at, ...traffic.refusal };
      const live = documents.get(name);
      const isExpected = expectMd5 === null || expectMd5 === (live === undefined ? 'absent' : md5(live));
      if (!isExpected)
        return { operation, at, result: 'conflict', code: 'CAS', detail: 'someone else wrote' };
      documents.set(name, content);
      return { operation, at, result: 'accepted', code: '', detail: '' };
    },
    beta: () => Promise.resolve('none' as const),
    async listeners(target, signal) {
      const name = nameOf(target);
      traffic.listenersAsked.push(name);
      if (traffic.hanging.has(name)) await aborted(signal);
      return signal.aborted ? { kind: 'unknown', detail: 'no answer in time' } : traffic.listening;
    },
    facts: () => null,
    isUp: () => true,
    close: () => Promise.resolve(),
  };
  return traffic;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

export interface Answers {
  /** What measurements of the canary arm read, by name; default GOOD. */
  readonly canary: Map<string, Reading>;
  /** What raw counters read; null: as any other measurement. */
  counters: ((request: MeasureRequest) => Reading) | null;
  /** What is read when either version is asked how fast it burns its error budget; null: GOOD. */
  burning: Reading | null;
  /** Names whose measurements only end when they are aborted. */
  readonly hanging: Set<string>;
  /** How long each measurement takes. */
  lateMs: number;
  asked: number;
  /** When each of them was asked for. */
  readonly times: number[];
}

export interface Line extends Fields {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
}

function createLines(): { readonly lines: Line[]; readonly log: Log } {
  const lines: Line[] = [];
  const to = (level: Line['level']) => (fields: Fields, message: string) => {
    lines.push({ ...fields, level, message });
  };
  const log: Log = {
    debug: to('debug'),
    info: to('info'),
    warn: to('warn'),
    error: to('error'),
    child: () => log,
  };
  return { lines, log };
}

export interface Rig {
  readonly controller: Controller;
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly temp: TempStore;
  readonly traffic: Traffic;
  readonly answers: Answers;
  readonly lines: readonly Line[];
  readonly failures: readonly string[];
  /** Seconds by which each committed look was late; null: it was not planned. */
  readonly lags: readonly (number | null)[];
  /** What the directory holds; seen at the next scan. */
  readonly files: Map<string, { spec: Spec; file: FileStatus }>;
  /** Mass deletion as the next scan tells it. */
  mass: string | null;
  /** Starts leading, with an epoch of its own. */
  lead(): void;
  /** Leadership ends; `claim`: because another daemon leads now. */
  follow(claim?: boolean): void;
  /** Moves time on, step by step, and lets everything happen. */
  run(ms: number): Promise<void>;
  /** Lets everything happen that needs no time. */
  settle(): Promise<void>;
  submit(verb: NewCommand['verb'], over?: Partial<NewCommand>): ReturnType<Controller['submit']>;
  /** Types of the committed events of a Canary, oldest first. */
  events(canary?: string): string[];
  weight(name?: string): number | null;
}

export interface RigOptions {
  readonly specs?: readonly Spec[];
  readonly temp?: TempStore;
  /** The world to share with another controller. */
  readonly beside?: Pick<Rig, 'temp' | 'traffic' | 'answers' | 'files'>;
  /** Laid over the store that the controller gets. */
  readonly store?: (store: Store) => Partial<Store>;
  readonly tickMs?: number;
}

/** A controller that has scanned and does not lead yet. */
export async function aRig(options: RigOptions = {}): Promise<Rig> {
  const temp = options.beside?.temp ?? options.temp ?? tempStore();
  const { clock } = temp;
  const opened = temp.open();
  const store: Store = { ...opened, ...options.store?.(opened) };
  const traffic = options.beside?.traffic ?? createTraffic(clock);
  const answers: Answers = options.beside?.answers ?? {
    canary: new Map(),
    counters: null,
    burning: null,
    hanging: new Set(),
    lateMs: 0,
    asked: 0,
    times: [],
  };
  const files = options.beside?.files ?? new Map();
  for (const spec of options.specs ?? []) files.set(spec.canary.name, { spec, file: 'present' });
  const { lines, log } = createLines();
  const failures: string[] = [];
  const lags: (number | null)[] = [];
  const place = { mass: null as string | null };
  let leads = false;
  let epoch = 0;

  async function measure(request: MeasureRequest, signal: AbortSignal) {
    const source = JSON.stringify(request.source);
    const name = [...files.keys()].find((key) => source.includes(`job=\\"${key}\\"`)) ?? '';
    answers.asked += 1;
    answers.times.push(clock.now());
    if (answers.hanging.has(name)) await aborted(signal);
    if (answers.lateMs > 0) await sleep(clock, answers.lateMs, signal);
    const failed: Reading = { kind: 'error', structural: false, code: 'PROM_TIMEOUT', detail: 'too late' };
    const own = request.id.endsWith('/canary') ? answers.canary.get(name) : undefined;
    const counted = request.source.kind === 'counters' ? answers.counters?.(request) : undefined;
    const burning = request.id.includes('/burn/') ? answers.burning : null;
    const reading = signal.aborted ? failed : (counted ?? burning ?? own ?? GOOD);
    const query = request.source.kind === 'query' ? request.source.query : 'q';
    return { id: request.id, at: clock.now(), reading, query, skewMs: 0 };
  }

  const controller = createController({
    store,
    journal: createJournal(`${temp.file}.journal`, store.storeId),
    router: traffic,
    measure,
    specs: indexOf(files, () => place.mass),
    clock,
    log,
    tickMs: options.tickMs ?? 5_000,
    epoch: () => epoch,
    confirmLeader: () => leads,
    isPrometheusUp: () => true,
    metrics: {
      looked: (_canary, _verdicts, lagSeconds) => lags.push(lagSeconds),
      wrote() {},
      reconciled() {},
      reconcileFailed: (stage) => failures.push(stage),
    },
    random: () => 1,
  });
  await controller.start();
  onTestFinished(async () => {
    const stopped = controller.stop(0);
    await settle();
    clock.advance(0);
    await stopped;
  });

  async function settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) {
      clock.advance(0);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  return {
    controller,
    clock,
    store: opened,
    temp,
    traffic,
    answers,
    lines,
    failures,
    lags,
    files,
    get mass() {
      return place.mass;
    },
    set mass(text) {
      place.mass = text;
    },
    lead() {
      leads = true;
      epoch = opened.claimEpoch('test', clock.now());
      controller.lead();
    },
    follow(claim = false) {
      leads = false;
      if (claim) temp.open().claimEpoch('another', clock.now());
      controller.follow();
    },
    async run(ms) {
      const end = clock.monotonic() + ms;
      await settle();
      for (;;) {
        const stepMs = Math.min(clock.nextIn() ?? Number.POSITIVE_INFINITY, end - clock.monotonic());
        clock.advance(stepMs);
        await settle();
        if (clock.monotonic() >= end) return;
      }
    },
    settle,
    async submit(verb, over = {}) {
      const answer = controller.submit(aCommand('shop', { verb, ...over }));
      await settle();
      return answer;
    },
    events: (canary = 'shop') => opened.events({ canary, limit: 1_000 }).map(({ type }) => type),
    weight(name = 'shop') {
      const content = traffic.documents.get(name);
      return content === undefined ? null : JSON.parse(content).rules[0].condition.canaryWeight;
    },
  };
}

/** An index over a map instead of a directory. */
function indexOf(files: Rig['files'], mass: () => string | null): SpecIndex {
  let known = new Map<string, { spec: Spec; file: FileStatus }>();
  let before: string | null = null;
  return {
    async rescan() {
      const changed: Changes['changed'] = [...files].flatMap(([name, { spec, file }]) => {
        const old = known.get(name);
        return old?.spec === spec && old.file === file ? [] : [{ spec, file }];
      });
      known = new Map([...files].map(([name, found]) => [name, { ...found }]));
      const massDeletion = mass() !== null && before === null ? mass() : null;
      before = mass();
      return { changed, settling: false, massDeletion, fresh: [] };
    },
    forget(name) {
      files.delete(name);
      known.delete(name);
    },
    save() {},
    watch() {},
    close: () => Promise.resolve(),
    specs: () => [...files.values()].map(({ spec }) => spec),
    diagnostics: () => (mass() === null ? NO_DIAGNOSTICS : [...NO_DIAGNOSTICS]),
    massDeletion: mass,
    counts: () => ({ valid: files.size, invalid: 0, kept: 0 }),
  };
}

const NO_DIAGNOSTICS: readonly [] = [];
