/** The store on SQLite: one file, synchronous transactions, every write fenced by the epoch. */
import { statSync } from 'node:fs';
import type Database from 'better-sqlite3';
import type { NewEvent } from '../core/events.ts';
import type { Clock } from '../lib/clock.ts';
import { type CanaryTable, createCanaryTable } from './canary-table.ts';
import { commandOf, receiptOf, refusalOf } from './commands.ts';
import { type Cursors, createCursors } from './cursors.ts';
import { openDatabase } from './database.ts';
import { type EncodedSave, encodeSave, wholeMs } from './encode.ts';
import { guarded } from './errors.ts';
import { createEventLog, type EventLog, type LogEntry } from './event-log.ts';
import { createFence, type Fence } from './fence.ts';
import { createGroupCommit, type GroupCommit } from './group-commit.ts';
import { createListeners, type Listeners } from './listeners.ts';
import { createPatience } from './patience.ts';
import { createRolloutHistory, type RolloutHistory } from './rollout-history.ts';
import { createSignalTable, type SignalTable } from './signal-table.ts';
import { createSpecTable, type SpecTable } from './spec-table.ts';
import { type Event, type Save, type SignalReceipt, type Store, StoreError } from './store.ts';
import { createWebhookTable, type WebhookTable } from './webhook-table.ts';

/** How long a write that nothing waits for may wait for others, ms. */
const GROUP_MS = 50;
const BUSY_TIMEOUT_MS = 250;

export interface StoreOptions {
  /** Times the group commit. */
  readonly clock: Clock;
  /**
   * Longest wait for another process's lock, ms; the event loop stands still meanwhile. After one wait in vain nothing
   * waits until a write gets through. Default 250.
   */
  readonly busyTimeoutMs?: number;
  /** Upper bound of the file in pages of 4 KiB. Default: the disk. */
  readonly maxPages?: number;
  /** Told each time that the database proves damaged in use, beside the StoreError that the caller gets. */
  readonly onCorrupt?: (error: StoreError) => void;
}

/**
 * Opens the database `file`, creating it where there is none. A damaged one is moved aside and begun anew, which
 * `notices` tells. Throws a StoreError with advice when that is not possible; see `openDatabase`.
 */
export function openStore(file: string, options: StoreOptions): Store {
  const { db, notices } = openDatabase(file, {
    now: options.clock.now(),
    busyTimeoutMs: options.busyTimeoutMs ?? BUSY_TIMEOUT_MS,
    maxPages: options.maxPages ?? null,
  });
  try {
    const parts = createParts(file, db, options);
    return {
      storeId: parts.read(() => storeIdOf(db)),
      notices,
      ...decisionVerbs(parts),
      ...eventVerbs(parts),
      ...signalVerbs(parts),
      ...historyVerbs(parts),
      ...specVerbs(parts),
      ...leadershipVerbs(parts),
      prune: (now) => parts.transact(() => pruneAll(parts, now)),
      sizeBytes: () => sizeOf(file) + sizeOf(`${file}-wal`),
      close() {
        if (!db.open) return;
        settle(parts.group);
        db.close();
      },
    };
  } catch (error) {
    db.close();
    throw error;
  }
}

interface Parts {
  /** Runs its argument, with SQLite's errors as StoreErrors. */
  readonly read: <T>(work: () => T) => T;
  /** The same in one read transaction: everything seen is of one moment. */
  readonly snapshot: <T>(work: () => T) => T;
  /** The same in one write transaction, which a process that was fenced does not get. */
  readonly transact: <T>(work: () => T) => T;
  /** A write transaction that asks nobody: the one that claims an epoch. */
  readonly transactUnfenced: <T>(work: () => T) => T;
  readonly group: GroupCommit;
  readonly canaries: CanaryTable;
  readonly log: EventLog;
  readonly history: RolloutHistory;
  readonly specs: SpecTable;
  readonly signals: SignalTable;
  readonly webhooks: WebhookTable;
  readonly cursors: Cursors;
  readonly fence: Fence;
  readonly listeners: Listeners;
}

