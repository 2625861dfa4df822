import { describe, expect, it } from 'vitest';
import { accountOf, allowanceOf } from '../../src/core/spending.ts';
import { spendingForecast } from '../../src/core/spending-forecast.ts';
import { aCanary, aMetric, steps } from '../support/a-canary.ts';

const PROMISE = { alpha: 0.01, beta: 0.05, sensitivity: 0.5, dispersion: 1 };
const METRIC = aMetric({ judge: 'sequential', forMs: null, sequential: PROMISE, objective: 0.999 });
/** 2 % of 0.1 % of the 180,000 requests of an hour at 50 a second. */
const HOUR = { share: 0.02, windowMs: 3_600_000 };
const CANARY = aCanary({
  strategy: { steps: steps(5, 50, 100) },
  analysis: { metrics: [METRIC], rolloutBudget: HOUR },
});

describe('what a rollout may spend', () => {
  it('is the number that the controller compares with', () => {
    const spending = {
      rps: 50,
      before: 0,
      weight: 5,
      canary: { requests: 100, score: 3 },
      stable: { requests: 1000, score: 10 },
    };
    const account = accountOf(HOUR, METRIC, { spent: { 'error-rate': spending } });
    const forecast = spendingForecast(CANARY, METRIC, { rps: 50, mean: 0.001 });
    expect(forecast).toMatchObject(allowanceOf(HOUR, 0.999, 50));
    expect(forecast?.allowed).toBeCloseTo(3.6);
    expect(forecast?.allowed).toBe(account?.allowed);
    expect(account?.text).toContain(forecast?.whole);
  });

  it('is used up by a canary that only fails the sooner the more requests it has', () => {
    const forecast = spendingForecast(CANARY, METRIC, { rps: 50, mean: 0.1 });
    // 3.6 of 2.5, 25 and 50 requests a second, a tenth of which would have failed anyway.
    expect(forecast?.steps).toEqual([
      { index: 0, weight: 5, ms: expect.closeTo(1600) },
      { index: 1, weight: 50, ms: expect.closeTo(160) },
      { index: 2, weight: 100, ms: expect.closeTo(80) },
    ]);
    const [first] = spendingForecast(CANARY, METRIC, { rps: 50, mean: 1 })?.steps ?? [];
    expect(first?.ms).toBe(Infinity);
  });

  it('is nothing that is told where a metric has no budget', () => {
    const traffic = { rps: 50, mean: 0.1 };
    expect(spendingForecast(CANARY, { ...METRIC, dryRun: true }, traffic)).toBeNull();
    expect(spendingForecast(CANARY, aMetric(), traffic)).toBeNull();
    expect(spendingForecast(aCanary(), METRIC, traffic)).toBeNull();
  });
});
