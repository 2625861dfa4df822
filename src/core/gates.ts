/**
 * Questions 5 and 6: what must hold before a weight may rise, and the one step up. A raise needs everything:
 * no pause, no open write, a live rule that was read in this run and is ours, bake, fresh evidence or a recorded
 * exemption, and an approval where one is asked.
 */
import { clockTime } from '../lib/text.ts';
import type { Step } from '../spec/canary.ts';
import { approvalText, promotionText } from './commands.ts';
import { type Reason, reasonOf } from './decision.ts';
import { isHashOf } from './default-judge.ts';
import { incidentObstacle, preflightObstacle } from './incident.ts';
import { exemptedText, measuredFacts, measuredText, placeOf, reasonsToLeave } from './leaving.ts';
import type { Approval } from './memory.ts';
import { hasAllEvidence, missingEvidence } from './missing.ts';
import type { Command } from './observation.ts';
import type { Exemption, RolloutState } from './rollout.ts';
import { blockingSignal } from './signals.ts';
import {
  activeRollout,
  addPause,
  because,
  emit,
  endPause,
  isPausedBy,
  isWaiting,
  noteExemption,
  setDiagnostic,
  type Turn,
} from './turn.ts';
import { fail } from './verdicts.ts';
import { inSeconds, said, stepName } from './words.ts';
import { intend, pairOf, withdrawRaise } from './writes.ts';

/** Looks in a row at which `strategy.ready` must hold. */
const READY_LOOKS = 3;
/** Reasons that fit into the one sentence of a state. */
const REASONS_SHOWN = 3;
export const READY_REQUEST = 'ready';

/** Writes down that a person's word takes the place of evidence at the step of now. */
export function exempt(
  turn: Turn,
  rollout: RolloutState,
  kind: Exemption['kind'],
  by: Pick<Command, 'actor' | 'reason'>,
): void {
  const { stepIndex } = rollout;
  const { actor } = by;
  rollout.analysed = false;
  noteExemption(rollout, { kind, actor, reason: by.reason, stepIndex, at: turn.now });
  const text = exemptedText(turn, rollout, { kind, actor });
  emit(turn, 'Exempted', text, { actor });
  because(turn, 'exempted', text, { kind, actor });
}

/** `strategy.ready`: counts the looks at which it held, in a row, and keeps what was found where it did not. */
export function takeReady(turn: Turn): void {
  const rollout = activeRollout(turn.state);
  const { ready } = turn.canary.strategy;
  const answer = turn.input.seen.measurements.find((measurement) => measurement.id === READY_REQUEST);
  if (rollout === null || ready === null || answer === undefined) return;
  const { reading } = answer;
  if (reading.kind === 'value' && reading.value >= ready.min) {
    rollout.readyLooks += 1;
    delete rollout.unready;
    return;
  }
  rollout.readyLooks = 0;
  rollout.unready =
    reading.kind === 'value'
      ? `it is ${reading.value}, at least ${ready.min} is needed`
      : reading.kind === 'above' || reading.kind === 'series'
        ? 'it is no plain number'
        : reading.detail;
}

/** Question 5: deadlines and gates that hold; question 6: the step. */
export function advance(turn: Turn): void {
  const { state } = turn;
  const rollout = activeRollout(state);
  if (rollout === null || state.ending !== null || isPausedBy(state, 'ForeignController')) return;
  checkDeadline(turn, rollout);
  if (state.ending !== null) return;
  withdrawRaise(turn, rollout);
  const obstacles = obstaclesToWriting(turn, rollout);
  if (obstacles.length > 0) holdBack(turn, obstacles);
  else if (isWaiting(rollout)) startFirstStep(turn, rollout);
  else leaveStep(turn, rollout);
}

