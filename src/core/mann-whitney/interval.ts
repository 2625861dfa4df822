/** The Mann-Whitney test of a shift between two sets of points: its statistic, its interval, its estimate. */
import { normalQuantile } from './normal.ts';
import { findRoot } from './root.ts';

export interface ShiftInterval {
  readonly lower: number;
  readonly upper: number;
  /** Hodges and Lehmann's estimate: the median of all differences. */
  readonly estimate: number;
}

/**
 * The standardized rank sum of `x` when each of its points is lowered by `shift`, with the continuity and the tie
 * correction: how many standard deviations `x` still lies above `y`. It never rises with `shift`. Null when all points
 * are tied: ranks then tell nothing.
 *
 * Both sorted in rising order; neither empty.
 */
export function standardizedRankSum(
  x: readonly number[],
  y: readonly number[],
  shift: number,
): number | null {
  const { rankSum, ties } = countRanks(x, y, shift);
  const pairs = x.length * y.length;
  const all = x.length + y.length;
  const variance = (pairs / 12) * (all + 1 - ties / (all * (all - 1)));
  if (!(variance > 0)) return null;
  const excess = rankSum - (x.length * (x.length + 1)) / 2 - pairs / 2;
  return (excess - Math.sign(excess) / 2) / Math.sqrt(variance);
}

/** Mid-ranks of `x` among both, and the sum of t^3 - t over groups of t tied points, by one walk over both. */
function countRanks(
  x: readonly number[],
  y: readonly number[],
  shift: number,
): { rankSum: number; ties: number } {
  let rankSum = 0;
  let ties = 0;
  let ix = 0;
  let iy = 0;
  while (ix < x.length || iy < y.length) {
    const nextX = ix < x.length ? (x[ix] ?? 0) - shift : Infinity;
    const nextY = iy < y.length ? (y[iy] ?? 0) : Infinity;
    const value = Math.min(nextX, nextY);
    const first = ix + iy;
    const firstX = ix;
    while (ix < x.length && (x[ix] ?? 0) - shift === value) ix += 1;
    while (iy < y.length && y[iy] === value) iy += 1;
    const tied = ix + iy - first;
    rankSum += (ix - firstX) * (first + (tied + 1) / 2);
    ties += tied ** 3 - tied;
  }
  return { rankSum, ties };
}

/**
 * The interval that holds the shift from `y` to `x` with probability `confidence`, and the estimate, by inverting the
 * test above; an end that the test never reaches is that of the bracket, the least or the greatest difference. Null
 * when ranks tell nothing or no root is found.
 *
 * The formulas are R's `wilcox.test(exact = FALSE, conf.int = TRUE)` as Kayenta carries them over.
 *
 * @param confidence above 0, below 1
 * @param resolution how far each number may miss, in the unit of the data
 */
export function shiftInterval(
  x: readonly number[],
  y: readonly number[],
  confidence: number,
  resolution: number,
): ShiftInterval | null {
  const low = (x[0] ?? 0) - (y.at(-1) ?? 0);
  const high = (x.at(-1) ?? 0) - (y[0] ?? 0);
  const solve = (target: number): number | null => {
    const f = (shift: number) => (standardizedRankSum(x, y, shift) ?? 0) - target;
    const atLow = f(low);
    if (atLow <= 0) return low;
    const atHigh = f(high);
    if (atHigh >= 0) return high;
    return findRoot(f, { low, high, atLow, atHigh }, resolution);
  };
  const tail = normalQuantile((1 - confidence) / 2);
  const lower = solve(-tail);
  const upper = solve(tail);
  const estimate = solve(0);
  return lower === null || upper === null || estimate === null ? null : { lower, upper, estimate };
}
