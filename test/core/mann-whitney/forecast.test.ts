import { describe, expect, it } from 'vitest';
import {
  type PointsForecast,
  pointsForecast,
  pointsProspect,
  stableRequest,
} from '../../../src/core/mann-whitney/forecast.ts';
import type { Measurement, Reading } from '../../../src/core/observation.ts';
import { err, ok } from '../../../src/lib/result.ts';
import type { MannWhitneyTerms, Metric, Step } from '../../../src/spec/canary.ts';
import { aCanary, aMetric, type CanaryParts, steps } from '../../support/a-canary.ts';
import { createDesk, INTERVAL } from '../desk.ts';
import { defaultEffect } from './published.ts';

const MINUTE = 60_000;
const TERMS: MannWhitneyTerms = {
  direction: 'increase',
  tolerance: 0.25,
  confidence: 0.98,
  effectSize: defaultEffect('meanRatio'),
  nanStrategy: 'remove',
  outlierFactor: null,
  minPoints: 10,
  groups: ['all'],
  mustHaveData: true,
};

function points(over: Partial<Metric> = {}, terms: Partial<MannWhitneyTerms> = {}): Metric {
  return aMetric({ forMs: null, judge: 'mannWhitney', ...over, mannWhitney: { ...TERMS, ...terms } });
}

/** Points of a window of a minute, looked at each half minute: a minute apart. */
function canaryOf(
  metric: Metric,
  times: Partial<Step> = {},
  parts: CanaryParts = {},
  weights = [5, 50, 100],
) {
  const { strategy, ...rest } = parts;
  return aCanary({
    settleMs: 0,
    ...rest,
    strategy: {
      steps: steps(...weights).map((step) => ({
        ...step,
        bakeMs: 15 * MINUTE,
        maxHoldMs: 20 * MINUTE,
        ...times,
      })),
      ...strategy,
    },
    analysis: { intervalMs: MINUTE / 2, metrics: [metric] },
  });
}

function answer(reading: Reading): Measurement {
  return { id: 'x', at: 0, reading, query: 'x', skewMs: 0 };
}

/** Half an hour at so many requests a second. */
function traffic(rps: number): Reading {
  return { kind: 'value', value: 0.001, requests: rps * 300 };
}

function forecast(
  canary: ReturnType<typeof canaryOf>,
  stable: Reading | string = traffic(50),
  onTrial: Reading | null = null,
): PointsForecast {
  const prospect = pointsProspect(canary, canary.analysis.metrics[0]!)!;
  const seen = typeof stable === 'string' ? err(stable) : ok(answer(stable));
  return pointsForecast(prospect, seen, onTrial === null ? null : answer(onTrial));
}

