/** Many small writes in one transaction: an fsync costs milliseconds, a decision that changes nothing outside can wait. */
import type { Clock } from '../lib/clock.ts';
import type { EncodedSave } from './encode.ts';
import type { Event } from './store.ts';

/** Runs inside the transaction; returns the events it appended. */
export type Write = () => readonly Event[];

export interface GroupCommitOptions {
  readonly clock: Clock;
  /** Runs its argument in one write transaction: all or nothing. Throws what went wrong. */
  readonly transact: <T>(work: () => T) => T;
  /** Told after each commit that appended events. */
  readonly committed: (events: readonly Event[]) => void;
}

export interface GroupCommit {
  /**
   * Queues a write; it is committed with the others after at most `maxWaitMs`, or at once when 200 wait. Rejects when
   * their transaction failed. `save`: the decision that the write stores, seen by `queued` meanwhile.
   */
  later(write: Write, save: EncodedSave | null, maxWaitMs: number): Promise<readonly Event[]>;
  /** Commits what waits and then `write`, in one transaction. When it throws, what waited was rejected too. */
  now(write: Write): readonly Event[];
  /** Decisions about one canary that wait, oldest first. */
  queued(canary: string): readonly EncodedSave[];
  /** Commits what waits; throws what its writers were rejected with. */
  flush(): void;
}

const MAX_WRITES = 200;

interface Waiting {
  readonly write: Write;
  readonly save: EncodedSave | null;
  readonly resolve: (events: readonly Event[]) => void;
  readonly reject: (error: unknown) => void;
}

export function createGroupCommit({ clock, transact, committed }: GroupCommitOptions): GroupCommit {
  let waiting: Waiting[] = [];
  let timer: { readonly at: number; readonly cancel: () => void } | null = null;

  function plan(maxWaitMs: number): void {
    const at = clock.monotonic() + maxWaitMs;
    if (timer !== null && timer.at <= at) return;
    timer?.cancel();
    timer = { at, cancel: clock.after(maxWaitMs, commitQuietly) };
  }

  function take(): readonly Waiting[] {
    timer?.cancel();
    timer = null;
    const taken = waiting;
    waiting = [];
    return taken;
  }

  function commit(last: Write | null): readonly Event[] {
    const taken = take();
    if (taken.length === 0 && last === null) return [];
    let results: readonly (readonly Event[])[];
    let lastEvents: readonly Event[];
    try {
      [results, lastEvents] = transact(() => [taken.map(({ write }) => write()), last?.() ?? []]);
    } catch (error) {
      for (const { reject } of taken) reject(error);
      throw error;
    }
    for (const [index, { resolve }] of taken.entries()) resolve(results[index] ?? []);
    const all = [...results.flat(), ...lastEvents];
    if (all.length > 0) committed(all);
    return lastEvents;
  }

  /** For commits that nobody called: every writer learns of a failure by its own promise. */
  function commitQuietly(): void {
    try {
      commit(null);
    } catch {
      // Told to each writer by `commit`.
    }
  }

  return {
    later(write, save, maxWaitMs) {
      return new Promise((resolve, reject) => {
        waiting.push({ write, save, resolve, reject });
        if (waiting.length >= MAX_WRITES) commitQuietly();
        else plan(maxWaitMs);
      });
    },
    now: (write) => commit(write),
    queued(canary) {
      const saves: EncodedSave[] = [];
      for (const { save } of waiting) if (save?.canary === canary) saves.push(save);
      return saves;
    },
    flush: () => void commit(null),
  };
}
