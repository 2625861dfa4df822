import { describe, expect, test } from 'vitest';
import type { VerdictClass } from '../../src/core/rollout.ts';
import type { Store } from '../../src/store/store.ts';
import { aRollout, aSave, aVerdict, T0 } from '../support/saves.ts';
import { tempStore } from '../support/temp-store.ts';

const DAY_MS = 86_400_000;

function look(store: Store, rolloutId: string, ...seen: readonly [string, VerdictClass, number][]): void {
  const verdicts = seen.map(([metric, outcome, seconds]) => ({
    rolloutId,
    verdict: aVerdict(metric, outcome, T0 + seconds * 1_000),
  }));
  store.save(aSave('checkout', { verdicts }));
}

function kept(store: Store, rolloutId: string): [string, VerdictClass, number][] {
  return store
    .measurements(rolloutId, 1_000)
    .map(({ metric, verdict, at }) => [metric, verdict.class, (at - T0) / 1_000]);
}

describe('rollouts', () => {
  test('are listed newest first, each as it was last recorded', () => {
    const store = tempStore().open();
    store.save(aSave('checkout', { rollouts: [aRollout('checkout-1', 'checkout')] }));
    const ended = aRollout('checkout-1', 'checkout', {
      endedAt: T0 + 5,
      outcome: 'RolledBack',
      reason: 'errors',
    });
    const second = aRollout('checkout-2', 'checkout', { startedAt: T0 + 10 });
    store.save(aSave('checkout', { rollouts: [ended, second] }));
    store.save(aSave('search', { rollouts: [aRollout('search-1', 'search')] }));
    expect(store.rollouts('checkout', 10)).toEqual([second, ended]);
    expect(store.rollouts('checkout', 1)).toEqual([second]);
    expect(store.rollout('checkout-1')).toEqual(ended);
    expect(store.rollout('checkout-9')).toBeNull();
  });

  test('are listed in the order of their making also when the clock was set back between two', () => {
    const store = tempStore().open();
    const first = aRollout('checkout-1', 'checkout', { startedAt: T0 + 600_000 });
    const second = aRollout('checkout-2', 'checkout', { startedAt: T0 });
    store.save(aSave('checkout', { rollouts: [first] }));
    store.save(aSave('checkout', { rollouts: [second] }));
    expect(store.rollouts('checkout', 10)).toEqual([second, first]);
  });
});

describe('of the measurements', () => {
  test('one pass a minute and metric is kept, the newest of its minute', () => {
    const store = tempStore().open();
    for (const second of [0, 20, 40, 60, 80])
      look(store, 'r', ['errors', 'pass', second], ['p99', 'pass', second]);
    expect(kept(store, 'r')).toEqual([
      ['p99', 'pass', 80],
      ['errors', 'pass', 80],
      ['p99', 'pass', 40],
      ['errors', 'pass', 40],
    ]);
  });

  test('everything that was no pass is kept', () => {
    const store = tempStore().open();
    look(store, 'r', ['errors', 'fail', 0]);
    look(store, 'r', ['errors', 'noData', 5]);
    look(store, 'r', ['errors', 'pass', 10]);
    look(store, 'r', ['errors', 'error', 15]);
    look(store, 'r', ['errors', 'inconclusive', 20]);
    look(store, 'r', ['errors', 'pass', 59]);
    expect(kept(store, 'r')).toEqual([
      ['errors', 'pass', 59],
      ['errors', 'inconclusive', 20],
      ['errors', 'error', 15],
      ['errors', 'noData', 5],
      ['errors', 'fail', 0],
    ]);
  });

  test('the newest come first and a limit keeps the newest pass', () => {
    const store = tempStore().open();
    look(store, 'r', ['errors', 'fail', 30]);
    look(store, 'r', ['errors', 'pass', 45]);
    expect(store.measurements('r', 1).map(({ verdict }) => verdict.class)).toEqual(['pass']);
  });

  test('those of other rollouts are not mixed in', () => {
    const store = tempStore().open();
    look(store, 'r1', ['errors', 'pass', 0]);
    look(store, 'r2', ['errors', 'fail', 0]);
    expect(kept(store, 'r1')).toEqual([['errors', 'pass', 0]]);
  });
});

describe('pruning', () => {
  function endedRollout(store: Store, id: string, endedAt: number | null, measurements: number): void {
    store.save(
      aSave('checkout', {
        rollouts: [aRollout(id, 'checkout', { endedAt })],
        verdicts: Array.from({ length: measurements }, (_, i) => ({
          rolloutId: id,
          verdict: aVerdict('errors', 'fail', T0 + i),
        })),
      }),
    );
  }

  test('removes measurements seven days after the end of their rollout, and only those', () => {
    const store = tempStore().open();
    endedRollout(store, 'over', T0, 3);
    endedRollout(store, 'recent', T0 + DAY_MS, 3);
    endedRollout(store, 'running', null, 3);
    expect(store.prune(T0 + 7 * DAY_MS)).toBe(0);
    expect(store.prune(T0 + 7 * DAY_MS + 1)).toBe(3);
    const left = ['over', 'recent', 'running'].map((id) => store.measurements(id, 10).length);
    expect(left).toEqual([0, 3, 3]);
    expect(store.rollout('over')).not.toBeNull();
    expect(store.prune(T0 + 7 * DAY_MS + 1)).toBe(0);
  });

  test('goes in small slices until nothing is left', () => {
    const store = tempStore().open();
    endedRollout(store, 'long', T0, 1_100);
    endedRollout(store, 'short', T0 + 1, 10);
    const slices: number[] = [];
    do slices.push(store.prune(T0 + 30 * DAY_MS));
    while (slices.at(-1) !== 0);
    expect(slices).toEqual([500, 500, 110, 0]);
  });
});

test('the size on disk grows with what is stored', () => {
  const store = tempStore().open();
  const before = store.sizeBytes();
  for (let i = 0; i < 50; i += 1) store.save(aSave(`service-${i}`));
  expect(store.sizeBytes()).toBeGreaterThan(before);
});
