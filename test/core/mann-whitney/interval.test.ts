import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { effectSize } from '../../../src/core/mann-whitney/effect-size.ts';
import { shiftInterval, standardizedRankSum } from '../../../src/core/mann-whitney/interval.ts';
import { normalQuantile } from '../../../src/core/mann-whitney/normal.ts';
import { percentile, withoutNan, withoutOutliers } from '../../../src/core/mann-whitney/points.ts';
import { findRoot } from '../../../src/core/mann-whitney/root.ts';
import { PUBLISHED_RESOLUTION, type PublishedCases } from './published.ts';

const PUBLISHED: PublishedCases = JSON.parse(
  readFileSync(resolve(import.meta.dirname, 'published-cases.json'), 'utf8'),
);

function sorted(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b);
}

describe('the normal quantile', () => {
  it('is that of the tables', () => {
    expect(normalQuantile(0.5)).toBe(0);
    expect(normalQuantile(0.01)).toBeCloseTo(-2.3263478740408408, 12);
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 12);
    expect(normalQuantile(1e-12)).toBeCloseTo(-7.034483825301131, 10);
  });

  it('is odd about one half', () => {
    for (const p of [1e-9, 0.001, 0.07, 0.3]) {
      expect(normalQuantile(1 - p)).toBeCloseTo(-normalQuantile(p), 6);
    }
  });
});

describe('the root finder', () => {
  it('finds the root of a smooth function to within the tolerance', () => {
    const f = (at: number) => at ** 3 - 2;
    const root = findRoot(f, { low: 0, high: 2, atLow: -2, atHigh: 6 }, 1e-10);
    expect(root).toBeCloseTo(Math.cbrt(2), 9);
  });

  it('finds the place of a jump', () => {
    const f = (at: number) => (at < 1.25 ? 3 : -1);
    expect(findRoot(f, { low: -7, high: 9, atLow: 3, atHigh: -1 }, 1e-9)).toBeCloseTo(1.25, 8);
  });

  it('takes an end of the bracket that is a root', () => {
    const f = (at: number) => at;
    expect(findRoot(f, { low: 0, high: 5, atLow: 0, atHigh: 5 }, 1e-9)).toBe(0);
    expect(findRoot(f, { low: -5, high: 0, atLow: -5, atHigh: 0 }, 1e-9)).toBe(0);
  });

  it('gives up on a function that is never a number', () => {
    expect(findRoot(() => Number.NaN, { low: 0, high: 1e300, atLow: 1, atHigh: -1 }, 0)).toBeNull();
  });
});

describe('the published numbers', () => {
  it('of the statistic, with and without ties', () => {
    const { canary, stable } = PUBLISHED.intervals.find(({ name }) => name === 'problem case')!;
    expect(standardizedRankSum(sorted(canary), sorted(stable), 0)).toBeCloseTo(-1.229416, 6);
    expect(standardizedRankSum(sorted(canary), sorted(stable), 5)).toBeCloseTo(-35.80606, 5);
  });

  it('of the bracket and the statistic at its ends', () => {
    const { canary, stable } = PUBLISHED.intervals.find(({ name }) => name === 'intermediate values')!;
    const [x, y] = [sorted(canary), sorted(stable)];
    const { rMumin, rMumax, rFlower1, rFupper1, rFlower2, rFupper2 } = PUBLISHED.intermediate;
    const quantile = normalQuantile(0.975);
    expect(x[0]! - y.at(-1)!).toBeCloseTo(rMumin, 12);
    expect(x.at(-1)! - y[0]!).toBeCloseTo(rMumax, 12);
    expect(standardizedRankSum(x, y, rMumin)! - quantile).toBeCloseTo(rFlower1, 6);
    expect(standardizedRankSum(x, y, rMumax)! - quantile).toBeCloseTo(rFupper1, 6);
    expect(standardizedRankSum(x, y, rMumin)! + quantile).toBeCloseTo(rFlower2, 6);
    expect(standardizedRankSum(x, y, rMumax)! + quantile).toBeCloseTo(rFupper2, 6);
  });

  it.each(PUBLISHED.intervals)('of the interval: $name', (published) => {
    const { canary, stable, confidence, expected, estimateWithin } = published;
    const found = shiftInterval(sorted(canary), sorted(stable), confidence, PUBLISHED_RESOLUTION)!;
    const [lower, upper, estimate] = expected;
    expect(Math.abs(found.lower - lower)).toBeLessThan(1e-6);
    expect(Math.abs(found.upper - upper)).toBeLessThan(1e-6);
    expect(Math.abs(found.estimate - estimate)).toBeLessThan(estimateWithin);
  });

  it.each(PUBLISHED.effects)('of the effect: $name', ({ measure, canary, stable, expected, within }) => {
    const found = effectSize(measure, canary, stable);
    if (expected === null) expect(found).toBeNull();
    else expect(Math.abs(found! - expected)).toBeLessThanOrEqual(within);
  });

  it.each(PUBLISHED.percentiles)('of percentile $percent', ({ percent, points, expected, within }) => {
    expect(Math.abs(percentile(sorted(points), percent) - expected)).toBeLessThanOrEqual(within);
  });
});

