import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MeasureRequest } from '../../src/core/observation.ts';
import { type Ask, halve, MOST_NAMES, planBatches, queryOf } from '../../src/metrics/plan.ts';
import { createShapeReader, singleQuery } from '../../src/metrics/promql.ts';
import { freeRequest, latencyRequest, presenceRequest, ratioRequest } from './requests.ts';

const readShape = createShapeReader();
const alike = () => '';

function askOf(request: MeasureRequest): Ask {
  const shape = readShape(request);
  if (!shape.ok) throw new Error(shape.error);
  const { source, version } = request;
  const query =
    shape.value === null ? (source.kind === 'query' ? source.query : '') : singleQuery(shape.value, version);
  return { request, shape: shape.value, query };
}

function plan(requests: readonly MeasureRequest[], companyOf: (ask: Ask) => string = alike) {
  return planBatches(requests.map(askOf), companyOf).map((batch) => ({
    label: batch.label,
    at: batch.at,
    pairs: batch.units.map(({ name, version }) => `${name}/${version}`),
    asks: batch.units.map(({ asks }) => asks.length),
    query: queryOf(batch),
  }));
}

describe('what travels together', () => {
  test('both arms of many names, per metric', () => {
    const names = Array.from({ length: 5 }, (_, index) => `svc-${index}`);
    const requests = names.flatMap((name) => [
      ratioRequest(name, 'v1'),
      ratioRequest(name, 'v2'),
      latencyRequest(name, 'v1'),
      latencyRequest(name, 'v2'),
    ]);
    const batches = plan(requests);
    expect(batches).toHaveLength(2);
    expect(batches[0]?.pairs).toEqual(names.flatMap((name) => [`${name}/v1`, `${name}/v2`]));
  });

  test('450 names are three queries, and no name is torn apart', () => {
    const requests = Array.from({ length: 450 }, (_, index) => [
      ratioRequest(`svc-${index}`, 'v1'),
      ratioRequest(`svc-${index}`, 'v2'),
    ]).flat();
    const batches = plan(requests);
    expect(batches.map(({ pairs }) => pairs.length)).toEqual([400, 400, 100]);
  });

  test('requests for another time, window, label or interval class go apart', () => {
    const batches = plan([
      ratioRequest('a', 'v1'),
      ratioRequest('b', 'v1', { at: 1_000 }),
      ratioRequest('c', 'v1', { at: 2_000 }),
      ratioRequest('d', 'v1', { windowMs: 300_000 }),
      ratioRequest('e', 'v1', { versionLabel: 'release' }),
    ]);
    expect(batches.map(({ at }) => at).sort()).toEqual([1_000, 2_000, null, null, null].sort());
  });

  test('identical requests and identical free queries are asked once', () => {
    const batches = plan([
      ratioRequest('a', 'v1'),
      ratioRequest('a', 'v1', { id: 'another' }),
      freeRequest('sum(up)'),
      freeRequest('sum(up)'),
      freeRequest('sum(down)'),
    ]);
    expect(batches.map(({ asks }) => asks)).toEqual([[2], [2], [1]]);
  });

  test('one name written in two ways is one place in the answer', () => {
    const batches = plan([
      presenceRequest('up{job="a",env="prod"}', 'v1'),
      presenceRequest('up{env="prod",job="a"}', 'v1'),
      presenceRequest('up{env="prod",job="b"}', 'v1'),
    ]);
    expect(batches.map(({ pairs, asks }) => [pairs, asks])).toEqual([
      [
        ['a/v1', 'b/v1'],
        [2, 1],
      ],
    ]);
  });

  test('the label that brings most names together varies', () => {
    const selector = (env: string, job: string) => presenceRequest(`up{env="${env}",job="${job}"}`, 'v1');
    const batches = plan([
      selector('prod', 'a'),
      selector('prod', 'b'),
      selector('prod', 'c'),
      selector('test', 'a'),
    ]);
    expect(batches.map(({ label, pairs }) => [label, pairs])).toEqual([
      ['job', ['a/v1', 'b/v1', 'c/v1']],
      ['env', ['test/v1']],
    ]);
  });

  test('shapes without a label to vary share a query for their versions', () => {
    const selector = 'up{job=~"a.*"}';
    const batches = plan([presenceRequest(selector, 'v2'), presenceRequest(selector, 'v1')]);
    expect(batches.map(({ query }) => query)).toEqual(['sum by (version) (up{job=~"a.*",version=~"v1|v2"})']);
  });

  test('requests in different company do not travel together', () => {
    const requests = ['a', 'b', 'c'].map((name) => presenceRequest(`up{job="${name}"}`, 'v1'));
    const batches = plan(requests, ({ query }) => (query.includes('"b"') ? 'b' : ''));
    expect(batches.map(({ query }) => query)).toEqual([
      'sum by (job, version) (up{job=~"a|c",version="v1"})',
      'sum by (job, version) (up{job="b",version="v1"})',
    ]);
  });
});

