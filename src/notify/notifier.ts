/** Tells people what the event log says, in order, each event once, across restarts. */
import type { EventType } from '../core/events.ts';
import type { RolloutRecord } from '../core/rollout.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import {
  type Background,
  composeNotification,
  isNotable,
  type LoggedEvent,
  NOTABLE_TYPES,
  type Notification,
} from './message.ts';

/** What became of one attempt. retry: the other side may take it later. refused: it never will. */
export type SendResult =
  | { readonly kind: 'sent' }
  | { readonly kind: 'retry' | 'refused'; readonly detail: string };

/** One attempt to deliver. Never rejects; ends early with `retry` when the signal aborts. */
export type Send = (notification: Notification, signal: AbortSignal) => Promise<SendResult>;

/** The event log and its cursors; the store is one. */
export interface EventSource {
  events(query: {
    canary?: string;
    after?: number;
    limit: number;
    types?: readonly EventType[];
  }): readonly LoggedEvent[];
  lastEventId(): number;
  onCommit(listener: (events: readonly LoggedEvent[]) => void): () => void;
  rollout(id: string): RolloutRecord | null;
  cursor(sink: string): number | null;
  setCursor(sink: string, eventId: number): void;
}

export interface NotifierOptions {
  readonly source: EventSource;
  readonly send: Send;
  readonly clock: Clock;
  /** Only the leader sends. */
  readonly isLeader: () => boolean;
  readonly log: {
    warn(fields: Readonly<Record<string, unknown>>, message: string): void;
    error(fields: Readonly<Record<string, unknown>>, message: string): void;
  };
  /** In [0, 1), for the jitter. Default Math.random. */
  readonly random?: () => number;
}

export interface Notifier {
  /** To be called when this process begins to lead; new events wake it by themselves. */
  wake(): void;
  /** Ends the delivery in flight, which may then come again, and everything else. */
  stop(): Promise<void>;
}

const SINK = 'webhook';
const SLICE = 50;
/** Events passed over before their number is stored: bounds what a start has to search. */
const STORE_EVERY = 1_000;
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 60_000;

/**
 * Sends one event at a time and stores its number before the next, so that a crash can repeat only the one in
 * flight. What the other side may take later is tried until it does, and the rest waits: order over speed.
 *
 * A sink that never stored a cursor begins at the end of the log as it is now: switching notifications on does not
 * tell the past. The cursor belongs to the store, not to the URL: a new URL goes on where the old one stopped.
 */
export function createNotifier(options: NotifierOptions): Notifier {
  const { source, clock, isLeader, log } = options;
  const stopping = new AbortController();
  const progress = createProgress(source);
  let wakeUps = 0;
  let running: Promise<void> | null = null;

  function canSend(): boolean {
    return !stopping.signal.aborted && isLeader();
  }

  function wake(): void {
    wakeUps += 1;
    if (canSend()) running ??= run();
  }

  async function run(): Promise<void> {
    let answered = 0;
    while (answered !== wakeUps) {
      answered = wakeUps;
      await drain();
    }
    // In the same turn as the comparison above: no wake-up can fall between.
    running = null;
  }

  async function drain(): Promise<void> {
    let failures = 0;
    while (canSend()) {
      const outcome = await step();
      if (outcome === 'idle') return;
      failures = outcome === 'failed' ? failures + 1 : 0;
      if (failures > 0) await sleep(clock, backoff(failures), stopping.signal);
    }
  }

  async function step(): Promise<'idle' | 'moved' | 'failed'> {
    try {
      const event = progress.next();
      if (event === null) return 'idle';
      const result = await options.send(
        composeNotification(event, backgroundOf(source, event)),
        stopping.signal,
      );
      return settle(event, result);
    } catch (error) {
      log.error({ err: error }, 'notification failed');
      return 'failed';
    }
  }

  function settle(event: LoggedEvent, result: SendResult): 'moved' | 'failed' {
    if (result.kind === 'retry') {
      const { detail } = result;
      if (canSend()) log.warn({ event: event.id, detail }, 'notification is sent again later');
      return 'failed';
    }
    if (result.kind === 'refused') {
      const { id, canary, type } = event;
      log.error({ event: id, canary, type, detail: result.detail }, 'notification refused and skipped');
    }
    progress.finish(event.id);
    return 'moved';
  }

  function backoff(failures: number): number {
    const longest = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(failures - 1, 10));
    return longest * (0.5 + (options.random ?? Math.random)() / 2);
  }

  const unsubscribe = source.onCommit((events) => {
    const last = events.at(-1)?.id ?? 0;
    if (events.some(isNotable) || progress.isLongBefore(last)) wake();
  });

  return {
    wake,
    async stop() {
      unsubscribe();
      stopping.abort();
      await running;
    },
  };
}

interface Progress {
  /** The next event to tell, or null at the end of the log. First stores what is not stored yet. */
  next(): LoggedEvent | null;
  /** Stores that this event is done with. */
  finish(eventId: number): void;
  isLongBefore(eventId: number): boolean;
}

function createProgress(source: EventSource): Progress {
  let position = source.cursor(SINK) ?? source.lastEventId();
  let unstored = false;

  function store(): number {
    source.setCursor(SINK, position);
    unstored = false;
    return position;
  }

  /** The next notable event after `position`, which otherwise moves to the end of the log. */
  function search(): LoggedEvent | null {
    for (;;) {
      const end = source.lastEventId();
      const events = source.events({ after: position, limit: SLICE, types: NOTABLE_TYPES });
      const found = events.find(isNotable);
      if (found !== undefined) return found;
      const last = events.at(-1);
      if (last === undefined || events.length < SLICE) {
        position = Math.max(position, end);
        return null;
      }
      position = last.id;
    }
  }

  return {
    next() {
      let stored = source.cursor(SINK);
      // Another leader may have come further in the meantime.
      position = Math.max(position, stored ?? 0);
      if (unstored || stored === null) stored = store();
      const event = search();
      if (event === null && position - stored >= STORE_EVERY) store();
      return event;
    },
    finish(eventId) {
      position = eventId;
      unstored = true;
      store();
    },
    isLongBefore: (eventId) => eventId - position >= STORE_EVERY,
  };
}

function backgroundOf(source: EventSource, { canary, rolloutId }: LoggedEvent): Background {
  if (canary === null || rolloutId === null) return { rollout: null, rollbackStarted: null };
  const starts = source.events({ canary, types: ['RollbackStarted'], limit: 20 });
  return {
    rollout: source.rollout(rolloutId),
    rollbackStarted: starts.findLast((event) => event.rolloutId === rolloutId) ?? null,
  };
}
