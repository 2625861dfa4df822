/** How often a threshold on few requests is wrong: what the page on low traffic says of numbers. */

export interface Question {
  /** Requests of the canary in one window. */
  readonly requests: number;
  /** Error rate of stable, taken as known, and of a canary that is as good. */
  readonly healthy: number;
  /** Error rate of a bad canary. */
  readonly bad: number;
  readonly maxDelta: number;
}

/** Chances of one look: errors are independent, so their number is binomial. */
export function judgedWrongly({ requests, healthy, bad, maxDelta }: Question): {
  readonly healthyFails: number;
  readonly badPasses: number;
} {
  // A tiny more than the bound, so that a share exactly at it is inside also in binary.
  const allowed = Math.floor(requests * (healthy + maxDelta) + 1e-9);
  return {
    healthyFails: 1 - atMost(allowed, requests, healthy),
    badPasses: atMost(allowed, requests, bad),
  };
}

/** Chance of at most `count` errors among `trials`. */
function atMost(count: number, trials: number, rate: number): number {
  let logMass = trials * Math.log1p(-rate);
  let sum = Math.exp(logMass);
  for (let errors = 1; errors <= count; errors += 1) {
    logMass += Math.log(trials - errors + 1) - Math.log(errors) + Math.log(rate) - Math.log1p(-rate);
    sum += Math.exp(logMass);
  }
  return Math.min(1, sum);
}