const requests = fc.array(
  fc.record({
    kind: fc.constantFrom('ratio', 'latency', 'presence', 'query'),
    name: fc.integer({ min: 0, max: 300 }).map((index) => `svc-${index}`),
    env: fc.constantFrom('prod', 'test'),
    version: fc.constantFrom('v1', 'v2'),
    at: fc.constantFrom(null, 1_000),
  }),
  { maxLength: 600 },
);

function requestOf({
  kind,
  name,
  env,
  version,
  at,
}: {
  kind: string;
  name: string;
  env: string;
  version: string;
  at: number | null;
}) {
  if (kind === 'ratio') return ratioRequest(name, version, { at });
  if (kind === 'latency') return latencyRequest(name, version, { at });
  if (kind === 'query') return freeRequest(`sum(up{job="${name}"})`, { at });
  return presenceRequest(`up{job="${name}",env="${env}"}`, version, { at });
}

test('every request has exactly one place, in a query of its own shape and time, of at most 200 names', () => {
  fc.assert(
    fc.property(requests, (given) => {
      const asks = given.map(requestOf).map(askOf);
      const batches = planBatches(asks, alike);
      const placed = batches.flatMap(({ units }) => units.flatMap((unit) => unit.asks));
      expect(new Set(placed)).toEqual(new Set(asks));
      expect(placed).toHaveLength(asks.length);
      for (const { label, shape, units, at } of batches) {
        expect(new Set(units.map(({ name }) => name)).size).toBeLessThanOrEqual(MOST_NAMES);
        const keys = units.flatMap((unit) =>
          unit.asks.map((ask) => ask.shape?.ways.find((way) => way.label === label)?.key ?? ask.query),
        );
        expect(new Set(keys).size).toBe(1);
        for (const unit of units) {
          for (const ask of unit.asks) {
            expect(ask.request.at).toBe(at);
            if (shape !== null) expect(ask.request.version).toBe(unit.version);
          }
        }
      }
    }),
    { numRuns: 50 },
  );
});

test('the order in which requests come does not matter', () => {
  const shuffled = requests.chain((given) =>
    fc.tuple(fc.constant(given), fc.shuffledSubarray(given, { minLength: given.length })),
  );
  fc.assert(
    fc.property(shuffled, ([given, other]) => {
      const queries = (order: typeof given) =>
        planBatches(order.map(requestOf).map(askOf), alike).map(queryOf).sort();
      expect(queries(other)).toEqual(queries(given));
    }),
    { numRuns: 30 },
  );
});

describe('halves', () => {
  const halvesOf = (...pairs: [string, string][]) => {
    const [batch] = planBatches(
      pairs.map(([name, version]) => askOf(ratioRequest(name, version))),
      alike,
    );
    return halve(batch!).map(({ units }) => units.map(({ name, version }) => `${name}/${version}`));
  };

  test('hold the same units as the whole', () => {
    expect(halvesOf(['a', 'v1'], ['b', 'v1'], ['c', 'v1'])).toEqual([['a/v1'], ['b/v1', 'c/v1']]);
  });

  test('are cut between names, as near to the middle as can be', () => {
    expect(halvesOf(['a', 'v1'], ['b', 'v1'], ['b', 'v2'], ['c', 'v1'])).toEqual([
      ['a/v1'],
      ['b/v1', 'b/v2', 'c/v1'],
    ]);
    expect(halvesOf(['a', 'v1'], ['a', 'v2'], ['a', 'v3'], ['b', 'v1'])).toEqual([
      ['a/v1', 'a/v2', 'a/v3'],
      ['b/v1'],
    ]);
  });

  test('of a single name are its versions', () => {
    expect(halvesOf(['a', 'v1'], ['a', 'v2'])).toEqual([['a/v1'], ['a/v2']]);
  });

  test('never come out empty', () => {
    const pairs = fc.uniqueArray(
      fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('v1', 'v2', 'v3')),
      {
        minLength: 2,
        selector: (pair) => pair.join('/'),
      },
    );
    fc.assert(
      fc.property(pairs, (given) => {
        const [first = [], second = []] = halvesOf(...given);
        expect(Math.min(first.length, second.length)).toBeGreaterThan(0);
        expect(new Set([...first, ...second])).toEqual(new Set(given.map((pair) => pair.join('/'))));
        const names = (units: string[]) => new Set(units.map((unit) => unit.slice(0, 1)));
        const shared = [...names(first)].filter((name) => names(second).has(name));
        if (new Set(given.map(([name]) => name)).size > 1) expect(shared).toEqual([]);
      }),
    );
  });
});
