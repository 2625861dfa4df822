/** A clock that stands still until a test moves it. */
import type { Clock } from '../../src/lib/clock.ts';

export interface VirtualClock extends Clock {
  /** Moves time on and runs what falls due, in order. */
  advance(ms: number): void;
  /** Milliseconds until the next callback is due; null: nothing waits. */
  nextIn(): number | null;
  /** Moves time on without running anything, as for a process that is stopped. What fell due runs at the next advance. */
  freeze(ms: number): void;
  /** Resolves once something waits for exactly `delayMs`. */
  armed(delayMs: number): Promise<void>;
}

interface Timer {
  readonly at: number;
  readonly delayMs: number;
  readonly callback: () => void;
}

export function createVirtualClock(startMs = Date.UTC(2026, 10, 23, 8, 0)): VirtualClock {
  const timers = new Set<Timer>();
  const watchers = new Set<{ readonly delayMs: number; readonly resolve: () => void }>();
  let elapsed = 0;

  function earliest(limit: number): Timer | undefined {
    return [...timers].filter(({ at }) => at <= limit).sort((a, b) => a.at - b.at)[0];
  }

  return {
    now: () => startMs + elapsed,
    monotonic: () => elapsed,
    after(delayMs, callback) {
      const timer = { at: elapsed + delayMs, delayMs, callback };
      timers.add(timer);
      for (const watcher of watchers) {
        if (watcher.delayMs !== delayMs) continue;
        watchers.delete(watcher);
        watcher.resolve();
      }
      return () => timers.delete(timer);
    },
    advance(ms) {
      const end = elapsed + ms;
      for (let timer = earliest(end); timer !== undefined; timer = earliest(end)) {
        timers.delete(timer);
        elapsed = Math.max(elapsed, timer.at);
        timer.callback();
      }
      elapsed = end;
    },
    nextIn() {
      const timer = earliest(Number.POSITIVE_INFINITY);
      return timer === undefined ? null : Math.max(0, timer.at - elapsed);
    },
    freeze(ms) {
      elapsed += ms;
    },
    armed(delayMs) {
      if ([...timers].some((timer) => timer.delayMs === delayMs)) return Promise.resolve();
      return new Promise((resolve) => {
        watchers.add({ delayMs, resolve });
      });
    },
  };
}
