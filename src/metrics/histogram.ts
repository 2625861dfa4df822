/** Quantiles of a classic histogram, by the rules of Prometheus' `histogram_quantile`, and where they cannot be told. */

/** Everything up to and including `upper`, as buckets count. */
export interface Bucket {
  readonly upper: number;
  readonly count: number;
}

export type Quantile =
  | { readonly kind: 'value'; readonly value: number }
  /** It lies in the +Inf bucket, above the highest finite bound. */
  | { readonly kind: 'above'; readonly bound: number }
  /** No observations, no +Inf bucket, or no finite one. */
  | { readonly kind: 'none' };

/**
 * The `q`-quantile (0 to 1) of cumulative buckets in any order; bounds that are equal as numbers ("0.5", "0.50") are
 * added up. Inside a bucket observations count as spread evenly, and the first one starts at 0 if its bound is above.
 * Source: Prometheus documentation, `histogram_quantile()`. It differs in one point: where the quantile lies in the
 * +Inf bucket Prometheus answers the highest finite bound, which hides how bad it is.
 */
export function quantileOf(q: number, buckets: readonly Bucket[]): Quantile {
  const merged = mergeBuckets(buckets);
  const last = merged.at(-1);
  const highest = merged.at(-2);
  if (last === undefined || highest === undefined || last.upper !== Infinity || !(last.count > 0)) {
    return { kind: 'none' };
  }
  const rank = q * last.count;
  if (highest.count < rank) return { kind: 'above', bound: highest.upper };
  let below: Bucket = { upper: 0, count: 0 };
  for (const bucket of merged) {
    if (bucket.count >= rank) return { kind: 'value', value: interpolate(rank, below, bucket) };
    below = bucket;
  }
  return { kind: 'none' };
}

/**
 * How many observations the buckets hold, in the unit of their counts; undefined without a +Inf bucket. Where counts
 * fall from one bound to the next (see `mergeBuckets`) the largest one counts, as in the quantile.
 */
export function observationsOf(buckets: readonly Bucket[]): number | undefined {
  const last = mergeBuckets(buckets).at(-1);
  return last?.upper === Infinity ? last.count : undefined;
}

function interpolate(rank: number, below: Bucket, bucket: Bucket): number {
  if (bucket.upper <= below.upper) return bucket.upper;
  return below.upper + (bucket.upper - below.upper) * ((rank - below.count) / (bucket.count - below.count));
}

/** Ascending and never falling: counts scraped at slightly different times may be, by a little. */
function mergeBuckets(buckets: readonly Bucket[]): readonly Bucket[] {
  const merged: { upper: number; count: number }[] = [];
  for (const { upper, count } of [...buckets].sort((a, b) => a.upper - b.upper)) {
    const last = merged.at(-1);
    if (last !== undefined && last.upper === upper) last.count += count;
    else merged.push({ upper, count });
  }
  let most = 0;
  for (const bucket of merged) {
    most = Math.max(most, bucket.count);
    bucket.count = most;
  }
  return merged;
}
