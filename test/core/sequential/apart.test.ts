import { describe, expect, it } from 'vitest';
import {
  type Against,
  type ApartState,
  coverPoll,
  withoutOpenGain,
} from '../../../src/core/sequential/apart.ts';
import type { PollCounts } from '../../../src/core/sequential/counts.ts';
import { pollSequential } from '../../../src/core/sequential/poll.ts';
import { readSequential } from '../../../src/core/sequential/reading.ts';
import { type SequentialState, startSequential } from '../../../src/core/sequential/state.ts';
import { aPoll, aRule, arm, aShippedRule } from './a-rule.ts';

/** So much worse than stable the canary is, and so much better. */
const against: Against = ({ canary }, stable) => ({
  regression: [canary.score - stable.score],
  nonInferiority: [stable.score - canary.score],
});
const comparison = { against, rate: 2 / 64 };
const [eight, two, four] = [arm(64, 8), arm(64, 2), arm(64, 4)];
/** [worse, better] of each poll that counts now. */
const cover = (known: ApartState | undefined, poll: PollCounts) => {
  const { apart, evidence } = coverPoll(known, poll, comparison);
  return {
    apart,
    evidence: evidence.map(({ regression, nonInferiority }) => [...regression, ...nonInferiority]),
  };
};

describe('a poll of versions that are scraped', () => {
  it('at one time is held against the same poll of stable, at once', () => {
    const first = cover(undefined, aPoll(eight, two));
    expect(first.evidence).toEqual([[6, -6]]);
    expect(cover(first.apart, aPoll(eight, four)).evidence).toEqual([[4, -4]]);
  });

  it('stable first waits for the poll of stable that covers its end, and takes the least of both', () => {
    const first = cover(undefined, aPoll(eight, two, { first: 'stable' }));
    expect(first.evidence).toEqual([]);
    const second = cover(first.apart, aPoll(two, four, { first: 'stable' }));
    expect(second.evidence).toEqual([[4, -6]]);
    expect(cover(second.apart, aPoll(eight, eight)).evidence).toEqual([
      [-8, 2],
      [0, 0],
    ]);
  });

  it('canary first is held against the poll of stable before, too', () => {
    const first = cover(undefined, aPoll(two, four, { first: 'canary' }));
    expect(first.evidence, 'nothing is known of the time before').toEqual([[-2, 2]]);
    expect(cover(first.apart, aPoll(eight, two, { first: 'canary' })).evidence).toEqual([[4, -6]]);
  });

  it('is none of its own while the weight settles, and ends the one that waited', () => {
    const first = cover(undefined, aPoll(eight, two, { first: 'stable' }));
    const settling = cover(first.apart, aPoll(eight, four, { first: 'stable', settling: true }));
    expect(settling).toEqual({ evidence: [[4, -6]], apart: { stable: four, open: null } });
  });

  it('is not covered by a poll in which stable had no requests', () => {
    const first = cover(undefined, aPoll(eight, two, { first: 'stable' }));
    expect(cover(first.apart, aPoll(eight, arm(0, 0), { settling: true })).evidence).toEqual([[6, -6]]);
  });

  it('says nothing for the canary any more once what it earned is taken back', () => {
    const { apart } = cover(undefined, aPoll(two, four, { first: 'stable' }));
    expect(cover(withoutOpenGain(apart), aPoll(eight, eight, { settling: true })).evidence).toEqual([
      [-8, 0],
    ]);
  });
});

describe('the odds of versions that are scraped at two times', () => {
  /** One request each a poll; means of the polls, canary's and stable's. */
  const average = (
    test: 'regression' | 'nonInferiority',
    state: SequentialState,
    polls: readonly { readonly canary: number; readonly stable: number }[],
    first: 'canary' | 'stable',
  ): number => {
    const [now, ...later] = polls;
    if (now === undefined) return Math.exp(readSequential(state, RULE)[test]);
    let sum = 0;
    for (const canary of [0, 1]) {
      for (const stable of [0, 1]) {
        const weight = (canary ? now.canary : 1 - now.canary) * (stable ? now.stable : 1 - now.stable);
        const poll = aPoll(arm(1, canary), arm(1, stable), { first });
        sum += weight * average(test, pollSequential(state, poll, RULE).state, later, first);
      }
    }
    return sum;
  };
  const RULE = aRule({ steps: 1, sensitivity: 1, maxDelta: 0.2 });
  const begin = startSequential(RULE, arm(50, 15), 1);

  it.each(['canary', 'stable'] as const)(
    'are 1 at most on average where the null is true at each poll, %s first',
    (first) => {
      for (const [stable, jump] of [
        [0.3, 0.3],
        [0.1, 0.5],
        [0.5, 0.1],
      ] as const) {
        const worst = [stable, stable, jump, jump].map((mean) => ({ stable: mean, canary: mean + 0.2 }));
        expect(average('regression', begin, worst, first)).toBeLessThanOrEqual(1 + 1e-12);
        expect(average('nonInferiority', begin, worst, first)).toBeLessThanOrEqual(1 + 1e-12);
      }
    },
  );
});

