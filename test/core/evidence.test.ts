import { describe, expect, it } from 'vitest';
import { breach, countLook, type LookContext } from '../../src/core/evidence.ts';
import type { MetricState, Verdict, VerdictClass } from '../../src/core/rollout.ts';
import { initialMetric } from '../../src/core/state.ts';
import { aCanary, aMetric } from '../support/a-canary.ts';

const SECOND = 1_000;
const { analysis } = aCanary();
const CLEAR: LookContext = { analysis, clear: true, urgentCounts: true, passesCount: true, isNews: true };

function verdict(kind: VerdictClass, at: number, over: Partial<Verdict> = {}): Verdict {
  return {
    metric: 'error-rate',
    class: kind,
    at,
    windowMs: 60_000,
    canary: null,
    stable: null,
    canaryRequests: null,
    stableRequests: null,
    bound: '',
    detail: '',
    query: '',
    structural: false,
    guard: false,
    counted: false,
    stableFrozenAt: null,
    ...over,
  };
}

/** Looks as [second, class], counted one after the other. */
function counted(
  looks: readonly (readonly [number, VerdictClass])[],
  metric = aMetric(),
  context: Partial<LookContext> = {},
): MetricState {
  const state = initialMetric('key', 0);
  for (const [at, kind] of looks) {
    countLook(state, metric, verdict(kind, at * SECOND), { ...CLEAR, ...context });
  }
  return state;
}

describe('the stopwatch of `for`', () => {
  it.each<[string, [number, VerdictClass][], number]>([
    ['a single failing look adds nothing', [[0, 'fail']], 0],
    [
      'failing looks add the time between them',
      [
        [0, 'fail'],
        [30, 'fail'],
        [60, 'fail'],
      ],
      60,
    ],
    [
      'at most 1.5 intervals at once',
      [
        [0, 'fail'],
        [80, 'fail'],
      ],
      45,
    ],
    [
      'over missing data only the last stretch is added',
      [
        [0, 'fail'],
        [30, 'noData'],
        [60, 'fail'],
      ],
      30,
    ],
    [
      'over errors too',
      [
        [0, 'fail'],
        [30, 'error'],
        [60, 'error'],
        [90, 'fail'],
      ],
      30,
    ],
    [
      'a pass sets it to zero',
      [
        [0, 'fail'],
        [30, 'fail'],
        [60, 'pass'],
        [90, 'fail'],
      ],
      0,
    ],
    [
      'so does a time without any look longer than three intervals',
      [
        [0, 'fail'],
        [30, 'fail'],
        [121, 'fail'],
      ],
      0,
    ],
    [
      'three intervals exactly do not',
      [
        [0, 'fail'],
        [30, 'fail'],
        [120, 'fail'],
      ],
      75,
    ],
    [
      'the look before a first failure does not matter',
      [
        [0, 'pass'],
        [30, 'fail'],
      ],
      0,
    ],
  ])('%s', (_name, looks, seconds) => {
    expect(counted(looks).failingMs).toBe(seconds * SECOND);
  });

  it('is a breach when it reaches `for`', () => {
    const metric = aMetric({ forMs: 60_000 });
    expect(
      breach(
        counted([
          [0, 'fail'],
          [30, 'fail'],
        ]),
        metric,
      ),
    ).toBeNull();
    expect(
      breach(
        counted([
          [0, 'fail'],
          [30, 'fail'],
          [60, 'fail'],
        ]),
        metric,
      ),
    ).toBe('failing for 1m without a pass (for: 1m)');
  });

  it('with `for: 0` is a breach at the first failure', () => {
    const metric = aMetric({ forMs: 0 });
    expect(breach(counted([], metric), metric)).toBeNull();
    expect(breach(counted([[0, 'fail']], metric), metric)).not.toBeNull();
  });

  it('is stopped by a pass that is no evidence, too', () => {
    const state = counted([
      [0, 'fail'],
      [30, 'fail'],
    ]);
    countLook(state, aMetric(), verdict('pass', 60_000), { ...CLEAR, passesCount: false });
    expect(state).toMatchObject({ failingMs: 0, lastFailAt: null, passes: 0, lastPassAt: null });
  });
});

