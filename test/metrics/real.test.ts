import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunningPrometheus } from '../../infra/prometheus/process.ts';
import type { Measurement, MeasureRequest } from '../../src/core/observation.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type BatchedMeasure, createMeasure } from '../../src/metrics/batch.ts';
import { createPrometheus, type Prometheus } from '../../src/metrics/prometheus.ts';
import { counter, loadPrometheus, missing, SCRAPE, type Series, START } from './real.ts';
import { countersRequest, freeRequest, latencyRequest, presenceRequest, ratioRequest } from './requests.ts';

/** Forty-one scrapes, and an evaluation seven seconds after the last: no sample lies on the edge of a window. */
const COUNT = 41;
const AT = (START + (COUNT - 1) * SCRAPE + 7) * 1000;

function requests(job: string, version: string, code: string, values: readonly (number | null)[]): Series {
  return { name: 'http_requests_total', labels: { job, version, code, instance: `${job}-0` }, values };
}

function buckets(job: string, version: string, growth: Readonly<Record<string, number>>): Series[] {
  return Object.entries(growth).map(([le, step]) => ({
    name: 'request_latency_bucket',
    labels: { job, version, le },
    values: counter(COUNT, step),
  }));
}

const SERIES: readonly Series[] = [
  requests('clean', 'v1', '200', counter(COUNT, 150)),
  requests('clean', 'v2', '200', counter(COUNT, 15)),
  requests('failing', 'v1', '200', counter(COUNT, 150)),
  requests('failing', 'v2', '200', counter(COUNT, 57)),
  requests('failing', 'v2', '503', counter(COUNT, 3)),
  requests('absent', 'v1', '200', counter(COUNT, 150)),
  requests('idle', 'v1', '200', counter(COUNT, 150)),
  requests('idle', 'v2', '200', counter(COUNT, 0)),
  requests('idle', 'v2', '500', counter(COUNT, 0)),
  // Starts again from zero one scrape before the last.
  requests('reset', 'v2', '200', [...counter(COUNT - 2, 60), 60, 120]),
  requests('reset', 'v2', '500', [...counter(COUNT - 2, 20), 20, 40]),
  requests('stale', 'v1', '200', counter(COUNT, 150)),
  requests('stale', 'v2', '200', [...counter(COUNT - 3, 150), null, null, null]),
  requests('late', 'v2', '200', [...counter(COUNT - 2, 150), null, null]),
  requests('gone', 'v2', '200', [...counter(COUNT - 12, 150), ...Array(12).fill(null)]),
  requests('newborn', 'v2', '200', [...Array(COUNT - 1).fill(null), 5]),
  // Errors ended eleven scrapes ago.
  requests('healed', 'v2', '200', counter(COUNT, 100)),
  requests('healed', 'v2', '500', [
    ...counter(COUNT - 11, 100),
    ...Array(11).fill(10_000 + (COUNT - 12) * 100),
  ]),
  ...['v1.0', 'v1x0', 'v1'].map((version, index) =>
    requests('a.b|c (eu)', version, '200', counter(COUNT, 15 * (index + 1))),
  ),
  requests('started', 'v2', '200', counter(COUNT, 10)),
  {
    name: 'process_start_time_seconds',
    labels: { job: 'started', version: 'v2', instance: 'started-0' },
    values: Array(COUNT).fill(START - 5),
  },
  ...buckets('clean', 'v2', { '0.1': 50, '0.5': 90, '1': 100, '+Inf': 100 }),
  ...buckets('slow', 'v2', { '0.1': 50, '0.5': 90, '1': 95, '+Inf': 100 }),
  ...buckets('idle', 'v2', { '0.1': 0, '0.5': 0, '1': 0, '+Inf': 0 }),
  ...buckets('unbounded', 'v2', { '+Inf': 100 }),
  { name: 'up', labels: { job: 'clean', version: 'v2', instance: 'a' }, values: Array(COUNT).fill(1) },
  { name: 'up', labels: { job: 'clean', version: 'v2', instance: 'b' }, values: Array(COUNT).fill(0) },
  { name: 'up', labels: { job: 'idle', version: 'v2', instance: 'a' }, values: Array(COUNT).fill(0) },
];

const NEVER_ABORTED = new AbortController().signal;

interface Rig {
  readonly measure: BatchedMeasure;
  /** Queries sent since the last call of `count`. */
  count(): number;
  close(): Promise<void>;
}

