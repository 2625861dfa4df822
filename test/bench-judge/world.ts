/** A rollout's traffic: what both versions get and how it ends, drawn poll by poll. */
import type { Random } from '../../src/core/simulation/random.ts';
import { binomial, geometric, multinomial, poisson } from '../../src/core/simulation/samplers.ts';
import { BUCKETS, type Counts, ERRORS, LATENCY, type Sli } from './sli.ts';

export const POLL_SECONDS = 15;
export const POLLS_PER_MINUTE = 60 / POLL_SECONDS;
/** Weights of the steps, in percent. */
export const WEIGHTS = [5, 10, 25, 50] as const;
/** Stable's polls before the rollout: 30 minutes. */
export const POLLS_BEFORE = 30 * POLLS_PER_MINUTE;

/** A poll's place in its rollout. */
export interface Place {
  /** From 1; 0 and less before the rollout. */
  readonly poll: number;
  /** From 0. */
  readonly step: number;
  /** From 1; 0 before the rollout. */
  readonly pollInStep: number;
  /** Percent of the traffic that the canary gets. */
  readonly weight: number;
}

export interface Draw {
  readonly canary: Counts;
  readonly stable: Counts;
  /** A third deployment of the stable version, with as much traffic as the canary. */
  readonly baseline: Counts;
  /** Expected bad (or slow) requests of the canary beyond what stable would have made of the same ones. */
  readonly excess: number;
}

export interface World {
  readonly sli: Sli;
  draw(place: Place): Draw;
}

/** Shares of bad requests of both versions. */
export interface Rates {
  readonly canary: number;
  readonly stable: number;
}

/** `clusterMean`: bad requests come in clusters of geometric size, which multiplies their variance by 2m - 1. */
export function errorWorld(
  random: Random,
  rps: number,
  rates: (place: Place) => Rates,
  clusterMean = 1,
): World {
  const arm = (requests: number, rate: number): Counts => {
    const bad =
      clusterMean === 1 ? binomial(random, requests, rate) : clustered(random, requests, rate, clusterMean);
    return Float64Array.of(requests - bad, bad);
  };
  return {
    sli: ERRORS,
    draw(place) {
      const { canary, stable } = rates(place);
      const [canaryMean, stableMean] = arrivals(rps, place.weight);
      const counts = arm(poisson(random, canaryMean), canary);
      return {
        canary: counts,
        stable: arm(poisson(random, stableMean), stable),
        baseline: arm(poisson(random, canaryMean), stable),
        excess: (counts[0]! + counts[1]!) * Math.max(0, canary - stable),
      };
    },
  };
}

function clustered(random: Random, requests: number, rate: number, mean: number): number {
  let bad = 0;
  for (let left = poisson(random, (requests * rate) / mean); left > 0; left -= 1)
    bad += geometric(random, mean);
  return Math.min(bad, requests);
}

/** Requests that a poll expects for the canary and for stable. */
function arrivals(rps: number, weight: number): [canary: number, stable: number] {
  const all = rps * POLL_SECONDS;
  return [(all * weight) / 100, (all * (100 - weight)) / 100];
}

/** Latencies are log-normal with this median (ms) and deviation of the logarithm: p99 = 323 ms. */
const MEDIAN = 80;
const SIGMA = 0.6;
export const TRUE_P99 = MEDIAN * Math.exp(SIGMA * 2.3263478740408408);

/** How much slower than usual each version is: 1 is not at all. */
export function latencyWorld(random: Random, rps: number, scales: (place: Place) => Rates): World {
  return {
    sli: LATENCY,
    draw(place) {
      const { canary, stable } = scales(place);
      const [canaryMean, stableMean] = arrivals(rps, place.weight);
      const requests = poisson(random, canaryMean);
      const [ours, theirs] = [bucketShares(canary), bucketShares(stable)];
      return {
        canary: multinomial(random, requests, ours),
        stable: multinomial(random, poisson(random, stableMean), theirs),
        baseline: multinomial(random, poisson(random, canaryMean), theirs),
        excess: requests * Math.max(0, slowShare(canary) - slowShare(stable)),
      };
    },
  };
}

const SHARES = new Map<number, Float64Array>();
/** Scales that noise draws come once each. */
const KEPT_SHARES = 64;

function bucketShares(scale: number): Float64Array {
  const known = SHARES.get(scale);
  if (known !== undefined) return known;
  let before = 0;
  const shares = Float64Array.from([...BUCKETS, Infinity], (bound) => {
    const below = fasterThan(bound, scale);
    const share = below - before;
    before = below;
    return share;
  });
  if (SHARES.size < KEPT_SHARES) SHARES.set(scale, shares);
  return shares;
}

function slowShare(scale: number): number {
  return 1 - fasterThan(TRUE_P99, scale);
}

function fasterThan(bound: number, scale: number): number {
  return bound === Infinity ? 1 : normalCdf(Math.log(bound / (MEDIAN * scale)) / SIGMA);
}

/**
 * The probability that a standard normal variable stays below `z`, to 1e-15: a Taylor series about 0, and Laplace's
 * continued fraction in the tails.
 */
export function normalCdf(z: number): number {
  const size = Math.abs(z);
  const density = Math.exp((-size * size) / 2) / Math.sqrt(2 * Math.PI);
  if (size < 3) {
    let term = size;
    let sum = size;
    for (let odd = 3; term > 1e-17 * sum; odd += 2) {
      term *= (size * size) / odd;
      sum += term;
    }
    return z < 0 ? 0.5 - density * sum : 0.5 + density * sum;
  }
  let fraction = size;
  for (let level = 60; level >= 1; level -= 1) fraction = size + level / fraction;
  return z < 0 ? density / fraction : 1 - density / fraction;
}
