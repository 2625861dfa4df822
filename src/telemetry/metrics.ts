/** Everything `GET /metrics` shows: what is counted while the controller works, and what is read when it is asked. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { EventType } from '../core/events.ts';
import type { PublishReport } from '../core/observation.ts';
import type { RolloutRecord, Verdict, VerdictClass } from '../core/rollout.ts';
import type { Clock } from '../lib/clock.ts';
import { type AccessSeries, createAccessSeries } from './access-series.ts';
import { CANARY_FAMILIES, type CanaryFigures, emptyTally, type Tally } from './canary-series.ts';
import { beginSlices } from './slices.ts';

/** Where the loop can fail: loading the store, reading the directory, a tick, a run, saving what it decided, tidying up. */
export const RECONCILE_STAGES = ['load', 'scan', 'tick', 'reconcile', 'save', 'prune'] as const;
export type ReconcileStage = (typeof RECONCILE_STAGES)[number];

export const PROVIDERS = ['nacos', 'prometheus'] as const;
export type Provider = (typeof PROVIDERS)[number];

export const WEBHOOK_TYPES = ['grafana', 'alertmanager'] as const;
export const WEBHOOK_RESULTS = ['accepted', 'refused', 'standby'] as const;
export const ALERT_RESULTS = ['recorded', 'resolved', 'known', 'unheard', 'unknown', 'ignored'] as const;

const MINUTE = 60;

/** A committed event, as far as it is counted. */
export interface CountedEvent {
  readonly type: EventType;
  readonly canary: string | null;
  readonly rolloutId: string | null;
}

/** What a scrape reads, all of it from memory. */
export interface MetricsIndex {
  names(): readonly string[];
  /** Null: gone since `names` was asked. */
  figures(name: string): CanaryFigures | null;
  controller(): ControllerFigures;
}

export interface ControllerFigures {
  readonly isLeader: boolean;
  readonly queueDepth: number;
  readonly tickLagSeconds: number;
  readonly specsByState: Readonly<Record<string, number>>;
  readonly providers: Readonly<Record<Provider, boolean>>;
  readonly dbSizeBytes: number;
}

export interface Metrics extends AccessSeries {
  /** Counts what was committed. `rollout` finds the record of one that ended. */
  committed(events: readonly CountedEvent[], rollout: (id: string) => RolloutRecord | null): void;
  /** Counts the verdicts of one look, committed so long after it was due; null: it was not planned. */
  looked(canary: string, verdicts: readonly Verdict[], lagSeconds: number | null): void;
  /** Counts one attempt to write the live document. */
  wrote(canary: string, result: PublishReport['result']): void;
  /** One run of the loop for one Canary took this long. */
  reconciled(seconds: number): void;
  reconcileFailed(stage: ReconcileStage): void;
  /** One request to a provider took this long, whatever came of it. */
  asked(provider: Provider, seconds: number): void;
  webhook(type: (typeof WEBHOOK_TYPES)[number], result: (typeof WEBHOOK_RESULTS)[number]): void;
  /** One alert of a webhook that was accepted, for one Canary. */
  alert(type: (typeof WEBHOOK_TYPES)[number], result: (typeof ALERT_RESULTS)[number]): void;
  /** So many alerts of an accepted webhook asked for an action that does not exist. */
  unknownActions(type: (typeof WEBHOOK_TYPES)[number], count: number): void;
  /** From now on this says how many follow the event stream. */
  countReaders(readers: () => number): void;
  /** A reader of the event stream was sent away because it stood still. */
  streamStalled(): void;
  /**
   * The whole page in pieces, each made in at most 20 ms; between two pieces everything else gets its turn. One
   * family of samples is never split by another, as the format demands.
   */
  scrape(index: MetricsIndex): AsyncGenerator<string>;
}

export interface MetricsOptions {
  readonly clock: Clock;
  /** Of this package. */
  readonly version: string;
}

