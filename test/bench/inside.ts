/** What the probe in a daemon is told, and what it answers. */

/** Environment variable: how many milliseconds each commit takes longer. */
export const COMMIT_DELAY = 'BENCH_COMMIT_DELAY_MS';

export interface Inside {
  /** Write transactions since the start. */
  readonly commits: number;
  readonly heapBytes: number;
  /** How long the event loop stood still since this was last asked; sampled every 10 ms. */
  readonly loopDelayMs: { readonly p99: number; readonly max: number };
}

/** Environment variable, set to 1: the time of each commit is kept, for `commits`. */
export const KEEP_COMMITS = 'BENCH_KEEP_COMMITS';

/** Number of the last event that a commit made visible, and when: Unix ms with fractions. */
export type Commit = readonly [upTo: number, at: number];
