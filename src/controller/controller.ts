/**
 * The loop: a keyed queue, a tick that rescans the directory and finds what is due, and the way in and out of
 * leadership. Every trigger does one thing: it puts a Canary's name on the queue.
 */
import { randomUUID } from 'node:crypto';
import type { Decision } from '../core/decision.ts';
import type { PublishReport } from '../core/observation.ts';
import type { CanaryState, Verdict } from '../core/rollout.ts';
import type { Clock } from '../lib/clock.ts';
import type { Measure } from '../metrics/measure.ts';
import type { Journal } from '../store/journal.ts';
import { type Store, StoreError } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { TrafficRouter } from '../traffic/router.ts';
import { createCommandDesk } from './command-desk.ts';
import { companionsOf } from './companions.ts';
import type { Controls } from './controls.ts';
import { countGateways } from './gateways.ts';
import { createLag } from './lag.ts';
import { createMemory, type Entry, knowSignals, newEntry } from './memory.ts';
import { type ReconcileDeps, reconcile } from './reconcile.ts';
import { createSignalDesk } from './signal-desk.ts';
import { createSpecEvents } from './spec-events.ts';
import type { ScanReason } from './spec-files.ts';
import type { Changes, SpecIndex } from './specs.ts';
import { createStoreCare } from './store-care.ts';
import { storeDiagnostics } from './store-trouble.ts';
import { loadAfresh } from './takeover.ts';
import { createWorkQueue } from './work-queue.ts';

/** What the loop counts. */
export interface ControllerMetrics {
  /** One look was committed, this long after it was due; null: it was not planned. */
  looked(canary: string, verdicts: readonly Verdict[], lagSeconds: number | null): void;
  wrote(canary: string, result: PublishReport['result']): void;
  reconciled(seconds: number): void;
  reconcileFailed(stage: 'load' | 'scan' | 'tick' | 'reconcile' | 'save' | 'prune'): void;
}

export interface ControllerDeps {
  readonly store: Store;
  readonly journal: Journal;
  readonly router: TrafficRouter;
  readonly measure: Measure;
  readonly specs: SpecIndex;
  readonly clock: Clock;
  readonly log: Log;
  readonly tickMs: number;
  readonly epoch: () => number;
  /** Whether this process may write outside now. */
  readonly confirmLeader: () => boolean;
  readonly isPrometheusUp: () => boolean;
  readonly metrics: ControllerMetrics;
  /** Uniform in [0, 1), for jitter. Default Math.random. */
  readonly random?: () => number;
}

export interface Controller extends Controls {
  /** Scans once, then ticks. Resolves after the first scan. */
  start(): Promise<void>;
  /** Leadership was won: memory is loaded afresh from the store. Tried again while the store cannot be read. */
  lead(): void;
  /** Leadership was lost: nothing is worked on any more. */
  follow(): void;
  /** Scans the directory now. */
  rescan(): Promise<void>;
  /** Something about this Canary may have changed: look at it. */
  enqueue(name: string): void;
  /** Stops taking work, finishes what is in hand within `graceMs`, leaves weights alone. */
  stop(graceMs: number): Promise<void>;
}

const CONCURRENCY = 2_000;
const BACKOFF_CAP_MS = 60_000;
const SETTLING_MS = 150;
/** Of those that one scan finds: thousands of lines at a start would hide everything else. */
const DIAGNOSTICS_LOGGED = 50;
const TAKEOVER_RETRY_MS = 500;

