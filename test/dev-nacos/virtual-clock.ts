/** A clock that stands still until a test moves it. */
import type { Clock } from '../../src/lib/clock.ts';

export interface VirtualClock extends Clock {
  /** Moves time on and runs what falls due, in order. */
  advance(ms: number): void;
  /** How many timers are waiting. */
  pending(): number;
}

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

export function createVirtualClock(startMs = Date.UTC(2026, 10, 23, 8, 5, 45, 1)): VirtualClock {
  const timers = new Set<Timer>();
  let elapsed = 0;

  function earliest(limit: number): Timer | undefined {
    return [...timers].filter(({ at }) => at <= limit).sort((a, b) => a.at - b.at)[0];
  }

  return {
    now: () => startMs + elapsed,
    monotonic: () => elapsed,
    after(delayMs, callback) {
      const timer = { at: elapsed + delayMs, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    pending: () => timers.size,
    advance(ms) {
      const end = elapsed + ms;
      for (let timer = earliest(end); timer !== undefined; timer = earliest(end)) {
        timers.delete(timer);
        elapsed = timer.at;
        timer.callback();
      }
      elapsed = end;
    },
  };
}
