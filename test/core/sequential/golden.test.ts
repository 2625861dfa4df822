/** Numbers that were computed twice elsewhere, in two languages: the judge must reproduce them to eight decimals. */
import { describe, expect, it } from 'vitest';
import type { ArmCounts, PollCounts } from '../../../src/core/sequential/counts.ts';
import { logEvidence, nearestOnLine } from '../../../src/core/sequential/evidence.ts';
import { enterStep, pollSequential } from '../../../src/core/sequential/poll.ts';
import type { SequentialSettings } from '../../../src/core/sequential/settings.ts';
import { type SequentialState, startSequential } from '../../../src/core/sequential/state.ts';
import { aPoll, aRule, arm } from './a-rule.ts';

/** Requests and bad ones of the canary, then of stable. */
type Row = readonly [number, number, number, number];

const STEPS: readonly (readonly Row[])[] = [
  [
    [38, 0, 712, 1],
    [35, 1, 720, 0],
    [41, 0, 705, 2],
  ],
  [
    [75, 2, 668, 1],
    [80, 1, 671, 0],
    [72, 3, 690, 1],
  ],
  [
    [190, 6, 560, 1],
    [185, 9, 571, 0],
  ],
];

function settings(sensitivity: number): SequentialSettings {
  return aRule({ sensitivity });
}

function counts([canaryRequests, canaryBad, stableRequests, stableBad]: Row): PollCounts {
  return aPoll(arm(canaryRequests, canaryBad), arm(stableRequests, stableBad));
}

/** Stable's earlier counts as the vectors give them: with the doubt of half a failure in 50 requests included. */
const BEFORE: ArmCounts = { requests: 30_000, score: 30 };
const SPOTLESS: ArmCounts = { requests: 30_000, score: 0 };

function run(
  rules: SequentialSettings,
  before: ArmCounts,
  dispersion: number,
  steps: readonly (readonly Row[])[],
) {
  let state: SequentialState = startSequential(rules, before, dispersion);
  const readings = [];
  for (const [index, rows] of steps.entries()) {
    state = enterStep(state, rules, index);
    for (const row of rows) {
      const answer = pollSequential(state, counts(row), rules);
      state = answer.state;
      readings.push(answer.reading);
    }
  }
  return readings;
}

function expectLogs(seen: readonly number[], expected: readonly number[]): void {
  expect(seen).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) expect(seen[index]).toBeCloseTo(value, 8);
}

describe('golden vectors of the sequential judge', () => {
  it('balances: the odds against a gap of half the margin', () => {
    expectLogs(
      run(settings(0.5), BEFORE, 1, STEPS).map(({ regression }) => regression),
      [-0.53133907, 0.01081354, -0.37536659, 0.67964887, 1.27118261, 4.25940459, 8.61142457, 18.60781481],
    );
  });

  it('is strict: the odds against a gap of the whole margin', () => {
    expectLogs(
      run(settings(1), BEFORE, 1, STEPS).map(({ regression }) => regression),
      [-0.53580572, -0.23978734, -0.50387364, 0.04272716, 0.21989947, 2.0217822, 5.18016667, 13.5711944],
    );
  });

  it('takes half the evidence of each poll where failures come twice as clustered', () => {
    expectLogs(
      run(settings(0.5), BEFORE, 2, STEPS).map(({ regression }) => regression),
      [-0.40102761, -0.10887423, -0.36210289, 0.1210334, 0.38338933, 1.71228244, 3.76624123, 8.54335957],
    );
  });

  it('tests non-inferiority of a bad canary without a reserve', () => {
    expectLogs(
      run(settings(0.5), BEFORE, 1, STEPS).map(({ nonInferiority }) => nonInferiority),
      [0.1521782, -0.74248238, -0.56274749, -1.85489964, -2.31636619, -3.879586, -6.52780351, -10.79843615],
    );
  });

  it('tests non-inferiority of a healthy canary', () => {
    const rows = [0, 0, 0, 1, 0, 0, 0, 0].map((bad): Row => [150, bad, 1350, 1]);
    expectLogs(
      run(settings(0.5), BEFORE, 1, [rows]).map(({ nonInferiority }) => nonInferiority),
      [0.54395492, 1.10997676, 1.69714464, 1.04152371, 1.59840165, 2.17572315, 2.7724871, 3.38729907],
    );
  });

  it('decides where stable never fails', () => {
    const rows = [0, 0, 1, 0, 1, 2].map((bad): Row => [38, bad, 712, 0]);
    expectLogs(
      run(settings(0.5), SPOTLESS, 1, [rows]).map(({ regression }) => regression),
      [-0.50033665, -0.65636608, -0.16531274, -0.34651865, 0.29484547, 2.74137523],
    );
  });

  it('needs one poll when everything fails', () => {
    const [reading] = run(settings(0.5), BEFORE, 1, [[[38, 38, 712, 1]]]);
    expect(reading?.regression).toBeCloseTo(123.208893, 6);
    expect(reading?.asks).toBe('rollback');
  });
});

describe('golden vectors of the guard, all of its wealth bet', () => {
  const plain = settings(0.5);
  const whole = { ...plain, guard: { ...plain.guard, reserve: 0 } };

  it.each([
    [3, 3.68],
    [4, 4.99],
    [5, 6.33],
    [6, 7.68],
    [7, 9.05],
    [8, 10.42],
  ])('%i failures of as many requests give it ln odds of %f', (failures, expected) => {
    const [reading] = run(whole, SPOTLESS, 1, [[[failures, failures, 19 * failures, 0]]]);
    expect(reading?.guard).toBeCloseTo(expected, 2);
  });

  it('is not alarmed by one failure of 38', () => {
    const [reading] = run(whole, SPOTLESS, 1, [[[38, 1, 722, 0]]]);
    expect(reading?.guard).toBeCloseTo(-17.2, 1);
  });
});

describe('golden vectors of the nearest point on the line', () => {
  it.each([
    [0.0125, 0.001, 100, 1900, 0.0025, 0.003646903648, 4, 1, 4.212784199],
    [0.4, 0.1, 20, 50, 0, 0.1857142857, 7, 3, 4.247629552],
    [0.505, 0.001, 40, 700, 0.005, 0.02857640704, 10, 0, 24.49441821],
  ])(
    '(%f, %f) with %i and %i requests and margin %f: canary %f',
    (tc, ts, nc, ns, margin, qc, ec, es, log) => {
      const means = { canary: tc, stable: ts };
      const nearest = nearestOnLine(means, margin, nc, ns);
      expect(nearest?.canary).toBeCloseTo(qc, 9);
      expect(nearest?.stable).toBeCloseTo(qc - margin, 9);
      const evidence = logEvidence(
        { requests: nc, score: ec },
        { requests: ns, score: es },
        means,
        margin,
        'above',
      );
      expect(evidence).toBeCloseTo(log, 8);
    },
  );
});
