/**
 * The store's verbs. Everything is synchronous: better-sqlite3 transactions are the feature. Times are Unix
 * milliseconds. Expected trouble (locked, full, read-only) is thrown as `StoreError` and handled by the caller.
 */

import type { Explanation } from '../core/decision.ts';
import type { EventData, EventType, NewEvent } from '../core/events.ts';
import type { Command, CommandVerb, Signal, SignalAction } from '../core/observation.ts';
import type { CanaryState, RolloutRecord, Verdict } from '../core/rollout.ts';
import type { Spec } from '../spec/canary.ts';

export type StoreErrorCode =
  | 'STORE_LOCKED'
  | 'STORE_FULL'
  | 'STORE_CORRUPT'
  | 'STORE_FAILED'
  | 'STORE_FENCED';

export class StoreError extends Error {
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
  }
}

/** A committed fact, numbered without gaps in use, never changed. */
export interface Event {
  readonly id: number;
  readonly at: number;
  readonly canary: string | null;
  readonly rolloutId: string | null;
  readonly type: EventType;
  readonly message: string;
  readonly causedBy: number | null;
  readonly actor: string | null;
  readonly data?: EventData;
  /** The decision that made it, where there was one. */
  readonly explanation: Explanation | null;
}

/** All that one decision changes, in one write transaction. */
export interface Save {
  readonly canary: string;
  readonly at: number;
  /** Null: the canary is forgotten (its state row goes, its history stays). */
  readonly state: CanaryState | null;
  readonly nextCheckAt: number;
  readonly events: readonly NewEvent[];
  readonly rollouts: readonly RolloutRecord[];
  readonly explanation: Explanation;
  /** Commands taken by this decision. */
  readonly consumed: readonly number[];
  readonly verdicts: readonly { readonly rolloutId: string; readonly verdict: Verdict }[];
}

export interface NewCommand {
  readonly canary: string;
  readonly verb: CommandVerb;
  readonly actor: string;
  readonly source: string;
  readonly reason: string;
  readonly force: boolean;
  readonly full: boolean;
  readonly revision: string | null;
  readonly restart: boolean;
  /** Where it came from, kept with its event; default: from inside this process. */
  readonly from?: {
    /** Of the caller, as the server sees it. */
    readonly address: string;
    readonly requestId: string;
    /** Of the caller's token; null: no token proves who the actor is. */
    readonly role: string | null;
  };
}

/** An alert as its sender told it, for one Canary. */
export interface NewSignal {
  readonly canary: string;
  /** Tells alerts apart; with the start time it is the alert's identity. */
  readonly fingerprint: string;
  /** Null: the sender does not say, so that it goes on firing until it is told as over. */
  readonly startedAt: number | null;
  /** Where it is over; null: now. */
  readonly endedAt: number | null;
  readonly name: string;
  /** Of no meaning where it is over: that ends what fired, whatever was asked for. Never `ignore` where it fires. */
  readonly action: SignalAction;
  readonly firing: boolean;
  readonly summary: string;
}

/** A webhook request that was believed. */
export interface NewWebhook {
  /** Who sends such, e.g. "alertmanager"; becomes the actor of the events. */
  readonly type: string;
  /** Where it came from. */
  readonly address: string;
  readonly body: string;
  readonly signals: readonly NewSignal[];
}

export interface StoredWebhook extends Omit<NewWebhook, 'signals'> {
  readonly id: number;
  readonly at: number;
  /** Bytes of the whole body. */
  readonly size: number;
  /** Only the beginning of the body is kept. */
  readonly isCut: boolean;
}

/**
 * What one telling changed. recorded: it fires, which is news. resolved: it is over, which is news. known: it was told
 * before. unheard: it is over and nobody told that it fired.
 */
export interface SignalReceipt {
  readonly result: 'recorded' | 'resolved' | 'known' | 'unheard';
  /** As it stands now; null where nothing was to be changed. */
  readonly signal: Signal | null;
  /** Ids of those that fire no longer. */
  readonly ended: readonly string[];
}

export interface StoredMeasurement {
  readonly rolloutId: string;
  readonly metric: string;
  readonly at: number;
  readonly verdict: Verdict;
}

export interface Store {
  /** Random, made with the database, part of our ownership mark. */
  readonly storeId: string;
  /** What happened at opening that a person must know, e.g. a corrupt file moved aside. */
  readonly notices: readonly string[];

