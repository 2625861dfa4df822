/** What the sequential judge remembers of one metric in one rollout. */
import type { ApartState } from './apart.ts';
import { type ArmCounts, addCounts, NO_REQUESTS } from './counts.ts';
import { type GapEvidence, noGapEvidence } from './gap-interval.ts';
import { evenMixture, lateMixture, type Mixture } from './mixture.ts';
import type { GapTest, SequentialSettings } from './settings.ts';

/** Plain JSON with finite numbers only. */
export interface SequentialState {
  /** The last step that was begun. */
  readonly stepIndex: number;
  /** 1 or more: ln of each e-value is divided by it. */
  readonly dispersion: number;
  /** Stable's counts, older ones forgotten: what alternatives are built on. */
  readonly recent: ArmCounts;
  /** Canary's counts that were judged beside stable's. */
  readonly canary: ArmCounts;
  /** Canary's counts that were judged at weight 100. */
  readonly solo: ArmCounts;
  /** Canary's counts while a weight settled: only the guard took them. */
  readonly unsettled: ArmCounts;
  /** Stable's counts, those before the rollout included: what its rate at weight 100 is bounded by. */
  readonly stable: ArmCounts;
  /** Stable's counts of the polls that the canary was judged in. */
  readonly compared: ArmCounts;
  readonly regression: Mixture;
  readonly nonInferiority: Mixture;
  readonly guard: Mixture;
  readonly alone: Mixture;
  /** Bets on regressions that begin late; absent in what an earlier version stored: none yet. */
  readonly late?: LateBets;
  /** Absent in what an earlier version stored, and before the first poll. */
  readonly apart?: ApartState;
  /** What weight 100 is judged against: stable's mean is below it. Null while stable has traffic. */
  readonly stableBound: number | null;
  readonly gap: GapEvidence;
}

/** The tests that may roll back, once more: each poll bets a little of them anew. */
export interface LateBets {
  /** Polls that were bet on. */
  readonly polls: number;
  readonly regression: Mixture;
  readonly guard: Mixture;
  readonly alone: Mixture;
}

/** What stable's rate is expected to be before anything is known, worth 50 requests. */
const DOUBT: ArmCounts = { requests: 50, score: 0.5 };
/**
 * The state before the first poll.
 *
 * @param before stable's counts before the rollout: they only make the bets better
 * @param dispersion 1 or more, see `dispersionOf`
 */
export function startSequential(
  settings: SequentialSettings,
  before: ArmCounts,
  dispersion: number,
): SequentialState {
  const even = (test: GapTest) => evenMixture(test.alternatives.length, test.reserve);
  return {
    stepIndex: 0,
    dispersion: Number.isFinite(dispersion) ? Math.max(1, dispersion) : 1,
    recent: addCounts(before, DOUBT),
    canary: NO_REQUESTS,
    solo: NO_REQUESTS,
    unsettled: NO_REQUESTS,
    stable: before,
    compared: NO_REQUESTS,
    regression: even(settings.regression),
    nonInferiority: even(settings.nonInferiority),
    guard: even(settings.guard),
    alone: even(settings.alone),
    late: noLateBets(settings),
    stableBound: null,
    gap: noGapEvidence(settings.gaps.length),
  };
}

export function noLateBets(settings: SequentialSettings): LateBets {
  const none = (test: GapTest) => lateMixture(test.alternatives.length);
  return {
    polls: 0,
    regression: none(settings.regression),
    guard: none(settings.guard),
    alone: none(settings.alone),
  };
}
