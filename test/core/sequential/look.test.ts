import { describe, expect, it } from 'vitest';
import type { Measurement, Reading } from '../../../src/core/observation.ts';
import type { RolloutState } from '../../../src/core/rollout.ts';
import {
  judgeSequential,
  type SequentialContext,
  sequentialMetric,
  sequentialRequests,
} from '../../../src/core/sequential/look.ts';
import type { SequentialMemory } from '../../../src/core/sequential/memory.ts';
import { initialRollout } from '../../../src/core/state.ts';
import type { Metric } from '../../../src/spec/canary.ts';
import { aCanary, aMetric, steps } from '../../support/a-canary.ts';

const PROMISE = { alpha: 0.01, beta: 0.05, sensitivity: 0.5, dispersion: null };
const RATIO = aMetric({ judge: 'sequential', forMs: null, sequential: PROMISE });
const LATENCY = aMetric({
  ...RATIO,
  source: { kind: 'latency', histogram: 'd_bucket', quantile: 0.99, minRequests: 10 },
  bounds: { maxDelta: 0.05 },
});
const SCRAPE_MS = 15_000;
/** The weight is held from here on. */
const START = 10_000_000;

function aContext(metric: Metric, weight: number, memory?: SequentialMemory): SequentialContext {
  const canary = aCanary({
    settleMs: 0,
    strategy: { steps: steps(5, 50, 100).map((step) => ({ ...step, maxHoldMs: 1_200_000 })) },
    analysis: { intervalMs: SCRAPE_MS, metrics: [metric] },
  });
  const rollout = initialRollout(canary, { id: 'r', revision: 'v2', stable: 'v1', by: 'git', now: START });
  const held = { ...rollout.held, index: 0, weight, verifiedAt: START, clearFrom: START };
  const frozenAt = weight === 100 ? START : null;
  const state: RolloutState = { ...rollout, held, frozenAt };
  return { ...sequentialMetric(metric)!, canary, rollout: state, memory };
}

function measurement(id: string, at: number, reading: Reading): Measurement {
  return { id, at, reading, query: id, skewMs: 0 };
}

/** Counters that grow by so much at each scrape in (from, at], all of them 0 at `from`. */
function counters(version: string, from: number, at: number, good: number, bad: number): Reading {
  const series = (code: string, growth: number) => ({
    labels: { __name__: 'http_requests_total', job: 'shop', instance: version, version, code },
    samples: Array.from({ length: Math.floor((at - from) / SCRAPE_MS) + 1 }, (_, scrape) => {
      return [from + scrape * SCRAPE_MS, scrape * growth] as const;
    }),
  });
  return { kind: 'series', series: [series('200', good), series('500', bad)] };
}

interface Growth {
  readonly canary: readonly [good: number, bad: number];
  readonly stable: readonly [good: number, bad: number];
}

/** So many looks, a scrape apart and all versions scraped at once or the canary later, after a first one that finds the counters. */
function judge(weight: number, looks: number, { canary, stable }: Growth, metric = RATIO, canaryLaterMs = 0) {
  const before = measurement('before', START, counters('v1', START - 1_800_000, START, 1000, 1));
  let judged: ReturnType<typeof judgeSequential> | null = null;
  for (let look = 0; look <= looks; look += 1) {
    const at = START + look * SCRAPE_MS + canaryLaterMs;
    judged = judgeSequential(aContext(metric, weight, judged?.memory), {
      canary: measurement('canary', at, counters('v2', START + canaryLaterMs, at, ...canary)),
      stable: weight === 100 ? null : measurement('stable', at, counters('v1', START, at, ...stable)),
      before,
    });
  }
  return judged!;
}

describe('what the sequential judge asks for', () => {
  const ids = (context: SequentialContext) => sequentialRequests(context, START, (arm) => arm);

  it('is both arms and, until it was read, stable before the rollout', () => {
    const first = ids(aContext(RATIO, 5));
    expect(first.map(({ id, version }) => [id, version])).toEqual([
      ['canary', 'v2'],
      ['stable', 'v1'],
      ['before', 'v1'],
    ]);
    expect(first[2]?.windowMs).toBe(1_800_000);
    const { memory } = judge(5, 1, { canary: [50, 0], stable: [950, 1] });
    expect(ids(aContext(RATIO, 5, memory)).map(({ id }) => id)).toEqual(['canary', 'stable']);
  });

  it('is the canary alone at weight 100', () => {
    const { memory } = judge(5, 1, { canary: [50, 0], stable: [950, 1] });
    expect(ids(aContext(RATIO, 100, memory)).map(({ id }) => id)).toEqual(['canary']);
  });
});