/** Nothing rises in this run, for these reasons. A run that writes has said why already. */
function holdBack(turn: Turn, obstacles: readonly Reason[]): void {
  if (!turn.publish) turn.because.push(...obstacles);
  const shown = obstacles.slice(0, REASONS_SHOWN).map(({ text }) => text);
  const rest = obstacles.length - shown.length;
  turn.state.reason = [...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ');
}

/** The progress clock ran out: failures since the bake mean `onFailure`, mere want of evidence means a person. */
function checkDeadline(turn: Turn, rollout: RolloutState): void {
  const { progressDeadlineMs } = turn.canary.strategy;
  if (progressDeadlineMs === 0 || rollout.held.stalledMs < progressDeadlineMs || isWaiting(rollout)) return;
  const waited = `no evidence to leave the step within ${inSeconds(progressDeadlineMs)} after its bake`;
  if (rollout.held.failedSinceBake) fail(turn, `${waited}, and looks failed`);
  else addPause(turn, 'NoEvidence', `${waited}; resume goes on without, abort goes back`);
}

/** What forbids any raise now. */
function obstaclesToWriting(turn: Turn, rollout: RolloutState): Reason[] {
  const { state, live, now } = turn;
  const blocking = rollout.pauses.filter((pause) => pause.reason !== 'Approval');
  if (blocking.length > 0) {
    const pauses = blocking.map(({ reason, detail }) => reasonOf('pause', detail, { reason }));
    const isPromised = rollout.promote !== null;
    return isPromised ? [...pauses, reasonOf('promote', 'the promotion waits until the pause ends')] : pauses;
  }
  const incident = incidentObstacle(rollout);
  if (incident !== null) return [incident];
  const { intent } = state;
  if (intent !== null) {
    return [reasonOf('unverified', `weight ${intent.to} % is written and not read back yet`)];
  }
  if (live.kind === 'unknown') return [reasonOf('unread', live.detail)];
  if (!turn.recognized) return [reasonOf('unsettled', 'the live document is not what we know')];
  if (now < rollout.raiseAfter) {
    const next = clockTime(rollout.raiseAfter, now);
    return [reasonOf('backOff', `a raise was cancelled; it is tried again at ${next}`)];
  }
  const { unsavable } = turn.input;
  return unsavable === undefined ? [] : [reasonOf('unsavable', `nothing rises unsaved: ${unsavable}`)];
}

function startFirstStep(turn: Turn, rollout: RolloutState): void {
  const { canary, state, live } = turn;
  const obstacles = obstaclesToStart(turn, rollout);
  if (obstacles.length > 0) {
    holdBack(turn, obstacles);
    return;
  }
  if (live.kind === 'rule' && !live.rule.enabled) {
    const detail = 'the rule is disabled in the document (enabled: false); resume switches it on';
    addPause(turn, 'DriftLower', detail);
    return;
  }
  if (turn.input.seen.beta === null) {
    turn.recheck = true;
    state.reason = 'looking for a beta variant before the first write';
    return;
  }
  const first = canary.strategy.steps[0];
  if (first !== undefined) raise(turn, rollout, 0, first);
}

function obstaclesToStart(turn: Turn, rollout: RolloutState): Reason[] {
  const { canary, now } = turn;
  const { ready } = canary.strategy;
  const reasons: Reason[] = [];
  if (canary.suspend) reasons.push(reasonOf('suspend', 'the file says suspend: true'));
  const alert = blockingSignal(turn);
  if (alert !== null) {
    const { name, summary } = alert;
    reasons.push(reasonOf('alert', `alert ${name} is firing${said(summary)}`, { alert: name }));
  }
  if (rollout.absentUntil !== null && now < rollout.absentUntil) {
    const next = clockTime(rollout.absentUntil, now);
    reasons.push(reasonOf('CanaryAbsent', `CanaryAbsent: no instance was seen; tried again at ${next}`));
  }
  if (ready !== null && rollout.readyLooks < READY_LOOKS) {
    const { readyLooks: looks, unready } = rollout;
    const text =
      unready === undefined
        ? `strategy.ready held at ${looks} of ${READY_LOOKS} looks in a row`
        : `strategy.ready does not hold: ${unready}`;
    reasons.push(reasonOf('ready', text, { looks }));
  }
  const preflight = preflightObstacle(turn, rollout);
  if (preflight !== null) reasons.push(preflight);
  return reasons;
}

/**
 * A beta variant hides our rule from the gateways whose address it names: said before the first write. A server that
 * does not tell of betas shows one that names this host to its reads, until it ends.
 */
export function noteBeta(turn: Turn): void {
  const { live } = turn;
  const { beta } = turn.input.seen;
  if (beta === null) return;
  if (beta === 'unknown' && (live.kind === 'unknown' || live.authoritative)) return;
  const rule = typeof beta === 'string' ? null : beta.rule;
  const detail = `a beta variant hides the rule from some gateways: ${rule}; stop it in the Nacos console`;
  setDiagnostic(turn, 'BETA_PRESENT', rule === null ? null : detail);
}

function leaveStep(turn: Turn, rollout: RolloutState): void {
  const { canary } = turn;
  const { steps } = canary.strategy;
  const step = steps[rollout.stepIndex] ?? steps[0];
  if (step === undefined) return;
  const consent = consentOf(turn, rollout);
  const isApproved = consent !== null || !step.approval || rollout.stepIndex < 0;
  if (consent !== null) endPause(turn, 'Approval', `approved by ${consent.actor}`, { actor: consent.actor });
  const evidence = missingEvidence(turn, rollout, step);
  if (evidence.length > 0) {
    holdBack(turn, evidence);
    return;
  }
  if (!isApproved) {
    askApproval(turn, rollout);
    return;
  }
  turn.because.push(...reasonsToLeave(turn, rollout, step));
  if (consent !== null) because(turn, 'consent', consent.text, { actor: consent.actor });
  const isProven = hasAllEvidence(turn, rollout, step);
  if (rollout.promote !== null && !isProven) exempt(turn, rollout, 'promote', rollout.promote);
  if (rollout.promote?.full === false) rollout.promote = null;
  noteLeft(turn, rollout, isProven ? 'good' : 'left');
  const next = steps[rollout.stepIndex + 1];
  if (next === undefined) markPromoted(turn, rollout);
  else raise(turn, rollout, rollout.stepIndex + 1, next);
}

function noteLeft(turn: Turn, rollout: RolloutState, how: 'good' | 'left'): void {
  const { stepIndex: step, weight, held } = rollout;
  const text = `${placeOf(turn, rollout)} is ${how} after ${inSeconds(held.bakedMs)}${measuredText(turn, rollout)}`;
  const seconds = Math.round(held.bakedMs / 1000);
  emit(turn, 'StepLeft', text, { data: { step, weight, seconds, ...measuredFacts(turn, rollout) } });
}

/** Who let the step be left where it asks for that; null: nobody did. */
function consentOf(turn: Turn, rollout: RolloutState): { actor: string; text: string } | null {
  const { promote, stepIndex } = rollout;
  if (promote !== null) return { actor: promote.actor, text: promotionText(stepIndex, promote) };
  const approval = approvalsOf(rollout).findLast(({ specHash }) => isHashOf(turn.spec, rollout, specHash));
  return approval === undefined ? null : { actor: approval.actor, text: approvalText(approval) };
}

function approvalsOf(rollout: RolloutState): Approval[] {
  return rollout.approvals.filter(({ stepIndex }) => stepIndex === rollout.stepIndex);
}

function askApproval(turn: Turn, rollout: RolloutState): void {
  const old = approvalsOf(rollout).at(-1);
  const isVoid = old === undefined ? '' : ` (the one by ${old.actor} is void: the file was edited since)`;
  const detail = `${placeOf(turn, rollout)} is good and waits for an approval${isVoid}`;
  addPause(turn, 'Approval', detail);
  because(turn, 'approval', detail);
}

/** One step up, saved as an intent; the index changes now, the held weight when it is read back. */
function raise(turn: Turn, rollout: RolloutState, index: number, step: Step): void {
  const { state, now } = turn;
  const from = rollout.held.weight;
  rollout.stepIndex = index;
  rollout.weight = step.weight;
  rollout.written = true;
  if (step.weight === 100) rollout.frozenAt = now;
  intend(turn, {
    direction: 'raise',
    purpose: 'step',
    ...pairOf(rollout),
    from,
    to: step.weight,
    stepIndex: index,
  });
  const text = `${stepName(index)}: ${from} % -> ${step.weight} %`;
  emit(turn, 'StepStarted', text, { data: { from, to: step.weight, step: index } });
  because(turn, 'raise', text, { from, to: step.weight });
  state.reason = `weight ${step.weight} % is written and not read back yet`;
}

/** The last bake is over: the same weight once more, marked promoted, so that a lost database can tell. */
function markPromoted(turn: Turn, rollout: RolloutState): void {
  intend(turn, {
    direction: 'hold',
    purpose: 'promoted',
    ...pairOf(rollout),
    from: rollout.weight,
    to: rollout.weight,
    stepIndex: rollout.stepIndex,
    promoted: true,
  });
  turn.action = 'promote';
  because(turn, 'promote', `the last step is good; ${rollout.revision} is marked promoted`);
  turn.state.reason = 'the promoted mark is written and not read back yet';
}
