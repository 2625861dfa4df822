/** The promise itself, by exact enumeration: wherever the null is true, a poll's e-value is 1 at most on average. */
import { describe, expect, it } from 'vitest';
import type { ArmCounts } from '../../../src/core/sequential/counts.ts';
import { logEvidence, type Means, type Side } from '../../../src/core/sequential/evidence.ts';
import { pollSequential } from '../../../src/core/sequential/poll.ts';
import type { SequentialSettings } from '../../../src/core/sequential/settings.ts';
import { startSequential } from '../../../src/core/sequential/state.ts';
import { aPoll, arm, aShippedRule } from './a-rule.ts';

const REQUESTS = [
  { canary: 1, stable: 1 },
  { canary: 7, stable: 1 },
  { canary: 3, stable: 5 },
  { canary: 7, stable: 20 },
];
const MEANS = [0, 1e-6, 0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.999, 1] as const;
const MARGINS = [-0.1, 0, 0.0025, 0.05, 0.2] as const;
const ALTERNATIVES: readonly Means[] = [
  { canary: 0.005, stable: 0.001 },
  { canary: 0.06, stable: 0.001 },
  { canary: 0.3, stable: 0.02 },
  { canary: 0.995, stable: 0.3 },
  { canary: 0.02, stable: 0.1 },
  { canary: 1e-6, stable: 0.004 },
];

/** Probabilities of the sum of so many scores, each 0, 1/2 or 1, at positions 0, 1/2, 1, … */
function sums(requests: number, score: readonly [number, number, number]): number[] {
  let law = [1];
  for (let request = 0; request < requests; request += 1) {
    const next = Array<number>(law.length + 2).fill(0);
    for (const [at, probability] of law.entries()) {
      for (const [step, chance] of score.entries()) next[at + step] = next[at + step]! + probability * chance;
    }
    law = next;
  }
  return law;
}

/** All or nothing, or half of the weight on scores of 1/2 where the mean allows it. */
function laws(mean: number): readonly (readonly [number, number, number])[] {
  const half = Math.min(mean, 1 - mean);
  return [
    [1 - mean, 0, mean],
    [1 - mean - half / 2, half, mean - half / 2],
  ];
}

interface Game {
  readonly requests: { readonly canary: number; readonly stable: number };
  readonly alternative: Means;
  readonly margin: number;
  readonly side: Side;
}

/** The e-value of each pair of sums, positions as in `sums`. */
function eValues({ requests, alternative, margin, side }: Game): number[][] {
  return Array.from({ length: 2 * requests.canary + 1 }, (_, canary) =>
    Array.from({ length: 2 * requests.stable + 1 }, (__, stable) =>
      Math.exp(
        logEvidence(
          { requests: requests.canary, score: canary / 2 },
          { requests: requests.stable, score: stable / 2 },
          alternative,
          margin,
          side,
        ),
      ),
    ),
  );
}

/** The mean e-value for each pair of means and each law of the scores that has them. */
function expectations(game: Game, nulls: readonly Means[]): number[] {
  const values = eValues(game);
  return nulls.flatMap((means) =>
    laws(means.canary).flatMap((canaryLaw) => {
      const canary = sums(game.requests.canary, canaryLaw);
      return laws(means.stable).map((stableLaw) => {
        const stable = sums(game.requests.stable, stableLaw);
        let sum = 0;
        for (const [i, p] of canary.entries()) {
          for (const [j, q] of stable.entries()) sum += p * q * values[i]![j]!;
        }
        return sum;
      });
    }),
  );
}

describe.each(['above', 'below'] as const)('the e-value of one poll, alternatives %s the line', (side) => {
  it.each(MARGINS)('is 1 at most on average wherever the null with margin %f is true', (margin) => {
    const isNull = (means: Means) =>
      side === 'above'
        ? means.canary <= means.stable + margin + 1e-15
        : means.canary >= means.stable + margin - 1e-15;
    const pairs = MEANS.flatMap((stable) =>
      [...MEANS, stable + margin]
        .filter((canary) => canary >= 0 && canary <= 1)
        .map((canary) => ({ canary, stable })),
    ).filter(isNull);
    const greatest = Math.max(
      ...ALTERNATIVES.flatMap((alternative) =>
        REQUESTS.flatMap((requests) => expectations({ requests, alternative, margin, side }, pairs)),
      ),
    );
    expect(greatest).toBeGreaterThan(0.99);
    expect(greatest).toBeLessThanOrEqual(1 + 1e-9);
  });
});

it('is far above 1 on average where the alternative is true', () => {
  const alternative = { canary: 0.3, stable: 0.02 };
  const game = { requests: { canary: 7, stable: 20 }, alternative, margin: 0.05, side: 'above' } as const;
  expect(Math.max(...expectations(game, [alternative]))).toBeGreaterThan(2);
});

describe('the odds at weight 100, where the canary is held against a bound alone', () => {
  const TESTS = ['alone', 'guard'] as const;
  const readingAt = (settings: SequentialSettings, stable: ArmCounts, canary: ArmCounts) =>
    pollSequential(startSequential(settings, stable, 1), aPoll(canary, arm(0, 0), { alone: true }), settings)
      .reading;

  /** The mean odds of a test after one poll of so many requests, for each law of the scores that has the mean. */
  function meanOdds(settings: SequentialSettings, stable: ArmCounts, requests: number) {
    const readings = Array.from({ length: 2 * requests + 1 }, (_, sum) =>
      readingAt(settings, stable, arm(requests, sum / 2)),
    );
    return (test: (typeof TESTS)[number], mean: number) =>
      laws(mean).map((law) =>
        sums(requests, law).reduce((total, p, sum) => total + p * Math.exp(readings[sum]![test]), 0),
      );
  }

  describe.each([
    ['errors', aShippedRule()],
    ['errors, a wide margin', aShippedRule({ maxDelta: 0.05, sensitivity: 1 })],
    ['a latency', aShippedRule({ source: 'latency' })],
  ])('%s', (_, settings) => {
    it.each([
      [30_000, 30],
      [2_000, 40],
      [50, 0],
      [40, 20],
    ])(
      'are 1 at most on average while the mean is below it: stable with %d requests, score %d',
      (...known) => {
        const stable = arm(...known);
        const bound = readingAt(settings, stable, arm(1, 0)).stableBound!;
        for (const test of TESTS) {
          const line = bound + settings[test].margin;
          const means = [0, 0.001, 0.2, 0.5, 0.9, 0.99, 1].map((part) => part * Math.min(line, 1));
          const found = [1, 7, 30].flatMap((requests) => {
            const odds = meanOdds(settings, stable, requests);
            return means.flatMap((mean) => odds(test, mean));
          });
          expect(Math.max(...found)).toBeGreaterThan(0.99);
          expect(Math.max(...found)).toBeLessThanOrEqual(1 + 1e-9);
        }
      },
    );

    it('are far above 1 on average where the canary is far above it', () => {
      for (const test of TESTS) {
        expect(Math.max(...meanOdds(settings, arm(30_000, 30), 30)(test, 0.9))).toBeGreaterThan(100);
      }
    });
  });
});