describe('how long a score takes', () => {
  it('is the windows of its points after the settle time, and half an interval until the look', () => {
    const plain = forecast(canaryOf(points()));
    expect(plain).toMatchObject({ points: 10, apartMs: MINUTE });
    expect(plain.steps.map(({ scoreMs }) => scoreMs)).toEqual([10, 10, 10].map((n) => (n + 0.25) * MINUTE));
    const [settled] = forecast(canaryOf(points(), {}, { settleMs: MINUTE })).steps;
    expect(settled?.scoreMs).toBe(11.25 * MINUTE);
    const [wide] = forecast(canaryOf(points({ windowMs: 2 * MINUTE }))).steps;
    expect(wide?.scoreMs).toBe(20.25 * MINUTE);
    expect(wide?.fit).toBe('pastMaxHold');
  });

  it('is the time that the judge takes, to the interval', () => {
    const metric = points({ windowMs: INTERVAL * 2 }, { minPoints: 6 });
    const canary = canaryOf(metric, { bakeMs: 0 }, { settleMs: MINUTE }, [5, 100]);
    const desk = createDesk({ canary, file: 'a.yaml', line: 1, hash: 'h' });
    desk.tick();
    const from = desk.rollout().held.verifiedAt;
    while (desk.rollout().stepIndex === 0) {
      const at = desk.now() + INTERVAL;
      desk.tick({
        after: INTERVAL,
        measurements: ['canary', 'stable'].map((arm) => ({
          ...answer({ kind: 'value', value: 0.01, requests: 100 }),
          id: `error-rate/${arm}`,
          at,
        })),
      });
    }
    const [first] = forecast(canary).steps;
    expect(Math.abs((first?.scoreMs ?? 0) - (desk.now() - from))).toBeLessThanOrEqual(INTERVAL);
  });

  it('needs more points than minPoints where so few show nothing at that confidence', () => {
    expect(forecast(canaryOf(points({}, { minPoints: 5 }))).points).toBe(5);
    expect(forecast(canaryOf(points({}, { minPoints: 5, confidence: 0.9999 }))).points).toBeGreaterThan(8);
    const surest = forecast(canaryOf(points({}, { minPoints: 5, confidence: 1 - Number.EPSILON })));
    expect(surest.points).toBeLessThanOrEqual(50);
  });

  it('is longer where windows often have too few requests, and for ever where they hardly ever have enough', () => {
    const at = (rps: number) => forecast(canaryOf(points()), traffic(rps)).steps[0];
    expect(at(50)).toMatchObject({ requests: 150, scoreMs: 10.25 * MINUTE });
    // 10 requests on average: 10 or more come in 54 of 100 windows.
    expect(at(10 / 3)?.requests).toBeCloseTo(10);
    expect(at(10 / 3)?.scoreMs).toBeCloseTo((10 / 0.54207 + 0.25) * MINUTE, -3);
    expect(at(0.5)).toMatchObject({ requests: expect.closeTo(1.5), scoreMs: Infinity });
    expect(at(0)).toMatchObject({ requests: 0, scoreMs: Infinity });
  });

  it('counts the traffic that a revision on trial takes from stable', () => {
    expect(forecast(canaryOf(points()), traffic(30), traffic(20)).traffic).toEqual(
      ok({ value: 0.001, rps: expect.closeTo(50) }),
    );
  });

  it('is never where the only step is 100: stable has no points', () => {
    const [only] = forecast(canaryOf(points(), {}, {}, [100])).steps;
    expect(only).toMatchObject({ scoreMs: Infinity, fit: 'pastMaxHold' });
    expect(only?.advice).toBe(
      'step 1 (100 %): stable has no points to compare with: begin with a step below 100',
    );
  });
});

