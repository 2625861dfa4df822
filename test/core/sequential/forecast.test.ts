import { describe, expect, it } from 'vitest';
import type { Measurement, Reading } from '../../../src/core/observation.ts';
import {
  type Forecast,
  forecastOf,
  type Prospect,
  trafficRequest,
} from '../../../src/core/sequential/forecast.ts';
import { sequentialMetric } from '../../../src/core/sequential/look.ts';
import type { Metric } from '../../../src/spec/canary.ts';
import { aCanary, aMetric, steps } from '../../support/a-canary.ts';

const PROMISE = { alpha: 0.01, beta: 0.05, sensitivity: 0.5, dispersion: 1 };
const RATIO = aMetric({ judge: 'sequential', forMs: null, sequential: PROMISE });
const LATENCY = aMetric({
  ...RATIO,
  source: { kind: 'latency', histogram: 'd_bucket', quantile: 0.99, minRequests: 10 },
  bounds: { maxDelta: 0.05 },
});
const SCRAPE_S = 15;
const AT = 1_764_000_000_000;

function aProspect(metric: Metric = RATIO, weights = [5, 25, 50, 100], maxHoldMs = 1_200_000): Prospect {
  const canary = aCanary({
    settleMs: 0,
    strategy: { steps: steps(...weights).map((step) => ({ ...step, bakeMs: 120_000, maxHoldMs })) },
    analysis: { intervalMs: 15_000, metrics: [metric] },
  });
  return { ...sequentialMetric(metric)!, canary };
}

/** Half an hour of counters that grow by so much a second, each with its labels. */
function counters(rates: readonly (readonly [labels: Record<string, string>, perSecond: number])[]) {
  const scrapes = Array.from({ length: 120 }, (_, scrape) => scrape);
  const series = rates.map(([labels, perSecond]) => ({
    labels: { job: 'shop', instance: 'a', version: 'v1', ...labels },
    samples: scrapes.map(
      (scrape) => [AT - (119 - scrape) * SCRAPE_S * 1000, scrape * SCRAPE_S * perSecond] as const,
    ),
  }));
  return { kind: 'series', series } satisfies Reading;
}

/** One in a hundred fails; `rps` says how many requests a second there were so many seconds ago. */
function shared(rps: (secondsAgo: number) => number): Reading {
  const sums = [0];
  for (let scrape = 1; scrape < 120; scrape += 1) {
    sums.push((sums.at(-1) ?? 0) + SCRAPE_S * rps((120 - scrape) * SCRAPE_S));
  }
  const { series } = requests(1, 0.01);
  const grown = series.map(({ labels, samples }) => {
    const perRequest = labels['code'] === '500' ? 0.01 : 0.99;
    return {
      labels,
      samples: samples.map(([at], scrape) => [at, perRequest * (sums[scrape] ?? 0)] as const),
    };
  });
  return { kind: 'series', series: grown };
}

function requests(rps: number, failed: number): Extract<Reading, { kind: 'series' }> {
  const name = { __name__: 'http_requests_total' };
  return counters([
    [{ ...name, code: '200' }, rps * (1 - failed)],
    [{ ...name, code: '500' }, rps * failed],
  ]);
}

function answer(reading: Reading): Measurement {
  return { id: 'x', at: AT, reading, query: 'x', skewMs: 0 };
}

