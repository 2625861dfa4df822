import { describe, expect, it } from 'vitest';
import { upperBound } from '../../../src/core/sequential/upper-bound.ts';
import { arm } from './a-rule.ts';
import {
  asymptoticInterval,
  bernoulliInterval,
  bestRho,
  boundOf,
  distributionBound,
  logBetaBinomial,
  logNormalMixture,
  quantileBound,
  quantileTest,
} from './published.ts';

describe('the formulas of others give the numbers of others', () => {
  it('mixtures of normal laws', () => {
    const [one, two] = [bestRho(100, 0.05, 1), bestRho(100, 0.05, 2)];
    expect(two).toBeCloseTo(12.60056, 5);
    expect(logNormalMixture(10, 100, two, 2)).toBeCloseTo(-0.6510052, 7);
    expect(boundOf((s) => logNormalMixture(s, 100, two, 2), 0.05, 50)).toBeCloseTo(30.35209, 5);
    expect(logNormalMixture(10, 100, one, 1)).toBeCloseTo(-0.06502391, 8);
    expect(boundOf((s) => logNormalMixture(s, 100, one, 1), 0.05, 50)).toBeCloseTo(27.66071, 5);
  });

  it.each([
    [1, -0.07134019, 28.41238],
    [2, -0.6941012, 31.4308],
  ] as const)('mixtures of beta laws, sides: %d', (sides, logWealth, bound) => {
    const bounded = { g: 0.2, h: 0.8, best: 100, alpha: 0.05, sides };
    expect(logBetaBinomial(10, 100, bounded)).toBeCloseTo(logWealth, 7);
    expect(boundOf((s) => logBetaBinomial(s, 100, bounded), 0.05, 100)).toBeCloseTo(bound, 4);
  });

  it.each([
    [700, 1000, 100, 0.651629, 0.745949],
    [15, 50, 50, 0.129556, 0.511896],
    [5, 50, 50, 0.013021, 0.269264],
    [1, 50, 50, 0, 0.13489],
    [100, 200, 1, 0.328923, 0.671076],
  ])('the confidence sequence of %d of %d, tightest at %d', (successes, trials, best, low, high) => {
    const found = bernoulliInterval(successes, trials, 0.05, best);
    expect(Math.abs(found.low - low)).toBeLessThan(2e-6);
    expect(Math.abs(found.high - high)).toBeLessThan(2e-6);
  });

  it.each([
    [0.5, 68.62803],
    [0.9, 43.72119],
    [0.1, 59.96521],
  ])('bounds of counts below the %f-quantile', (p, bound) => {
    expect(quantileBound(p, 1000, 0.05, 100)).toBeCloseTo(bound, 4);
  });

  it('a bound of the whole distribution', () => {
    expect(distributionBound(1000, 0.05, 100)).toBeCloseTo(0.08204769, 5);
  });

  it.each([
    [70, 0.814704],
    [85, 0.0838055],
    [100, 0.0054947],
  ])('a test of two medians that lie %d apart', (apart, p) => {
    const sample = Array.from({ length: 1000 }, (_, index) => index + 1);
    const moved = sample.map((one) => one + apart);
    expect(quantileTest(sample, moved, 0.5, 100)).toBeCloseTo(p, 6);
    expect(quantileTest(moved, sample, 0.5, 100)).toBeCloseTo(p, 6);
  });

  it('an interval for a gap in the limit of many observations', () => {
    const a = { n: 3000, sum: 1396.87, squares: 52_377.9767 };
    const b = { n: 3461, sum: 2422.7, squares: 134_698.29 };
    const { low, high } = asymptoticInterval(a, b, 0.05, 5000);
    expect(low).toBeCloseTo(-0.126568442, 8);
    expect(high).toBeCloseTo(0.595321775, 8);
  });
});

/** The last alpha is the part of the shipped 1 % that the bound of stable has. */
const ALPHAS = [0.05, 0.01, 0.0005] as const;
const TRIALS = [20, 100, 1_000, 10_000, 100_000] as const;

describe.each(ALPHAS)('the upper bound of a mean, with an alpha of %f', (alpha) => {
  const bound = (trials: number, successes: number) =>
    upperBound(arm(trials, successes), -Math.log(alpha), 1);

  it.each(TRIALS)('is never below the mean of %d scores', (trials) => {
    for (let part = 0; part <= 100; part += 1) {
      const successes = (trials * part) / 100;
      expect(bound(trials, successes)).toBeGreaterThanOrEqual(successes / trials);
    }
  });

  it.each(TRIALS)(
    'lies about as far above the mean of %d scores as where the confidence sequence is tightest',
    (trials) => {
      for (const share of [0, 0.0001, 0.001, 0.01, 0.05, 0.2]) {
        const successes = Math.round(trials * share);
        const mean = successes / trials;
        const published = bernoulliInterval(successes, trials, alpha, trials).high - mean;
        const factor = (bound(trials, successes) - mean) / published;
        expect(factor, `${successes} of ${trials}`).toBeGreaterThan(0.9);
        expect(factor, `${successes} of ${trials}`).toBeLessThan(1.3);
      }
    },
  );

  it.each([0.01, 0.05, 0.3])('is ever below a true mean of %f with no more than that probability', (mean) => {
    const missed = everMissed(bound, mean, 3_000);
    expect(missed).toBeLessThanOrEqual(alpha);
    expect(missed).toBeGreaterThan(alpha / 10);
  });
});

/** The probability that the bound is below `mean`, its own, after any of so many trials: by exact enumeration. */
function everMissed(
  bound: (trials: number, successes: number) => number,
  mean: number,
  most: number,
): number {
  let missed = 0;
  /** Probabilities of so many successes, never having missed. */
  let law = [1];
  /** The bound rises with the successes: it is below the mean with fewer than these. */
  let enough = 0;
  for (let trials = 1; trials <= most; trials += 1) {
    const before = law;
    law = Array.from(
      { length: trials + 1 },
      (_, successes) => (before[successes] ?? 0) * (1 - mean) + (before[successes - 1] ?? 0) * mean,
    );
    while (enough <= trials && bound(trials, enough) < mean) enough += 1;
    for (let successes = 0; successes < enough; successes += 1) {
      missed += law[successes]!;
      law[successes] = 0;
    }
  }
  return missed;
}
