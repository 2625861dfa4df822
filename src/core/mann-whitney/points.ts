/** What is done to the points of a metric before they are compared: missing ones, then outliers. */

export type NanStrategy = 'remove' | 'replace';

/**
 * The points without NaN, or with 0 in its place. Without a single number there is nothing to fill up: empty, so that
 * a canary that reports nothing is not taken for one that reports zeros.
 */
export function withoutNan(points: readonly number[], strategy: NanStrategy): number[] {
  const numbers = points.filter((point) => !Number.isNaN(point));
  if (strategy === 'remove' || numbers.length === 0) return numbers;
  return points.map((point) => (Number.isNaN(point) ? 0 : point));
}

/**
 * The points between Tukey's fences, `factor` interquartile ranges beyond the quartiles; a fence is never narrower
 * than the 1st and the 99th percentile. A point on a fence stays.
 */
export function withoutOutliers(points: readonly number[], factor: number): number[] {
  if (points.length === 0) return [];
  const sorted = points.toSorted((a, b) => a - b);
  const first = percentile(sorted, 25);
  const third = percentile(sorted, 75);
  const reach = factor * (third - first);
  const low = Math.min(percentile(sorted, 1), first - reach);
  const high = Math.max(percentile(sorted, 99), third + reach);
  return points.filter((point) => point >= low && point <= high);
}

/** Linear between the order statistics (R's type 7). `sorted` in rising order and not empty; `percent` 0 to 100. */
export function percentile(sorted: readonly number[], percent: number): number {
  const rank = ((sorted.length - 1) * percent) / 100;
  const below = sorted[Math.floor(rank)] ?? 0;
  const above = sorted[Math.ceil(rank)] ?? below;
  return below + (above - below) * (rank - Math.floor(rank));
}
