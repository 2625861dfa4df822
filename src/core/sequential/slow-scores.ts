/** How slow requests were, from the buckets of a classic histogram: scores that the judge takes like failures. */
import type { ArmCounts } from './counts.ts';

/** Requests up to and including `upper`, the last one +Inf. */
export interface CumulativeBucket {
  readonly upper: number;
  readonly count: number;
}

/** A bucket by itself, in the histogram's unit: what is above `lower`, up to `upper`. */
export interface BucketBounds {
  readonly lower: number;
  readonly upper: number;
}

/**
 * Requests and their summed slow scores against a threshold. Inside a bucket requests count as spread evenly, as in
 * `histogram_quantile`: a bucket above the threshold scores 1, one below it 0, the one around it the part above. At
 * the threshold that is stable's 0.99-quantile the mean score is 0.01 exactly.
 *
 * @param buckets cumulative, bounds rising; null without a +Inf bucket
 * @param threshold in the histogram's unit
 */
export function slowCounts(buckets: readonly CumulativeBucket[], threshold: number): ArmCounts | null {
  const last = buckets.at(-1);
  if (last?.upper !== Infinity) return null;
  let score = 0;
  let below = 0;
  let lower: number | null = null;
  for (const { upper, count } of buckets) {
    const from: number = lower ?? Math.min(0, upper);
    const inside = Math.max(0, count - below);
    score += inside * slowScore(from, upper, threshold);
    below = Math.max(below, count);
    lower = upper;
  }
  return { requests: below, score };
}

/** The bucket that `value` lies in; null: no request does. `buckets`: as for `slowCounts`. */
export function bucketAround(buckets: readonly CumulativeBucket[], value: number): BucketBounds | null {
  const place = buckets.findIndex(({ upper }) => value <= upper);
  const bucket = buckets[place];
  const below = buckets[place - 1];
  if (bucket === undefined || bucket.count <= (below?.count ?? 0)) return null;
  const { upper } = bucket;
  return { lower: below?.upper ?? Math.min(0, upper), upper };
}

function slowScore(lower: number, upper: number, threshold: number): number {
  if (upper === Infinity || lower >= threshold) return 1;
  if (upper <= threshold) return 0;
  return (upper - threshold) / (upper - lower);
}
