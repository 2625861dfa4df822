/** The sequential judge: one poll's counts in, the odds so far and what they ask for out. */
import { type CanaryCounts, type Comparison, coverPoll, endOpen } from './apart.ts';
import { beginPoll, betOn, betOnCovered, withLate } from './bets.ts';
import { type ArmCounts, addCounts, clamp, isCount, type PollCounts, usableCounts } from './counts.ts';
import { logEvidence, logLikelihoodRatio, type Side } from './evidence.ts';
import { addGapEvidence, expectedMean } from './gap-interval.ts';
import { release } from './mixture.ts';
import { readSequential, type SequentialReading } from './reading.ts';
import type { GapTest, SequentialSettings } from './settings.ts';
import type { SequentialState } from './state.ts';
import { upperBound } from './upper-bound.ts';

const LEAST_RATE = 1e-6;
const MOST_STABLE_RATE = 0.9;
const MOST_CANARY_RATE = 0.995;

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
 * Takes one poll. A poll with counts that are none changes nothing, and one without canary requests no more than what
 * the poll before is worth that waited for stable's. A rollback is asked for as soon as a test reaches its threshold, and
 * no longer if later polls take the odds back: act at once.
 */
export function pollSequential(
  state: SequentialState,
  counts: PollCounts,
  settings: SequentialSettings,
): { readonly state: SequentialState; readonly reading: SequentialReading } {
  const usable = usableCounts(counts);
  const next = usable === null ? addStableOnly(state, counts, settings) : addPoll(state, usable, settings);
  return { state: next, reading: readSequential(next, settings) };
}

function addStableOnly(
  state: SequentialState,
  { canary, stable, alone }: PollCounts,
  settings: SequentialSettings,
): SequentialState {
  const { apart } = state;
  const isStableOnly = canary.requests === 0 && isCount(stable) && stable.requests > 0 && !alone;
  if (apart === undefined || !isStableOnly) return state;
  const ended = endOpen(apart, stable, comparisonOf(state, settings));
  const next = ended.length === 0 ? state : betOnCovered(withLate(state, settings), ended);
  return { ...next, apart: { stable, open: null } };
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
  const comparison = comparisonOf(state, settings);
  const { rate } = comparison;
  const guard = evidenceOf(settings.guard, rate, canary, stable, 'above');
  const covered = coverPoll(state.apart, poll, comparison);
  const guarded = betOn(beginPoll(state, settings), 'guard', guard);
  const next = { ...betOnCovered(guarded, covered.evidence), apart: covered.apart };
  if (poll.settling) return { ...next, unsettled: addCounts(state.unsettled, canary) };

  const past = { canary: expectedMean(state.canary, doubtAround(rate)), stable: rate };
  return {
    ...next,
    gap: addGapEvidence(state.gap, settings.gaps, poll, past, state.dispersion),
    canary: addCounts(state.canary, canary),
    compared: addCounts(state.compared, stable),
  };
}

/** How a poll of the canary is held against one of stable: by what was known before. */
function comparisonOf(state: SequentialState, settings: SequentialSettings): Comparison {
  const rate = expectedStable(state);
  return {
    rate,
    against: (some, stable) => ({
      regression: evidenceOf(settings.regression, rate, some.canary, stable, 'above'),
      nonInferiority: evidenceOf(settings.nonInferiority, rate, atBound(some), stable, 'below'),
    }),
  };
}

/** Of each alternative of a test, stable's mean being expected at `rate`. */
function evidenceOf(
  test: GapTest,
  rate: number,
  canary: ArmCounts,
  stable: ArmCounts,
  side: Side,
): readonly number[] {
  return alternativesOf(test, rate).map((mean) =>
    logEvidence(canary, stable, { canary: mean, stable: rate }, test.margin, side),
  );
}

/** The canary's scores at stable's threshold plus the whole margin. */
function atBound({ canary, canaryScoreAtBound }: CanaryCounts): ArmCounts {
  return { requests: canary.requests, score: canaryScoreAtBound ?? canary.score };
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
