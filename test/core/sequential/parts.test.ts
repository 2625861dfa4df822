/** The smaller formulas of the sequential judge, each against numbers published or computed elsewhere. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dispersionOf } from '../../../src/core/sequential/dispersion.ts';
import { evidencePerSecond, msToPromote, msToRollBack } from '../../../src/core/sequential/expected.ts';
import { logGamma } from '../../../src/core/sequential/log-gamma.ts';
import { slowCounts } from '../../../src/core/sequential/slow-scores.ts';
import {
  addSplit,
  logSplitOdds,
  NO_SPLIT,
  readSplit,
  SPLIT_ALPHA,
} from '../../../src/core/sequential/traffic-split.ts';
import { quantileOf } from '../../../src/metrics/histogram.ts';
import { aRule, arm, failures, seeded } from './a-rule.ts';

describe('dispersion', () => {
  const chances = Array.from({ length: 100 }, (_, seed) => seeded(seed + 1));

  it('is 1 in nine cases of ten where failures are independent', () => {
    const found = chances.map((random) =>
      dispersionOf(Array.from({ length: 120 }, () => arm(700, failures(700, 0.01, random)))),
    );
    expect(found.filter((value) => value === 1).length).toBeGreaterThanOrEqual(90);
  });

  it('is about 2m - 1 where failures come in clusters of m on average, geometrically spread', () => {
    const found = chances.map((random) =>
      dispersionOf(
        Array.from({ length: 120 }, () => {
          let bad = 0;
          for (let cluster = failures(700, 0.003, random); cluster > 0; cluster -= 1) {
            bad += 1;
            while (random() < 2 / 3) bad += 1;
          }
          return arm(700, Math.min(bad, 700));
        }),
      ),
    );
    const mean = found.reduce((sum, value) => sum + value, 0) / found.length;
    expect(mean).toBeGreaterThan(4);
    expect(mean).toBeLessThan(7);
  });

  it('is seen in long waves that no single poll shows', () => {
    const polls = Array.from({ length: 120 }, (_, index) => arm(100, index % 40 < 20 ? 2 : 0));
    expect(dispersionOf(polls)).toBeGreaterThan(10);
  });

  it.each([
    ['no polls', []],
    ['no failures', Array.from({ length: 40 }, () => arm(100, 0))],
    ['only failures', Array.from({ length: 40 }, () => arm(100, 100))],
    ['no requests', Array.from({ length: 40 }, () => arm(0, 0))],
    ['one poll', [arm(100, 50)]],
  ])('is 1 for %s', (_, polls) => {
    expect(dispersionOf(polls)).toBe(1);
  });

  it('is 50 at most', () => {
    expect(
      dispersionOf(Array.from({ length: 40 }, (_, index) => arm(1000, index % 2 === 0 ? 1000 : 0))),
    ).toBe(50);
  });
});

describe('slow scores', () => {
  const buckets = [
    { upper: 100, count: 800 },
    { upper: 250, count: 950 },
    { upper: 500, count: 992 },
    { upper: 1000, count: 998 },
    { upper: Infinity, count: 1000 },
  ];

  it('score 0.01 on average at the p99', () => {
    const quantile = quantileOf(0.99, buckets);
    expect(quantile.kind === 'value' && quantile.value).toBeCloseTo(488.0952, 4);
    const counts = slowCounts(buckets, 488.095238095238);
    expect(counts?.requests).toBe(1000);
    expect(counts?.score).toBeCloseTo(10, 9);
  });

  it('give the part of a bucket above the threshold', () => {
    expect(slowCounts(buckets, 538.0952)?.score).toBeCloseTo(6 * 0.92381 + 2, 4);
    expect(
      slowCounts(
        [
          { upper: 10, count: 4 },
          { upper: Infinity, count: 4 },
        ],
        2.5,
      )?.score,
    ).toBe(3);
  });

  it('need a +Inf bucket', () => {
    expect(slowCounts(buckets.slice(0, -1), 100)).toBeNull();
    expect(slowCounts([], 100)).toBeNull();
  });

  it('average 1 - q at the q-quantile of any histogram', () => {
    const histogram = fc.array(fc.nat({ max: 1000 }), { minLength: 3, maxLength: 12 }).map((counts) =>
      counts.map((_, index) => ({
        upper: index === counts.length - 1 ? Infinity : (index + 1) ** 2,
        count: counts.slice(0, index + 1).reduce((sum, count) => sum + count, 0),
      })),
    );
    fc.assert(
      fc.property(histogram, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (made, q) => {
        const quantile = quantileOf(q, made);
        fc.pre(quantile.kind === 'value');
        const counts = slowCounts(made, quantile.kind === 'value' ? quantile.value : 0)!;
        expect(counts.score / counts.requests).toBeCloseTo(1 - q, 9);
      }),
    );
  });
});

describe('the split of traffic', () => {
  it.each([
    [[60, 40], [0.5, 0.5], 0.658892],
    [[80, 20], [0.5, 0.5], 8.839605],
    [[500, 500], [0.5, 0.5], -1.20122],
    [[10, 90], [0.05, 0.95], 0.601279],
    [[20, 90], [0.05, 0.95], 6.947417],
    [[5, 0], [0.05, 0.95], 1.478052],
    [[30, 270], [0.05, 0.95], 3.919474],
  ])('of %j against %j has ln odds of %f', (counts, split, expected) => {
    expect(logSplitOdds(counts, split)).toBeCloseTo(expected, 6);
  });

  it('is a mismatch when the canary gets twice its share, until it no longer does', () => {
    let state = NO_SPLIT;
    for (let poll = 0; poll < 10; poll += 1) state = addSplit(state, { canary: 75, stable: 675 }, 0.05);
    expect(readSplit(state, 0.05)).toMatchObject({ observed: 0.1, mismatch: true });
    for (let poll = 0; poll < 100; poll += 1) state = addSplit(state, { canary: 37, stable: 713 }, 0.05);
    expect(readSplit(state, 0.05)).toMatchObject({ mismatch: false });
  });

  it('is none when it is only a little off, however sure that is', () => {
    const state = addSplit(NO_SPLIT, { canary: 57_000, stable: 943_000 }, 0.05);
    const { p, mismatch } = readSplit(state, 0.05);
    expect(p).toBeLessThan(1e-100);
    expect(mismatch).toBe(false);
  });

  it('is right in all but very few cases when it is right', () => {
    const random = seeded(99);
    let mismatches = 0;
    for (let run = 0; run < 200; run += 1) {
      let state = NO_SPLIT;
      for (let poll = 0; poll < 20; poll += 1) {
        const canary = failures(200, 0.1, random);
        state = addSplit(state, { canary, stable: 200 - canary }, 0.1);
      }
      if (readSplit(state, 0.1).p <= SPLIT_ALPHA) mismatches += 1;
    }
    expect(mismatches).toBeLessThanOrEqual(1);
  });

  it('is not checked where one arm has all or nothing', () => {
    expect(readSplit(addSplit(NO_SPLIT, { canary: 900, stable: 100 }, 1), 1)).toEqual({
      observed: 0.9,
      p: 1,
      mismatch: false,
    });
    expect(readSplit(NO_SPLIT, 0.1).observed).toBeNull();
  });
});

describe('ln of the gamma function', () => {
  it.each([
    [1, 0],
    [0.5, 0.5723649429247001],
    [0.05, 2.9688792010517306],
    [10, 12.801827480081469],
    [1e6, 12_815_504.569147611],
  ])('of %f is %f', (x, expected) => {
    expect(logGamma(x) / Math.max(1, expected)).toBeCloseTo(expected / Math.max(1, expected), 9);
  });
});

describe('expected numbers of canary requests', () => {
  const GAPS = [0.005, 0.0075, 0.01, 0.02, 0.05, 0.2] as const;
  /** One canary request a second beside so many of stable that its rate is known: seconds are requests. */
  const traffic = (stableMean: number) => ({ canaryRps: 1, stableRps: 1e9, stableMean });
  const plain = aRule();
  const rules = { ...plain, regression: { ...plain.regression, threshold: Math.log(100) } };

  it.each([
    [0.0001, [7033, 2087, 1060, 278, 65, 10], 757, 4652],
    [0.001, [8961, 2586, 1289, 326, 73, 10], 1085, 5669],
    [0.005, [17_383, 4725, 2258, 518, 104, 13], 2260, 10_117],
    [0.01, [27_754, 7331, 3425, 740, 138, 16], 3649, 15_595],
    [0.02, [48_138, 12_433, 5698, 1164, 199, 20], 6357, 26_365],
  ])('at a stable rate of %f are those of the table', (rate, toCatch, healthy, tolerable) => {
    for (const [index, gap] of GAPS.entries()) {
      const requests = msToRollBack(traffic(rate), rate + gap, rules, 1) / 1000;
      const expected = toCatch[index]!;
      expect(Math.abs(requests - expected)).toBeLessThan(Math.max(0.01 * expected, 0.5));
    }
    expect(Math.abs(msToPromote(traffic(rate), rate, rules, 1, 1) / 1000 - healthy)).toBeLessThan(
      0.01 * healthy,
    );
    const promoted = msToPromote(traffic(rate), rate + 0.0025, rules, 1, 1) / 1000;
    expect(Math.abs(promoted - tolerable)).toBeLessThan(0.01 * tolerable);
  });

  it('are infinite for what is tolerated, without traffic, and for what must not be promoted', () => {
    expect(msToRollBack(traffic(0.001), 0.0035, rules, 1)).toBe(Infinity);
    expect(msToPromote(traffic(0.001), 0.006, rules, 1, 1)).toBe(Infinity);
    expect(msToRollBack({ canaryRps: 0, stableRps: 10, stableMean: 0.001 }, 0.1, rules, 1)).toBe(Infinity);
  });

  it('grow with dispersion and shrink with stable traffic', () => {
    const at = (stableRps: number) =>
      evidencePerSecond({ canaryRps: 1, stableRps, stableMean: 0.001 }, 0.011, 0.0025, 'above');
    expect(at(1)).toBeLessThan(at(19));
    expect(msToRollBack(traffic(0.001), 0.011, rules, 3)).toBeCloseTo(
      3 * msToRollBack(traffic(0.001), 0.011, rules, 1),
      3,
    );
  });
});
