/** Bounded, jittered pauses between attempts that keep failing. */

export interface PauseOptions {
  readonly baseMs: number;
  readonly capMs: number;
  /** Uniform in [0, 1). */
  random(): number;
}

/**
 * Milliseconds to wait after `failures` failures in a row: doubling from `baseMs`, never above `capMs`, and between
 * half and all of that, so that many callers do not come back in one moment.
 */
export function pauseAfter(failures: number, { baseMs, capMs, random }: PauseOptions): number {
  const full = Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return full * (0.5 + random() / 2);
}
