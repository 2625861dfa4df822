import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { binomialInterval } from '../../infra/demo/binomial.ts';

// Computed with exact rational arithmetic.
const KNOWN = [
  { trials: 10, probability: 0.5, coverage: 0.999, low: 0, high: 10 },
  { trials: 10, probability: 0.5, coverage: 0.95, low: 2, high: 8 },
  { trials: 20, probability: 0.05, coverage: 0.999, low: 0, high: 5 },
  { trials: 100, probability: 0.5, coverage: 0.999, low: 34, high: 66 },
  { trials: 100, probability: 0.05, coverage: 0.95, low: 1, high: 10 },
  { trials: 1_000, probability: 0.05, coverage: 0.999, low: 29, high: 74 },
  { trials: 1_000, probability: 0.25, coverage: 0.999, low: 206, high: 296 },
  { trials: 1_500, probability: 0.5, coverage: 0.999, low: 686, high: 814 },
  { trials: 2_000, probability: 0.95, coverage: 0.999, low: 1_867, high: 1_931 },
  { trials: 500, probability: 0.999, coverage: 0.999, low: 496, high: 500 },
];

describe('the binomial interval', () => {
  test.each(KNOWN)('of $trials trials at $probability covering $coverage is $low to $high', (known) => {
    const { trials, probability, coverage, low, high } = known;
    expect(binomialInterval(trials, probability, coverage)).toEqual({ low, high });
  });

  test('is a single count when the outcome is certain', () => {
    expect(binomialInterval(700, 0, 0.999)).toEqual({ low: 0, high: 0 });
    expect(binomialInterval(700, 1, 0.999)).toEqual({ low: 700, high: 700 });
    expect(binomialInterval(0, 0.25, 0.999)).toEqual({ low: 0, high: 0 });
  });

  test('does not underflow where the mass of zero successes is below the smallest number', () => {
    // The normal approximation: 50,000 +- 3.2905 x 158.11.
    const { low, high } = binomialInterval(100_000, 0.5, 0.999);
    expect(Math.abs(low - 49_480)).toBeLessThanOrEqual(1);
    expect(Math.abs(high - 50_520)).toBeLessThanOrEqual(1);
  });

  test('mirrors when success and failure change places', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 99 }), (trials, percent) => {
        const one = binomialInterval(trials, percent / 100, 0.999);
        const other = binomialInterval(trials, (100 - percent) / 100, 0.999);
        // One count of play: the two tails are summed from different ends.
        expect(Math.abs(one.low - (trials - other.high))).toBeLessThanOrEqual(1);
        expect(Math.abs(one.high - (trials - other.low))).toBeLessThanOrEqual(1);
      }),
    );
  });
});