function rigOn(url: string): Rig {
  const prometheus: Prometheus = createPrometheus({ url, clock: systemClock });
  let sent = 0;
  const query: Prometheus['query'] = (promql, options) => {
    sent += 1;
    return prometheus.query(promql, options);
  };
  const measure = createMeasure({ prometheus: { query }, clock: systemClock, batchMs: 0 });
  return {
    measure,
    count() {
      const count = sent;
      sent = 0;
      return count;
    },
    async close() {
      await measure.close();
      await prometheus.close();
    },
  };
}

describe.skipIf(missing !== null)('on a real Prometheus', () => {
  let server: RunningPrometheus;
  let rig: Rig;

  beforeAll(async () => {
    server = await loadPrometheus(SERIES);
    rig = rigOn(server.url);
  });

  afterAll(async () => {
    await rig?.close();
    await server?.stop();
  });

  function look(...all: readonly MeasureRequest[]): Promise<Measurement[]> {
    return Promise.all(all.map((one) => rig.measure({ ...one, at: one.at ?? AT }, NEVER_ABORTED)));
  }

  async function read(request: MeasureRequest) {
    const [measurement] = await look(request);
    return measurement?.reading;
  }

  /** What a person sees who pastes the measurement's query. */
  async function pasted(measurement: Measurement): Promise<string | undefined> {
    const form = new URLSearchParams({ query: measurement.query, time: String(measurement.at / 1000) });
    const response = await fetch(`${server.url}/api/v1/query`, { method: 'POST', body: form });
    const body = (await response.json()) as {
      status: string;
      data: { result: { value: [number, string] }[] };
    };
    expect(body.status).toBe('success');
    return body.data.result[0]?.value[1];
  }

  describe('ratios', () => {
    test('without a single 5xx series the ratio is 0, not absent', async () => {
      expect(await read(ratioRequest('clean', 'v2'))).toEqual({ kind: 'value', value: 0, requests: 60 });
      expect(await read(ratioRequest('clean', 'v1'))).toEqual({ kind: 'value', value: 0, requests: 600 });
    });

    test('bad requests over all requests', async () => {
      expect(await read(ratioRequest('failing', 'v2'))).toEqual({
        kind: 'value',
        value: 0.05,
        requests: 240,
      });
    });

    test('an arm that is absent is empty, and the other one is not', async () => {
      const [canary, stable] = await look(ratioRequest('absent', 'v2'), ratioRequest('absent', 'v1'));
      expect(canary?.reading).toEqual({
        kind: 'noData',
        why: 'empty',
        detail: 'no series of http_requests_total in the last 1m',
      });
      expect(stable?.reading).toMatchObject({ kind: 'value', value: 0 });
      expect(await pasted(canary!)).toBeUndefined();
    });

    test('0/0 is no data', async () => {
      const [measurement] = await look(ratioRequest('idle', 'v2'));
      expect(measurement?.reading).toMatchObject({ kind: 'noData', why: 'nan' });
      expect(await pasted(measurement!)).toBe('NaN');
    });

    test('a counter that starts again is no negative growth', async () => {
      expect(await read(ratioRequest('reset', 'v2'))).toMatchObject({ kind: 'value', value: 0.25 });
    });

    test('the window is what was asked for', async () => {
      expect(await read(ratioRequest('healed', 'v2', { windowMs: 120_000 }))).toMatchObject({ value: 0 });
      const [longer] = await look(ratioRequest('healed', 'v2', { windowMs: 300_000 }));
      expect(longer?.reading).toMatchObject({ kind: 'value', value: expect.closeTo(0.31, 1) });
      expect(longer?.reading).toMatchObject({ value: Number(await pasted(longer!)) });
    });

    test('an earlier time is what was asked for', async () => {
      const at = AT - 180_000;
      const [measurement] = await look(ratioRequest('healed', 'v2', { at }));
      expect(measurement).toMatchObject({ at, reading: { kind: 'value', value: 0.5 } });
    });

    test('names and versions with regex characters match themselves only', async () => {
      const answers = await look(
        ratioRequest('a.b|c (eu)', 'v1.0'),
        ratioRequest('a.b|c (eu)', 'v1'),
        ratioRequest('clean', 'v2'),
      );
      expect(answers.map(({ reading }) => (reading as { requests: number }).requests)).toEqual([60, 180, 60]);
    });
  });

  describe('stale series', () => {
    test('a newest sample older than two and a half scrapes is no data', async () => {
      expect(await read(ratioRequest('stale', 'v2', { windowMs: 120_000 }))).toEqual({
        kind: 'noData',
        why: 'stale',
        detail: expect.stringMatching(/^the newest sample is 52s old, and there was one about every 1[3-7]s/),
      });
      expect(await read(ratioRequest('stale', 'v1', { windowMs: 120_000 }))).toMatchObject({ kind: 'value' });
    });

    test('two missed scrapes are still data', async () => {
      expect(await read(ratioRequest('late', 'v2', { windowMs: 120_000 }))).toMatchObject({
        kind: 'value',
        value: 0,
      });
    });

    test('no sample in the whole window is stale while an older sample is seen', async () => {
      expect(await read(ratioRequest('gone', 'v2'))).toEqual({
        kind: 'noData',
        why: 'stale',
        detail: 'the newest sample is 3m7s old',
      });
    });

    test('a first sample gives no rate yet', async () => {
      expect(await read(ratioRequest('newborn', 'v2'))).toMatchObject({
        kind: 'noData',
        why: 'empty',
        detail: 'fewer than two samples of http_requests_total in the last 1m',
      });
    });
  });

  describe('latencies', () => {
    test('a quantile inside of the buckets is the number that Prometheus gives', async () => {
      const [measurement] = await look(latencyRequest('clean', 'v2'));
      expect(measurement?.reading).toMatchObject({
        kind: 'value',
        value: expect.closeTo(0.95, 12),
        requests: 400,
      });
      expect(Number(await pasted(measurement!))).toBeCloseTo(0.95, 12);
    });

    test('a quantile in the +Inf bucket is above the highest finite bound', async () => {
      const [measurement] = await look(latencyRequest('slow', 'v2'));
      expect(measurement?.reading).toEqual({ kind: 'above', bound: 1, requests: 400 });
      expect(await pasted(measurement!)).toBe('1');
    });

    test('no observations are no data', async () => {
      expect(await read(latencyRequest('idle', 'v2'))).toMatchObject({ kind: 'noData', why: 'nan' });
    });

    test('without a finite bucket there is no quantile', async () => {
      const [measurement] = await look(latencyRequest('unbounded', 'v2'));
      expect(measurement?.reading).toMatchObject({ kind: 'noData', why: 'nan' });
      expect(await pasted(measurement!)).toBe('NaN');
    });

    test('an absent arm is empty', async () => {
      expect(await read(latencyRequest('clean', 'v9'))).toMatchObject({
        kind: 'noData',
        why: 'empty',
        detail: 'no series of request_latency_bucket with le="+Inf" in the last 1m',
      });
    });
  });

  describe('presence', () => {
    test('targets that are up are counted, down ones are not, and unknown ones are empty', async () => {
      const up = (job: string) => presenceRequest(`up{job="${job}"}`, 'v2');
      const answers = await look(up('clean'), up('idle'), up('absent'));
      expect(answers.map(({ reading }) => reading)).toEqual([
        { kind: 'value', value: 1, requests: null },
        { kind: 'value', value: 0, requests: null },
        { kind: 'noData', why: 'empty', detail: 'no series of up' },
      ]);
    });

    test('series of another metric are counted', async () => {
      const request = presenceRequest('http_requests_total{job="failing"}', 'v2');
      expect(await read(request)).toEqual({ kind: 'value', value: 2, requests: null });
    });
  });

  describe('counters', () => {
    const last = AT - 7_000;
    const counted = (job: string, version: string) =>
      countersRequest(`http_requests_total{job="${job}"}`, version, { windowMs: 45_000 });

    test('every sample of the window comes as it was scraped', async () => {
      const [measurement] = await look(counted('reset', 'v2'));
      expect(measurement).toMatchObject({ query: 'http_requests_total{job="reset",version="v2"}[45s]' });
      const samples = (values: readonly number[]) =>
        values.map((value, index) => [last + (index - values.length + 1) * SCRAPE * 1000, value]);
      const labels = { __name__: 'http_requests_total', job: 'reset', version: 'v2', instance: 'reset-0' };
      expect(measurement?.reading).toEqual({
        kind: 'series',
        series: [
          { labels: { ...labels, code: '200' }, samples: samples([12_280, 60, 120]) },
          { labels: { ...labels, code: '500' }, samples: samples([10_760, 20, 40]) },
        ],
      });
    });

    test('start times come with the counters that have the same labels', async () => {
      const answers = await look(counted('started', 'v2'), counted('clean', 'v2'));
      const names = answers.map(({ reading }) =>
        reading.kind === 'series' ? reading.series.map(({ labels }) => labels['__name__']) : reading,
      );
      expect(names).toEqual([['http_requests_total', 'process_start_time_seconds'], ['http_requests_total']]);
    });

    test('without series in the window there is no data', async () => {
      expect(await read(counted('gone', 'v2'))).toEqual({
        kind: 'noData',
        why: 'empty',
        detail: 'no series of http_requests_total in the last 45s',
      });
    });
  });

  describe('free queries', () => {
    test('several series where one number is expected are a structural error', async () => {
      expect(await read(freeRequest('up'))).toMatchObject({
        kind: 'error',
        structural: true,
        code: 'PROM_MANY_SERIES',
        detail: expect.stringContaining('3 series'),
      });
    });

    test('scalars are numbers, ranges and strings are refused', async () => {
      expect(await read(freeRequest('scalar(sum(up)) + 1'))).toEqual({
        kind: 'value',
        value: 2,
        requests: null,
      });
      for (const query of ['up[1m]', '"text"']) {
        expect(await read(freeRequest(query))).toMatchObject({ structural: true, code: 'PROM_REFUSED' });
      }
    });
  });

  test('one bad spec harms nobody', async () => {
    const bad = ratioRequest('clean', 'v2', {
      source: {
        kind: 'ratio',
        // RE2, the regex language of Prometheus, has no look-ahead.
        bad: 'http_requests_total{job="clean",code=~"(?=5).."}',
        total: 'http_requests_total{job="clean"}',
        minRequests: 1,
      },
    });
    const answers = await look(
      bad,
      ratioRequest('clean', 'v2'),
      ratioRequest('failing', 'v2'),
      freeRequest('nonsense('),
    );
    expect(answers[0]?.reading).toMatchObject({ kind: 'error', structural: true, code: 'PROM_REFUSED' });
    expect(answers[1]?.reading).toMatchObject({ value: 0 });
    expect(answers[2]?.reading).toMatchObject({ value: 0.05 });
    expect(answers[3]?.reading).toMatchObject({ kind: 'error', structural: true, code: 'PROM_REFUSED' });
  });

  test('the skew of the clocks is within a second', async () => {
    const [measurement] = await look(freeRequest('sum(up)'));
    expect(Math.abs(measurement?.skewMs ?? Infinity)).toBeLessThanOrEqual(1_000);
  });
});

