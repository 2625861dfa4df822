import { describe, expect, it } from 'vitest';
import type { PollCounts } from '../../../src/core/sequential/counts.ts';
import { enterStep, pollSequential } from '../../../src/core/sequential/poll.ts';
import type { SequentialReading } from '../../../src/core/sequential/reading.ts';
import { evidenceNeeded, type SequentialSettings } from '../../../src/core/sequential/settings.ts';
import { slowCounts } from '../../../src/core/sequential/slow-scores.ts';
import { startSequential } from '../../../src/core/sequential/state.ts';
import { upperBound } from '../../../src/core/sequential/upper-bound.ts';
import { aPoll, aRule, arm, failures, seeded } from './a-rule.ts';

const CLEAN = arm(30_000, 30);

function readings(
  rules: SequentialSettings,
  polls: readonly PollCounts[],
  dispersion = 1,
): SequentialReading[] {
  let state = startSequential(rules, CLEAN, dispersion);
  return polls.map((poll) => {
    const answer = pollSequential(state, poll, rules);
    state = answer.state;
    return answer.reading;
  });
}

function last(rules: SequentialSettings, polls: readonly PollCounts[], dispersion = 1): SequentialReading {
  return readings(rules, polls, dispersion).at(-1)!;
}

function repeat(poll: PollCounts, times: number): PollCounts[] {
  return Array<PollCounts>(times).fill(poll);
}

describe('what the sequential judge asks for', () => {
  it('goes on with a healthy canary and earns the evidence to promote it', () => {
    const reading = last(aRule(), repeat(aPoll(arm(150, 0), arm(1350, 1)), 10));
    expect(reading.asks).toBe('go');
    expect(reading.nonInferiority).toBeGreaterThan(Math.log(20));
  });

  it('holds at odds of 20 to 1 and rolls back at those that alpha asks for', () => {
    const asked = readings(aRule(), repeat(aPoll(arm(40, 1), arm(710, 1)), 20)).map(({ asks }) => asks);
    const firstHold = asked.indexOf('hold');
    const firstRollback = asked.indexOf('rollback');
    expect(firstHold).toBeGreaterThan(0);
    expect(firstRollback).toBeGreaterThan(firstHold);
  });

  it('asks for more odds where its part of alpha is smaller', () => {
    const [whole, quarter] = [aRule(), aRule({ alphaShare: 0.25 })];
    expect(quarter.regression.threshold - whole.regression.threshold).toBeCloseTo(Math.log(4), 12);
  });

  it('needs longer where failures come in bursts', () => {
    const polls = repeat(aPoll(arm(40, 1), arm(710, 1)), 14);
    expect(last(aRule(), polls).asks).toBe('rollback');
    expect(last(aRule(), polls, 5).asks).toBe('go');
  });

  it('takes a dispersion below 1, or none at all, for 1', () => {
    const used = (dispersion: number) => startSequential(aRule(), CLEAN, dispersion).dispersion;
    expect([used(0), used(Number.NaN), used(3)]).toEqual([1, 1, 3]);
  });
});

describe('while a weight settles', () => {
  it('only the guard is live, and nothing is earned', () => {
    const settling = aPoll(arm(38, 1), arm(712, 1), { settling: true });
    const reading = last(aRule(), repeat(settling, 8));
    expect(reading).toMatchObject({ canary: arm(0, 0), asks: 'go' });
    expect(reading.nonInferiority).toBeCloseTo(0, 12);
    expect(reading.regression).toBeCloseTo(0, 12);
    expect(reading.guard).toBeCloseTo(Math.log(0.5), 12);
  });

  it('the guard takes two polls of four failures each to act', () => {
    const down = aPoll(arm(4, 4), arm(71, 0), { settling: true });
    const asked = readings(aRule(), repeat(down, 2));
    expect(asked.map(({ asks, by }) => [asks, by])).toEqual([
      ['hold', 'guard'],
      ['rollback', 'guard'],
    ]);
  });

  it.each([1, 2, 3])(
    'the guard is as quick at step %i, however long the steps before were healthy',
    (step) => {
      const rules = aRule();
      let state = startSequential(rules, CLEAN, 1);
      for (let begun = 0; begun <= step; begun += 1) {
        state = enterStep(state, rules, begun);
        if (begun === step) break;
        for (const poll of repeat(aPoll(arm(375, 0), arm(375, 1)), 40)) {
          state = pollSequential(state, poll, rules).state;
        }
      }
      const down = aPoll(arm(8, 8), arm(67, 0), { settling: true });
      expect(pollSequential(state, down, rules).reading).toMatchObject({ asks: 'rollback', by: 'guard' });
    },
  );
});

describe('the ladder of evidence', () => {
  it('asks each step for its part, the last one below 100 for all, and 100 for none', () => {
    const needed = [0, 1, 2, 3, 4].map((step) => evidenceNeeded(aRule(), step));
    const whole = Math.log(20);
    expect(needed).toEqual([whole / 4, whole / 2, (whole * 3) / 4, whole, 0]);
  });
});

