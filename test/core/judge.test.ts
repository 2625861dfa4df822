import { describe, expect, it } from 'vitest';
import { judgeThreshold, needsStable } from '../../src/core/judge.ts';
import type { Reading } from '../../src/core/observation.ts';
import type { Bounds } from '../../src/spec/canary.ts';
import { aMetric } from '../support/a-canary.ts';

const value = (of: number, requests: number | null = 100): Reading => ({
  kind: 'value',
  value: of,
  requests,
});
const above = (bound: number, requests = 100): Reading => ({ kind: 'above', bound, requests });
const noData: Reading = { kind: 'noData', why: 'nan', detail: 'no requests' };
const down: Reading = { kind: 'error', structural: false, code: 'PROM_CONNECT', detail: 'refused' };
const bad: Reading = { kind: 'error', structural: true, code: 'PROM_BAD_QUERY', detail: 'parse error' };
const latency = { kind: 'latency', histogram: 'latency_bucket', quantile: 0.99, minRequests: 10 } as const;
const query = { kind: 'query', query: 'up' } as const;

describe('a bound', () => {
  it.each<[Bounds, number, number, string]>([
    [{ max: 0.1 }, 0.1, 0, 'pass'],
    [{ max: 0.1 }, 0.1000001, 0, 'fail'],
    [{ min: 2 }, 2, 0, 'pass'],
    [{ min: 2 }, 1.999, 0, 'fail'],
    [{ maxDelta: 0.2 }, 0.3, 0.1, 'pass'],
    [{ maxDelta: 0.2 }, 0.31, 0.1, 'fail'],
    [{ minDelta: -0.1 }, 0.4, 0.5, 'pass'],
    [{ minDelta: -0.1 }, 0.39, 0.5, 'fail'],
    [{ maxRatio: 1.5 }, 0.3, 0.2, 'pass'],
    [{ maxRatio: 1.5 }, 0.31, 0.2, 'fail'],
    [{ maxRatio: 1.5 }, 0, 0, 'pass'],
    [{ maxRatio: 1.5 }, 0.001, 0, 'fail'],
    [{ max: 1, maxDelta: 0.1 }, 0.5, 0.1, 'fail'],
  ])('%o: canary %f against stable %f is a %s', (bounds, canary, stable, expected) => {
    const metric = aMetric({ bounds, source: query });
    expect(judgeThreshold(metric, value(canary, null), value(stable, null)).class).toBe(expected);
  });

  it('says the numbers that were compared', () => {
    const judged = judgeThreshold(aMetric(), value(0.02), value(0.001));
    expect(judged).toMatchObject({ bound: 'maxDelta 0.005', canary: 0.02, stable: 0.001 });
    expect(judged.detail).toBe('canary 0.02 is outside stable 0.001, maxDelta 0.005');
  });
});

describe('what cannot be told', () => {
  it.each<[string, Reading, Reading]>([
    ['nothing of the canary', noData, value(0)],
    ['nothing of stable', value(0), noData],
    ['too few canary requests', value(0, 9), value(0)],
    ['no number', value(Number.NaN), value(0)],
    ['infinity', value(Number.POSITIVE_INFINITY), value(0)],
    ['stable without a number', value(0), value(Number.NaN)],
  ])('%s is no data', (_what, canary, stable) => {
    expect(judgeThreshold(aMetric(), canary, stable).class).toBe('noData');
  });

  it.each<[string, Reading, Reading]>([
    ['of the canary', down, value(0)],
    ['of stable', value(0), down],
    ['of both', down, down],
  ])('an outage when asked %s is an error, neither a fail nor no data', (_what, canary, stable) => {
    expect(judgeThreshold(aMetric(), canary, stable)).toMatchObject({ class: 'error', structural: false });
  });

  it('few requests are no data even when the value is far outside', () => {
    expect(judgeThreshold(aMetric({ bounds: { max: 0.1 } }), value(0.2, 9), value(0)).class).toBe('noData');
  });

  it('stable in the +Inf bucket is no data', () => {
    const metric = aMetric({ source: latency });
    expect(judgeThreshold(metric, value(0.1), above(5)).class).toBe('noData');
  });

  it('the canary in the +Inf bucket fails only when the highest finite bound is outside already', () => {
    const metric = aMetric({ source: latency, bounds: { max: 2 } });
    expect(judgeThreshold(metric, above(5), null).class).toBe('fail');
    expect(judgeThreshold(metric, above(1), null).class).toBe('noData');
    const lower = aMetric({ source: latency, bounds: { min: 2 } });
    expect(judgeThreshold(lower, above(5), null).class).toBe('pass');
    expect(judgeThreshold(lower, above(1), null).class).toBe('noData');
  });
});

describe('worst wins', () => {
  it.each<[string, Reading, Reading, string, boolean]>([
    ['fail over a structural error of stable', value(0.5), bad, 'fail', false],
    ['fail over an error of stable', value(0.5), down, 'fail', false],
    ['structural over transient', down, bad, 'error', true],
    ['structural over no data', noData, bad, 'error', true],
    ['transient over no data', noData, down, 'error', false],
    ['an error of stable over a kept bound', value(0), down, 'error', false],
  ])('%s', (_what, canary, stable, expected, structural) => {
    const metric = aMetric({ bounds: { max: 0.1, maxDelta: 0.005 } });
    expect(judgeThreshold(metric, canary, stable)).toMatchObject({ class: expected, structural });
  });

  it('an error of stable does not matter where no bound compares', () => {
    expect(judgeThreshold(aMetric({ bounds: { max: 0.1 } }), value(0), down).class).toBe('pass');
  });
});

describe('the guard', () => {
  it('trips on a ratio more than 0.25 above stable over at least 20 requests', () => {
    const metric = aMetric({ bounds: { max: 1 } });
    expect(judgeThreshold(metric, value(0.36, 20), value(0.1))).toMatchObject({ class: 'fail', guard: true });
    expect(judgeThreshold(metric, value(0.35, 20), value(0.1)).guard).toBe(false);
    expect(judgeThreshold(metric, value(0.36, 19), value(0.1)).guard).toBe(false);
  });

  it('does not wait for minRequests', () => {
    const source = { kind: 'ratio', bad: 'a', total: 'a', minRequests: 1_000 } as const;
    expect(judgeThreshold(aMetric({ source }), value(0.9, 30), value(0)).guard).toBe(true);
  });

  it('needs a value of stable, and is off for dry runs and other metrics', () => {
    expect(judgeThreshold(aMetric(), value(0.9), noData).guard).toBe(false);
    expect(judgeThreshold(aMetric({ dryRun: true }), value(0.9), value(0)).guard).toBe(false);
    expect(judgeThreshold(aMetric({ source: latency }), value(0.9), value(0)).guard).toBe(false);
  });

  it('is why stable is asked for a ratio without a comparing bound', () => {
    expect(needsStable(aMetric({ bounds: { max: 1 } }))).toBe(true);
    expect(needsStable(aMetric({ bounds: { max: 1 }, dryRun: true }))).toBe(false);
    expect(needsStable(aMetric({ bounds: { max: 1 }, source: query }))).toBe(false);
  });
});
