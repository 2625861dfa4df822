/** What a version is measured by: requests counted in classes, and one number made of them. */

/** Requests by class: good and bad, or the buckets of a histogram. */
export type Counts = Float64Array;

export interface Sli {
  readonly kind: 'errors' | 'latency';
  readonly classes: number;
  /** Error ratio, or the 99th percentile in ms; NaN without requests. */
  readonly value: (counts: Counts) => number;
  /** Canary's value above stable's by more than this is a violation. */
  readonly maxDelta: number;
  /** What points are multiplied by for a test with an absolute tolerance: percent, ms. */
  readonly pointScale: number;
}

export function requestsIn(counts: Counts): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}

/** Classes: good, bad. */
export const ERRORS: Sli = {
  kind: 'errors',
  classes: 2,
  value: (counts) => (counts[1] ?? 0) / requestsIn(counts),
  maxDelta: 0.005,
  pointScale: 100,
};

/** Upper bounds in ms of buckets that lie close where the objective is; one more holds what is slower. */
export const BUCKETS = [
  5, 10, 25, 50, 75, 100, 150, 200, 250, 300, 350, 400, 450, 500, 600, 800, 1_000, 2_500,
] as const;

export const LATENCY: Sli = {
  kind: 'latency',
  classes: BUCKETS.length + 1,
  value: (counts) => quantile(counts, 0.99),
  maxDelta: 50,
  pointScale: 1,
};

/**
 * As Prometheus' `histogram_quantile`: linear inside the bucket that holds the rank; the highest finite bound where
 * that is the last one; NaN without requests.
 */
export function quantile(counts: Counts, share: number): number {
  const rank = share * requestsIn(counts);
  if (rank === 0) return Number.NaN;
  let below = 0;
  for (let at = 0; at < BUCKETS.length; at += 1) {
    const inside = counts[at] ?? 0;
    if (inside > 0 && below + inside >= rank) {
      const low = BUCKETS[at - 1] ?? 0;
      return low + ((BUCKETS[at] ?? 0) - low) * ((rank - below) / inside);
    }
    below += inside;
  }
  return BUCKETS.at(-1) ?? Number.NaN;
}