describe.skipIf(missing !== null)('on a real Prometheus with many names', () => {
  const NAMES = Array.from({ length: 450 }, (_, index) => `svc-${index}`);
  const HUGE = 'svc-200';
  let server: RunningPrometheus;
  let rig: Rig;

  beforeAll(async () => {
    const series = NAMES.flatMap((job, index) => [
      requests(job, 'v1', '200', counter(6, 10 + index)),
      requests(job, 'v2', '200', counter(6, 10 + index)),
      ...(index % 3 === 0 ? [requests(job, 'v2', '500', counter(6, 1 + (index % 7)))] : []),
    ]);
    const crowd = Array.from({ length: 6_000 }, (_, index) => ({
      name: 'http_requests_total',
      labels: { job: HUGE, version: 'v2', code: '200', instance: `crowd-${index}` },
      values: counter(6, 1),
    }));
    server = await loadPrometheus([...series, ...crowd], ['--query.max-samples=6000']);
    rig = rigOn(server.url);
  });

  afterAll(async () => {
    await rig?.close();
    await server?.stop();
  });

  const at = (START + 5 * SCRAPE + 7) * 1000;
  const both = (job: string) =>
    ['v1', 'v2'].map((version) => ratioRequest(job, version, { id: `${job}/${version}`, at }));
  const look = (all: readonly MeasureRequest[]) =>
    Promise.all(all.map((one) => rig.measure(one, NEVER_ABORTED)));

  test('450 names are 3 queries, and each gets what it would get alone', async () => {
    const all = NAMES.filter((name) => name !== HUGE)
      .concat('svc-without-series')
      .flatMap(both);
    const together = await look(all);
    expect(rig.count()).toBe(3);
    for (const request of all.filter((_, index) => index % 25 === 0)) {
      const [alone] = await look([request]);
      expect(together.find(({ id }) => id === request.id)).toEqual({ ...alone, skewMs: expect.any(Number) });
    }
    expect(new Set(together.map(({ reading }) => reading.kind))).toEqual(new Set(['value', 'noData']));
  });

  test('one huge name is refused alone, the others get their numbers', async () => {
    rig.count();
    const all = NAMES.flatMap(both);
    const answers = await look(all);
    const failed = answers.filter(({ reading }) => reading.kind !== 'value');
    expect(failed).toMatchObject([
      { id: `${HUGE}/v2`, reading: { kind: 'error', structural: true, code: 'PROM_REFUSED' } },
    ]);
    expect(failed[0]?.reading).toMatchObject({ detail: expect.stringContaining('too many samples') });
    expect(rig.count()).toBeLessThanOrEqual(3 + 2 * 9);
    await look(all);
    expect(rig.count()).toBe(5);
  });
});
