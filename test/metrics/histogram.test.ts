import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { observationsOf, quantileOf } from '../../src/metrics/histogram.ts';

const BUCKETS = [
  { upper: 0.1, count: 50 },
  { upper: 0.5, count: 90 },
  { upper: 1, count: 99 },
  { upper: Infinity, count: 100 },
];

describe('quantiles of classic histograms', () => {
  test('observations count as evenly spread inside of their bucket', () => {
    expect(quantileOf(0.7, BUCKETS)).toEqual({ kind: 'value', value: 0.1 + 0.4 * (20 / 40) });
  });

  test('the first bucket starts at zero', () => {
    expect(quantileOf(0.25, BUCKETS)).toEqual({ kind: 'value', value: 0.05 });
  });

  test('a first bucket that ends at or below zero gives its bound', () => {
    const negative = [
      { upper: -1, count: 5 },
      { upper: Infinity, count: 10 },
    ];
    expect(quantileOf(0.2, negative)).toEqual({ kind: 'value', value: -1 });
  });

  test('a quantile in the +Inf bucket is above the highest finite bound', () => {
    expect(quantileOf(0.995, BUCKETS)).toEqual({ kind: 'above', bound: 1 });
  });

  test('a quantile at the very end of the highest finite bucket is still a value', () => {
    expect(quantileOf(0.99, BUCKETS)).toEqual({ kind: 'value', value: 1 });
  });

  test('no observations, no +Inf bucket or no finite one give none', () => {
    const none = { kind: 'none' };
    expect(quantileOf(0.5, [])).toEqual(none);
    expect(quantileOf(0.5, BUCKETS.slice(0, 3))).toEqual(none);
    expect(quantileOf(0.5, BUCKETS.slice(3))).toEqual(none);
    expect(
      quantileOf(
        0.5,
        BUCKETS.map(({ upper }) => ({ upper, count: 0 })),
      ),
    ).toEqual(none);
    expect(
      quantileOf(
        0.5,
        BUCKETS.map(({ upper }) => ({ upper, count: Number.NaN })),
      ),
    ).toEqual(none);
  });

  test('bounds that are equal as numbers are added up, in any order', () => {
    const split = BUCKETS.flatMap(({ upper, count }) => [
      { upper, count: count / 4 },
      { upper, count: (count * 3) / 4 },
    ]);
    expect(quantileOf(0.7, split.reverse())).toEqual(quantileOf(0.7, BUCKETS));
  });

  test('counts that fall from one bound to the next are lifted, in the quantile and in the number of observations', () => {
    const falling = [
      { upper: 1, count: 10 },
      { upper: 2, count: 9 },
      { upper: Infinity, count: 8 },
    ];
    expect(observationsOf(falling)).toBe(10);
    expect(quantileOf(0.5, falling)).toEqual({ kind: 'value', value: 0.5 });
    expect(observationsOf(BUCKETS.slice(0, 3))).toBeUndefined();
  });

  test('the share of observations up to a quantile is that quantile', () => {
    const counts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(counts, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (perBucket, q) => {
        let sum = 0;
        const buckets = perBucket.map((count, index) => {
          sum += count;
          return { upper: index === perBucket.length - 1 ? Infinity : index + 1, count: sum };
        });
        const quantile = quantileOf(q, buckets);
        const rank = q * sum;
        const finite = sum - perBucket.at(-1)!;
        if (quantile.kind !== 'value') {
          expect(quantile).toEqual({ kind: 'above', bound: perBucket.length - 1 });
          expect(rank).toBeGreaterThan(finite);
          return;
        }
        const place = Math.ceil(quantile.value) - 1;
        const before = perBucket.slice(0, place).reduce((total, count) => total + count, 0);
        expect(before + (quantile.value - place) * perBucket[place]!).toBeCloseTo(rank, 6);
      }),
    );
  });
});