it('a pass without anything new stands, and is no fresh one', () => {
  const state = counted([[0, 'pass']]);
  countLook(state, aMetric(), verdict('pass', 60_000), { ...CLEAR, isNews: false });
  expect(state).toMatchObject({ passes: 1, lastPassAt: 0 });
});

describe('failureLimit', () => {
  const metric = aMetric({ forMs: null, failureLimit: 1, windowMs: 60_000 });

  it('counts at most one failure a window', () => {
    expect(
      counted(
        [
          [0, 'fail'],
          [30, 'fail'],
          [59, 'fail'],
        ],
        metric,
      ).failures,
    ).toBe(1);
    expect(
      counted(
        [
          [0, 'fail'],
          [60, 'fail'],
          [119, 'fail'],
        ],
        metric,
      ).failures,
    ).toBe(2);
  });

  it('is not taken back by passes, and is a breach when there are more', () => {
    const once = counted(
      [
        [0, 'fail'],
        [30, 'pass'],
      ],
      metric,
    );
    expect(once.failures).toBe(1);
    expect(breach(once, metric)).toBeNull();
    const twice = counted(
      [
        [0, 'fail'],
        [30, 'pass'],
        [90, 'fail'],
      ],
      metric,
    );
    expect(breach(twice, metric)).toBe('2 counted failures are more than failureLimit 1');
  });
});

describe('counting', () => {
  it('adds passes in a row; everything else starts again', () => {
    expect(
      counted([
        [0, 'pass'],
        [30, 'pass'],
      ]).passes,
    ).toBe(2);
    for (const kind of ['fail', 'noData', 'error', 'inconclusive'] as const) {
      expect(
        counted([
          [0, 'pass'],
          [30, kind],
        ]).passes,
      ).toBe(0);
    }
  });

  it('counts errors in a row, structural ones not', () => {
    expect(
      counted([
        [0, 'error'],
        [30, 'error'],
      ]).errors,
    ).toBe(2);
    expect(
      counted([
        [0, 'error'],
        [30, 'noData'],
      ]).errors,
    ).toBe(0);
    const state = initialMetric('key', 0);
    countLook(state, aMetric(), verdict('error', 0, { structural: true }), CLEAR);
    expect(state.errors).toBe(0);
  });

  it('knows since when there were no data, from the first look that counts', () => {
    expect(
      counted([
        [10, 'noData'],
        [40, 'noData'],
      ]).noDataSince,
    ).toBe(10_000);
    expect(
      counted([
        [10, 'noData'],
        [40, 'error'],
      ]).noDataSince,
    ).toBeNull();
    expect(counted([[10, 'noData']], aMetric(), { clear: false }).noDataSince).toBeNull();
  });

  it('counts nothing in a window that is not clear, but failures of critical metrics and the guard', () => {
    const settle = { clear: false };
    expect(
      counted(
        [
          [0, 'fail'],
          [30, 'pass'],
          [60, 'error'],
        ],
        aMetric(),
        settle,
      ),
    ).toMatchObject({
      passes: 0,
      failures: 0,
      errors: 0,
    });
    const critical = aMetric({ critical: true });
    expect(counted([[0, 'fail']], critical, settle).failures).toBe(1);
    expect(counted([[0, 'pass']], critical, settle).passes).toBe(0);
    const state = initialMetric('key', 0);
    expect(countLook(state, aMetric(), verdict('fail', 0, { guard: true }), { ...CLEAR, ...settle })).toBe(
      true,
    );
    const older = { clear: false, urgentCounts: false };
    expect(counted([[0, 'fail']], critical, older).failures).toBe(0);
  });
});

describe('the passes', () => {
  it('begin again after a look that counts neither way: they are the last looks, without a gap', () => {
    const state = counted([
      [0, 'pass'],
      [30, 'pass'],
    ]);
    expect(state.passes).toBe(2);
    const isCounted = countLook(state, aMetric(), verdict('pass', 60 * SECOND), { ...CLEAR, clear: false });
    expect(isCounted).toBe(false);
    expect(state.passes).toBe(0);
  });
});
