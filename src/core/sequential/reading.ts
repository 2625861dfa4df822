/** What the odds of the sequential judge say, and what they ask for. */
import { betOnCovered, ROLLBACK_TESTS, type RollbackTest, withLate } from './bets.ts';
import { type ArmCounts, share } from './counts.ts';
import { type GapInterval, gapInterval } from './gap-interval.ts';
import { logWealth, logWealthOfBoth } from './mixture.ts';
import type { SequentialSettings } from './settings.ts';
import { noLateBets, type SequentialState } from './state.ts';

/** ln of the odds of each test, and what they ask for. */
export interface SequentialReading {
  /** Against "no worse than tolerated"; a poll that still waits for stable's is in it where it says more. */
  readonly regression: number;
  /** Against "worse than the margin": what a step must earn, see `evidenceNeeded`. */
  readonly nonInferiority: number;
  /** Against "less than 0.2 worse". */
  readonly guard: number;
  /** Against "no worse than tolerated above stable's bound", of the polls at weight 100. */
  readonly alone: number;
  /** rollback: the null is rejected. hold: nothing may advance. go: nothing speaks against advancing. */
  readonly asks: 'rollback' | 'hold' | 'go';
  /** The test that asks for a rollback or a hold. */
  readonly by: 'regression' | 'guard' | 'alone' | null;
  /** What weight 100 is judged against: stable's mean is below it. Null while stable has traffic. */
  readonly stableBound: number | null;
  /** Canary's counts that were judged beside stable's, and those of stable. */
  readonly canary: ArmCounts;
  readonly stable: ArmCounts;
  /** Canary's counts that were judged at weight 100, and those of settling weights, which only the guard took. */
  readonly solo: ArmCounts;
  readonly unsettled: ArmCounts;
  readonly interval: GapInterval;
  /** What ln of each odds was divided by, 1 or more. */
  readonly dispersion: number;
}

/** What the odds say now. */
export function readSequential(state: SequentialState, settings: SequentialSettings): SequentialReading {
  const late = state.late ?? noLateBets(settings);
  const wealth = (test: RollbackTest) => logWealthOfBoth(state[test], late[test], settings.lateShare);
  const logs = { regression: wealth('regression'), guard: wealth('guard'), alone: wealth('alone') };
  const rejected = ROLLBACK_TESTS.find((test) => logs[test] >= settings[test].threshold);
  const known = { ...logs, regression: Math.max(logs.regression, withWaiting(state, settings)) };
  const doubted = ROLLBACK_TESTS.find((test) => known[test] >= settings.holdThreshold);
  return {
    ...known,
    nonInferiority: logWealth(state.nonInferiority),
    asks: rejected !== undefined ? 'rollback' : doubted !== undefined ? 'hold' : 'go',
    by: rejected ?? doubted ?? null,
    stableBound: state.stableBound,
    canary: state.canary,
    stable: state.compared,
    solo: state.solo,
    unsettled: state.unsettled,
    interval: gapInterval(state.gap, settings.gaps, share(state.canary) - share(state.compared)),
    dispersion: state.dispersion,
  };
}

/**
 * ln of the odds as if the poll that waits for stable's were worth what it looks like: nothing may rise over that. At
 * weight 100, to which a person alone goes over it, none of stable's will come.
 */
function withWaiting(state: SequentialState, settings: SequentialSettings): number {
  const open = state.apart?.open ?? null;
  if (open === null || state.stableBound !== null) return -Infinity;
  const { regression, late } = betOnCovered(withLate(state, settings), [open.evidence]);
  return logWealthOfBoth(regression, late.regression, settings.lateShare);
}
