/**
 * The loop: a keyed queue, a tick that rescans the directory and finds what is due, and the commands of people and
 * CI. Every trigger does one thing: it puts a Canary's name on the queue.
 */
import { randomUUID } from 'node:crypto';
import { type AlreadySo, type Objection, objection } from '../core/admit.ts';
import type { Command, PublishReport } from '../core/observation.ts';
import type { Decision, NewEvent, Verdict } from '../core/rollout.ts';
import type { Clock } from '../lib/clock.ts';
import type { Measure } from '../metrics/measure.ts';
import type { Journal } from '../store/journal.ts';
import { type NewCommand, type Store, StoreError } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { TrafficRouter } from '../traffic/router.ts';
import { journalled } from './commit.ts';
import type { Accepted, Controls, Refusal } from './controls.ts';
import { createMemory, type Entry, newEntry } from './memory.ts';
import { reconcile } from './reconcile.ts';
import type { Changes, SpecIndex } from './specs.ts';
import { createWorkQueue } from './work-queue.ts';

/** What the loop counts. */
export interface ControllerMetrics {
  looked(canary: string, verdicts: readonly Verdict[]): void;
  wrote(canary: string, result: PublishReport['result']): void;
  reconciled(seconds: number): void;
  reconcileFailed(stage: string): void;
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
}

