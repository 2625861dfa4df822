/** How far an honest split may stray from its weight: exact intervals of the binomial distribution. */

export interface CountInterval {
  /** Smallest count inside. */
  readonly low: number;
  /** Greatest count inside. */
  readonly high: number;
}

/**
 * The central interval that holds the number of successes in `trials` independent draws with at least the
 * probability `coverage`; each tail outside holds at most half of the rest. Exact: the two quantiles of the
 * binomial distribution function, summed from its mass function in logarithms so that no size underflows.
 *
 * @param trials whole number, 0 or more
 * @param probability of one success, 0 to 1
 * @param coverage share that must lie inside, 0 to 1
 */
export function binomialInterval(trials: number, probability: number, coverage: number): CountInterval {
  if (probability <= 0) return { low: 0, high: 0 };
  if (probability >= 1) return { low: trials, high: trials };
  const tail = (1 - coverage) / 2;
  const logOdds = Math.log(probability) - Math.log1p(-probability);
  let logMass = trials * Math.log1p(-probability);
  let below = 0;
  let low: number | null = null;
  for (let count = 0; count < trials; count += 1) {
    below += Math.exp(logMass);
    if (low === null && below >= tail) low = count;
    if (below >= 1 - tail) return { low: low ?? count, high: count };
    logMass += Math.log(trials - count) - Math.log(count + 1) + logOdds;
  }
  return { low: low ?? trials, high: trials };
}