describe('an incident of both versions that one of them shows a poll earlier', () => {
  const rule = aShippedRule();
  const [calm, hit, partly] = [0.001, 0.05, 0.04] as const;
  const poll = (canary: number, stable: number, first?: 'canary' | 'stable') =>
    aPoll(arm(375, 375 * canary), arm(7_125, 7_125 * stable), first === undefined ? {} : { first });

  /** Whether a rollback was asked for at any poll. */
  function isRolledBack(polls: readonly ReturnType<typeof aPoll>[]): boolean {
    let state: SequentialState = startSequential(rule, arm(30_000, 30), 1);
    return polls.some((one) => {
      const answer = pollSequential(state, one, rule);
      state = answer.state;
      return answer.reading.asks === 'rollback';
    });
  }

  it.each([
    ['stable', [poll(partly, calm, 'stable'), poll(hit, hit, 'stable'), poll(hit, hit, 'stable')]],
    ['canary', [poll(calm, hit, 'canary'), poll(partly, calm, 'canary'), poll(calm, calm, 'canary')]],
  ] as const)("is not taken for the canary's where %s is scraped first", (_first, polls) => {
    expect(isRolledBack(polls)).toBe(false);
    expect(isRolledBack(polls.map(({ first: _, ...one }) => one))).toBe(true);
  });

  it.each([
    ['stable', [poll(0.006, calm, 'stable'), poll(0.3, 0.15, 'stable'), poll(0.306, 0.3, 'stable')]],
    ['canary', [poll(0.006, calm, 'canary'), poll(0.15, 0.3, 'canary'), poll(0.306, 0.3, 'canary')]],
  ] as const)(
    'does not make a canary at the margin good enough where %s is scraped first',
    (_first, polls) => {
      const promotes = (some: readonly PollCounts[]) => {
        let state: SequentialState = startSequential(rule, arm(30_000, 30), 1);
        return some.some((one) => {
          const answer = pollSequential(state, one, rule);
          state = answer.state;
          return answer.reading.nonInferiority >= Math.log(20);
        });
      };
      expect(promotes(polls)).toBe(false);
      const late = polls.map(({ first: _, ...one }) => one);
      const early = late.map((one, at) => ({ ...one, stable: late[Math.min(at + 1, 2)]!.stable }));
      expect(promotes(early), 'a judge that holds it against the wrong poll alone').toBe(true);
    },
  );

  it('of less than a poll, which two polls of stable share, is not taken for it', () => {
    const stableFirst = [poll(0.16, 0.08, 'stable'), poll(calm, 0.08, 'stable'), poll(calm, calm, 'stable')];
    expect(isRolledBack(stableFirst)).toBe(false);
    expect(isRolledBack(stableFirst.map(({ first: _, ...one }) => one))).toBe(true);
    const canaryFirst = [poll(calm, 0.08, 'canary'), poll(0.16, 0.08, 'canary'), poll(calm, calm, 'canary')];
    expect(isRolledBack(canaryFirst)).toBe(false);
  });

  it.each(['stable', 'canary'] as const)('a canary that is worse is found out where %s is first', (first) => {
    expect(isRolledBack(Array.from({ length: 4 }, () => poll(hit, calm, first)))).toBe(true);
  });
});

describe('a poll that waits for the one of stable that covers it', () => {
  const rule = aShippedRule();
  const healthy = aPoll(arm(1_000, 1), arm(1_000, 1), { first: 'stable' });
  const failing = aPoll(arm(1_000, 40), arm(1_000, 1), { first: 'stable' });
  const begin = [healthy, healthy].reduce(
    (state, poll) => pollSequential(state, poll, rule).state,
    startSequential(rule, arm(30_000, 30), 1),
  );
  const waiting = pollSequential(begin, failing, rule);

  it('lets nothing rise meanwhile where it looks bad, and rolls nothing back yet', () => {
    expect(waiting.reading).toMatchObject({ asks: 'hold', by: 'regression' });
    expect(pollSequential(begin, healthy, rule).reading.asks).toBe('go');
  });

  it('is ended by stable alone where the canary fell silent, and then rolls back', () => {
    const silent = pollSequential(waiting.state, aPoll(arm(0, 0), arm(1_000, 1)), rule);
    expect(silent.reading).toMatchObject({ asks: 'rollback', by: 'regression' });
    expect(silent.state.apart).toEqual({ stable: arm(1_000, 1), open: null });
    expect(pollSequential(silent.state, aPoll(arm(0, 0), arm(1_000, 1)), rule).reading).toEqual(
      silent.reading,
    );
  });
});