export interface Controller extends Controls {
  /** Scans once, then ticks. Resolves after the first scan. */
  start(): Promise<void>;
  /** Leadership was won: memory is loaded afresh from the store and everything is due. */
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
const SETTLING_MS = 150;
const PRUNE_EVERY_MS = 60_000;
const TAKEN_WITHIN_MS = 10_000;

export function createController(deps: ControllerDeps): Controller {
  const { store, specs, clock, log } = deps;
  const memory = createMemory();
  const ended = new AbortController();
  const bootId = randomUUID();
  const takers = new Map<number, { readonly name: string; readonly give: () => void }>();
  let leading = false;
  let scanned = false;
  let cancelTick = () => {};
  let cancelRescan = () => {};
  let lag = 0;
  let prunedAt = clock.now();

  const loop = {
    ...deps,
    controller: `canary-controller/${store.storeId}`,
    bootId,
    onDecided: decided,
    onWritten: deps.metrics.wrote,
    signal: ended.signal,
  };

  const queue = createWorkQueue({ clock, work, onError: failed, concurrency: CONCURRENCY });

  async function work(name: string): Promise<void> {
    const entry = memory.get(name);
    if (entry === null || !leading) return;
    const startedAt = clock.monotonic();
    if (entry.state !== null && entry.decidedAt !== null)
      lag = Math.max(0, clock.now() - entry.nextCheckAt) / 1000;
    await reconcile(loop, entry);
    deps.metrics.reconciled((clock.monotonic() - startedAt) / 1000);
    if (entry.state === null && entry.file !== 'present') drop(entry);
    else queue.addAfter(name, Math.max(0, entry.nextCheckAt - clock.now()));
  }

  function decided(entry: Entry, decision: Decision): void {
    const { verdicts } = decision.explanation;
    if (decision.looked) deps.metrics.looked(entry.name, verdicts);
    answerTaken(entry);
  }

  function failed(name: string, error: unknown, retryInMs: number): void {
    if (error instanceof StoreError) {
      deps.metrics.reconcileFailed('save');
      log.warn(
        { canary: name, code: error.code, retryInMs },
        'a decision could not be saved and was not taken',
      );
      return;
    }
    deps.metrics.reconcileFailed('reconcile');
    log.error(
      { canary: name, err: error, retryInMs },
      'a run ended by a fault of the program; this canary backs off',
    );
  }

  /** Its removal was carried out. */
  function drop(entry: Entry): void {
    memory.remove(entry.name);
    specs.forget(entry.name);
    queue.remove(entry.name);
  }

  async function rescan(): Promise<void> {
    try {
      takeChanges(await specs.rescan());
    } catch (error) {
      deps.metrics.reconcileFailed('scan');
      log.error({ err: error }, 'the canaries directory could not be scanned');
    }
  }

  function takeChanges(changes: Changes): void {
    for (const { spec, file } of changes.changed) {
      const name = spec.canary.name;
      const entry = memory.get(name) ?? newEntry(spec, null, clock.now());
      entry.spec = spec;
      entry.file = file;
      memory.put(entry);
      queue.add(name);
    }
    for (const { file, line, column, code, detail, severity } of changes.fresh) {
      log[severity === 'error' ? 'warn' : 'info']({ file, line, column, code, detail }, 'spec diagnostic');
    }
    if (leading) recordChanges(changes);
    if (changes.settling) rescanSoon(SETTLING_MS);
  }

  function recordChanges(changes: Changes): void {
    const events = changes.fresh
      .filter(({ severity, code }) => severity === 'error' && code !== 'SPEC_DIRECTORY')
      .map(({ file, line, column, code, detail, canary }) => ({
        ...plainEvent('SpecInvalid', `${file}:${line}:${column} ${code}: ${detail}`),
        canary: canary ?? null,
      }));
    if (changes.massDeletion !== null) {
      log.error({ detail: changes.massDeletion }, 'mass deletion is not believed');
      events.push({ ...plainEvent('MassDeletion', changes.massDeletion), canary: null });
    }
    if (events.length > 0) attempt('save', () => store.appendEvents(events, clock.now()));
  }

  function rescanSoon(delayMs: number): void {
    cancelRescan();
    cancelRescan = clock.after(delayMs, () => void rescan());
  }

  async function tick(): Promise<void> {
    await rescan();
    if (ended.signal.aborted) return;
    const now = clock.now();
    if (leading) {
      for (const entry of memory.entries()) if (entry.nextCheckAt <= now) queue.add(entry.name);
      if (now - prunedAt >= PRUNE_EVERY_MS) {
        prunedAt = now;
        attempt('prune', () => store.prune(now));
      }
      emptyJournal();
    }
    cancelTick = clock.after(deps.tickMs, () => void tick());
  }

  /** What the journal kept is in the database once every Canary was decided about and saved again. */
  function emptyJournal(): void {
    if (deps.journal.entries().length === 0) return;
    for (const { decidedAt, unsaved } of memory.entries())
      if (decidedAt === null || unsaved.length > 0) return;
    deps.journal.clear();
  }

  function attempt(stage: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      deps.metrics.reconcileFailed(stage);
      log.warn({ code: error.code, stage }, 'the store could not be written');
    }
  }

  /** Everything is read afresh: another process may have led in between. */
  function loadMemory(): void {
    const kept = journalled(deps.journal);
    const byName = new Map(specs.specs().map((spec) => [spec.canary.name, spec]));
    for (const { canary, state, nextCheckAt } of store.index()) {
      const spec = byName.get(canary);
      const entry = memory.get(canary) ?? (spec === undefined ? null : newEntry(spec, null, nextCheckAt));
      if (entry === null) continue;
      const journalState = kept.get(canary);
      const isNewer = journalState !== undefined && journalState.decidedAt > state.decidedAt;
      entry.state = isNewer ? journalState : state;
      entry.nextCheckAt = nextCheckAt;
      memory.put(entry);
    }
    for (const entry of memory.entries()) {
      const loaded = store.load(entry.name);
      entry.commands = [...loaded.commands];
      entry.explanation = loaded.explanation;
      entry.decidedAt = null;
      entry.unsaved = [];
    }
  }

  function refuse(status: Refusal['status'], code: string, detail: string, hint: string): Refusal {
    return { status, code, detail, hint };
  }

