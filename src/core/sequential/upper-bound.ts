/** An upper bound of a mean that holds at all times at once, however often one looks. */
import type { ArmCounts } from './counts.ts';
import { logLikelihoodRatio, logSum } from './evidence.ts';

/** Parts of the supposed mean that are bet on: small ones decide at few requests, large ones at many. */
const PARTS = [0.05, 0.3, 0.5, 0.65, 0.75, 0.82, 0.88, 0.92, 0.95, 0.97] as const;
const BISECTIONS = 60;

/**
 * The least mean that the counts speak against with odds of e^`threshold`: by Ville's inequality the true mean of
 * independent scores between 0 and 1 is ever above it with probability e^-`threshold` at most. 1 without requests.
 *
 * For each supposed mean u the wealth is a mixture of likelihood ratios of u * part against u; it rises with u, so that
 * bisection finds where it reaches the odds.
 *
 * @param dispersion divides the ln of each ratio, 1 or more
 */
export function upperBound(counts: ArmCounts, threshold: number, dispersion: number): number {
  if (counts.requests === 0) return 1;
  let low = 0;
  let high = 1;
  for (let round = 0; round < BISECTIONS; round += 1) {
    const supposed = (low + high) / 2;
    const logs = PARTS.map((part) => logLikelihoodRatio(counts, supposed * part, supposed) / dispersion);
    if (logSum(logs) - Math.log(PARTS.length) >= threshold) high = supposed;
    else low = supposed;
  }
  return high;
}
