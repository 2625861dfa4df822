/** Reads single figures off a `/metrics` page, without a model of the page: it may be 40 MB. */

/** The sum over all series of a family whose labels hold `label`; 0 where there is none. */
export function sumOf(page: string, family: string, label = ''): number {
  const series = new RegExp(`^${family}(?:\\{[^}\\n]*${label}[^}\\n]*\\})? (\\S+)$`, 'gm');
  let sum = 0;
  for (const [, value] of page.matchAll(series)) sum += Number(value);
  return sum;
}

/** How many observations a histogram holds up to each bound, by rising bound; the last one is infinite. */
export type Histogram = ReadonlyMap<number, number>;

/** A histogram without labels of its own. */
export function histogramOf(page: string, family: string): Histogram {
  const series = new RegExp(`^${family}_bucket\\{le="([^"]+)"\\} (\\S+)$`, 'gm');
  return new Map(
    [...page.matchAll(series)].map(([, le, count]) => [le === '+Inf' ? Infinity : Number(le), Number(count)]),
  );
}

/** What was observed between two readings. */
export function between(before: Histogram, after: Histogram): Histogram {
  return new Map([...after].map(([le, count]) => [le, count - (before.get(le) ?? 0)]));
}

/**
 * A quantile by linear interpolation inside its bucket, as Prometheus' histogram_quantile does. NaN without
 * observations; infinite when it lies above the highest finite bound.
 */
export function quantileOf(histogram: Histogram, quantile: number): number {
  const total = histogram.get(Infinity) ?? 0;
  const rank = quantile * total;
  let lower = { bound: 0, count: 0 };
  for (const [bound, count] of histogram) {
    if (total > 0 && count >= rank && count > lower.count) {
      if (bound === Infinity) return Infinity;
      return lower.bound + ((bound - lower.bound) * (rank - lower.count)) / (count - lower.count);
    }
    lower = { bound, count };
  }
  return Number.NaN;
}

/** The bound of the highest bucket that holds anything: nothing was above it. NaN without observations. */
export function mostOf(histogram: Histogram): number {
  let most = Number.NaN;
  let below = 0;
  for (const [bound, count] of histogram) {
    if (count > below) most = bound;
    below = count;
  }
  return most;
}