/** Counters begin at 0 with the process. */
export function createMetrics({ clock, version }: MetricsOptions): Metrics {
  const series = createControllerSeries(version);
  const tallies = new Map<string, Tally>();

  function tallyOf(canary: string): Tally {
    const tally = tallies.get(canary) ?? emptyTally();
    tallies.set(canary, tally);
    return tally;
  }

  function countEnd(canary: string, record: RolloutRecord): void {
    if (record.outcome !== null) increase(tallyOf(canary).rollouts, record.outcome);
    if (record.endedAt !== null) series.rolloutDuration.observe((record.endedAt - record.startedAt) / 1000);
    if (record.rollbackMs !== null) series.rollbackDuration.observe(record.rollbackMs / 1000);
  }

  return {
    ...series.access,
    committed(events, rollout) {
      for (const { type, canary, rolloutId } of events) {
        if (canary === null) continue;
        if (type === 'DriftSeen' || type === 'DriftCorrected') tallyOf(canary).drift += 1;
        if (type === 'Forgotten') tallies.delete(canary);
        const record = type === 'RolloutEnded' && rolloutId !== null ? rollout(rolloutId) : null;
        if (record !== null) countEnd(canary, record);
      }
    },
    looked(canary, verdicts, lagSeconds) {
      if (lagSeconds !== null) series.lookLag.observe(lagSeconds);
      const { measurements } = tallyOf(canary);
      for (const { metric, class: verdict } of verdicts) {
        const counts = measurements.get(metric) ?? new Map<VerdictClass, number>();
        measurements.set(metric, counts);
        increase(counts, verdict);
      }
    },
    wrote: (canary, result) => increase(tallyOf(canary).writes, result),
    reconciled: (seconds) => series.reconcileDuration.observe(seconds),
    reconcileFailed: (stage) => series.reconcileErrors.inc({ stage }),
    asked: (provider, seconds) => series.providerDuration.observe({ provider }, seconds),
    webhook: (type, result) => series.webhooks.inc({ type, result }),
    alert: (type, result) => series.alerts.inc({ type, result }),
    unknownActions: (type, count) => series.unknownActions.inc({ type }, count),
    countReaders: series.countReaders,
    streamStalled: () => series.stalls.inc(),
    async *scrape(index) {
      series.show(index.controller());
      yield `${(await series.registry.metrics()).trimEnd()}\n`;
      yield* canaryPages(index, tallies, clock);
    },
  };
}

function increase<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

async function* canaryPages(
  index: MetricsIndex,
  tallies: ReadonlyMap<string, Tally>,
  clock: Clock,
): AsyncGenerator<string> {
  const slices = beginSlices(clock);
  const shown: CanaryFigures[] = [];
  for (const name of index.names()) {
    const figures = index.figures(name);
    if (figures !== null) shown.push(figures);
    if (slices.isOver()) await slices.rest();
  }
  for (const family of CANARY_FAMILIES) {
    let lines = [family.head];
    for (const figures of shown) {
      family.write(figures, tallies.get(figures.canary), lines);
      if (!slices.isOver()) continue;
      if (lines.length > 0) yield `${lines.join('\n')}\n`;
      lines = [];
      await slices.rest();
    }
    if (lines.length > 0) yield `${lines.join('\n')}\n`;
  }
}

interface ControllerSeries {
  readonly access: AccessSeries;
  readonly registry: Registry;
  readonly rolloutDuration: Histogram;
  readonly rollbackDuration: Histogram;
  readonly reconcileDuration: Histogram;
  readonly lookLag: Histogram;
  readonly reconcileErrors: Counter<'stage'>;
  readonly providerDuration: Histogram<'provider'>;
  readonly webhooks: Counter<'type' | 'result'>;
  readonly alerts: Counter<'type' | 'result'>;
  readonly unknownActions: Counter<'type'>;
  readonly stalls: Counter;
  countReaders(readers: () => number): void;
  show(figures: ControllerFigures): void;
}