describe('what the sequential judge makes of a look', () => {
  it('is nothing yet of the first one, which only finds the counters', () => {
    const judged = judge(5, 0, { canary: [50, 0], stable: [950, 1] });
    expect(judged).toMatchObject({ class: 'pending', structural: false });
    expect(judged.reading?.canary.requests).toBe(0);
  });

  it('is a pass once the odds for the step are there, and says what they are', () => {
    const judged = judge(5, 12, { canary: [100, 0], stable: [1900, 2] });
    expect(judged.class).toBe('pass');
    expect(judged.detail).toMatch(
      /^odds [\d.]+ : 1 against "too bad to promote", 4.47 : 1 needed: canary 0 of 1200 failed \(0 %\), stable 24 of 22824 /,
    );
  });

  it('says until then how far it is and about how long it will take', () => {
    const judged = judge(5, 2, { canary: [100, 0], stable: [1900, 2] });
    expect(judged.class).toBe('pending');
    expect(judged.detail).toMatch(/needed to leave the step, about \d+(m\d*)?s? more at this traffic/);
  });

  it('is a fail when the odds say that the canary is worse than tolerated', () => {
    const judged = judge(5, 8, { canary: [95, 5], stable: [1900, 2] });
    expect(judged).toMatchObject({ class: 'fail', guard: false });
    expect(judged.detail).toContain('against "at most 0.25 % more failed than stable\'s"');
  });

  it('is a fail of the guard when everything fails', () => {
    expect(judge(5, 1, { canary: [0, 100], stable: [1900, 2] })).toMatchObject({
      class: 'fail',
      guard: true,
    });
  });

  it('waits for the poll of stable that covers its end where the canary is scraped later', () => {
    const later = (ms: number) => judge(5, 8, { canary: [95, 5], stable: [1900, 2] }, RATIO, ms);
    expect(later(0.1 * SCRAPE_MS).memory?.test?.apart?.open).toBeNull();
    expect(later(0.5 * SCRAPE_MS).memory?.test?.apart?.open?.canary).toMatchObject({
      canary: { requests: 100, score: 5 },
    });
    expect(later(0.5 * SCRAPE_MS).class).toBe('fail');
  });

  it('is on hold while the canary gets far more traffic than its weight', () => {
    const judged = judge(5, 8, { canary: [400, 0], stable: [600, 1] });
    expect(judged.class).toBe('pending');
    expect(judged.detail).toContain('routingMismatch: the canary gets 40 % of the requests');
  });

  it('is no data after four polls without a request of the canary', () => {
    expect(judge(5, 3, { canary: [0, 0], stable: [1900, 2] }).class).toBe('pending');
    const silent = judge(5, 4, { canary: [0, 0], stable: [1900, 2] });
    expect(silent).toMatchObject({
      class: 'noData',
      detail: 'canary: no requests at the last 4 polls, about 1m',
    });
  });

  it('is a pass at weight 100 when nothing speaks against the canary', () => {
    const judged = judge(100, 4, { canary: [1000, 1], stable: [0, 0] });
    expect(judged.class).toBe('pass');
    expect(judged.detail).toMatch(
      /^nothing speaks against it: of stable, frozen at 02:46:40Z, at most [\d.]+ % failed, 0.25 % more are tolerated: canary 4 of 4004 failed \(0.0999 %\) at weight 100$/,
    );
  });

  it('says at weight 100 when the stable was frozen by which it fails', () => {
    const judged = judge(100, 8, { canary: [950, 50], stable: [0, 0] });
    expect(judged.class).toBe('fail');
    expect(judged.detail).toMatch(
      /^odds .* : 1 against "no worse than tolerated above [\d.]+ %, the bound of stable, frozen at 02:46:40Z": canary /,
    );
  });

  it('is no data at weight 100 when nothing of stable was ever counted', () => {
    const before = measurement('before', START, { kind: 'noData', why: 'empty', detail: 'no series' });
    let judged: ReturnType<typeof judgeSequential> | null = null;
    for (const at of [START, START + SCRAPE_MS, START + 2 * SCRAPE_MS]) {
      const canary = measurement('canary', at, counters('v2', START, at, 1000, 1));
      judged = judgeSequential(aContext(RATIO, 100, judged?.memory), { canary, stable: null, before });
    }
    expect(judged).toMatchObject({
      class: 'noData',
      detail: 'stable, frozen at 02:46:40Z: nothing of it was counted until then',
    });
  });

  it('waits at a new weight for a request of its own, whatever the odds of the weights before', () => {
    const { memory } = judge(5, 40, { canary: [100, 0], stable: [1900, 2] });
    const at = START + 41 * SCRAPE_MS;
    const next = aContext(RATIO, 50, memory);
    const held = { ...next.rollout.held, verifiedAt: at, clearFrom: at };
    const judged = judgeSequential(
      { ...next, rollout: { ...next.rollout, held } },
      {
        canary: measurement('canary', at, counters('v2', START, at, 100, 0)),
        stable: measurement('stable', at, counters('v1', START, at, 1900, 2)),
        before: null,
      },
    );
    expect(judged.class).toBe('pending');
    expect(judged.detail).toMatch(
      /^no request was judged at this weight yet, odds over 1000000 : 1 against "too bad to promote", 4\.47 : 1 needed: canary /,
    );
  });

  it('tells no time that the rest takes while the requests of a new weight are not judged', () => {
    const { memory } = judge(5, 2, { canary: [100, 0], stable: [1900, 2] });
    const at = START + 3 * SCRAPE_MS;
    const next = aContext(RATIO, 50, memory);
    const held = { ...next.rollout.held, verifiedAt: at, clearFrom: at + 60_000 };
    const { detail } = judgeSequential(
      { ...next, rollout: { ...next.rollout, held } },
      {
        canary: measurement('canary', at, counters('v2', START, at, 100, 0)),
        stable: measurement('stable', at, counters('v1', START, at, 1900, 2)),
        before: null,
      },
    );
    expect(detail).toMatch(
      /^no request was judged at this weight yet, odds [\d.]+ : 1 against "too bad to promote", [\d.]+ : 1 needed to leave the step: /,
    );
  });

  it('names the dispersion that divides the evidence, where there is one', () => {
    const growth: Growth = { canary: [100, 0], stable: [1900, 2] };
    const bursty = { ...RATIO, sequential: { ...PROMISE, dispersion: 3.25 } };
    expect(judge(5, 2, growth, bursty).detail).toMatch(/, evidence divided by dispersion 3\.25$/);
    expect(judge(5, 2, growth).detail).not.toContain('dispersion');
  });

  it('is inconclusive once the step has been held for maxHold', () => {
    const { memory } = judge(5, 2, { canary: [100, 0], stable: [1900, 2] });
    const at = START + 3 * SCRAPE_MS;
    const late = aContext(RATIO, 5, memory);
    const held = { ...late.rollout.held, bakedMs: 1_800_000, stalledMs: 900_000 };
    const judged = judgeSequential(
      { ...late, rollout: { ...late.rollout, held } },
      {
        canary: measurement('canary', at, counters('v2', START, at, 100, 0)),
        stable: measurement('stable', at, counters('v1', START, at, 1900, 2)),
        before: null,
      },
    );
    expect(judged.class).toBe('inconclusive');
    expect(judged.detail).toMatch(/^no answer within maxHold 20m, odds /);
  });

  it('is a fail at weight 100 when the canary fails more than stable ever did', () => {
    expect(judge(100, 6, { canary: [960, 40], stable: [0, 0] })).toMatchObject({ class: 'fail' });
  });

  it('is no data while a latency has no quantile of stable to start from', () => {
    const judged = judge(5, 2, { canary: [100, 0], stable: [1900, 2] }, LATENCY);
    expect(judged).toMatchObject({ class: 'noData', reading: null });
    expect(judged.detail).toContain('stable has no such quantile before the rollout');
  });

  it.each([
    [{ kind: 'noData', why: 'empty', detail: 'no series' }, 'noData', 'canary: no series'],
    [
      { kind: 'error', structural: true, code: 'PROM_BAD_QUERY', detail: 'refused' },
      'error',
      'canary: refused',
    ],
  ] as const)('that could not be measured changes nothing that was counted: %j', (reading, kind, detail) => {
    const { memory } = judge(5, 2, { canary: [100, 0], stable: [1900, 2] });
    const at = START + 3 * SCRAPE_MS;
    const judged = judgeSequential(aContext(RATIO, 5, memory), {
      canary: measurement('canary', at, reading),
      stable: measurement('stable', at, counters('v1', START, at, 1900, 2)),
      before: null,
    });
    expect(judged).toMatchObject({ class: kind, detail });
    expect(judged.memory?.test).toEqual(memory?.test);
  });

  it('is no data while the answer about stable before the rollout is not whole, and it is asked for again', () => {
    const partial: Reading = { kind: 'noData', why: 'partial', detail: 'Prometheus warned: a store is away' };
    const context = aContext(RATIO, 5);
    const judged = judgeSequential(context, {
      canary: measurement('canary', START, counters('v2', START, START, 50, 0)),
      stable: measurement('stable', START, counters('v1', START, START, 950, 1)),
      before: measurement('before', START, partial),
    });
    expect(judged).toMatchObject({
      class: 'noData',
      detail: 'stable before the rollout: Prometheus warned: a store is away',
      memory: undefined,
    });
    const again = sequentialRequests({ ...context, memory: judged.memory }, START, (arm) => arm);
    expect(again.map(({ id }) => id)).toContain('before');
  });

  it('is an error when stable before the rollout cannot be asked', () => {
    const error: Reading = { kind: 'error', structural: false, code: 'PROM_CONNECT', detail: 'refused' };
    const judged = judgeSequential(aContext(RATIO, 5), {
      canary: measurement('canary', START, error),
      stable: null,
      before: measurement('before', START, error),
    });
    expect(judged).toMatchObject({ class: 'error', structural: false, memory: undefined });
  });
});
