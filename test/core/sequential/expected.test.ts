/** The expected times against seeded rollouts. */
import { expect, it } from 'vitest';
import { armsAt, msToPass, msToRollBack } from '../../../src/core/sequential/expected.ts';
import { enterStep, pollSequential } from '../../../src/core/sequential/poll.ts';
import { readSequential } from '../../../src/core/sequential/reading.ts';
import { evidenceNeeded } from '../../../src/core/sequential/settings.ts';
import { startSequential } from '../../../src/core/sequential/state.ts';
import { aPoll, aRule, arm, failures, RULES, seeded } from './a-rule.ts';

const SETTINGS = aRule();
const STABLE = 0.001;
const RPS = 50;
const ROLLOUTS = 60;
const MOST_POLLS = 4_000;

/** Time of one rollout at its first step until it may go on, or until it is rolled back, ms. */
function takes(seed: number, weight: number, canaryMean: number, until: 'passed' | 'caught'): number {
  const random = seeded(seed);
  const before = RPS * 1800;
  let state = startSequential(SETTINGS, arm(before, failures(before, STABLE, random)), 1);
  state = enterStep(state, SETTINGS, 0);
  const requests = (RPS * RULES.pollMs) / 1000;
  const canary = Math.round((requests * weight) / 100);
  const stable = requests - canary;
  for (let polls = 1; polls <= MOST_POLLS; polls += 1) {
    const poll = aPoll(
      arm(canary, failures(canary, canaryMean, random)),
      arm(stable, failures(stable, STABLE, random)),
    );
    state = pollSequential(state, poll, SETTINGS).state;
    const { nonInferiority, asks } = readSequential(state, SETTINGS);
    const isOver = until === 'passed' ? nonInferiority >= evidenceNeeded(SETTINGS, 0) : asks === 'rollback';
    if (isOver) return polls * RULES.pollMs;
  }
  return Infinity;
}

it.each([
  { what: 'passing a healthy canary at 5 %', weight: 5, worse: 0 },
  { what: 'catching 1 % more failures at 5 %', weight: 5, worse: 0.01 },
  { what: 'catching 2 % more failures at 5 %', weight: 5, worse: 0.02 },
  { what: 'catching 1 % more failures at 25 %', weight: 25, worse: 0.01 },
])(
  '$what takes on average about what is foretold, and twice as long in one case of ten',
  ({ weight, worse }) => {
    const traffic = { rps: RPS, mean: STABLE, meanAtBound: STABLE };
    const foretold =
      worse === 0
        ? msToPass(traffic, weight, SETTINGS, 1)
        : msToRollBack(armsAt(traffic, weight), STABLE + worse, SETTINGS, 1);
    const times = Array.from({ length: ROLLOUTS }, (_, rollout) =>
      takes(1000 + rollout, weight, STABLE + worse, worse === 0 ? 'passed' : 'caught'),
    ).sort((a, b) => a - b);
    const mean = times.reduce((sum, ms) => sum + ms, 0) / ROLLOUTS;
    expect(mean / foretold).toBeGreaterThan(0.75);
    expect(mean / foretold).toBeLessThan(1.25);
    const late = times[ROLLOUTS * 0.9] ?? Infinity;
    expect(late / foretold).toBeGreaterThan(1.4);
    expect(late / foretold).toBeLessThan(2.5);
  },
);