describe('the interval', () => {
  const points = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 6, maxLength: 30 });

  it('holds its estimate and moves with the data', () => {
    fc.assert(
      fc.property(points, points, fc.integer({ min: -20, max: 20 }), (a, b, move) => {
        const [x, y] = [sorted(a), sorted(b)];
        fc.pre(x[0] !== x.at(-1) || y[0] !== y.at(-1));
        const still = shiftInterval(x, y, 0.95, 1e-9)!;
        const moved = shiftInterval(
          x.map((value) => value + move),
          y,
          0.95,
          1e-9,
        )!;
        expect(still.lower).toBeLessThanOrEqual(still.estimate + 1e-8);
        expect(still.upper).toBeGreaterThanOrEqual(still.estimate - 1e-8);
        expect(moved.lower).toBeCloseTo(still.lower + move, 6);
        expect(moved.upper).toBeCloseTo(still.upper + move, 6);
      }),
    );
  });

  it('has the median of all differences as its estimate', () => {
    const [x, y] = [
      [1, 4, 9, 16.5, 25],
      [0.5, 2, 3.25, 8],
    ];
    const differences = sorted(x.flatMap((a) => y.map((b) => a - b)));
    const median = (differences[9]! + differences[10]!) / 2;
    const { estimate } = shiftInterval(x, y, 0.9, 1e-9)!;
    expect(Math.abs(estimate - median)).toBeLessThanOrEqual((differences[10]! - differences[9]!) / 2 + 1e-8);
  });

  it('is not there when every point is tied', () => {
    expect(standardizedRankSum([1, 1], [1, 1, 1], 0)).toBeNull();
  });
});

describe('points before they are compared', () => {
  it.each(PUBLISHED.outliers)('lose the published outliers: $name', ({ points, factor, outliers }) => {
    // The published detector has no percentile fences: the 1st and the 99th of so few points lie within the extremes.
    const kept = withoutOutliers(points, factor);
    expect(points.filter((point) => !kept.includes(point))).toEqual(outliers);
    expect(kept).toEqual(points.filter((point) => !outliers.includes(point)));
  });

  it('lose an outlier among a hundred, on either side, and keep one on the fence', () => {
    const usual = Array.from({ length: 100 }, (_, index) => index);
    expect(withoutOutliers([...usual, 1_000, -1_000], 3)).toEqual(usual);
    const quartiles = [...Array(30).fill(0), ...Array(69).fill(10), 40];
    expect(withoutOutliers(quartiles, 3)).toContain(40);
  });

  it('lose NaN or have 0 in its place', () => {
    expect(withoutNan([1, Number.NaN, 2], 'remove')).toEqual([1, 2]);
    expect(withoutNan([1, Number.NaN, 2], 'replace')).toEqual([1, 0, 2]);
  });
});
