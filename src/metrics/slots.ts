/** A limit on how much runs at once: who finds no slot waits in line, and leaves it at its deadline without having run. */
import type { Clock } from '../lib/clock.ts';

/** In the order in which those in line get their turns. */
const RANKS = ['urgent', 'plain', 'slow'] as const;
export type Rank = (typeof RANKS)[number];

export interface Slots {
  /**
   * Resolves with a function that gives the slot back, or with null when none came free within `waitMs`. Within a
   * rank it is first come, first served. The slow hold at most half of the slots, or the only one there is.
   */
  take(waitMs: number, rank: Rank): Promise<(() => void) | null>;
  /** Sends everyone in line away with null. */
  close(): void;
}

interface Waiting {
  readonly answer: (hasSlot: boolean) => void;
}

export function createSlots(limit: number, clock: Clock): Slots {
  let free = limit;
  let freeForSlow = Math.max(1, Math.floor(limit / 2));
  const lines = {
    urgent: new Set<Waiting>(),
    plain: new Set<Waiting>(),
    slow: new Set<Waiting>(),
  } as const satisfies Record<Rank, Set<Waiting>>;

  function isFreeFor(rank: Rank): boolean {
    return free > 0 && (rank !== 'slow' || freeForSlow > 0);
  }

  /** A slot is given back once, however often its holder says so. */
  function slot(rank: Rank): () => void {
    let isHeld = true;
    count(rank, -1);
    return () => {
      if (!isHeld) return;
      isHeld = false;
      count(rank, 1);
      callNext();
    };
  }

  /** What was given back is enough for one. */
  function callNext(): void {
    for (const rank of RANKS.filter(isFreeFor)) {
      const [next] = lines[rank];
      if (next === undefined) continue;
      next.answer(true);
      return;
    }
  }

  function count(rank: Rank, change: 1 | -1): void {
    free += change;
    if (rank === 'slow') freeForSlow += change;
  }

  return {
    take(waitMs, rank) {
      if (isFreeFor(rank)) return Promise.resolve(slot(rank));
      const own = lines[rank];
      return new Promise((resolve) => {
        const waiting: Waiting = {
          answer(hasSlot) {
            own.delete(waiting);
            cancel();
            resolve(hasSlot ? slot(rank) : null);
          },
        };
        const cancel = clock.after(waitMs, () => waiting.answer(false));
        own.add(waiting);
      });
    },
    close() {
      for (const waiting of RANKS.flatMap((rank) => [...lines[rank]])) waiting.answer(false);
    },
  };
}