describe('at weight 100, where stable has no traffic', () => {
  const before = repeat(aPoll(arm(375, 0), arm(375, 1)), 10);
  const alone = (requests: number, score: number) => aPoll(arm(requests, score), arm(0, 0), { alone: true });

  it('judges the canary against the bound of what stable had until then', () => {
    const reading = last(aRule(), [...before, alone(750, 1)]);
    expect(reading.stableBound).toBeGreaterThan(40 / 33_750);
    expect(reading.stableBound).toBeLessThan(0.004);
    expect(reading.asks).toBe('go');
  });

  it('rolls back a canary that fails more from then on', () => {
    const asked = readings(aRule(), [...before, ...repeat(alone(750, 15), 3)]);
    expect(asked.at(-1)).toMatchObject({ asks: 'rollback', by: 'alone' });
  });

  it('is not blind to a canary that fails wholly while the weight settles', () => {
    const rules = aRule();
    let state = startSequential(rules, CLEAN, 1);
    for (const poll of before) state = pollSequential(state, poll, rules).state;
    state = enterStep(state, rules, 4);
    const { reading } = pollSequential(state, { ...alone(750, 750), settling: true }, rules);
    expect(reading).toMatchObject({ asks: 'rollback', by: 'guard' });
  });

  it('keeps its bound although polls go on, and forgets it when stable has traffic again', () => {
    const [first, second, third] = readings(aRule(), [
      ...before,
      alone(750, 1),
      alone(750, 1),
      before[0]!,
    ]).slice(-3);
    expect(second?.stableBound).toBe(first?.stableBound);
    expect(third?.stableBound).toBeNull();
  });

  it('cannot tell anything when nothing was ever known of stable', () => {
    const rules = aRule();
    const { reading } = pollSequential(startSequential(rules, arm(0, 0), 1), alone(750, 750), rules);
    expect(reading).toMatchObject({ stableBound: 1, asks: 'go' });
  });
});

describe('the bound of stable’s mean', () => {
  it('shrinks to the mean as requests come in', () => {
    const bounds = [100, 10_000, 1_000_000].map((requests) =>
      upperBound(arm(requests, requests / 100), 7.6, 1),
    );
    expect(bounds[0]).toBeGreaterThan(0.05);
    expect(bounds[1]).toBeLessThan(0.016);
    expect(bounds[2]).toBeLessThan(0.0106);
    expect(bounds[2]).toBeGreaterThan(0.01);
  });

  it('is ever exceeded by the true mean in fewer runs than its odds allow', () => {
    const random = seeded(20_261_125);
    let exceeded = 0;
    for (let run = 0; run < 200; run += 1) {
      let counts = arm(0, 0);
      let isExceeded = false;
      for (let poll = 0; poll < 20; poll += 1) {
        counts = arm(counts.requests + 50, counts.score + failures(50, 0.05, random));
        isExceeded ||= upperBound(counts, Math.log(10), 1) < 0.05;
      }
      if (isExceeded) exceeded += 1;
    }
    expect(exceeded / 200).toBeLessThanOrEqual(0.1);
  });
});

describe('the interval of the gap', () => {
  it('holds the true gap, and narrows as requests come in', () => {
    const random = seeded(7);
    const polls = Array.from({ length: 120 }, () =>
      aPoll(arm(200, failures(200, 0.011, random)), arm(800, failures(800, 0.001, random))),
    );
    const seen = readings(aRule(), polls).map(({ interval }) => interval);
    expect(seen[0]!.high! - seen[0]!.low!).toBeGreaterThan(0.05);
    const { low, high } = seen.at(-1)!;
    expect(low).toBeGreaterThanOrEqual(0.005);
    expect(low).toBeLessThanOrEqual(0.01);
    expect(high).toBeGreaterThanOrEqual(0.01);
    expect(high).toBeLessThanOrEqual(0.025);
  });

  it('is not told once the gap of all requests has left it: the gap moved, and the interval is for one that stays', () => {
    const good = repeat(aPoll(arm(40, 0), arm(760, 0)), 15);
    const bad = repeat(aPoll(arm(40, 4), arm(760, 0)), 6);
    const seen = readings(aRule(), [...good, ...bad]);
    expect(seen[good.length - 1]?.interval.high).toBeLessThan(0.02);
    for (const { canary, stable, interval } of seen) {
      const gap = canary.score / canary.requests - stable.score / stable.requests;
      expect(gap).toBeGreaterThanOrEqual(interval.low ?? -1);
      expect(gap).toBeLessThanOrEqual(interval.high ?? 1);
    }
    expect(seen.at(-1)?.interval).toEqual({ low: null, high: null });
  });
});

describe('latency', () => {
  const rules = aRule({ source: 'latency', tail: 0.01 });
  const uppers = [0.1, 0.25, 0.5, 1, Infinity];
  const bucketsOf = (counts: readonly number[]) =>
    uppers.map((upper, index) => ({
      upper,
      count: counts.slice(0, index + 1).reduce((sum, count) => sum + count, 0),
    }));
  const threshold = 0.4880952;
  const poll = (canary: readonly number[]) => {
    const tolerated = slowCounts(bucketsOf(canary), threshold + 0.025)!;
    const whole = slowCounts(bucketsOf(canary), threshold + 0.05)!;
    const stable = slowCounts(bucketsOf([8000, 1500, 420, 60, 20]), threshold)!;
    return aPoll(tolerated, stable, { canaryScoreAtBound: whole.score });
  };

  it('promotes a canary that is as fast as stable', () => {
    const reading = last(rules, repeat(poll([800, 150, 42, 6, 2]), 40));
    expect(reading.asks).toBe('go');
    expect(reading.nonInferiority).toBeGreaterThan(0);
  });

  it('rolls back a canary whose tail lies a bucket higher', () => {
    expect(last(rules, repeat(poll([700, 150, 62, 66, 22]), 2))).toMatchObject({
      asks: 'rollback',
      by: 'regression',
    });
  });
});
