/** The sequential judge: one poll's counts in, the odds so far and what they ask for out. */
import { type ApartState, coverPoll } from './apart.ts';
import {
  type ArmCounts,
  addCounts,
  clamp,
  NO_REQUESTS,
  type PollCounts,
  share,
  usableCounts,
} from './counts.ts';
import { logEvidence, logLikelihoodRatio, type Side } from './evidence.ts';
import {
  addGapEvidence,
  expectedMean,
  type GapEvidence,
  type GapInterval,
  gapInterval,
  noGapEvidence,
} from './gap-interval.ts';
import {
  bet,
  betAgain,
  evenMixture,
  lateMixture,
  logWealth,
  logWealthOfBoth,
  type Mixture,
  release,
} from './mixture.ts';
import type { GapTest, SequentialSettings } from './settings.ts';
import { upperBound } from './upper-bound.ts';

/** Everything that the judge remembers of one metric in one rollout, as plain JSON with finite numbers only. */
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

const ROLLBACK_TESTS = ['guard', 'regression', 'alone'] as const;

type RollbackTest = (typeof ROLLBACK_TESTS)[number];

/** ln of the odds of each test, and what they ask for. */
export interface SequentialReading {
  /** Against "no worse than tolerated". */
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

/** What stable's rate is expected to be before anything is known, worth 50 requests. */
const DOUBT: ArmCounts = { requests: 50, score: 0.5 };
const LEAST_RATE = 1e-6;
const MOST_STABLE_RATE = 0.9;
const MOST_CANARY_RATE = 0.995;

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

function noLateBets(settings: SequentialSettings): LateBets {
  const none = (test: GapTest) => lateMixture(test.alternatives.length);
  return {
    polls: 0,
    regression: none(settings.regression),
    guard: none(settings.guard),
    alone: none(settings.alone),
  };
}

type Betting = SequentialState & { readonly late: LateBets };

/** Before a poll: what it bets anew on regressions that begin late. */
function beginPoll(state: SequentialState, settings: SequentialSettings): Betting {
  const { polls, regression, guard, alone } = state.late ?? noLateBets(settings);
  return {
    ...state,
    late: {
      polls: polls + 1,
      regression: betAgain(regression, polls),
      guard: betAgain(guard, polls),
      alone: betAgain(alone, polls),
    },
  };
}

/** One poll's evidence on a test that may roll back, for its early bets and its late ones. */
function betOn(state: Betting, test: RollbackTest, evidence: readonly number[]): Betting {
  const { dispersion, late } = state;
  return {
    ...state,
    [test]: bet(state[test], evidence, dispersion),
    late: { ...late, [test]: bet(late[test], evidence, dispersion) },
  };
}

/**
 * Begins a step: what was held back for it is bet from now on. `stepIndex` counts from 0, the step at 100 included; a
 * step that was begun before changes nothing.
 */
export function enterStep(
  state: SequentialState,
  settings: SequentialSettings,
  stepIndex: number,
): SequentialState {
  const begun = Math.min(stepIndex, settings.steps) - state.stepIndex;
  if (!(begun > 0)) return state;
  const { guard } = state;
  return {
    ...state,
    stepIndex: state.stepIndex + begun,
    regression: release(state.regression, begun * settings.releasePerStep),
    guard: release(guard, guard.reserve / 2),
  };
}

/**
 * Takes one poll. A poll without canary requests, or with counts that are none, changes nothing. A rollback is asked
 * for as soon as a test reaches its threshold, and no longer if later polls take the odds back: act at once.
 */
export function pollSequential(
  state: SequentialState,
  counts: PollCounts,
  settings: SequentialSettings,
): { readonly state: SequentialState; readonly reading: SequentialReading } {
  const usable = usableCounts(counts);
  const next = usable === null ? state : addPoll(state, usable, settings);
  return { state: next, reading: readSequential(next, settings) };
}

function addPoll(state: SequentialState, poll: PollCounts, settings: SequentialSettings): SequentialState {
  const judged = poll.alone ? addAlone(state, poll, settings) : addCompared(state, poll, settings);
  if (poll.alone) return judged;
  const { forget } = settings;
  return {
    ...judged,
    stableBound: null,
    stable: addCounts(state.stable, poll.stable),
    recent: {
      requests: forget * state.recent.requests + poll.stable.requests,
      score: forget * state.recent.score + poll.stable.score,
    },
  };
}

function addCompared(
  state: SequentialState,
  poll: PollCounts,
  settings: SequentialSettings,
): SequentialState {
  const { canary, stable } = poll;
  const rate = expectedStable(state);
  const evidence = (test: GapTest, some: ArmCounts, others: ArmCounts, side: Side = 'above') =>
    alternativesOf(test, rate).map((mean) =>
      logEvidence(some, others, { canary: mean, stable: rate }, test.margin, side),
    );
  const guarded = betOn(beginPoll(state, settings), 'guard', evidence(settings.guard, canary, stable));
  const against = (some: ArmCounts, others: ArmCounts) => evidence(settings.regression, some, others);
  const covered = coverPoll(state.apart, poll, !poll.settling, against);
  let next: Betting = { ...guarded, apart: covered.apart };
  for (const one of covered.evidence) next = betOn(next, 'regression', one);
  if (poll.settling) return { ...next, unsettled: addCounts(state.unsettled, canary) };

  const atBound = { requests: canary.requests, score: poll.canaryScoreAtBound ?? canary.score };
  const past = { canary: expectedMean(state.canary, doubtAround(rate)), stable: rate };
  const forPromotion = evidence(settings.nonInferiority, atBound, stable, 'below');
  return {
    ...next,
    nonInferiority: bet(state.nonInferiority, forPromotion, state.dispersion),
    gap: addGapEvidence(state.gap, settings.gaps, poll, past, state.dispersion),
    canary: addCounts(state.canary, canary),
    compared: addCounts(state.compared, stable),
  };
}

/** Weight 100: one arm, against a line that stable's bounded rate and the margin draw. */
function addAlone(state: SequentialState, poll: PollCounts, settings: SequentialSettings): SequentialState {
  const { dispersion } = state;
  const bound = state.stableBound ?? upperBound(state.stable, settings.boundThreshold, dispersion);
  const evidence = (test: GapTest) =>
    alternativesOf(test, bound).map((mean) => {
      const line = bound + test.margin;
      return mean > line && line < 1 ? logLikelihoodRatio(poll.canary, mean, line) : 0;
    });
  const begun = { ...beginPoll(state, settings), stableBound: bound };
  const guarded = betOn(begun, 'guard', evidence(settings.guard));
  if (poll.settling) return { ...guarded, unsettled: addCounts(state.unsettled, poll.canary) };
  return {
    ...betOn(guarded, 'alone', evidence(settings.alone)),
    solo: addCounts(state.solo, poll.canary),
  };
}

/** What the odds say now. */
export function readSequential(state: SequentialState, settings: SequentialSettings): SequentialReading {
  const late = state.late ?? noLateBets(settings);
  const wealth = (test: RollbackTest) => logWealthOfBoth(state[test], late[test], settings.lateShare);
  const logs = { regression: wealth('regression'), guard: wealth('guard'), alone: wealth('alone') };
  const rejected = ROLLBACK_TESTS.find((test) => logs[test] >= settings[test].threshold);
  const doubted = ROLLBACK_TESTS.find((test) => logs[test] >= settings.holdThreshold);
  return {
    ...logs,
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

function expectedStable({ recent }: SequentialState): number {
  return clamp(recent.score / recent.requests, LEAST_RATE, MOST_STABLE_RATE);
}

/** Canary's rate before its first request is taken to be stable's, worth 20 requests. */
function doubtAround(rate: number): ArmCounts {
  return { requests: 20, score: 20 * rate };
}

function alternativesOf(test: GapTest, stableRate: number): number[] {
  return test.alternatives.map(({ factor, offset }) =>
    clamp(stableRate * factor + offset, LEAST_RATE, MOST_CANARY_RATE),
  );
}
