import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Measurement, MeasureRequest } from '../../src/core/observation.ts';
import { err, ok, type Result } from '../../src/lib/result.ts';
import type { Answer, Failure } from '../../src/metrics/answer.ts';
import { type BatchedMeasure, createMeasure, type MeasureOptions } from '../../src/metrics/batch.ts';
import type { QueryOptions } from '../../src/metrics/prometheus.ts';
import type { Sample } from '../../src/metrics/sample.ts';
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';
import { countersRequest, freeRequest, presenceRequest, ratioRequest } from './requests.ts';

type Reply = (promql: string, options: QueryOptions) => Result<Answer, Failure> | 'never';

const NEVER_ABORTED = new AbortController().signal;

let clock: VirtualClock;
let measure: BatchedMeasure;
let sent: { promql: string; options: QueryOptions; at: number }[];

beforeEach(() => {
  clock = createVirtualClock();
  sent = [];
});

afterEach(() => measure.close());

/** A Prometheus that replies at once, or only when its time is over. */
function use(reply: Reply, more: Partial<MeasureOptions> = {}): void {
  measure = createMeasure({
    clock,
    prometheus: {
      query(promql, options) {
        sent.push({ promql, options, at: clock.monotonic() });
        const result = reply(promql, options);
        if (result !== 'never') return Promise.resolve(result);
        return new Promise((resolve) => {
          const end = (kind: Failure['kind']) => resolve(err({ kind, detail: `it was ${kind}` }));
          clock.after(options.timeoutMs, () => end('timeout'));
          options.signal.addEventListener('abort', () => end('aborted'));
        });
      },
    },
    ...more,
  });
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function advance(ms: number): Promise<void> {
  await settle();
  clock.advance(ms);
  await settle();
}

function ask(requests: readonly MeasureRequest[], signal = NEVER_ABORTED): Promise<Measurement[]> {
  return Promise.all(requests.map((request) => measure(request, signal)));
}

function answerOf(samples: readonly Sample[], warnings: readonly string[] = []): Result<Answer, Failure> {
  return ok({ samples, warnings, skewMs: 250 });
}

/** Answers for every name in the alternation: its number. Names are svc-0, svc-1 and so on. */
function numbers(promql: string): Result<Answer, Failure> {
  const names = promql.match(/svc-\d+/g) ?? [];
  return answerOf(
    names.map((name) => ({ labels: { job: name, version: 'v1' }, value: Number(name.slice(4)) })),
  );
}

function presences(count: number): MeasureRequest[] {
  return Array.from({ length: count }, (_, index) =>
    presenceRequest(`up{job="svc-${index}"}`, 'v1', { id: String(index) }),
  );
}

function codesOf(measurements: readonly Measurement[]): (string | number)[] {
  return measurements.map(({ reading }) => {
    if (reading.kind === 'value') return reading.value;
    return reading.kind === 'error' ? `${reading.code}${reading.structural ? '!' : ''}` : reading.kind;
  });
}

describe('waiting for each other', () => {
  test('requests within 25 ms share a query, and its answer is split back', async () => {
    use(numbers);
    const early = ask(presences(2));
    await advance(24);
    const late = ask(presences(3).slice(2));
    expect(sent).toHaveLength(0);
    await advance(1);
    expect(sent.map(({ promql }) => promql)).toEqual([
      'sum by (job, version) (up{job=~"svc-0|svc-1|svc-2",version="v1"})',
    ]);
    expect(codesOf([...(await early), ...(await late)])).toEqual([0, 1, 2]);
  });

  test('the wait counts towards the deadline', async () => {
    use(numbers);
    const asked = ask([presenceRequest('up{job="svc-7"}', 'v1', { intervalMs: 2_000 })]);
    await advance(25);
    expect(codesOf(await asked)).toEqual([7]);
    expect(sent[0]?.options).toMatchObject({ timeoutMs: 1_975, retry: false });
  });

  test('a measurement carries its id, its single query, its evaluation time and the skew', async () => {
    use(numbers);
    const asked = ask(presences(2));
    await advance(1_000);
    expect((await asked)[1]).toEqual({
      id: '1',
      at: clock.now(),
      reading: { kind: 'value', value: 1, requests: null },
      query: 'sum(up{job="svc-1",version="v1"})',
      skewMs: 250,
    });
    expect(sent[0]?.options.timeMs).toBe(clock.now());
  });

  test('a frozen time is asked for as such', async () => {
    use(numbers);
    const asked = ask(presences(1).map((request) => ({ ...request, at: 1_234_000 })));
    await advance(1_000);
    expect((await asked)[0]?.at).toBe(1_234_000);
    expect(sent[0]?.options.timeMs).toBe(1_234_000);
  });

  test('samples of counters travel together, and apart from numbers', async () => {
    const series = [0, 1, 2].map((number) => ({
      labels: { __name__: 'http_requests_total', job: `svc-${number}`, version: 'v1' },
      samples: [[1_000, number]] as const,
    }));
    const start = {
      labels: { __name__: 'process_start_time_seconds', job: 'svc-3', version: 'v1' },
      samples: [],
    };
    use((promql, { wanted }) =>
      wanted === 'samples'
        ? ok({ samples: [], series: [...series, start], warnings: [], skewMs: 0 })
        : numbers(promql),
    );
    const counters = [0, 1, 3, 4].map((number) =>
      countersRequest(`http_requests_total{job="svc-${number}"}`, 'v1', { at: 1_000 }),
    );
    const asked = ask([...counters, ...presences(1)]);
    await advance(25);
    expect(sent).toHaveLength(2);
    const empty = { kind: 'noData', why: 'empty', detail: 'no series of http_requests_total in the last 1m' };
    expect((await asked).map(({ reading }) => reading)).toEqual([
      { kind: 'series', series: [series[0]] },
      { kind: 'series', series: [series[1]] },
      empty,
      empty,
      { kind: 'value', value: 0, requests: null },
    ]);
  });

  test('counters are asked for as much earlier as their samples take to arrive, and nothing else is', async () => {
    use(() => ok({ samples: [], series: [], warnings: [], skewMs: 0 }), { delayMs: 20_000 });
    const at = clock.now() - 2_000;
    const asked = ask([
      countersRequest('http_requests_total{job="svc-0"}', 'v1', { at }),
      presenceRequest('up{job="svc-0"}', 'v1', { at }),
    ]);
    await advance(25);
    expect(sent.map(({ options }) => options.timeMs)).toEqual([at - 20_000, at]);
    expect((await asked).map((one) => one.at)).toEqual([at - 20_000, at]);
  });

  test('samples that the server doubts are no data', async () => {
    const series = [{ labels: { __name__: 'c', job: 'a', version: 'v1' }, samples: [] }];
    use(() => ok({ samples: [], series, warnings: ['a store did not answer'], skewMs: 0 }));
    const asked = ask([countersRequest('c{job="a"}', 'v1')]);
    await advance(25);
    expect((await asked)[0]?.reading).toMatchObject({ kind: 'noData', why: 'partial' });
  });

  test('450 names are three queries', async () => {
    use(numbers);
    const asked = ask(presences(450));
    await advance(1_000);
    expect(codesOf(await asked)).toEqual(Array.from({ length: 450 }, (_, index) => index));
    expect(sent).toHaveLength(3);
  });

  test('identical free queries are asked once', async () => {
    use(() => answerOf([{ labels: {}, value: 5 }]));
    const asked = ask([freeRequest('sum(x)', { id: 'a' }), freeRequest('sum(x)', { id: 'b' })]);
    await advance(1_000);
    expect((await asked).map(({ id }) => id)).toEqual(['a', 'b']);
    expect(sent.map(({ promql }) => promql)).toEqual(['sum(x)']);
  });

  test('pairs that nobody asked for are ignored', async () => {
    use(() =>
      answerOf([
        { labels: { job: 'svc-0', version: 'v2' }, value: 99 },
        { labels: { job: 'svc-0', version: 'v1' }, value: 1 },
        { labels: { job: 'svc-1', version: 'v2' }, value: 2 },
        { labels: { job: 'other', version: 'v1' }, value: 99 },
      ]),
    );
    const asked = ask([presenceRequest('up{job="svc-0"}', 'v1'), presenceRequest('up{job="svc-1"}', 'v2')]);
    await advance(1_000);
    expect(codesOf(await asked)).toEqual([1, 2]);
  });
});

describe('one name at fault', () => {
  const refuses =
    (bad: string): Reply =>
    (promql) =>
      new RegExp(`\\b${bad}\\b`).test(promql)
        ? err({ kind: 'refused', detail: 'too many samples' })
        : numbers(promql);

  test('is found by halving, and the others get their numbers', async () => {
    use(refuses('svc-77'));
    const asked = ask(presences(200));
    await advance(1_000);
    const expected = Array.from({ length: 200 }, (_, index) => (index === 77 ? 'PROM_REFUSED!' : index));
    expect(codesOf(await asked)).toEqual(expected);
    expect(sent.length).toBeLessThanOrEqual(1 + 2 * 8);
  });

  test('is asked for at the same time as the whole', async () => {
    use(refuses('svc-1'));
    const asked = ask(presences(3));
    await advance(1_000);
    const times = (await asked).map(({ at }) => at);
    expect(new Set([...times, ...sent.map(({ options }) => options.timeMs)]).size).toBe(1);
  });

  test('is asked apart from then on, for ten minutes', async () => {
    use(refuses('svc-3'));
    const rounds: number[] = [];
    for (const pause of [0, 29_000, 600_000]) {
      await advance(pause);
      sent = [];
      const asked = ask(presences(8));
      await advance(1_000);
      expect(codesOf(await asked)).toEqual([0, 1, 2, 'PROM_REFUSED!', 4, 5, 6, 7]);
      rounds.push(sent.length);
    }
    expect(rounds).toEqual([7, 2, 7]);
  });

  test('can be one arm of a name', async () => {
    use((promql) =>
      promql.includes('v2') ? err({ kind: 'refused', detail: 'too many samples' }) : numbers(promql),
    );
    const asked = ask(['v1', 'v2'].map((version) => presenceRequest('up{job="svc-4"}', version)));
    await advance(1_000);
    expect(codesOf(await asked)).toEqual([4, 'PROM_REFUSED!']);
  });

  test('does not cost the others their looks when the search takes too long', async () => {
    const slow: Reply = (promql) => {
      if (!/\bsvc-0\b/.test(promql)) return numbers(promql);
      clock.freeze(3_000);
      return err({ kind: 'refused', detail: 'too many samples' });
    };
    use(slow);
    const first = ask(presences(64));
    await advance(1_000);
    const missed = codesOf(await first).filter((code) => typeof code === 'string');
    expect(missed.length).toBeGreaterThan(1);
    expect(missed.filter((code) => String(code).endsWith('!'))).toEqual([]);
    const second = ask(presences(64));
    await advance(1_000);
    expect(codesOf(await second).slice(1)).toEqual(Array.from({ length: 63 }, (_, index) => index + 1));
  });

  test('whose series make the query engine warn is no data alone', async () => {
    use((promql) => {
      const answer = numbers(promql);
      const warning = 'PromQL warning: bucket label "le" is missing or has a malformed value';
      return answer.ok && /\bsvc-2\b/.test(promql) ? answerOf(answer.value.samples, [warning]) : answer;
    });
    const asked = ask(presences(4));
    await advance(1_000);
    expect(codesOf(await asked)).toEqual([0, 1, 'noData', 3]);
  });

  test('whose selector cannot be read is told so, without a query', async () => {
    use(numbers);
    const [measurement] = await ask([ratioRequest('a"} or up{', 'v1')]);
    expect(measurement?.reading).toMatchObject({
      kind: 'error',
      structural: true,
      code: 'PROM_BAD_SELECTOR',
    });
    expect(sent).toHaveLength(0);
  });
});

describe('a sick Prometheus', () => {
  test.each(['connect', 'status', 'body'] as const)(
    '%s is a transient error for all, asked once',
    async (kind) => {
      use(() => err({ kind, detail: 'it is ill' }));
      const asked = ask(presences(300));
      await advance(1_000);
      expect(new Set(codesOf(await asked))).toEqual(new Set([`PROM_${kind.toUpperCase()}`]));
      expect(sent).toHaveLength(2);
    },
  );

  test('a timeout is halved once', async () => {
    use(() => 'never');
    const asked = ask(presences(100));
    for (const ms of [1_000, 4_500, 4_500]) await advance(ms);
    expect(new Set(codesOf(await asked))).toEqual(new Set(['PROM_TIMEOUT']));
    expect(sent.map(({ at, options }) => [at, options.timeoutMs])).toEqual([
      [1_000, 4_500],
      [5_500, 4_500],
      [5_500, 4_500],
    ]);
  });

  test('a batch that is only too big is answered in halves', async () => {
    use((promql) => ((promql.match(/svc-/g) ?? []).length > 60 ? 'never' : numbers(promql)));
    const asked = ask(presences(100));
    for (const ms of [1_000, 4_500]) await advance(ms);
    expect(codesOf(await asked)).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  test('halves that were answered stay apart at the next look', async () => {
    use((promql) => ((promql.match(/svc-/g) ?? []).length > 60 ? 'never' : numbers(promql)));
    const first = ask(presences(100));
    for (const ms of [1_000, 4_500]) await advance(ms);
    await first;
    sent = [];
    const second = ask(presences(100));
    await advance(1_000);
    expect(codesOf(await second)).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(sent).toHaveLength(2);
  });

  test('a slow name loses its company from look to look, and the others get their numbers', async () => {
    use((promql) => (/\bsvc-0\b/.test(promql) ? 'never' : numbers(promql)));
    const missed: number[] = [];
    for (let look = 0; look < 6; look += 1) {
      sent = [];
      const asked = ask(presences(32));
      for (const ms of [1_000, 4_500, 4_500]) await advance(ms);
      missed.push(codesOf(await asked).filter((code) => code === 'PROM_TIMEOUT').length);
    }
    expect(missed).toEqual([16, 8, 4, 2, 1, 1]);
    expect(sent).toHaveLength(6);
  });

  test('a single query has all the time there is, and a retry from intervals of ten seconds on', async () => {
    use(() => 'never');
    const asked = ask([freeRequest('sum(x)', { intervalMs: 10_000 })]);
    for (const ms of [1_000, 9_000]) await advance(ms);
    expect(codesOf(await asked)).toEqual(['PROM_TIMEOUT']);
    expect(sent.map(({ options }) => [options.timeoutMs, options.retry])).toEqual([[9_000, true]]);
  });

  test('only so many queries run at once, and those that find no place in time are not sent', async () => {
    use(() => 'never', { concurrency: 3 });
    const asked = ask(Array.from({ length: 20 }, (_, index) => freeRequest(`sum(x${index})`)));
    for (const ms of [1_000, 9_000, 10_000]) await advance(ms);
    expect(new Set(codesOf(await asked))).toEqual(new Set(['PROM_TIMEOUT']));
    expect(sent).toHaveLength(3);
  });

  test('a name that was late by itself is not joined by another, until it is quick again', async () => {
    const hanging = new Set(['svc-0']);
    use((promql) => ([...hanging].some((name) => promql.includes(name)) ? 'never' : numbers(promql)));
    const looks: unknown[] = [];
    for (const count of [1, 2, 2, 2]) {
      if (looks.length === 2) hanging.clear();
      sent = [];
      const asked = ask(presences(count));
      for (const ms of [1_000, 9_000]) await advance(ms);
      looks.push([codesOf(await asked), sent.length]);
    }
    expect(looks).toEqual([
      [['PROM_TIMEOUT'], 1],
      [['PROM_TIMEOUT', 1], 2],
      [[0, 1], 2],
      [[0, 1], 1],
    ]);
  });

  test('a query that got a place too late to be answered does not count as slow', async () => {
    use(() => 'never', { concurrency: 2 });
    const slow = ask([freeRequest('slow 0'), freeRequest('slow 1')]);
    await advance(1_500);
    const late = ask([freeRequest('late')]);
    await advance(8_500);
    expect(sent.map(({ promql, options }) => [promql, options.timeoutMs])).toContainEqual(['late', 1_500]);
    await advance(1_500);
    expect(codesOf([...(await slow), ...(await late)])).toEqual(Array(3).fill('PROM_TIMEOUT'));
    sent = [];
    const again = ask(['slow 1', 'slow 0', 'late'].map((query) => freeRequest(query)));
    await advance(1_000);
    expect(sent.map(({ promql }) => promql)).toEqual(['late', 'slow 0']);
    await advance(9_000);
    await again;
  });

  test('batches go before single queries', async () => {
    use((promql) => (promql.startsWith('x') ? 'never' : numbers(promql)), { concurrency: 1 });
    const first = ask([freeRequest('x')]);
    await advance(1_000);
    const second = ask([freeRequest('slow'), ...presences(2)]);
    await advance(1_000);
    await advance(8_000);
    await Promise.all([first, second]);
    expect(sent.map(({ promql }) => promql.slice(0, 6))).toEqual(['x', 'sum by', 'slow']);
  });

  test('warnings of the server make the whole answer no data, without halving', async () => {
    use((promql) => {
      const answer = numbers(promql);
      return answer.ok ? answerOf(answer.value.samples, ['store a is not available']) : answer;
    });
    const asked = ask(presences(2));
    await advance(1_000);
    expect((await asked).map(({ reading }) => reading)).toEqual([
      { kind: 'noData', why: 'partial', detail: 'Prometheus warned: store a is not available' },
      { kind: 'noData', why: 'partial', detail: 'Prometheus warned: store a is not available' },
    ]);
    expect(sent).toHaveLength(1);
  });
});

describe('free queries', () => {
  const row = (value: number, labels: Record<string, string> = {}) => ({ labels, value });

  test.each([
    ['one number', [row(2)], { kind: 'value', value: 2, requests: null }],
    ['nothing', [], { kind: 'noData', why: 'empty' }],
    ['NaN', [row(Number.NaN)], { kind: 'noData', why: 'nan' }],
    ['infinity', [row(Infinity)], { kind: 'noData', why: 'nan' }],
    [
      'two series',
      [row(1, { a: '1' }), row(2, { a: '2' })],
      { kind: 'error', structural: true, code: 'PROM_MANY_SERIES' },
    ],
  ])('%s', async (_name, samples, reading) => {
    use(() => answerOf(samples));
    const asked = ask([freeRequest('x')]);
    await advance(1_000);
    expect((await asked)[0]?.reading).toMatchObject(reading);
  });
});

test('a bug comes out as a rejection, for those in that batch alone', async () => {
  use((promql) => {
    if (promql === 'bug') throw new TypeError('not a function');
    return numbers(promql);
  });
  const broken = ask([freeRequest('bug')]).catch((cause: unknown) => cause);
  const others = ask(presences(2));
  await advance(1_000);
  expect(await broken).toBeInstanceOf(TypeError);
  expect(codesOf(await others)).toEqual([0, 1]);
});

describe('giving up', () => {
  const ABORTED = ['PROM_ABORTED'];

  test('an aborted request is answered at once, and the others go on', async () => {
    use(numbers);
    const caller = new AbortController();
    const given = ask(presences(1), caller.signal);
    const others = ask(presences(3).slice(1));
    caller.abort();
    expect(codesOf(await given)).toEqual(ABORTED);
    await advance(1_000);
    expect(codesOf(await others)).toEqual([1, 2]);
    expect(sent[0]?.promql).not.toContain('svc-0');
  });

  test('nothing is sent for requests that were all given up', async () => {
    use(numbers);
    const caller = new AbortController();
    const given = ask(presences(3), caller.signal);
    caller.abort();
    await advance(1_000);
    expect(codesOf(await given)).toEqual([...ABORTED, ...ABORTED, ...ABORTED]);
    expect(sent).toHaveLength(0);
    expect(codesOf(await ask(presences(1), AbortSignal.abort()))).toEqual(ABORTED);
  });

  test('closing answers everything, wherever it is', async () => {
    use(() => 'never', { concurrency: 1 });
    const flying = ask(presences(1));
    const queued = ask([freeRequest('x')]);
    await advance(1_000);
    const collected = ask([freeRequest('y')]);
    await measure.close();
    expect(codesOf([...(await flying), ...(await queued), ...(await collected)])).toEqual([
      ...ABORTED,
      ...ABORTED,
      ...ABORTED,
    ]);
    expect(codesOf(await ask([freeRequest('z')]))).toEqual(ABORTED);
    expect(sent).toHaveLength(1);
  });
});
