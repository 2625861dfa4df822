import { describe, expect, it } from 'vitest';
import { enterStep, pollSequential } from '../../../src/core/sequential/poll.ts';
import { readSequential } from '../../../src/core/sequential/reading.ts';
import type { SequentialSettings } from '../../../src/core/sequential/settings.ts';
import { type SequentialState, startSequential } from '../../../src/core/sequential/state.ts';
import { aPoll, aRule, arm, aShippedRule } from './a-rule.ts';

const CLEAN = arm(30_000, 30);

describe('a regression that begins after a long healthy time', () => {
  const healthy = aPoll(arm(75, 0), arm(675, 0));
  const bad = (share: number) => aPoll(arm(75, Math.round(75 * share)), arm(675, 0));

  /** Polls of `bad` until a rollback is asked for, after so many healthy ones. */
  function pollsUntilRollback(rule: SequentialSettings, healthyPolls: number, share: number): number {
    let state = enterStep(startSequential(rule, CLEAN, 1), rule, 0);
    for (let polls = 0; polls < healthyPolls; polls += 1) state = pollSequential(state, healthy, rule).state;
    for (let polls = 1; polls < 10_000; polls += 1) {
      const answer = pollSequential(state, bad(share), rule);
      state = answer.state;
      if (answer.reading.asks === 'rollback') return polls;
    }
    return Infinity;
  }

  it.each([
    [0.05, 8],
    [0.2, 2],
    [1, 1],
  ])('of a share of %f is found out within %i polls, eight hours later', (share, most) => {
    const eightHours = 8 * 60 * 4;
    expect(pollsUntilRollback(aShippedRule(), eightHours, share)).toBeLessThanOrEqual(most);
    expect(pollsUntilRollback(aRule(), eightHours, share)).toBeGreaterThan(4 * most);
  });

  it('costs those that are bad from the beginning at most a poll', () => {
    for (const share of [0.02, 0.05, 0.2]) {
      const late = pollsUntilRollback(aShippedRule(), 0, share) - pollsUntilRollback(aRule(), 0, share);
      expect(late).toBeLessThanOrEqual(1);
    }
  });

  it('is bet on with wealth that was there: over all first failures the odds are 1 on average', () => {
    const rule = aShippedRule({ steps: 1, sensitivity: 1, maxDelta: 0.2 });
    // One request each a poll; both arms fail with the same probability, so that the null is true.
    const rate = 0.3;
    const average = (state: SequentialState, left: number): number => {
      if (left === 0) return Math.exp(readSequential(state, rule).regression);
      let sum = 0;
      for (const canary of [0, 1]) {
        for (const stable of [0, 1]) {
          const weight = (canary ? rate : 1 - rate) * (stable ? rate : 1 - rate);
          const poll = aPoll(arm(1, canary), arm(1, stable));
          sum += weight * average(pollSequential(state, poll, rule).state, left - 1);
        }
      }
      return sum;
    };
    expect(average(startSequential(rule, arm(0, 0), 1), 5)).toBeLessThanOrEqual(1 + 1e-9);
  });

  it('is forgotten by nobody who was stored by an earlier version', () => {
    const rule = aShippedRule();
    const { late: _, ...earlier } = startSequential(rule, CLEAN, 1);
    expect(pollSequential(earlier, healthy, rule).state.late?.polls).toBe(1);
  });
});
