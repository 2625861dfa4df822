/**
 * Hands committed events to the readers of the stream, each at its own pace. What a reader has not taken yet is in the
 * database and nowhere else: nothing is queued for it beyond one page, however slow it is.
 */
import { Readable } from 'node:stream';
import { type Clock, sleep } from '../lib/clock.ts';
import type { Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { beginSlices } from '../telemetry/slices.ts';
import { createEventTail, type Page } from './event-tail.ts';
import { beatFrame, type ClosingCode, closingFrame, openingFrame } from './frames.ts';

export interface StreamLimits {
  /** Readers at the same time. */
  readonly readers: number;
  /** A reader hears something at least this often, ms. */
  readonly beatMs: number;
  /** A reader that takes nothing for so long is sent away, ms. */
  readonly stallMs: number;
}

export const STREAM_LIMITS: StreamLimits = { readers: 2000, beatMs: 15_000, stallMs: 30_000 };

/** How often the log is asked for events of other processes, as on a standby, ms. */
const LOOK_MS = 500;
/** How many such looks go by between two questions whether a reader may go on. */
const LOOKS_WELCOME = 10;
/** A reader that does not take its goodbye within this time is cut off, ms. */
const GOODBYE_MS = 5000;
/** The stream may use one part of the time in so many; the rest belongs to the rollouts. */
const SHARE = 5;
const LONGEST_PAUSE_MS = 1000;
/** Bytes that wait for one socket beside its own buffer. */
const BUFFERED = 16 * 1024;

/** Where a reader begins. */
export interface Wish {
  /** Everything up to this number is known to it; null: everything that is there now. */
  readonly after: number | null;
  /** Null: all Canaries. */
  readonly canary: string | null;
  /** Whether it may go on reading; asked every few seconds. */
  readonly isWelcome: () => boolean;
}

export type Refused = { readonly refused: 'full' } | { readonly refused: 'ahead'; readonly end: number };

export interface StreamHub {
  /** A stream of its own for one reader, to be destroyed when the reader goes. Throws a StoreError. */
  open(wish: Wish): Readable | Refused;
  /** How many there are. */
  readers(): number;
  /** Sends everyone away and takes no one any more. */
  close(): void;
}

export interface StreamHubOptions {
  readonly store: Pick<Store, 'events' | 'lastEventId' | 'onCommit'>;
  readonly clock: Clock;
  readonly log: Pick<Log, 'error'>;
  /** Told each time that a reader is sent away because it stood still. */
  readonly onStall: () => void;
  readonly limits: StreamLimits;
}

interface Reader {
  readonly out: Readable;
  readonly canary: string | null;
  readonly isWelcome: () => boolean;
  /** Everything up to this number was handed to it. */
  position: number;
  /** Its socket takes more. */
  wants: boolean;
  /** Of the last piece, on the monotonic clock. */
  handedAt: number;
  isEnding: boolean;
}

export function createStreamHub({ store, clock, log, onStall, limits }: StreamHubOptions): StreamHub {
  const tail = createEventTail(store);
  const readers = new Set<Reader>();
  const closing = new AbortController();
  let quiet: (() => void) | null = null;
  let isDue = false;
  let isFailing = false;
  let looks = 0;
  let isRunning = false;

  /** Also called within a commit: what it wakes begins in a later turn. */
  function wake(): void {
    isDue = true;
    if (!isRunning) void run();
  }

  async function run(): Promise<void> {
    isRunning = true;
    while (isDue && readers.size > 0) {
      isDue = false;
      const restMs = Math.min(LONGEST_PAUSE_MS, (await round()) * (SHARE - 1));
      if (restMs > 0) await sleep(clock, restMs, closing.signal);
    }
    // In the same turn as the comparison above: no wake-up can fall between.
    isRunning = false;
  }

  /** Each reader gets one page at most; those at the same place share it. Resolves with the work it took, ms. */
  async function round(): Promise<number> {
    const slices = beginSlices(clock);
    await slices.rest();
    const pages = new Map<string, Page>();
    let from = clock.monotonic();
    let workMs = 0;
    try {
      tail.refresh();
      for (const reader of readers) {
        serve(reader, pages);
        if (!slices.isOver()) continue;
        workMs += clock.monotonic() - from;
        await slices.rest();
        from = clock.monotonic();
      }
      isFailing = false;
    } catch (error) {
      if (!isFailing) log.error({ err: error }, 'the event stream cannot read the log; it tries again');
      isFailing = true;
    }
    return workMs + clock.monotonic() - from;
  }

  function serve(reader: Reader, pages: Map<string, Page>): void {
    if (!reader.wants || reader.isEnding) return;
    const { position, canary } = reader;
    if (position < tail.end()) {
      const key = `${position} ${canary === null ? '' : `of ${canary}`}`;
      const page = pages.get(key) ?? tail.pageAfter(position, canary);
      pages.set(key, page);
      reader.position = page.upTo;
      if (page.bytes !== null) hand(reader, page.bytes);
    }
    if (clock.monotonic() - reader.handedAt >= limits.beatMs) hand(reader, beatFrame(reader.position));
  }

  function hand(reader: Reader, piece: Buffer | string): void {
    reader.wants = false;
    reader.handedAt = clock.monotonic();
    reader.out.push(piece);
  }

  function sendAway(reader: Reader, code: ClosingCode): void {
    reader.isEnding = true;
    hand(reader, closingFrame(code));
    reader.out.push(null);
  }

  /** Looks after those who stand still; the round that follows sees what other processes committed. */
  function look(): void {
    const now = clock.monotonic();
    looks += 1;
    for (const reader of readers) {
      const silentMs = now - reader.handedAt;
      if (reader.isEnding) {
        if (silentMs >= GOODBYE_MS) reader.out.destroy();
      } else if (!reader.wants && silentMs >= limits.stallMs) {
        onStall();
        sendAway(reader, 'READER_STALLED');
      } else if (looks % LOOKS_WELCOME === 0 && !reader.isWelcome()) sendAway(reader, 'TOKEN_ENDED');
    }
    wake();
  }

  /** Nothing is done, kept or asked for while nobody reads. */
  function attend(): void {
    const unsubscribe = store.onCommit((events) => {
      tail.add(events);
      wake();
    });
    let cancel = () => {};
    const plan = () => {
      cancel = clock.after(LOOK_MS, () => {
        plan();
        look();
      });
    };
    plan();
    quiet = () => {
      unsubscribe();
      cancel();
      tail.clear();
      quiet = null;
    };
  }

  function admit({ after, canary, isWelcome }: Wish): Readable {
    const reader: Reader = {
      canary,
      isWelcome,
      position: after ?? tail.end(),
      wants: false,
      handedAt: clock.monotonic(),
      isEnding: false,
      out: new Readable({
        highWaterMark: BUFFERED,
        read() {
          reader.wants = true;
          if (reader.position < tail.end()) wake();
        },
        destroy(error, done) {
          readers.delete(reader);
          if (readers.size === 0) quiet?.();
          done(error);
        },
      }),
    };
    readers.add(reader);
    if (quiet === null) attend();
    hand(reader, openingFrame(reader.position));
    return reader.out;
  }

  return {
    open(wish) {
      if (readers.size >= limits.readers || closing.signal.aborted) return { refused: 'full' };
      tail.refresh();
      if (wish.after !== null && wish.after > tail.end()) return { refused: 'ahead', end: tail.end() };
      return admit(wish);
    },
    readers: () => readers.size,
    close() {
      closing.abort();
      for (const reader of readers) {
        if (reader.isEnding) continue;
        const isFull = reader.out.readableLength >= BUFFERED;
        sendAway(reader, 'STOPPING');
        if (isFull) reader.out.destroy();
      }
    },
  };
}
