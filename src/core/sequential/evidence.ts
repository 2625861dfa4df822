/**
 * The evidence of one poll against a line "canary's mean = stable's mean + margin": how much likelier the counts are
 * under an alternative than under the nearest point of the line.
 */
import type { ArmCounts } from './counts.ts';

/** Which side of the line an alternative claims: rejecting "the canary is no worse" looks above, "no better" below. */
export type Side = 'above' | 'below';

/** Mean scores of both arms, each strictly between 0 and 1. */
export interface Means {
  readonly canary: number;
  readonly stable: number;
}

const BISECTIONS = 60;
/** How near the search comes to certain success or failure. Error rates of 0.01 % must lie well inside. */
const BORDER = 1e-12;

/**
 * The point of the line that is nearest to the alternative: it minimizes n_c KL(t_c || q_c) + n_s KL(t_s || q_s) over
 * q_c = q_s + margin. Its derivative rises along the line, so that bisection finds the one root. Null when the line has
 * no point inside the unit square.
 */
export function nearestOnLine(
  alternative: Means,
  margin: number,
  canaryRequests: number,
  stableRequests: number,
): Means | null {
  let low = Math.max(0, -margin) + BORDER;
  let high = Math.min(1, 1 - margin) - BORDER;
  if (!(low < high)) return null;
  for (let round = 0; round < BISECTIONS; round += 1) {
    const stable = (low + high) / 2;
    const canary = stable + margin;
    const slope =
      (-canaryRequests * (alternative.canary - canary)) / (canary * (1 - canary)) -
      (stableRequests * (alternative.stable - stable)) / (stable * (1 - stable));
    if (slope < 0) low = stable;
    else high = stable;
  }
  const stable = (low + high) / 2;
  return { canary: stable + margin, stable };
}

/**
 * ln of the poll's e-value against "the canary's mean lies on the other side of the line than the alternative". Its
 * expectation is at most 1 wherever that is true, for any scores between 0 and 1 (the proof is in
 * `docs/how-it-judges.md`); 0, no evidence, where an arm had no request or the alternative is not on its side.
 *
 * Fractional scores enter by their sum: the chord that this takes lies below the concave ln(1 + g (y - q)) of each
 * request, so that the e-value is at most the exact one.
 */
export function logEvidence(
  canary: ArmCounts,
  stable: ArmCounts,
  alternative: Means,
  margin: number,
  side: Side,
): number {
  if (canary.requests === 0 || stable.requests === 0) return 0;
  const gap = alternative.canary - alternative.stable - margin;
  if (side === 'above' ? gap <= 0 : gap >= 0) return 0;
  const nearest = nearestOnLine(alternative, margin, canary.requests, stable.requests);
  if (nearest === null) return 0;
  return (
    logLikelihoodRatio(canary, alternative.canary, nearest.canary) +
    logLikelihoodRatio(stable, alternative.stable, nearest.stable)
  );
}

/** ln of how much likelier the counts are under mean `claimed` than under mean `supposed`, both inside (0, 1). */
export function logLikelihoodRatio(counts: ArmCounts, claimed: number, supposed: number): number {
  const good = counts.requests - counts.score;
  return counts.score * Math.log(claimed / supposed) + good * (Math.log1p(-claimed) - Math.log1p(-supposed));
}

/** ln of a sum of numbers given by their ln; -Infinity for none. */
export function logSum(logs: readonly number[]): number {
  const most = Math.max(...logs);
  if (!Number.isFinite(most)) return most;
  let sum = 0;
  for (const log of logs) sum += Math.exp(log - most);
  return most + Math.log(sum);
}
