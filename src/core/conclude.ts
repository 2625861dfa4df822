/** The end of a turn: the phase that its parts add up to, and everything that was concluded as one decision. */

import { type Decision, type Explanation, type Reason, reasonOf } from './decision.ts';
import { isLookMade } from './looks.ts';
import type { CanaryState, Intent, Phase, RolloutState } from './rollout.ts';
import { isLookDue, nextCheckAt, nextLookAt } from './schedule.ts';
import { recordOf } from './state.ts';
import { activeRollout, isPausedBy, isWaiting, setDiagnostic, setPhase, type Turn } from './turn.ts';

/** Closes the turn. Nothing may be concluded after it. */
export function conclude(turn: Turn): Decision {
  const { state, input, now } = turn;
  showPhase(turn);
  const before = input.state;
  const isLook = isLookMade(turn) || turn.canary.analysis.metrics.length === 0;
  if (isLook && isLookDue(turn.canary, before, now))
    state.nextLookAt = Math.max(state.nextLookAt, nextLookAt(turn.canary, now));
  state.decidedAt = now;
  state.seq.decision += 1;
  const urgent =
    turn.publish ||
    turn.events.length > 0 ||
    turn.consumed.length > 0 ||
    before.phase !== state.phase ||
    changedIntent(before.intent, state.intent);
  const next = turn.recheck ? now : nextCheckAt(turn.canary, state, now);
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
      from: weightOf(before),
      to: weightOf(state),
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
    urgent,
    isQuiet: !urgent && isAtRest(before, state),
  };
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
  if (trouble !== null) return `${reason}; weight 0 cannot be written: ${trouble} (try ${tries})`;
  return tries === 1 ? reason : `${reason}; weight 0 is written and not read back (try ${tries})`;
}

function weightOf(state: CanaryState): number {
  return activeRollout(state)?.weight ?? state.observed?.weight ?? 0;
}

function restingAction(phase: Phase): Explanation['action'] {
  if (phase === 'Waiting') return 'wait';
  return phase === 'Progressing' || phase === 'Paused' ? 'hold' : 'none';
}

/** What several questions said in the same words is said once. */
function reasons({ because, state }: Turn): Reason[] {
  if (because.length === 0) return [reasonOf('phase', state.reason)];
  const texts = because.map(({ text }) => text);
  return because.filter(({ text }, index) => texts.indexOf(text) === index);
}

/** Truths about looks and first writes, of which there are none while nothing runs. */
function forgetDiagnostics(turn: Turn): void {
  if (activeRollout(turn.state) !== null) return;
  setDiagnostic(turn, 'CLOCK_SKEW', null);
  setDiagnostic(turn, 'BETA_PRESENT', null);
  setDiagnostic(turn, 'TRAFFIC_THIN', null);
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

/** Nothing is under way, and this run saw what the one before saw. */
function isAtRest(before: CanaryState, after: CanaryState): boolean {
  return (
    activeRollout(after) === null && JSON.stringify(timeless(before)) === JSON.stringify(timeless(after))
  );
}

/** What is remembered, without the times of the last run and read. */
function timeless(state: CanaryState): unknown {
  const { seq, observed, known } = state;
  return {
    ...state,
    decidedAt: null,
    nextLookAt: null,
    seq: { ...seq, decision: null },
    observed: observed?.weight,
    known: known?.md5,
  };
}
