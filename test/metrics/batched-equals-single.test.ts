import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunningPrometheus } from '../../infra/prometheus/process.ts';
import type { Measurement, MeasureRequest } from '../../src/core/observation.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createMeasure } from '../../src/metrics/batch.ts';
import { createPrometheus, type Prometheus } from '../../src/metrics/prometheus.ts';
import { loadPrometheus, missing, SCRAPE, type Series, START } from './real.ts';
import { countersRequest, freeRequest, latencyRequest, presenceRequest, ratioRequest } from './requests.ts';

const COUNT = 30;
const JOBS = ['a', 'b', 'b.c', 'b|c', 'dé "q" \\'];
const VERSIONS = ['v1', 'v1.0', 'v1x0', ''];
const ENVS = ['prod', 'test'];
const TIMES = [20, 29].map((index) => (START + index * SCRAPE + 4) * 1000);
const NEVER_ABORTED = new AbortController().signal;

/** A generator of numbers in [0, 1) that always gives the same ones (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Counters with resets, gaps, idle times, early ends and late births; some series are missing altogether. */
function randomSeries(): Series[] {
  const random = seeded(7);
  const all: Series[] = [];
  const walk = (): (number | null)[] => {
    let value = 0;
    const isIdle = random() < 0.2;
    const birth = random() < 0.2 ? Math.floor(random() * COUNT) : 0;
    const death = random() < 0.2 ? Math.floor(random() * COUNT) : COUNT;
    return Array.from({ length: COUNT }, (_, index) => {
      if (random() < 0.03) value = 0;
      value += isIdle ? 0 : Math.floor(random() * 20);
      return index < birth || index >= death || random() < 0.05 ? null : value;
    });
  };
  for (const job of JOBS) {
    for (const version of VERSIONS) {
      for (const env of ENVS) {
        const labels = { job, env, ...(version === '' ? {} : { version }) };
        for (const code of ['200', '404', '500', '503']) {
          if (random() < 0.7)
            all.push({ name: 'http_requests_total', labels: { ...labels, code }, values: walk() });
        }
        if (random() < 0.8) {
          for (const le of ['0.1', '0.5', '1', '+Inf']) {
            if (random() < 0.97)
              all.push({ name: 'request_latency_bucket', labels: { ...labels, le }, values: walk() });
          }
        }
        if (random() < 0.8) {
          const values = Array.from({ length: COUNT }, () => (random() < 0.7 ? 1 : 0));
          all.push({ name: 'up', labels, values });
        }
      }
    }
  }
  return all;
}

const quoted = (text: string) => JSON.stringify(text);

/** Every combination, some of them written in another order. */
function allRequests(): MeasureRequest[] {
  const all: MeasureRequest[] = [];
  for (const job of [...JOBS, 'nobody']) {
    for (const env of [null, ...ENVS]) {
      const pinned = [`job=${quoted(job)}`, ...(env === null ? [] : [`env=${quoted(env)}`])];
      for (const version of [...VERSIONS, 'v9']) {
        for (const at of TIMES) {
          for (const windowMs of [60_000, 150_000]) {
            const matchers = (windowMs === 60_000 && version === 'v1' ? pinned.toReversed() : pinned).join(
              ',',
            );
            all.push(...requestsOn(matchers, version, { at, windowMs }));
          }
        }
      }
    }
  }
  return all;
}

function requestsOn(matchers: string, version: string, more: Partial<MeasureRequest>): MeasureRequest[] {
  const total = `http_requests_total{${matchers}}`;
  const bad = `http_requests_total{code=~"5..",${matchers}}`;
  const histogram = `request_latency_bucket{${matchers}}`;
  return [
    ratioRequest('', version, { ...more, source: { kind: 'ratio', bad, total, minRequests: 1 } }),
    latencyRequest('', version, {
      ...more,
      source: { kind: 'latency', histogram, quantile: 0.5, minRequests: 1 },
    }),
    latencyRequest('', version, {
      ...more,
      source: { kind: 'latency', histogram, quantile: 0.9, minRequests: 1 },
    }),
    presenceRequest(`up{${matchers}}`, version, more),
    countersRequest(total, version, more),
    countersRequest(histogram, version, more),
    freeRequest(`max(rate(${total}[1m]))`, more),
  ];
}

const ALL = allRequests();

describe.skipIf(missing !== null)('on a real Prometheus with random series', () => {
  let server: RunningPrometheus;
  let prometheus: Prometheus;

  beforeAll(async () => {
    server = await loadPrometheus(randomSeries());
    prometheus = createPrometheus({ url: server.url, clock: systemClock });
  });

  afterAll(async () => {
    await prometheus?.close();
    await server?.stop();
  });

  async function together(requests: readonly MeasureRequest[]): Promise<Measurement[]> {
    const measure = createMeasure({ prometheus, clock: systemClock, batchMs: 0 });
    const answers = await Promise.all(requests.map((request) => measure(request, NEVER_ABORTED)));
    await measure.close();
    return answers;
  }

  async function pasted({ query, at }: Measurement): Promise<number | null> {
    const options = { timeMs: at, timeoutMs: 5_000, signal: NEVER_ABORTED, retry: false };
    const answer = await prometheus.query(query, options);
    if (!answer.ok) throw new Error(answer.error.detail);
    return answer.value.samples[0]?.value ?? null;
  }

  test('a request gets the same answer in any company', async () => {
    await fc.assert(
      fc.asyncProperty(fc.subarray(ALL, { minLength: 1, maxLength: 40 }), async (requests) => {
        const batched = await together(requests);
        for (const [index, request] of requests.entries()) {
          const [alone] = await together([request]);
          expect(batched[index]).toEqual({ ...alone, skewMs: expect.any(Number) });
        }
      }),
      { numRuns: 25 },
    );
  });

  test('the query of a measurement gives its number', async () => {
    const kinds = new Set<string>();
    for (const measurement of await together(ALL.filter(({ source }) => source.kind !== 'counters'))) {
      const { reading } = measurement;
      const number = await pasted(measurement);
      kinds.add(reading.kind === 'noData' ? reading.why : reading.kind);
      if (reading.kind === 'value') expect(number).toBeCloseTo(reading.value, 9);
      else if (reading.kind === 'above') expect(number).toBe(reading.bound);
      else if (reading.kind === 'noData' && reading.why === 'nan') expect(number).toBeNaN();
      // A histogram without its +Inf bucket is no data to us and not a number to Prometheus.
      else if (reading.kind === 'noData' && reading.why === 'empty')
        expect(number).toBeOneOf([null, Number.NaN]);
    }
    expect(kinds).toEqual(new Set(['value', 'above', 'nan', 'empty', 'stale']));
  });
});
