/** How late the loop is: the greatest delay between a run's due time and its commit, of the last minute or two. */
import type { Clock } from '../lib/clock.ts';

export interface Lag {
  record(lateMs: number): void;
  seconds(): number;
}

const SPAN_MS = 60_000;

export function createLag(clock: Pick<Clock, 'monotonic'>): Lag {
  let span = 0;
  let greatest = { now: 0, before: 0 };

  function roll(): void {
    const current = Math.floor(clock.monotonic() / SPAN_MS);
    if (current === span) return;
    greatest = { now: 0, before: current === span + 1 ? greatest.now : 0 };
    span = current;
  }

  return {
    record(lateMs) {
      roll();
      greatest.now = Math.max(greatest.now, lateMs);
    },
    seconds() {
      roll();
      return Math.max(greatest.now, greatest.before) / 1_000;
    },
  };
}