function createParts(file: string, db: Database.Database, options: StoreOptions): Parts {
  const { clock, onCorrupt, busyTimeoutMs = BUSY_TIMEOUT_MS } = options;
  const fence = createFence(db);
  const patience = createPatience(db, busyTimeoutMs);
  const listeners = createListeners();
  const read = <T>(work: () => T): T => {
    try {
      return guarded(file, work);
    } catch (error) {
      if (error instanceof StoreError && error.code === 'STORE_CORRUPT') onCorrupt?.(error);
      if (error instanceof StoreError && error.code === 'STORE_LOCKED') patience.lose();
      throw error;
    }
  };
  const transactUnfenced = <T>(work: () => T): T => {
    const done = read(() => db.transaction(work).immediate());
    patience.regain();
    return done;
  };
  const transact = <T>(work: () => T): T =>
    transactUnfenced(() => {
      fence.check();
      return work();
    });
  return {
    read,
    snapshot: (work) => read(() => db.transaction(work).deferred()),
    transact,
    transactUnfenced,
    group: createGroupCommit({ clock, transact, committed: listeners.tell }),
    canaries: createCanaryTable(db),
    log: createEventLog(db),
    history: createRolloutHistory(db),
    specs: createSpecTable(db),
    signals: createSignalTable(db),
    webhooks: createWebhookTable(db),
    cursors: createCursors(db),
    fence,
    listeners,
  };
}

function decisionVerbs(
  parts: Parts,
): Pick<Store, 'load' | 'index' | 'save' | 'saveSoon' | 'saveLater' | 'flush' | 'addCommand'> {
  const { snapshot, group, canaries, log, history, signals } = parts;

  function apply(save: EncodedSave): readonly Event[] {
    for (const rollout of save.rollouts) history.record(rollout);
    for (const verdict of save.verdicts) history.measure(verdict);
    const refused = canaries.write(save).map(refusalOf);
    if (save.state === null) signals.forget(save.canary);
    const entries = [...save.events, ...refused].map((event) => ({ canary: save.canary, event }));
    return log.append(entries, save.at, { explanation: save.explanation, json: save.explanationJson });
  }

  function queue(save: Save, maxWaitMs: number): Promise<readonly Event[]> {
    const encoded = encodeSave(save);
    return group.later(() => apply(encoded), encoded, maxWaitMs);
  }

  return {
    load: (canary) =>
      snapshot(() => ({
        ...canaries.load(canary, group.queued(canary)),
        signals: signals.firing(canary),
      })),
    index: () => snapshot(canaries.index),
    save(save) {
      const encoded = encodeSave(save);
      return group.now(() => apply(encoded));
    },
    saveSoon: (save) => queue(save, 0),
    saveLater: (save) => queue(save, GROUP_MS),
    flush: group.flush,
    addCommand(command, at) {
      let id = 0;
      group.now(() => {
        const events = log.append([{ canary: command.canary, event: receiptOf(command) }], wholeMs(at), null);
        for (const event of events) id = event.id;
        canaries.addCommand(command.canary, commandOf(command, id, wholeMs(at)));
        return events;
      });
      return id;
    },
  };
}

function eventVerbs({
  read,
  group,
  log,
  listeners,
}: Parts): Pick<Store, 'appendEvents' | 'events' | 'event' | 'isAnswered' | 'lastEventId' | 'onCommit'> {
  return {
    appendEvents(events, at) {
      const entries = events.map(({ canary, ...event }) => ({ canary, event }));
      return group.now(() => log.append(entries, wholeMs(at), null));
    },
    events: (query) => read(() => log.query(query)),
    event: (id) => read(() => log.find(id)),
    isAnswered: (commandId) => read(() => log.isAnswered(commandId)),
    lastEventId: () => read(log.lastId),
    onCommit: listeners.add,
  };
}