  /** State, pending commands and firing alerts of one canary, in one read transaction. */
  load(canary: string): {
    state: CanaryState | null;
    commands: readonly Command[];
    signals: readonly Signal[];
    explanation: Explanation | null;
  };
  /** Every canary with state, its next due time and pending commands: the index a start-up loads, in name order. */
  index(): readonly {
    canary: string;
    nextCheckAt: number;
    state: CanaryState;
    commands: readonly Command[];
  }[];
  /** The alerts that fire, by canary, of those without a state too. */
  signals(): ReadonlyMap<string, readonly Signal[]>;
  /**
   * Commits one decision at once, together with everything that waits for the group commit. Returns the events with
   * their numbers. When it throws, nothing of it was kept, and what waited was rejected too.
   */
  save(save: Save): readonly Event[];
  /**
   * Commits one decision together with all others that are made in the same moment: something outside waits for it.
   * Resolves once committed. A later `load` of that canary sees it at once.
   */
  saveSoon(save: Save): Promise<readonly Event[]>;
  /** The same for a decision that nothing waits for: within 50 ms, or as soon as 200 wait. */
  saveLater(save: Save): Promise<readonly Event[]>;
  /** Commits what waits. */
  flush(): void;

  /**
   * Records a command and its CommandReceived event; the id of both is returned. A command that still waits when
   * its canary is forgotten is answered with CommandRefused.
   */
  addCommand(command: NewCommand, at: number): number;
  /**
   * Keeps a webhook's body and records what its alerts change, together with all others that arrive in the same
   * moment. Resolves once committed, with a receipt for each signal, in their order.
   */
  addWebhook(webhook: NewWebhook, at: number): Promise<readonly SignalReceipt[]>;
  /** Null: never given, or dropped meanwhile: the newest 2,000 of the last 30 days are kept. */
  webhook(id: number): StoredWebhook | null;
  /** Appends events that no decision made (leadership, mass deletion, invalid specs). */
  appendEvents(
    events: readonly (NewEvent & { readonly canary: string | null })[],
    at: number,
  ): readonly Event[];
  /** In the order of their numbers: the first `limit` after `after`, or without `after` the newest `limit`. */
  events(query: {
    canary?: string;
    after?: number;
    limit: number;
    types?: readonly EventType[];
  }): readonly Event[];
  event(id: number): Event | null;
  /** True once an event with this `causedBy` exists. */
  isAnswered(commandId: number): boolean;
  lastEventId(): number;
  /**
   * Called after each commit of this process, with the committed events, outside the transaction. A listener must
   * not throw; what it throws surfaces as an uncaught exception, never as a failed save. Returns an unsubscriber.
   */
  onCommit(listener: (events: readonly Event[]) => void): () => void;

  /** The one that began last first, whatever the wall clock said; `after`: those that began before this rollout. */
  rollouts(canary: string, limit: number, after?: string): readonly RolloutRecord[];
  rollout(id: string): RolloutRecord | null;
  /** Newest first: all that were no pass, and of passes the last one of each minute and metric. */
  measurements(rolloutId: string, limit: number): readonly StoredMeasurement[];

  /** Last valid specs by canary name, kept for files that stopped being valid and for the deletion baseline. */
  specs(): readonly Spec[];
  putSpecs(changed: readonly Spec[], removed: readonly string[]): void;
  /** Parsed form of a file's content, by content and schema hash. */
  cachedParse(contentHash: string, schemaHash: string): string | null;
  /** Travels with the next group commit; whether it gets there matters to nobody. */
  cacheParse(contentHash: string, schemaHash: string, parsed: string): void;

  /** Number of the last event that the sink is done with; null when none was ever stored. */
  cursor(sink: string): number | null;
  setCursor(sink: string, eventId: number): void;

  /**
   * The newest epoch, 0 before the first. From `claimEpoch` on, every write of a process whose own epoch is no longer
   * the newest throws STORE_FENCED; a process that never claimed one is not checked. Claiming appends LeaderChanged.
   */
  epoch(): number;
  /** Who claimed the newest epoch, as it named itself; null before the first. It may be gone by now. */
  holder(): string | null;
  /**
   * Takes the newest epoch as this process's own without claiming one, for a database that takes no writes: the next
   * claim of another process fences it all the same. Returns it.
   */
  shareEpoch(): number;
  claimEpoch(holder: string, at: number): number;

  /**
   * Deletes one small slice of what is past its time: measurements 7 days after their rollout's end, old
   * parses, old webhooks and alerts that are over.
   * Returns the rows deleted: more than 0 means call again soon.
   */
  prune(now: number): number;
  sizeBytes(): number;
  close(): void;
}