/** Series of the controller itself: all there from the start, at zero. */
function createControllerSeries(version: string): ControllerSeries {
  const registry = new Registry();
  const registers = [registry];
  const durations = createDurations(registers);
  const reconcileErrors = new Counter({
    name: 'canary_controller_reconcile_errors_total',
    help: 'Runs of the loop that failed, by the stage they failed in.',
    labelNames: ['stage'],
    registers,
  });
  const webhooks = new Counter({
    name: 'canary_controller_webhook_requests_total',
    help: 'Webhook requests received, by sender type and by whether they were accepted; standby: this process does not lead.',
    labelNames: ['type', 'result'],
    registers,
  });
  const alerts = new Counter({
    name: 'canary_controller_webhook_alerts_total',
    help: 'Alerts in accepted webhooks, one for each Canary, by what became of them; unknown: there is no such Canary.',
    labelNames: ['type', 'result'],
    registers,
  });
  const unknownActions = new Counter({
    name: 'canary_controller_webhook_actions_unknown_total',
    help: 'Alerts in accepted webhooks whose label for the action says no word that is known, so that they pause.',
    labelNames: ['type'],
    registers,
  });
  for (const stage of RECONCILE_STAGES) reconcileErrors.inc({ stage }, 0);
  for (const type of WEBHOOK_TYPES) {
    for (const result of WEBHOOK_RESULTS) webhooks.inc({ type, result }, 0);
    unknownActions.inc({ type }, 0);
    for (const result of ALERT_RESULTS) alerts.inc({ type, result }, 0);
  }
  for (const provider of PROVIDERS) durations.providerDuration.zero({ provider });
  new Gauge({
    name: 'canary_controller_build_info',
    help: 'Always 1; its labels say which build runs on which Node.js.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.versions.node }, 1);
  const stream = createStreamSeries(registers);
  return {
    registry,
    access: createAccessSeries(registers),
    ...durations,
    reconcileErrors,
    webhooks,
    alerts,
    unknownActions,
    ...stream,
    show: createShow(registers),
  };
}

function createStreamSeries(registers: Registry[]): Pick<ControllerSeries, 'stalls' | 'countReaders'> {
  let count = () => 0;
  new Gauge({
    name: 'canary_controller_stream_readers',
    help: 'Readers that follow the event stream now.',
    registers,
    collect() {
      this.set(count());
    },
  });
  const stalls = new Counter({
    name: 'canary_controller_stream_stalls_total',
    help: 'Readers of the event stream that were sent away because they stood still.',
    registers,
  });
  return {
    stalls,
    countReaders(readers) {
      count = readers;
    },
  };
}

function createDurations(registers: Registry[]) {
  return {
    rolloutDuration: new Histogram({
      name: 'canary_rollout_duration_seconds',
      help: 'From the start of a rollout to its end, whatever the outcome.',
      buckets: [1, 5, 10, 15, 30, 60, 120, 240, 480, 1440].map((minutes) => minutes * MINUTE),
      registers,
    }),
    rollbackDuration: new Histogram({
      name: 'canary_rollback_duration_seconds',
      help: 'From the first failing look of a rollout to the weight 0 read back.',
      buckets: [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800],
      registers,
    }),
    reconcileDuration: new Histogram({
      name: 'canary_controller_reconcile_duration_seconds',
      help: 'Time of one run of the loop for one Canary, its wait for a shared query included.',
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30],
      registers,
    }),
    lookLag: new Histogram({
      name: 'canary_controller_look_lag_seconds',
      help: 'From the time a look was due to its commit, its wait for a shared query included.',
      // Finest where it decides whether the loop keeps up: a wait for company is at most a second.
      buckets: [0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 2, 3, 5, 10, 30, 60],
      registers,
    }),
    providerDuration: new Histogram({
      name: 'canary_controller_provider_request_duration_seconds',
      help: 'Time of one request to a provider, whatever came of it.',
      labelNames: ['provider'],
      buckets: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30],
      registers,
    }),
  };
}

function createShow(registers: Registry[]): (figures: ControllerFigures) => void {
  const gauge = <T extends string>(name: string, help: string, labelNames: T[] = []) =>
    new Gauge<T>({ name: `canary_controller_${name}`, help, labelNames, registers });
  const leader = gauge('leader', '1 while this process leads and writes, 0 while it stands by.');
  const specs = gauge(
    'specs',
    'Canaries by the state of their file: valid, invalid (never was valid) or kept (its last valid form runs).',
    ['state'],
  );
  const queueDepth = gauge('queue_depth', 'Names that wait for their run of the loop.');
  const tickLag = gauge('tick_lag_seconds', 'How late the most overdue Canary is.');
  const providerUp = gauge('provider_up', '1 when the provider answered the last request, else 0.', [
    'provider',
  ]);
  const dbSize = gauge('db_size_bytes', 'Size of the database on disk, its write-ahead log included.');
  return (figures) => {
    leader.set(figures.isLeader ? 1 : 0);
    for (const [state, count] of Object.entries(figures.specsByState)) specs.set({ state }, count);
    queueDepth.set(figures.queueDepth);
    tickLag.set(figures.tickLagSeconds);
    for (const provider of PROVIDERS) providerUp.set({ provider }, figures.providers[provider] ? 1 : 0);
    dbSize.set(figures.dbSizeBytes);
  };
}
