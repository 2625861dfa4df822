/** Long polls that are being held, found by the documents they watch. */
import type { Clock } from '../../src/lib/clock.ts';
import type { DocumentName } from './documents.ts';

/** One watched document of a poll. */
export interface Watched extends DocumentName {
  readonly key: string;
  /** What the client has. */
  readonly md5: string;
  /** The namespace as the client spelled it, for the answer; the empty string when it sent none. */
  readonly spelledTenant: string;
}

/** How a held poll ended: a document changed, its time ran out, or the connection is to be cut. */
export type PollEnd = { readonly changed: Watched } | 'expired' | 'cut';

export interface HeldPoll {
  readonly ip: string;
  readonly watched: readonly Watched[];
}

export interface Polls {
  /** Holds a poll for `holdMs`. `abandoned` tells that the client hung up; the promise then never settles. */
  hold(poll: HeldPoll, holdMs: number, abandoned: AbortSignal): Promise<PollEnd>;
  /** Answers every poll that watches `key`. */
  wake(key: string): void;
  /** Cuts every held poll; the number of them. */
  cutAll(): number;
  /** Who watches a document now: client address to the md5 it has, one entry an address. */
  watchers(key: string): ReadonlyMap<string, string>;
  all(): readonly HeldPoll[];
}

interface Waiter {
  readonly poll: HeldPoll;
  end(how: PollEnd): void;
}

export function createPolls(clock: Clock): Polls {
  const waiters = new Set<Waiter>();
  const byKey = new Map<string, Set<Waiter>>();

  function add(waiter: Waiter): void {
    waiters.add(waiter);
    for (const { key } of waiter.poll.watched) {
      const watching = byKey.get(key) ?? new Set();
      byKey.set(key, watching.add(waiter));
    }
  }

  function remove(waiter: Waiter): void {
    waiters.delete(waiter);
    for (const { key } of waiter.poll.watched) {
      const watching = byKey.get(key);
      watching?.delete(waiter);
      if (watching?.size === 0) byKey.delete(key);
    }
  }

  return {
    hold(poll, holdMs, abandoned) {
      return new Promise((resolve) => {
        const leave = () => {
          cancel();
          abandoned.removeEventListener('abort', leave);
          remove(waiter);
        };
        const waiter: Waiter = {
          poll,
          end(how) {
            leave();
            resolve(how);
          },
        };
        const cancel = clock.after(holdMs, () => waiter.end('expired'));
        abandoned.addEventListener('abort', leave, { once: true });
        add(waiter);
        if (abandoned.aborted) leave();
      });
    },
    wake(key) {
      for (const waiter of [...(byKey.get(key) ?? [])]) {
        const changed = waiter.poll.watched.find((watched) => watched.key === key);
        if (changed !== undefined) waiter.end({ changed });
      }
    },
    cutAll() {
      const count = waiters.size;
      for (const waiter of [...waiters]) waiter.end('cut');
      return count;
    },
    watchers(key) {
      const found = new Map<string, string>();
      for (const { poll } of byKey.get(key) ?? []) {
        const watched = poll.watched.find((each) => each.key === key);
        if (watched !== undefined) found.set(poll.ip, watched.md5);
      }
      return found;
    },
    all: () => [...waiters].map((waiter) => waiter.poll),
  };
}
