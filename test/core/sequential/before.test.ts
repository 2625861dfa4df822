import { expect, it } from 'vitest';
import { countingOf } from '../../../src/core/ledger/counting.ts';
import type { CounterSeries, Measurement } from '../../../src/core/observation.ts';
import { beforeOf } from '../../../src/core/sequential/before.ts';
import { judgeSequential, sequentialMetric } from '../../../src/core/sequential/look.ts';
import { initialRollout } from '../../../src/core/state.ts';
import { aCanary, aMetric, steps } from '../../support/a-canary.ts';

const AT = 10_000_000;
const SCRAPE_MS = 15_000;
const FROM = AT - 1_500_000;

/** Counters of stable until `AT`, a scrape apart; `grow` says by how much each of them grew at a scrape. */
function stable(
  name: string,
  label: string,
  grow: Readonly<Record<string, (at: number) => number>>,
): Measurement {
  const series = Object.entries(grow).map(([value, growth]): CounterSeries => {
    const samples: [number, number][] = [[FROM, 0]];
    let sum = 0;
    for (let at = FROM + SCRAPE_MS; at <= AT; at += SCRAPE_MS) {
      sum += growth(at);
      samples.push([at, sum]);
    }
    return {
      labels: { __name__: name, job: 'shop', instance: 'a', version: 'v1', [label]: value },
      samples,
    };
  });
  return { id: 'before', at: AT, reading: { kind: 'series', series }, query: '', skewMs: 0 };
}

function before(kind: 'ratio' | 'latency', answer: Measurement, until: number) {
  const source =
    kind === 'ratio'
      ? ({ kind, bad: 'r{code="500"}', total: 'r', minRequests: 1 } as const)
      : ({ kind, histogram: 'd_bucket', quantile: 0.99, minRequests: 1 } as const);
  const counting = countingOf(source);
  if (!counting.ok) throw new Error(counting.error);
  return beforeOf(counting.value, answer, 'version', 15_000, { tail: 0.01, margin: 0.1 }, until);
}

const RAISED = AT - 300_000;
const wasRaised = (at: number) => at > RAISED;

it('the threshold of a latency, and the traffic, are those until the weight was held', () => {
  const slower = (upper: number) => (at: number) =>
    wasRaised(at) ? (upper > 1 ? 500 : 0) : upper > 0.1 ? 1000 : 980;
  const answer = stable('d_bucket', 'le', {
    0.1: slower(0.1),
    1: slower(1),
    10: slower(10),
    '+Inf': slower(Infinity),
  });
  const all = before('latency', answer, AT);
  const cut = before('latency', answer, RAISED);
  expect(all.threshold).toBeGreaterThan(1);
  expect(cut.threshold).toBeLessThan(1);
  expect(cut.traffic?.rps).toBeCloseTo(1000 / 15);
  expect(cut.counts.requests).toBe(80_000);
});

it('how bursty failures are is what they were until the weight was held', () => {
  const answer = stable('r', 'code', {
    200: () => 1000,
    500: (at) => (wasRaised(at) ? 200 * ((at / SCRAPE_MS) % 2) : 1),
  });
  expect(before('ratio', answer, AT).dispersion).toBeGreaterThan(1);
  expect(before('ratio', answer, RAISED).dispersion).toBe(1);
});

it('a metric that is edited late in a long step begins with the last half hour, less what is counted from then on', () => {
  const metric = aMetric({
    judge: 'sequential',
    forMs: null,
    sequential: { alpha: 0.01, beta: 0.05, sensitivity: 0.5, dispersion: null },
    source: { kind: 'latency', histogram: 'd_bucket', quantile: 0.99, minRequests: 1 },
    bounds: { maxDelta: 0.1 },
  });
  const canary = aCanary({
    strategy: { steps: steps(5, 100) },
    analysis: { intervalMs: 15_000, metrics: [metric] },
  });
  const rollout = initialRollout(canary, { id: 'r', revision: 'v2', stable: 'v1', by: 'git', now: 0 });
  const held = {
    ...rollout.held,
    index: 0,
    weight: 5,
    verifiedAt: AT - 7_200_000,
    clearFrom: AT - 7_200_000,
  };
  const answer = stable('d_bucket', 'le', { 0.1: () => 980, 1: () => 1000, '+Inf': () => 1000 });
  const judged = judgeSequential(
    { ...sequentialMetric(metric)!, canary, rollout: { ...rollout, held }, memory: undefined },
    { canary: answer, stable: answer, before: answer },
  );
  expect(judged.class).not.toBe('noData');
  expect(judged.memory?.threshold).toBeGreaterThan(0.1);
});
