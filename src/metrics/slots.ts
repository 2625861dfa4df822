/** A limit on how much runs at once: who finds no slot waits in line, and leaves it at its deadline without having run. */
import type { Clock } from '../lib/clock.ts';

export interface Slots {
  /**
   * Resolves with a function that gives the slot back, or with null when none came free within `waitMs`. Those that
   * are `urgent` go before those that are not; else first come, first served.
   */
  take(waitMs: number, urgent: boolean): Promise<(() => void) | null>;
  /** Sends everyone in line away with null. */
  close(): void;
}

interface Waiting {
  readonly answer: (hasSlot: boolean) => void;
}

export function createSlots(limit: number, clock: Clock): Slots {
  let free = limit;
  const urgentLine = new Set<Waiting>();
  const line = new Set<Waiting>();

  function giveBack(): void {
    const [next] = urgentLine.size > 0 ? urgentLine : line;
    if (next === undefined) free += 1;
    else next.answer(true);
  }

  /** A slot is given back once, however often its holder says so. */
  function slot(): () => void {
    let isHeld = true;
    return () => {
      if (isHeld) giveBack();
      isHeld = false;
    };
  }

  return {
    take(waitMs, urgent) {
      if (free > 0) {
        free -= 1;
        return Promise.resolve(slot());
      }
      const own = urgent ? urgentLine : line;
      return new Promise((resolve) => {
        const waiting: Waiting = {
          answer(hasSlot) {
            own.delete(waiting);
            cancel();
            resolve(hasSlot ? slot() : null);
          },
        };
        const cancel = clock.after(waitMs, () => waiting.answer(false));
        own.add(waiting);
      });
    },
    close() {
      for (const waiting of [...urgentLine, ...line]) waiting.answer(false);
    },
  };
}
