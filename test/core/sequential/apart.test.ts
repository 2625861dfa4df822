import { describe, expect, it } from 'vitest';
import { type Against, coverPoll } from '../../../src/core/sequential/apart.ts';
import { pollSequential, type SequentialState, startSequential } from '../../../src/core/sequential/poll.ts';
import { aPoll, arm, aShippedRule } from './a-rule.ts';

/** Two alternatives, one for each way in which the arms differ. */
const against: Against = (canary, stable) => [canary.score - stable.score, stable.score - canary.score];
const [ten, two, five] = [arm(100, 10), arm(100, 2), arm(100, 5)];

describe('a poll of versions that are scraped', () => {
  it('at one time is held against the same poll of stable, at once', () => {
    const first = coverPoll(undefined, aPoll(ten, two), true, against);
    expect(first.evidence).toEqual([[8, -8]]);
    expect(coverPoll(first.apart, aPoll(ten, five), true, against).evidence).toEqual([[5, -5]]);
  });

  it('stable first waits for the poll of stable that covers its end, and takes the least of both', () => {
    const first = coverPoll(undefined, aPoll(ten, two, { first: 'stable' }), true, against);
    expect(first.evidence).toEqual([]);
    const second = coverPoll(first.apart, aPoll(two, five, { first: 'stable' }), true, against);
    expect(second.evidence).toEqual([[5, -8]]);
    expect(coverPoll(second.apart, aPoll(ten, ten), true, against).evidence).toEqual([
      [-8, 3],
      [0, 0],
    ]);
  });

  it('canary first is held against the poll of stable before, too', () => {
    const first = coverPoll(undefined, aPoll(two, five, { first: 'canary' }), true, against);
    expect(first.evidence, 'nothing is known of the time before').toEqual([[-3, 3]]);
    const second = coverPoll(first.apart, aPoll(ten, two, { first: 'canary' }), true, against);
    expect(second.evidence).toEqual([[5, -8]]);
  });

  it('is none of its own while the weight settles, and ends the one that waited', () => {
    const first = coverPoll(undefined, aPoll(ten, two, { first: 'stable' }), true, against);
    const settling = coverPoll(first.apart, aPoll(ten, five, { first: 'stable' }), false, against);
    expect(settling).toEqual({ evidence: [[5, -8]], apart: { stable: five, open: null } });
  });

  it('is not covered by a poll in which stable had no requests', () => {
    const first = coverPoll(undefined, aPoll(ten, two, { first: 'stable' }), true, against);
    const second = coverPoll(first.apart, aPoll(ten, arm(0, 0)), false, against);
    expect(second.evidence).toEqual([[8, -8]]);
  });
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

  it.each(['stable', 'canary'] as const)('a canary that is worse is found out where %s is first', (first) => {
    expect(isRolledBack(Array.from({ length: 4 }, () => poll(hit, calm, first)))).toBe(true);
  });
});
