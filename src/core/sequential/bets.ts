/** What a poll does to the wealth of each test: bets that were there before it, and those on what begins late. */
import type { Evidence } from './apart.ts';
import { bet, betAgain } from './mixture.ts';
import type { SequentialSettings } from './settings.ts';
import { type LateBets, noLateBets, type SequentialState } from './state.ts';

export const ROLLBACK_TESTS = ['guard', 'regression', 'alone'] as const;

export type RollbackTest = (typeof ROLLBACK_TESTS)[number];

export type Betting = SequentialState & { readonly late: LateBets };

export function withLate(state: SequentialState, settings: SequentialSettings): Betting {
  return { ...state, late: state.late ?? noLateBets(settings) };
}

/** Before a poll: what it bets anew on regressions that begin late. */
export function beginPoll(state: SequentialState, settings: SequentialSettings): Betting {
  const betting = withLate(state, settings);
  const { polls, regression, guard, alone } = betting.late;
  return {
    ...betting,
    late: {
      polls: polls + 1,
      regression: betAgain(regression, polls),
      guard: betAgain(guard, polls),
      alone: betAgain(alone, polls),
    },
  };
}

/** One poll's evidence on a test that may roll back, for its early bets and its late ones. */
export function betOn(state: Betting, test: RollbackTest, evidence: readonly number[]): Betting {
  const { dispersion, late } = state;
  return {
    ...state,
    [test]: bet(state[test], evidence, dispersion),
    late: { ...late, [test]: bet(late[test], evidence, dispersion) },
  };
}

/** Evidence of the canary's polls beside those of stable that cover them, one after the other. */
export function betOnCovered(state: Betting, evidence: readonly Evidence[]): Betting {
  return evidence.reduce((so: Betting, { regression, nonInferiority }) => {
    const next = betOn(so, 'regression', regression);
    return { ...next, nonInferiority: bet(so.nonInferiority, nonInferiority, so.dispersion) };
  }, state);
}
