/**
 * The mind: one tick of one Canary, from what is known and what was seen to what is done. Pure: equal inputs give
 * equal decisions.
 *
 * Phases
 *   Initializing -> Stable | Succeeded | RolledBack | Paused    the stable revision became known
 *   Stable, Succeeded, RolledBack -> Waiting                    another revision is wanted (or `retry`)
 *   Waiting -> Progressing                                      nothing blocks the first step
 *   Progressing <-> Paused                                      reasons to stand still come and go
 *   Waiting, Progressing, Paused -> RollingBack                 failure, abort, revert, newer revision, removal
 *   RollingBack -> RolledBack | Stable | Waiting | Terminating  0 was read back; by outcome
 *   Progressing -> Succeeded                                    last step good, its promoted mark read back
 *   Terminating -> forgotten
 *
 * The order of questions is fixed:
 *   1. commands that lower or hold       takeCommands
 *   2. safety: drift, revert, alerts     judgeLive, checkSafety
 *   3. verdicts: rollback first          takeLook, checkVerdicts
 *   4. an open intent                    pursueIntent
 *   5. gates and deadlines               takeResumes, checks in advance
 *   6. one step up                       advance
 * A failure always wins over an approval or a gate; only 6 may raise, and it needs a live rule read in this run.
 */

import { takeCommands } from './commands.ts';
import { judgeLive } from './drift.ts';
import { beginRollout, endRollout, finishEnding, settle } from './ending.ts';
import { followClock, followSpec, followSteps } from './follow.ts';
import { advance, noteBeta, takeReady } from './gates.ts';
import { initialize } from './initialize.ts';
import { understand } from './live.ts';
import { takeLook } from './looks.ts';
import { pursueIntent } from './pursue.ts';
import { takeResumes } from './resume.ts';
import type { CanaryState, Decision, Explanation, Intent, Phase, Reason, RolloutState } from './rollout.ts';
import { checkSafety } from './safety.ts';
import { nextCheckAt } from './schedule.ts';
import { recordOf } from './state.ts';
import {
  activeRollout,
  beginTurn,
  type DecideInput,
  emit,
  isGone,
  isPausedBy,
  isWaiting,
  setDiagnostic,
  setPhase,
  type Turn,
} from './turn.ts';
import { checkVerdicts } from './verdicts.ts';
import { intend, pairOf } from './writes.ts';

/** Tries of a rollback after which a person is told. */
const ALARM_TRIES = 3;

export function decide(input: DecideInput): Decision {
  const turn = beginTurn(input, understand(input.seen.route));
  const { state } = turn;
  const from = currentWeight(turn);
  followClock(turn);
  followSpec(turn);
  takeCommands(turn);
  if (state.phase === 'Initializing') initialize(turn);
  if (state.phase !== 'Initializing') {
    if (state.stable !== null) judgeLive(turn);
    followSteps(turn);
    finishPromotion(turn);
    checkSafety(turn);
    noteBeta(turn);
    takeLook(turn);
    takeReady(turn);
    checkVerdicts(turn);
    pursueIntent(turn);
    takeResumes(turn);
    pursueEnding(turn);
    rest(turn);
    advance(turn);
  } else {
    takeResumes(turn);
    if (isGone(turn)) forget(turn);
  }
  showPhase(turn);
  return conclude(turn, from);
}

/** The promoted mark was read back: the revision is the stable one from now on. */
function finishPromotion(turn: Turn): void {
  const { state } = turn;
  const rollout = activeRollout(state);
  if (rollout === null || !turn.promotionSeen) return;
  const count = turn.canary.strategy.steps.length;
  endRollout(
    turn,
    rollout,
    'Promoted',
    count === 1 ? 'the only step is good' : `all ${count} steps are good`,
  );
  state.promoted = { rolloutId: rollout.id, revision: rollout.revision, stable: rollout.stable };
  state.stable = rollout.revision;
  turn.action = 'promote';
  settle(turn);
}

/** On the way to 0: done when it was read back, told to a person when it takes too long. */
function pursueEnding(turn: Turn): void {
  const { state } = turn;
  const rollout = activeRollout(state);
  const { ending, intent } = state;
  if (ending === null || rollout === null || isPausedBy(state, 'ForeignController')) return;
  if (intent === null) {
    if (rollout.held.weight === 0) finishEnding(turn);
    else writeZero(turn, rollout);
    return;
  }
  ending.tries = intent.attempts;
  if (intent.attempts > ALARM_TRIES && !ending.alarmed) {
    ending.alarmed = true;
    const text = `weight 0 is not read back after ${ALARM_TRIES} tries; it is tried for ever`;
    const { endWeight, revision } = rollout;
    emit(turn, 'RollbackStuck', text, { data: { weight: endWeight, tries: ALARM_TRIES, revision } });
  }
}

function writeZero(turn: Turn, rollout: RolloutState): void {
  intend(turn, {
    direction: 'lower',
    purpose: 'rollback',
    ...pairOf(rollout),
    from: rollout.held.weight,
    to: 0,
    stepIndex: -1,
  });
  rollout.weight = 0;
  rollout.stepIndex = -1;
}