describe('what helps where the points come too late', () => {
  const advice = (canary: ReturnType<typeof canaryOf>, stable?: Reading) =>
    forecast(canary, stable).steps[0]?.advice;

  it('is more patience or fewer points where requests are no matter', () => {
    expect(advice(canaryOf(points(), { maxHoldMs: 10 * MINUTE }))).toBe(
      'step 1 (5 %): 10 points of each version take about 10m15s, and its maxHold is 10m: raise maxHold, or lower minPoints',
    );
  });

  it('is the least weight with enough requests, or a longer window', () => {
    const thin = advice(canaryOf(points()), traffic(3));
    const [, weight] = /begin with (\d+) %/.exec(thin ?? '') ?? [];
    expect(thin).toBe(
      `step 1 (5 %): 10 points of each version take about 24m29s, and its maxHold is 20m (the canary has about 9 requests in 1m, a point needs 10): begin with ${weight} %, raise maxHold, or lengthen window`,
    );
    const at = (percent: number) =>
      forecast(canaryOf(points(), {}, {}, [percent, 100]), traffic(3)).steps[0]?.scoreMs;
    expect(at(Number(weight))).toBeLessThanOrEqual(20 * MINUTE);
    expect(at(Number(weight) - 1)).toBeGreaterThan(20 * MINUTE);
    expect(advice(canaryOf(points()), traffic(0.01))).toBe(
      'step 1 (5 %): 10 points of each version never come (the canary has about 0.03 requests in 1m, a point needs 10): lengthen window',
    );
  });

  it('names stable where it is the one with too few', () => {
    expect(advice(canaryOf(points(), {}, {}, [99, 100]), traffic(1))).toMatch(
      /\(stable has about 0\.6 requests in 1m, a point needs 1\): raise maxHold, or lengthen window$/,
    );
  });

  it('is a later deadline where that ends the step, counted from the end of its bake', () => {
    const strategy = { progressDeadlineMs: 5 * MINUTE };
    const [first] = forecast(canaryOf(points(), { maxHoldMs: 0, bakeMs: MINUTE }, { strategy })).steps;
    expect(first).toMatchObject({ fit: 'pastDeadline' });
    expect(first?.advice).toMatch(/and progressDeadline ends it after 6m: raise progressDeadline/);
    const never = { progressDeadlineMs: 0 };
    const [held] = forecast(canaryOf(points(), { maxHoldMs: 0, bakeMs: MINUTE }, { strategy: never })).steps;
    expect(held).toMatchObject({ fit: 'pastBake', advice: null });
  });

  it('is nothing where the metric holds no step', () => {
    const late = { maxHoldMs: MINUTE };
    for (const metric of [points({ dryRun: true }), points({}, { mustHaveData: false })]) {
      expect(advice(canaryOf(metric, late))).toBeNull();
    }
    expect(advice(canaryOf(points({ critical: true }, { mustHaveData: false }), late))).not.toBeNull();
  });
});

describe('what stable shows', () => {
  it('is asked for as a look would, but counts requests over five minutes, or a longer window', () => {
    const ratio = canaryOf(points());
    expect(stableRequest(pointsProspect(ratio, ratio.analysis.metrics[0]!)!, 'v1')).toMatchObject({
      id: 'shop/error-rate/v1',
      source: { kind: 'ratio' },
      version: 'v1',
      windowMs: 5 * MINUTE,
      at: null,
    });
    const long = canaryOf(points({ windowMs: 10 * MINUTE }));
    expect(stableRequest(pointsProspect(long, long.analysis.metrics[0]!)!, 'v1').windowMs).toBe(10 * MINUTE);
    const query = 'heap{version="{{version}}",beside="{{canary}}"}[{{window}}]';
    const heap = canaryOf(points({ source: { kind: 'query', query } }));
    expect(stableRequest(pointsProspect(heap, heap.analysis.metrics[0]!)!, 'v1')).toMatchObject({
      source: { kind: 'query', query: 'heap{version="v1",beside="v2"}[1m]' },
      windowMs: MINUTE,
    });
  });

  it.each<[string, Reading | string, string]>([
    ['it cannot be asked', 'it is away', 'it is away'],
    ['there are no series', { kind: 'noData', why: 'empty', detail: 'no series' }, 'no series'],
    [
      'its quantile is in the last bucket',
      { kind: 'above', bound: 10, requests: 100 },
      "stable's quantile lies in the +Inf bucket, above 10",
    ],
  ])('is not known where %s, and the points take their time all the same', (_, stable, why) => {
    const { traffic: known, steps: all } = forecast(canaryOf(points()), stable);
    expect(known).toEqual(err(why));
    expect(all[0]).toMatchObject({ requests: null, scoreMs: 10.25 * MINUTE, fit: 'fits' });
  });

  it('tells of no requests where it is a query', () => {
    const heap = canaryOf(points({ source: { kind: 'query', query: 'heap' } }));
    const { traffic: known, steps: all } = forecast(heap, { kind: 'value', value: 7, requests: null });
    expect(known).toEqual(ok({ value: 7, rps: null }));
    expect(all[0]).toMatchObject({ requests: null, fit: 'fits' });
  });
});

it('leaves metrics of other judges alone', () => {
  expect(pointsProspect(aCanary(), aMetric())).toBeNull();
});