  async function submit(command: NewCommand): Promise<Accepted | Refusal> {
    const entry = memory.get(command.canary);
    if (entry === null) {
      return refuse(
        404,
        'NOT_FOUND',
        `there is no canary ${command.canary}`,
        '`canary list` shows what there is',
      );
    }
    if (!leading) {
      return refuse(503, 'STANDBY', 'this daemon is the standby', 'ask the one that leads, or try again');
    }
    const against =
      entry.state === null
        ? notYet(entry)
        : objection(entry.spec, entry.state, command, entry.file === 'present');
    if (against !== null && 'already' in against)
      return accept(record(entry, command), against.rolloutId, false);
    if (against !== null) return refuse(409, against.code, against.detail, against.hint);
    const id = record(entry, command);
    if (command.verb !== 'start' && command.verb !== 'retry') {
      queue.add(entry.name);
      return accept(id, null, true);
    }
    await taken(entry.name, id);
    return accept(id, rolloutOf(entry), true);
  }

  /** The id of the rollout that begins now or, when one is on its way to 0 first, the id it will have. */
  function rolloutOf(entry: Entry): string | null {
    return entry.state?.reserved?.rolloutId ?? entry.state?.rollout?.id ?? null;
  }

  function record(entry: Entry, command: NewCommand): number {
    const at = clock.now();
    const id = store.addCommand(command, at);
    const { verb, actor, reason, force, full, revision, restart } = command;
    const pending: Command = { id, at, verb, actor, reason, force, full, revision, restart };
    entry.commands = [...entry.commands, pending];
    queue.add(entry.name);
    return id;
  }

  /** Resolves once the loop has taken the command, or after a while: it is recorded and will be taken. */
  function taken(name: string, id: number): Promise<void> {
    return new Promise((resolve) => {
      const give = () => {
        cancel();
        takers.delete(id);
        resolve();
      };
      const cancel = clock.after(TAKEN_WITHIN_MS, give);
      takers.set(id, { name, give });
      queue.add(name);
    });
  }

  function answerTaken(entry: Entry): void {
    for (const [id, { name, give }] of takers) {
      if (name === entry.name && !entry.commands.some((command) => command.id === id)) give();
    }
  }

  return {
    async start() {
      await rescan();
      scanned = true;
      specs.watch(() => void rescan());
      cancelTick = clock.after(deps.tickMs, () => void tick());
    },
    lead() {
      leading = true;
      loadMemory();
      for (const entry of memory.entries()) queue.add(entry.name);
    },
    follow() {
      leading = false;
    },
    rescan,
    enqueue: (name) => queue.add(name),
    async stop(graceMs) {
      cancelTick();
      cancelRescan();
      const cancel = clock.after(graceMs, () => ended.abort());
      await specs.close();
      const drained = queue.stop();
      // What waits for the group commit is what runs in hand wait for.
      attempt('save', () => store.flush());
      await drained;
      cancel();
      ended.abort();
    },
    isReady: () => scanned,
    isLeader: () => leading,
    specs: () => specs.specs(),
    diagnostics: () => specs.diagnostics(),
    names: () => memory.names(),
    state: (name) => (leading ? (memory.get(name)?.state ?? null) : store.load(name).state),
    explanation: (name) => (leading ? (memory.get(name)?.explanation ?? null) : store.load(name).explanation),
    submit,
    figures: () => ({
      queueDepth: queue.depth(),
      tickLagSeconds: lag,
      specsByState: specs.counts(),
      providers: { nacos: deps.router.isUp(), prometheus: deps.isPrometheusUp() },
    }),
  };
}

function notYet(entry: Entry): Objection | AlreadySo {
  return {
    code: 'STABLE_UNKNOWN',
    detail: `${entry.name} was not looked at yet`,
    hint: 'try again in a moment',
  };
}

function accept(eventId: number, rolloutId: string | null, changed: boolean): Accepted {
  return { eventId, rolloutId, changed };
}

function plainEvent(type: NewEvent['type'], message: string): NewEvent {
  return { type, message, rolloutId: null, causedBy: null, actor: null };
}