/** Nothing is under way: begin what is wanted, or rest. */
function rest(turn: Turn): void {
  const { state } = turn;
  if (activeRollout(state) !== null || state.phase === 'Initializing') return;
  if (isGone(turn)) {
    forget(turn);
    return;
  }
  settle(turn);
  const { target, stable, reserved } = state;
  if (
    state.phase === 'Paused' ||
    state.intent !== null ||
    target === null ||
    target === stable ||
    target === state.rejected
  )
    return;
  if (state.failed[target] !== undefined && reserved?.revision !== target) return;
  const by = state.requested?.revision === target ? state.requested.actor : 'git';
  beginRollout(turn, target, by);
}

function forget(turn: Turn): void {
  if (turn.state.intent !== null) return;
  setPhase(turn, 'Terminating', 'the file was removed');
  emit(turn, 'Forgotten', 'the file was removed; history is kept');
  turn.forget = true;
  turn.action = 'forget';
}

/** The phase of a rollout under way follows from its parts. */
function showPhase(turn: Turn): void {
  const { state } = turn;
  const rollout = activeRollout(state);
  if (rollout === null || state.phase === 'Initializing') return;
  const [pause] = rollout.pauses;
  const phase: Phase =
    state.ending !== null && !isPausedBy(state, 'ForeignController')
      ? 'RollingBack'
      : pause !== undefined
        ? 'Paused'
        : isWaiting(rollout)
          ? 'Waiting'
          : 'Progressing';
  const reason =
    phase === 'RollingBack'
      ? endingText(state.ending)
      : phase === 'Paused'
        ? (pause?.detail ?? '')
        : state.reason;
  setPhase(turn, phase, reason);
}

/** Why it goes back, and what keeps it from getting there. */
function endingText(ending: CanaryState['ending']): string {
  if (ending === null) return '';
  const { reason, trouble = null, tries } = ending;
  return trouble === null ? reason : `${reason}; weight 0 cannot be written: ${trouble} (try ${tries})`;
}

function currentWeight(turn: Turn): number {
  return activeRollout(turn.state)?.weight ?? turn.state.observed?.weight ?? 0;
}

function conclude(turn: Turn, from: number): Decision {
  const { state, input, now } = turn;
  const isLook = input.seen.measurements.length > 0 || turn.canary.analysis.metrics.length === 0;
  if (isLook && now >= input.state.nextLookAt) state.nextLookAt = nextLook(turn);
  state.decidedAt = now;
  state.seq.decision += 1;
  const next = turn.recheck ? now : nextCheckAt(turn.canary, state, now);
  const before = input.state;
  if (turn.action === 'none') turn.action = restingAction(state.phase);
  forgetDiagnostics(turn);
  return {
    state,
    events: turn.events,
    rollouts: changedRollouts(turn),
    explanation: {
      at: now,
      canary: state.name,
      rolloutId: state.rollout?.id ?? null,
      phase: state.phase,
      action: turn.action,
      from,
      to: currentWeight(turn),
      because: reasons(turn),
      notBecause: turn.notBecause,
      verdicts: turn.verdicts.length > 0 ? turn.verdicts : lastVerdicts(state.rollout),
      nextCheckAt: next,
    },
    looked: turn.verdicts.length > 0,
    publish: turn.publish && !turn.forget,
    nextCheckAt: next,
    consumed: turn.consumed,
    forget: turn.forget,
    urgent:
      turn.publish ||
      turn.events.length > 0 ||
      turn.consumed.length > 0 ||
      before.phase !== state.phase ||
      changedIntent(before.intent, state.intent),
  };
}

function restingAction(phase: Phase): Explanation['action'] {
  if (phase === 'Waiting') return 'wait';
  return phase === 'Progressing' || phase === 'Paused' ? 'hold' : 'none';
}

/** What several questions said in the same words is said once. */
function reasons({ because, state }: Turn): Reason[] {
  if (because.length === 0) return [{ code: 'phase', text: state.reason, facts: {} }];
  const texts = because.map(({ text }) => text);
  return because.filter(({ text }, index) => texts.indexOf(text) === index);
}

/** Truths about looks and first writes, of which there are none while nothing runs. */
function forgetDiagnostics(turn: Turn): void {
  if (activeRollout(turn.state) !== null) return;
  setDiagnostic(turn, 'CLOCK_SKEW', null);
  setDiagnostic(turn, 'BETA_PRESENT', null);
}

/** One interval after the look was due, so that late ticks do not add up; from now where it was missed by far. */
function nextLook(turn: Turn): number {
  const { intervalMs } = turn.canary.analysis;
  const onTime = turn.input.state.nextLookAt + intervalMs;
  return onTime > turn.now ? Math.max(onTime, turn.state.nextLookAt) : turn.now + intervalMs;
}

function changedIntent(before: Intent | null, after: Intent | null): boolean {
  return before?.operation !== after?.operation || before?.attempts !== after?.attempts;
}

function lastVerdicts(rollout: RolloutState | null): Decision['explanation']['verdicts'] {
  return Object.values(rollout?.metrics ?? {}).flatMap(({ verdict }) => (verdict === null ? [] : [verdict]));
}

/** Records of the rollouts that this decision began, moved on or ended. */
function changedRollouts(turn: Turn): Decision['rollouts'] {
  const before = turn.input.state.rollout;
  const after = turn.state.rollout;
  const current = after === null ? [] : [after];
  const records = [...new Set([...turn.ended, ...current])].map((rollout) =>
    recordOf(turn.state.name, rollout),
  );
  const old = before === null ? null : JSON.stringify(recordOf(turn.state.name, before));
  return records.filter((record) => JSON.stringify(record) !== old);
}