function signalVerbs({
  read,
  group,
  log,
  signals,
  webhooks,
}: Parts): Pick<Store, 'signals' | 'addWebhook' | 'webhook'> {
  return {
    signals: () => read(signals.allFiring),
    async addWebhook(webhook, at) {
      let receipts: readonly SignalReceipt[] = [];
      const write = () => {
        const events: Event[] = [];
        const number = webhooks.add(webhook, wholeMs(at));
        const { type: actor, address } = webhook;
        receipts = webhook.signals.map((signal) =>
          signals.tell(signal, wholeMs(at), (event) => {
            const data = { ...event.data, source: actor, address, webhook: number };
            const entry = { canary: signal.canary, event: { ...event, actor, data } };
            const appended = log.append([entry], wholeMs(at), null);
            events.push(...appended);
            return appended[0]?.id ?? 0;
          }),
        );
        return events;
      };
      await group.later(write, null, 0);
      return receipts;
    },
    webhook: (id) => read(() => webhooks.find(id)),
  };
}

function pruneAll({ history, specs, signals, webhooks }: Parts, now: number): number {
  return history.prune(now) + specs.prune() + signals.prune(now) + webhooks.prune(now);
}

function historyVerbs({ read, history }: Parts): Pick<Store, 'rollouts' | 'rollout' | 'measurements'> {
  return {
    rollouts: (canary, limit, after) => read(() => history.rollouts(canary, limit, after)),
    rollout: (id) => read(() => history.rollout(id)),
    measurements: (rolloutId, limit) => read(() => history.measurements(rolloutId, limit)),
  };
}

function specVerbs({
  read,
  transact,
  group,
  specs,
}: Parts): Pick<Store, 'specs' | 'putSpecs' | 'cachedParse' | 'cacheParse'> {
  return {
    specs: () => read(specs.specs),
    putSpecs: (changed, removed) => transact(() => specs.put(changed, removed)),
    cachedParse: (contentHash, schemaHash) => read(() => specs.cachedParse(contentHash, schemaHash)),
    cacheParse(contentHash, schemaHash, parsed) {
      const write = () => {
        specs.cacheParse(contentHash, schemaHash, parsed);
        return [];
      };
      group.later(write, null, GROUP_MS).catch(() => {
        // Only a cache: the file is parsed once more at the next start.
      });
    },
  };
}

function leadershipVerbs({
  read,
  transact,
  transactUnfenced,
  group,
  log,
  cursors,
  fence,
  listeners,
}: Parts): Pick<Store, 'cursor' | 'setCursor' | 'epoch' | 'holder' | 'claimEpoch' | 'shareEpoch'> {
  return {
    cursor: (sink) => read(() => cursors.get(sink)),
    setCursor: (sink, eventId) => transact(() => cursors.set(sink, eventId)),
    epoch: () => read(fence.epoch),
    holder: () => read(fence.holder),
    shareEpoch() {
      const newest = read(fence.epoch);
      fence.adopt(newest);
      return newest;
    },
    claimEpoch(holder, at) {
      // What still waits belongs to a leadership that ended: it is committed or fenced before the new one begins.
      settle(group);
      const { epoch, events } = transactUnfenced(() => {
        const next = fence.claim(holder, wholeMs(at));
        return { epoch: next, events: log.append([changeOf(holder, next)], wholeMs(at), null) };
      });
      fence.adopt(epoch);
      listeners.tell(events);
      return epoch;
    },
  };
}

function changeOf(holder: string, epoch: number): LogEntry {
  const event: NewEvent = {
    type: 'LeaderChanged',
    message: `${holder} leads with epoch ${epoch}`,
    rolloutId: null,
    causedBy: null,
    actor: null,
    data: { holder, epoch },
  };
  return { canary: null, event };
}

/** Commits what waits; a failure is told to those who wait and to nobody else. */
function settle(group: GroupCommit): void {
  try {
    group.flush();
  } catch {
    // Each writer was rejected with it.
  }
}

function storeIdOf(db: Database.Database): string {
  const row = db.prepare<[], { store_id: string }>('SELECT store_id FROM identity').get();
  if (row === undefined) throw new Error('the database has no identity row');
  return row.store_id;
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
