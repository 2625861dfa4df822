/** Adding up what the buckets of native histograms grew by. */
import type { CumulativeBucket } from '../sequential/slow-scores.ts';
import type { Growth } from './walk.ts';

/** Counts of a server that adds and divides them are off by so much. */
const ROUNDING = 1e-9;

/** What one histogram grew by from one sample to the next. */
interface Interval {
  all: number;
  inBuckets: number;
  readonly buckets: Growth[];
}

/**
 * Each bucket that grew as a histogram of its own. An interval whose buckets did not grow by what the whole grew is left
 * out: a process that merges buckets, or widens the one around zero, shows old requests in buckets that are new, and one
 * that restarted unseen shows some buckets that fell and others that did not.
 */
export function nativeBuckets(growths: readonly Growth[]): readonly (readonly CumulativeBucket[])[] {
  const sums = new Map<string, { readonly above: number; readonly upper: number; count: number }>();
  for (const { all, inBuckets, buckets } of intervalsOf(growths)) {
    if (Math.abs(all - inBuckets) > ROUNDING * Math.max(all, inBuckets)) continue;
    for (const { row, amount } of buckets) {
      const { above, upper } = row;
      if (above === null || upper === null || amount === 0) continue;
      const key = `${above}..${upper}`;
      const sum = sums.get(key);
      if (sum === undefined) sums.set(key, { above, upper, count: amount });
      else sum.count += amount;
    }
  }
  return [...sums.values()].map(alone);
}

function intervalsOf(growths: readonly Growth[]): Iterable<Interval> {
  const intervals = new Map<string, Interval>();
  for (const growth of growths) {
    const { histogram, above, upper } = growth.row;
    if (above === null) continue;
    const key = `${growth.to} ${histogram}`;
    const interval = intervals.get(key) ?? { all: 0, inBuckets: 0, buckets: [] };
    intervals.set(key, interval);
    if (above === -Infinity && upper === Infinity) interval.all += growth.amount;
    else {
      interval.inBuckets += growth.amount;
      interval.buckets.push(growth);
    }
  }
  return intervals.values();
}

/** What has no lower bound begins where the first bucket of a classic histogram does. */
function alone({
  above,
  upper,
  count,
}: {
  readonly above: number;
  readonly upper: number;
  readonly count: number;
}): readonly CumulativeBucket[] {
  return [
    ...(Number.isFinite(above) ? [{ upper: above, count: 0 }] : []),
    ...(upper === Infinity ? [] : [{ upper, count }]),
    { upper: Infinity, count },
  ];
}
