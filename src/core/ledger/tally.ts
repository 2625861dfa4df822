/** Adding up what counters grew by: requests with bad ones, or requests by bucket. */
import type { ArmCounts } from '../sequential/counts.ts';
import type { CumulativeBucket } from '../sequential/slow-scores.ts';
import type { Counting } from './counting.ts';
import { nativeBuckets } from './native.ts';
import type { Growth } from './walk.ts';

/** `score` is the number of bad requests. */
export interface RatioTally extends ArmCounts {
  readonly kind: 'ratio';
}

export interface LatencyTally {
  readonly kind: 'latency';
  readonly requests: number;
  /**
   * Cumulative, bounds rising, the last one +Inf; one for each layout of buckets among the processes of the arm. A
   * bucket of native histograms is one by itself: those of another resolution overlap with it.
   */
  readonly histograms: readonly (readonly CumulativeBucket[])[];
}

export type Tally = RatioTally | LatencyTally;

/** The sum of `growths`; nothing at all of none. Bad is never more than all, and no bucket more than the last one. */
export function tallyOf(counting: Counting, growths: readonly Growth[]): Tally {
  if (counting.kind === 'latency') return latencyOf(growths);
  let requests = 0;
  let score = 0;
  for (const { row, amount } of growths) {
    requests += amount;
    if (counting.isBad(row.labels)) score += amount;
  }
  return { kind: 'ratio', requests, score };
}

function latencyOf(growths: readonly Growth[]): LatencyTally {
  const layouts = new Map<string, Map<number, number>>();
  for (const counts of histogramsOf(growths.filter(({ row }) => row.above === null))) {
    const uppers = [...counts.keys()].sort((a, b) => a - b);
    if (uppers.at(-1) !== Infinity) continue;
    const layout = uppers.join();
    const sums = layouts.get(layout) ?? new Map<number, number>();
    layouts.set(layout, sums);
    let most = 0;
    const all = counts.get(Infinity) ?? 0;
    for (const upper of uppers) {
      // Cumulative counts never fall from bound to bound; where samples say so, a sample is missing.
      most = Math.min(Math.max(most, counts.get(upper) ?? 0), all);
      sums.set(upper, (sums.get(upper) ?? 0) + most);
    }
  }
  const classic = [...layouts.values()].map((sums) => [...sums].map(([upper, count]) => ({ upper, count })));
  const histograms = [...classic, ...nativeBuckets(growths)];
  const requests = histograms.reduce((sum, buckets) => sum + (buckets.at(-1)?.count ?? 0), 0);
  return { kind: 'latency', requests, histograms };
}

/** By histogram of a target: its growth by bound. */
function histogramsOf(growths: readonly Growth[]): Iterable<ReadonlyMap<number, number>> {
  const histograms = new Map<string, Map<number, number>>();
  for (const { row, amount } of growths) {
    if (row.upper === null) continue;
    const counts = histograms.get(row.histogram) ?? new Map<number, number>();
    histograms.set(row.histogram, counts);
    counts.set(row.upper, (counts.get(row.upper) ?? 0) + amount);
  }
  return histograms.values();
}
