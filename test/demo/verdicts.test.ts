import { describe, expect, test } from 'vitest';
import { RELEASES, type Release } from '../../infra/demo/releases.ts';
import type { CountedSplit, Sample } from '../../infra/demo/splits.ts';
import { decisionText, differences, type Ending } from '../../infra/demo/verdicts.ts';
import type { CanaryView, RolloutView } from '../../src/view/schemas.ts';

const [healthy, bad, idle] = RELEASES as [Release, Release, Release];

interface Story {
  readonly phase: string;
  readonly outcome: string | null;
  /** Weights verified, in order. */
  readonly weights: readonly number[];
  /** What the gateway follows in the end. */
  readonly live: number;
  readonly stable?: { total: number; failed: number };
  readonly canary?: { total: number; failed: number };
  readonly splits?: readonly CountedSplit[];
  readonly rollout?: Partial<RolloutView>;
}

/** 12 s after its first weight. */
const DECIDED: Partial<RolloutView> = {
  judge: 'sequential',
  reason: 'odds 313 : 1',
  endedAt: '2026-01-01T00:00:12.5Z',
  rollbackSeconds: 0.5,
};

const fits = (weight: number): CountedSplit => ({
  weight,
  requests: 1_000,
  toCanary: weight * 10,
  expected: { low: 0, high: 1_000 },
  fits: true,
});

function ending(release: Release, story: Story): Ending {
  const split = { canaryVersion: release.canary, canaryWeight: story.live, stableVersion: release.stable };
  const served = {
    [release.stable]: story.stable ?? { total: 0, failed: 0 },
    [release.canary]: story.canary ?? { total: 0, failed: 0 },
  };
  const last: Sample = { at: 0, since: 0, split, served };
  const steps = story.weights.map((weight, index) => ({ index, weight, verifiedAt: '2026-01-01T00:00:00Z' }));
  return {
    release,
    canary: { phase: story.phase, pauses: [] } as unknown as CanaryView,
    rollout: { ...DECIDED, outcome: story.outcome, steps, ...story.rollout } as unknown as RolloutView,
    splits: story.splits ?? (release.perSecond === 0 ? [] : story.weights.map(fits)),
    last,
  };
}

const PROMOTED: Story = { phase: 'Succeeded', outcome: 'Promoted', weights: [5, 25, 50, 100], live: 100 };
const ROLLED_BACK: Story = {
  phase: 'RolledBack',
  outcome: 'RolledBack',
  weights: [5, 0],
  live: 0,
  stable: { total: 2_000, failed: 0 },
  canary: { total: 100, failed: 5 },
};
const HELD: Story = { phase: 'Paused', outcome: null, weights: [5], live: 5 };

describe("the demo's verdict", () => {
  test('finds nothing where every release ended as it should', () => {
    expect(differences(ending(healthy, PROMOTED))).toEqual([]);
    expect(differences(ending(bad, ROLLED_BACK))).toEqual([]);
    expect(differences(ending(idle, HELD))).toEqual([]);
  });

  test('says who decided, and how long it took beside the rule of the article', () => {
    const all = [ending(healthy, PROMOTED), ending(bad, ROLLED_BACK), ending(idle, HELD)];
    expect(decisionText(all)).toContain(
      'Decided by the judge sequential: checkout was promoted after 13 s (the article: 1200 s or more), ' +
        'payment was sent back after 12 s (the article: 300 s or more).',
    );
    expect(decisionText([{ ...ending(idle, HELD), rollout: undefined }])).toBeNull();
  });

  test('names a release without a rollout', () => {
    expect(differences({ ...ending(idle, HELD), rollout: undefined })).toEqual([
      'search: no rollout was started',
    ]);
  });

  test.each<[string, Release, Story, RegExp]>([
    [
      'a bad release that was promoted',
      bad,
      { ...PROMOTED, canary: { total: 100, failed: 5 } },
      /outcome is Promoted, not RolledBack/,
    ],
    [
      'a bad release that reached 100 on its way',
      bad,
      { ...ROLLED_BACK, weights: [5, 25, 50, 100, 0] },
      /reached 100 %/,
    ],
    [
      'a healthy release that was rolled back',
      healthy,
      { ...ROLLED_BACK, canary: { total: 9, failed: 0 } },
      /outcome is RolledBack, not Promoted/,
    ],
    [
      'a healthy release that another judge decided',
      healthy,
      { ...PROMOTED, rollout: { judge: 'threshold' } },
      /threshold judge decided, not the sequential/,
    ],
    [
      'a rollback without odds',
      bad,
      { ...ROLLED_BACK, rollout: { reason: 'someone asked for it' } },
      /no odds sent it back \(someone asked/,
    ],
    [
      'a rollback that took as long as the rule of the article',
      bad,
      { ...ROLLED_BACK, rollout: { endedAt: '2026-01-01T00:05:00.5Z' } },
      /took 300 s, no less/,
    ],
    [
      'a skipped step',
      healthy,
      { ...PROMOTED, weights: [5, 50, 100] },
      /weights 5, 50, 100, not 5, 25, 50, 100/,
    ],
    [
      'a release without traffic that was raised',
      idle,
      { ...HELD, weights: [5, 25] },
      /weights 5, 25, not 5/,
    ],
    ['traffic where there should be none', idle, { ...HELD, canary: { total: 3, failed: 0 } }, /got traffic/],
    [
      'a gateway that follows another weight',
      healthy,
      { ...PROMOTED, live: 50 },
      /follows weight 50, not 100/,
    ],
    [
      'a stable version that failed',
      bad,
      { ...ROLLED_BACK, stable: { total: 2_000, failed: 1 } },
      /stable v2.0.3 failed 1/,
    ],
    [
      'a canary that failed less than told',
      bad,
      { ...ROLLED_BACK, canary: { total: 100, failed: 0 } },
      /failed 0 of 100/,
    ],
    [
      'a step that nobody counted',
      healthy,
      { ...PROMOTED, splits: [5, 25, 50].map(fits) },
      /split at 100 % could not be counted/,
    ],
    [
      'a split outside its interval',
      healthy,
      { ...PROMOTED, splits: [5, 25, 50, 100].map((weight) => ({ ...fits(weight), fits: weight !== 25 })) },
      /at 25 % the canary received 250 of 1000/,
    ],
  ])('names %s', (_, release, story, words) => {
    expect(differences(ending(release, story)).join('\n')).toMatch(words);
  });
});