function forecast(prospect: Prospect, stable: Reading, onTrial: Reading | null = null): Forecast {
  const result = forecastOf(prospect, answer(stable), onTrial === null ? null : answer(onTrial));
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

/** Canary requests that so much time at the first step of 5 % is, at 50 requests a second. */
function requestsIn(ms: number | undefined): number {
  return ((ms ?? NaN) / 1000) * 50 * 0.05;
}

describe('a ratio', () => {
  it('takes about the requests that its divergence says, of all steps together', () => {
    const { rps, mean, steps: three } = forecast(aProspect(), requests(50, 0.001));
    expect(rps).toBeCloseTo(50);
    expect(mean).toBeCloseTo(0.001);
    expect(three.map(({ index, step }) => [index, step.weight])).toEqual([
      [0, 5],
      [1, 25],
      [2, 50],
    ]);
    // (ln 20 + 0.5) / KL and (ln 100 + 2) / KL of one arm are 1085 and 8961, 1289, 326; stable's rate is not known exactly.
    const [first] = three;
    expect(requestsIn(first?.promoteMs) * 3).toBeGreaterThan(1085);
    expect(requestsIn(first?.promoteMs) * 3).toBeLessThan(1085 * 1.2);
    const expected = { 0.005: 8961, 0.01: 1289, 0.02: 326 };
    expect(first?.effects.map(({ delta }) => delta)).toEqual([0.005, 0.01, 0.02]);
    for (const { delta, ms } of first?.effects ?? []) {
      const ideal = expected[delta as keyof typeof expected];
      expect(requestsIn(ms)).toBeGreaterThan(ideal);
      expect(requestsIn(ms)).toBeLessThan(ideal * 1.25);
    }
  });

  it('takes less time at each higher weight, more with bursts, and the settle time in any case', () => {
    const times = (prospect: Prospect) =>
      forecast(prospect, requests(50, 0.001)).steps.map(({ promoteMs }) => promoteMs);
    const plain = times(aProspect());
    expect(plain.toSorted((a, b) => b - a)).toEqual(plain);
    const bursts = times(aProspect({ ...RATIO, sequential: { ...PROMISE, dispersion: 5 } }));
    for (const [index, ms] of bursts.entries()) expect(ms / plain[index]!).toBeCloseTo(5);
    const prospect = aProspect();
    const settling = times({ ...prospect, canary: { ...prospect.canary, settleMs: 60_000 } });
    for (const [index, ms] of settling.entries()) expect(ms - plain[index]!).toBeCloseTo(60_000);
  });

  it('says where the evidence is late, and at which weight it would not be', () => {
    const thin = forecast(aProspect(), requests(5, 0.001)).steps;
    expect(thin.map(({ fit }) => fit)).toEqual(['pastMaxHold', 'pastBake', 'pastBake']);
    const [first, second] = thin;
    expect(second?.advice).toBeNull();
    const [, advised] =
      /^step 1 \(5 %\): .* begin with (\d+) %, raise maxHold/.exec(first?.advice ?? '') ?? [];
    const at = (weight: number) =>
      forecast(aProspect(RATIO, [weight, 25, 50, 100]), requests(5, 0.001)).steps[0];
    expect(at(Number(advised))?.promoteMs).toBeLessThanOrEqual(1_200_000);
    expect(at(Number(advised) - 1)?.promoteMs).toBeGreaterThan(1_200_000);
    expect(forecast(aProspect(), requests(5000, 0.001)).steps.map(({ fit }) => fit)).toEqual([
      'fits',
      'fits',
      'fits',
    ]);
  });

  it('names no weight where none is enough', () => {
    const [first] = forecast(aProspect(), requests(0.01, 0.001)).steps;
    expect(first?.advice).toMatch(/its maxHold is 20m: raise maxHold, or widen maxDelta$/);
  });

  it('never catches what is tolerated', () => {
    const strict = aProspect({ ...RATIO, sequential: { ...PROMISE, sensitivity: 1 } });
    const [first] = forecast(strict, requests(50, 0.001)).steps;
    expect(first?.effects.map(({ ms }) => Number.isFinite(ms))).toEqual([false, true, true]);
  });

  it('adds the traffic that a revision on trial takes from stable', () => {
    expect(forecast(aProspect(), requests(30, 0.001), requests(20, 0.5))).toMatchObject({
      rps: expect.closeTo(50),
      mean: expect.closeTo(0.001),
    });
  });

  it('takes the traffic of now, though stable had a small part of it until it was promoted', () => {
    const promoted = shared((ago) => (ago > 900 ? 5 : 50));
    expect(forecast(aProspect(), promoted)).toMatchObject({
      rps: expect.closeTo(50),
      mean: expect.closeTo(0.01),
    });
  });

  it('takes the traffic of now, though a revision on trial has a part of it since a short time ago, or all of it', () => {
    const { rps } = forecast(
      aProspect(),
      shared((ago) => (ago > 600 ? 50 : 10)),
      shared((ago) => (ago > 600 ? 0 : 40)),
    );
    expect(rps).toBeCloseTo(50);
    const alone = forecast(
      aProspect(),
      shared((ago) => (ago > 600 ? 50 : 0)),
      shared((ago) => (ago > 600 ? 0 : 50)),
    );
    expect(alone.rps).toBeCloseTo(50);
  });

  it('takes that of half an hour where no request came of late', () => {
    const { rps } = forecast(
      aProspect(),
      shared((ago) => (ago > 900 ? 50 : 0)),
    );
    expect(rps).toBeGreaterThan(20);
    expect(rps).toBeLessThan(30);
  });

  it.each<[string, Reading, RegExp]>([
    ['without a request', requests(0, 0.001), /^stable got no request in the last 30m$/],
    ['without series', { kind: 'noData', why: 'empty', detail: 'no series' }, /^no series$/],
    [
      'without an answer',
      { kind: 'error', structural: false, code: 'PROM_CONNECT', detail: 'it is away' },
      /^it is away$/,
    ],
  ])('%s nothing is known', (_, reading, why) => {
    expect(forecastOf(aProspect(), answer(reading), null)).toEqual({
      ok: false,
      error: expect.stringMatching(why),
    });
  });

  it('asks for half an hour of counters', () => {
    expect(trafficRequest(aProspect(), 'v1', AT)).toMatchObject({
      source: { kind: 'counters', selector: 'http_requests_total{job="shop"}' },
      version: 'v1',
      windowMs: 1_800_000,
      at: AT - 3_000,
    });
  });
});

describe('a latency', () => {
  /** Requests a second up to each bound. */
  function histogram(...cumulative: readonly (readonly [le: string, perSecond: number])[]): Reading {
    return counters(cumulative.map(([le, perSecond]) => [{ __name__: 'd_bucket', le }, perSecond]));
  }

  const SMOOTH = histogram(
    ['0.2', 25],
    ['0.3', 40],
    ['0.35', 46],
    ['0.4', 49.5],
    ['0.45', 49.9],
    ['+Inf', 50],
  );

  it('is held against the quantile of stable, and catches later requests the sooner the later they are', () => {
    const { threshold, mean, steps: three } = forecast(aProspect(LATENCY), SMOOTH);
    expect(threshold).toBeCloseTo(0.4);
    expect(mean).toBeCloseTo(0.01);
    const [first] = three;
    expect(first?.promoteMs).toBeLessThan(1_200_000);
    const times = first?.effects.map(({ ms }) => ms) ?? [];
    expect(first?.effects.map(({ delta }) => delta)).toEqual([0.05, 0.1, 0.2]);
    expect(times.toSorted((a, b) => b - a)).toEqual(times);
    expect(times.every((ms) => Number.isFinite(ms))).toBe(true);
  });

  it('never passes where the margin shows nothing in the buckets', () => {
    const coarse = histogram(['0.1', 25], ['0.4', 49.5], ['100', 50], ['+Inf', 50]);
    const wide = { ...LATENCY, bounds: { maxDelta: 0 } };
    const [first] = forecast(aProspect(wide), coarse).steps;
    expect(first).toMatchObject({ promoteMs: Infinity, fit: 'pastMaxHold' });
    expect(first?.advice).toBe(
      'step 1 (5 %): the evidence for a healthy revision never comes: ' +
        'widen maxDelta, or make the buckets around its quantile narrower',
    );
  });

  it('warns where the bucket of its quantile is wider than the margin', () => {
    // The quantile is at 0.44.
    const coarse = histogram(['0.2', 45], ['0.4', 49], ['0.5', 49.9], ['+Inf', 50]);
    const at = (maxDelta: number) => forecast(aProspect({ ...LATENCY, bounds: { maxDelta } }), coarse).advice;
    expect(at(0.09)).toBe(
      "stable's quantile 0.99 lies in the bucket from 0.4 to 0.5, wider than maxDelta 0.09, and nobody can see " +
        'inside of it: make the buckets there narrower, or widen maxDelta to 0.1',
    );
    expect(at(0.1)).toBeNull();
    expect(forecast(aProspect(), requests(50, 0.001)).advice).toBeNull();
  });

  it('warns by the widest of such buckets where processes have others', () => {
    const of = (instance: string, bounds: readonly (readonly [le: string, perSecond: number])[]) =>
      bounds.map(([le, perSecond]) => [{ __name__: 'd_bucket', instance, le }, perSecond] as const);
    const both = counters([
      ...of('a', [
        ['0.42', 24],
        ['0.46', 25],
        ['+Inf', 25],
      ]),
      ...of('b', [
        ['0.4', 24.4],
        ['0.5', 25],
        ['+Inf', 25],
      ]),
    ]);
    expect(forecast(aProspect(LATENCY), both).advice).toContain('in the bucket from 0.4 to 0.5, wider than');
  });

  it('warns of the bucket of a native histogram that has the quantile, not of the empty room below the others', () => {
    const native = (upTo: number) => {
      const buckets = [
        { above: 0.1, upper: 0.11, rate: 49 },
        { above: 0.4, upper: upTo, rate: 1 },
        { above: -Infinity, upper: Infinity, rate: 50 },
      ];
      const rates = buckets.map(
        ({ upper, rate }) =>
          [{ __name__: 'd', le: upper === Infinity ? '+Inf' : String(upper) }, rate] as const,
      );
      const { series } = counters(rates);
      return {
        kind: 'series',
        series: series.map((one, place) => ({ ...one, above: buckets[place]?.above ?? 0 })),
      } as const;
    };
    const metric = { ...LATENCY, source: { ...LATENCY.source, histogram: 'd' } } as const;
    expect(forecast(aProspect(metric), native(0.44)).advice).toBeNull();
    expect(forecast(aProspect(metric), native(0.8)).advice).toContain('in the bucket from 0.4 to 0.8, wider');
  });

  it('says so where stable has no such quantile', () => {
    const above = histogram(['0.1', 25], ['+Inf', 50]);
    expect(forecastOf(aProspect(LATENCY), answer(above), null)).toEqual({
      ok: false,
      error: 'stable has no such quantile: it lies above the highest finite bucket',
    });
  });
});