export function createController(deps: ControllerDeps): Controller {
  const { store, journal, specs, clock, log, metrics } = deps;
  const memory = createMemory();
  const specEvents = createSpecEvents(store);
  const lag = createLag(clock);
  const ended = new AbortController();
  const ends = new Set<AbortController>();
  let leading = false;
  let scanned = false;
  let stopping = false;
  let cancelTick = () => {};
  let cancelRescan = () => {};
  let cancelTakeOver = () => {};

  const care = createStoreCare({
    store,
    journal,
    memory,
    clock,
    log,
    isLeading: () => leading,
    onFailed: metrics.reconcileFailed,
  });
  const queue = createWorkQueue({
    clock,
    work,
    onError: failed,
    companions: (name) => companionsOf(name, memory, clock.now(), queue.isPlanned),
    capMs: backOffCap,
    concurrency: CONCURRENCY,
    ...(deps.random === undefined ? {} : { random: deps.random }),
  });
  const desk = createCommandDesk({
    store,
    clock,
    find: memory.get,
    isLeading: () => leading,
    enqueue: queue.add,
  });
  const signals = createSignalDesk({
    store,
    clock,
    memory,
    isLeading: () => leading,
    enqueue: queue.add,
  });
  const run: ReconcileDeps = {
    ...deps,
    controller: `canary-controller/${store.storeId}`,
    bootId: randomUUID(),
    isCurrent: (entry) => memory.get(entry.name) === entry,
    onDecided: decided,
    onWritten: metrics.wrote,
    signal: ended.signal,
    ends,
  };

  function stateOf(name: string): CanaryState | null {
    return leading ? (memory.get(name)?.state ?? null) : store.load(name).state;
  }

  async function work(name: string): Promise<void> {
    const entry = memory.get(name);
    if (entry === null || !leading) return;
    const startedAt = clock.monotonic();
    if (!entry.isLoaded) load(entry);
    await reconcile(run, entry);
    metrics.reconciled((clock.monotonic() - startedAt) / 1_000);
    if (memory.get(name) !== entry) return;
    if (entry.state === null && entry.file === 'gone') drop(name);
    else plan(entry);
  }

  /** Its file was found after this process began to lead: another leader may have decided about it before. */
  function load(entry: Entry): void {
    const { state, commands, signals } = store.load(entry.name);
    entry.state = state;
    entry.commands = [...commands];
    knowSignals(entry, signals);
    entry.isLoaded = true;
  }

  function plan(entry: Entry): void {
    const delayMs = Math.max(0, untilNextRun(entry));
    entry.dueAt = clock.monotonic() + delayMs;
    queue.addAfter(entry.name, delayMs);
  }

  /** By running time: the wall clock may have been set since the decision. */
  function untilNextRun({ explanation, decidedAt, nextCheckAt }: Entry): number {
    if (explanation === null || decidedAt === null) return nextCheckAt - clock.now();
    return decidedAt + explanation.nextCheckAt - explanation.at - clock.monotonic();
  }

  function decided(entry: Entry, decision: Decision): void {
    const lateMs = entry.dueAt === null ? null : Math.max(0, clock.monotonic() - entry.dueAt);
    if (lateMs !== null) lag.record(lateMs);
    if (decision.looked) {
      metrics.looked(entry.name, decision.explanation.verdicts, lateMs === null ? null : lateMs / 1_000);
    }
    entry.dueAt = null;
    care.noteJournal(entry);
    if (entry.unsaved.length > 0) metrics.reconcileFailed('save');
    desk.decided(decision);
  }

  /** A sick store must not make looks rarer than the file says: only what would raise is not taken. */
  function backOffCap(name: string, error: unknown): number {
    const { intervalMs } = memory.get(name)?.spec.canary.analysis ?? { intervalMs: BACKOFF_CAP_MS };
    return error instanceof StoreError ? Math.min(intervalMs, BACKOFF_CAP_MS) : BACKOFF_CAP_MS;
  }

  /** Seconds by which the most overdue Canary is late, also when it hangs or cannot be saved. */
  function overdueSeconds(): number {
    const now = clock.monotonic();
    let latest = 0;
    for (const { dueAt } of memory.entries()) if (dueAt !== null) latest = Math.max(latest, now - dueAt);
    return leading ? latest / 1_000 : 0;
  }

  function failed(name: string, error: unknown, retryInMs: number): void {
    if (error instanceof StoreError) {
      metrics.reconcileFailed('save');
      const text = 'a decision could not be saved and was not taken';
      log.warn({ canary: name, code: error.code, detail: error.message, retryInMs }, text);
      return;
    }
    metrics.reconcileFailed('reconcile');
    const text = 'a run ended by a fault of the program; this canary backs off';
    log.error({ canary: name, err: error, retryInMs }, text);
  }

  /** Its removal was carried out. */
  function drop(name: string): void {
    care.forgetting(() => memory.remove(name));
    specs.forget(name);
    queue.remove(name);
  }

  async function rescan(reason: ScanReason): Promise<void> {
    try {
      takeChanges(await specs.rescan(reason));
      scanned = true;
    } catch (error) {
      metrics.reconcileFailed('scan');
      log.error({ err: error }, 'the canaries directory could not be scanned');
    }
  }

  function takeChanges({ changed, fresh, massDeletion, settling }: Changes): void {
    for (const { spec, file } of changed) {
      const { name } = spec.canary;
      const entry = memory.get(name) ?? newEntry(spec, file, clock.now());
      entry.spec = spec;
      entry.file = file;
      memory.put(entry);
      queue.add(name);
    }
    for (const { file, line, column, code, detail, severity } of fresh.slice(0, DIAGNOSTICS_LOGGED)) {
      log[severity === 'error' ? 'warn' : 'info']({ file, line, column, code, detail }, 'spec diagnostic');
    }
    if (fresh.length > DIAGNOSTICS_LOGGED) {
      log.warn({ more: fresh.length - DIAGNOSTICS_LOGGED }, 'more spec diagnostics; `canary list` shows all');
    }
    if (massDeletion !== null) log.error({ detail: massDeletion }, 'mass deletion is not believed');
    if (leading) recordSpecs();
    else dropForgotten();
    if (settling && !stopping) {
      cancelRescan();
      cancelRescan = clock.after(SETTLING_MS, () => void rescan('hint'));
    }
  }

  function recordSpecs(): void {
    care.attempt('save', specs.save);
    care.attempt('save', () => specEvents.tell(specs.diagnostics(), specs.massDeletion(), clock.now()));
  }

  /** The leader forgot them; a standby learns of it from the store. */
  function dropForgotten(): void {
    for (const { name, file } of [...memory.entries()]) {
      if (file === 'gone') care.attempt('load', () => store.load(name).state === null && drop(name));
    }
  }

  async function tick(): Promise<void> {
    try {
      await rescan('tick');
      if (leading && !stopping) resync();
    } catch (error) {
      metrics.reconcileFailed('tick');
      log.error({ err: error }, 'a tick ended by a fault of the program');
    } finally {
      if (!stopping) cancelTick = clock.after(deps.tickMs, () => void tick());
    }
  }

  /** Every run plans the next one itself; this catches what a sleeping machine or a jumping clock left behind. */
  function resync(): void {
    const now = clock.now();
    care.saveUnsaved();
    for (const { name, nextCheckAt } of memory.entries()) if (nextCheckAt <= now) queue.offer(name);
    care.tidyJournal();
  }

  function takeOver(): void {
    const isLoaded = care.attempt('load', () => {
      loadAfresh(memory, store, journal, specs.specs(), clock.now());
      specEvents.begin();
    });
    if (!isLoaded) {
      cancelTakeOver = clock.after(TAKEOVER_RETRY_MS, takeOver);
      return;
    }
    care.readJournal();
    care.tidyJournal();
    leading = true;
    recordSpecs();
    for (const entry of memory.entries()) plan(entry);
  }

  /** Nothing that is still in hand is waited for. */
  function end(): void {
    ended.abort();
    for (const one of ends) one.abort(ended.signal.reason);
  }

  async function stop(graceMs: number): Promise<void> {
    stopping = true;
    for (const cancel of [cancelTick, cancelRescan, cancelTakeOver, care.end]) cancel();
    const cancelGrace = clock.after(graceMs, end);
    const drained = queue.stop();
    desk.release();
    await specs.close();
    // What waits for the group commit is what runs in hand wait for.
    care.attempt('save', store.flush);
    await drained;
    cancelGrace();
    end();
    if (leading) care.saveUnsaved();
  }

  return {
    async start() {
      await rescan('hint');
      specs.watch(() => void rescan('hint'));
      cancelTick = clock.after(deps.tickMs, () => void tick());
      care.begin();
    },
    lead: takeOver,
    follow() {
      leading = false;
      cancelTakeOver();
      desk.release();
    },
    rescan: () => rescan('hint'),
    enqueue: queue.add,
    stop,
    isReady: () => scanned,
    isLeader: () => leading,
    specs: specs.specs,
    diagnostics: () => [...specs.diagnostics(), ...(leading ? storeDiagnostics(memory.entries()) : [])],
    names: memory.names,
    state: stateOf,
    explanation: (name) => (leading ? memory.get(name)?.explanation : null) ?? store.load(name).explanation,
    async gateways(name) {
      const state = stateOf(name);
      return state === null ? null : countGateways(deps, state.route, ended.signal);
    },
    submit: desk.submit,
    receive: signals.receive,
    signals: (name) => (leading ? [...(memory.get(name)?.signals.values() ?? [])] : store.load(name).signals),
    figures: () => ({
      queueDepth: queue.depth(),
      tickLagSeconds: Math.max(lag.seconds(), overdueSeconds()),
      specsByState: specs.counts(),
      providers: { nacos: deps.router.isUp(), prometheus: deps.isPrometheusUp() },
    }),
  };
}
