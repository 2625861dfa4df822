/** Queries that never end, at a server that answers all others: whom they keep from an answer. */
import { expect, onTestFinished, test } from 'vitest';
import type { MeasureRequest } from '../../src/core/observation.ts';
import { createMeasure } from '../../src/metrics/batch.ts';
import { createPrometheus } from '../../src/metrics/prometheus.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import { freeRequest, ratioRequest } from './requests.ts';
import { startStandIn, vectorBody } from './stand-in.ts';

const NEVER_ABORTED = new AbortController().signal;
const SLOW = Array.from({ length: 8 }, (_, index) => `slow_${index}`);

/** Queries that are `hanging` get no answer, all others one. */
async function setUp(hanging: Set<string>) {
  const clock = createVirtualClock();
  const server = await startStandIn(({ form }, response) => {
    if (!hanging.has(form.get('query') ?? '')) response.end(vectorBody([{ metric: {}, value: '1' }]));
  });
  const prometheus = createPrometheus({ url: server.url, clock });
  const measure = createMeasure({ prometheus, clock });
  onTestFinished(async () => {
    await measure.close();
    await prometheus.close();
    await server.close();
  });
  const codeOf = async (request: MeasureRequest) => {
    const { reading } = await measure(request, NEVER_ABORTED);
    return reading.kind === 'error' ? reading.code : 'answered';
  };
  return { clock, server, codeOf };
}

test('eight queries that are late at every look take the answers of the others once', async () => {
  const { clock, server, codeOf } = await setUp(new Set(SLOW));
  const tried: (string | null)[][] = [];
  for (let look = 0; look < 5; look += 1) {
    const before = server.asked.length;
    const slow = SLOW.map((query) => codeOf(freeRequest(query)));
    const healthy = codeOf(ratioRequest('shop', 'v2'));
    clock.advance(1_000);
    await server.hasAsked(before + (look === 0 ? 8 : 5));
    if (look > 0) expect(await healthy).toBe('answered');
    clock.advance(9_000);
    expect(await healthy).toBe(look === 0 ? 'PROM_TIMEOUT' : 'answered');
    expect(new Set(await Promise.all(slow))).toEqual(new Set(['PROM_TIMEOUT']));
    const queries = server.asked.slice(before).map(({ form }) => form.get('query'));
    tried.push(queries.filter((query) => query?.startsWith('slow')));
    clock.advance(600_000);
  }
  expect(tried.map(({ length }) => length)).toEqual([8, 4, 4, 4, 4]);
  expect([...(tried[1] ?? []), ...(tried[2] ?? [])].sort()).toEqual(SLOW);
});

test('a query that was late and is quick again is asked beside the others', async () => {
  const hanging = new Set(SLOW);
  const { clock, server, codeOf } = await setUp(hanging);
  const late = SLOW.map((query) => codeOf(freeRequest(query)));
  clock.advance(1_000);
  await server.hasAsked(8);
  clock.advance(9_000);
  await Promise.all(late);
  hanging.clear();
  const quick = SLOW.map((query) => codeOf(freeRequest(query)));
  clock.advance(1_000);
  expect(new Set(await Promise.all(quick))).toEqual(new Set(['answered']));
  for (const query of SLOW) hanging.add(query);
  const before = server.asked.length;
  const lateAgain = SLOW.map((query) => codeOf(freeRequest(query)));
  clock.advance(1_000);
  await server.hasAsked(before + 8);
  clock.advance(9_000);
  expect(new Set(await Promise.all(lateAgain))).toEqual(new Set(['PROM_TIMEOUT']));
});
