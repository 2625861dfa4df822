/** Taking commands: what lowers or holds acts at once, what raises is only written down for the gates. */
import { type Objection, objection, RESUME_NEEDS_LIVE } from './admit.ts';
import { beginEnding, beginRollout, reserveId, skipRevision } from './ending.ts';
import { overridePreflight } from './incident.ts';
import type { Approval, Promotion } from './memory.ts';
import type { Command, Reading } from './observation.ts';
import type { RolloutState } from './rollout.ts';
import { initialHeld, initialRollout } from './state.ts';
import { UNDO_REQUEST } from './targets.ts';
import { activeRollout, addPause, because, emit, isPausedBy, type Turn } from './turn.ts';
import { said, stepName } from './words.ts';

/** Question 1. Commands that need to see something first stay pending until a run saw it. */
export function takeCommands(turn: Turn): void {
  for (const command of turn.input.seen.commands) {
    const refused = objection(turn.spec, turn.state, command, turn.input.file === 'present');
    if (refused === null && !canBeTaken(turn, command)) continue;
    turn.consumed.push(command.id);
    if (refused === null) take(turn, command);
    else if ('already' in refused)
      applied(turn, command, `${command.revision} is ${refused.already} already`);
    else refuse(turn, command, refused);
  }
}

function canBeTaken(turn: Turn, command: Command): boolean {
  if (command.verb === 'undo' && !command.force) {
    return turn.input.seen.measurements.some((measurement) => measurement.id === UNDO_REQUEST);
  }
  const needsLive = command.verb === 'resume' && isPausedBy(turn.state, ...RESUME_NEEDS_LIVE);
  if (!needsLive) return true;
  // It writes, unless a rollback waits for it; what cannot be saved is not written.
  const maySave = turn.input.unsavable === undefined || turn.state.ending !== null;
  return maySave && turn.live.kind !== 'unknown';
}

function take(turn: Turn, command: Command): void {
  const { state } = turn;
  const rollout = activeRollout(state);
  const why = said(command.reason);
  switch (command.verb) {
    case 'start':
      takeStart(turn, command);
      return;
    case 'undo':
      takeUndo(turn, command);
      return;
    case 'retry':
      takeRetry(turn, command);
      return;
    case 'resume':
      turn.resumes.push(command);
      return;
    case 'forget':
      state.deletedAt = turn.now;
      applied(turn, command, `removal confirmed by ${command.actor}${why}`);
      return;
    case 'abort':
      applied(turn, command, `aborted by ${command.actor}${why}`);
      beginEnding(turn, 'Aborted', `aborted by ${command.actor}${why}`);
      return;
    case 'pause':
      applied(turn, command, `paused by ${command.actor}${why}`);
      addPause(turn, 'Manual', `paused by ${command.actor}${why}; resume goes on`, by(command));
      return;
    case 'approve':
      if (rollout !== null) takeApproval(turn, rollout, command);
      return;
    case 'promote':
      if (rollout !== null) takePromotion(turn, rollout, command);
  }
}

/** Bound to rollout, step and declaration; it takes effect at the gate of its step. */
function takeApproval(turn: Turn, rollout: RolloutState, command: Command): void {
  const { actor, reason } = command;
  const { stepIndex } = rollout;
  const approval = { actor, reason, stepIndex, specHash: turn.spec.hash, at: turn.now };
  rollout.approvals.push(approval);
  applied(turn, command, approvalText(approval), 'Approved');
}

/** Says it in the same words when it is given and when it takes effect. */
export function approvalText({ actor, reason, stepIndex }: Approval): string {
  return `${stepName(stepIndex)} approved by ${actor}${said(reason)}`;
}

function takePromotion(turn: Turn, rollout: RolloutState, command: Command): void {
  const { actor, reason, full, force, id } = command;
  rollout.promote = { actor, reason, full, force, commandId: id };
  applied(turn, command, promotionText(rollout.stepIndex, rollout.promote));
}

/** Likewise. */
export function promotionText(stepIndex: number, { actor, reason, full }: Promotion): string {
  const what = full ? 'promotion of all steps' : `promotion of ${stepName(stepIndex)}`;
  return `${what} asked by ${actor}${said(reason)}`;
}

function takeStart(turn: Turn, command: Command): void {
  const { state } = turn;
  const revision = command.revision ?? '';
  const rollout = activeRollout(state);
  if (rollout !== null && rollout.revision === revision && state.ending === null) {
    // Running already, and held by its pre-flight: see `objectionToStart`.
    applied(turn, command, `start of ${revision} with force asked by ${command.actor}`);
    overridePreflight(turn, rollout, command);
    return;
  }
  skipRevision(turn, revision, `${command.actor} started ${revision}`);
  state.target = revision;
  state.requested = { revision, actor: command.actor, commandId: command.id };
  state.rejected = null;
  applied(turn, command, `start of ${revision} asked by ${command.actor}`);
  if (rollout === null) {
    const begun = beginRollout(turn, revision, command.actor);
    if (command.force) overridePreflight(turn, begun, command);
    return;
  }
  if (revision !== rollout.stable) {
    const override = command.force ? { override: command.reason } : {};
    state.reserved = { revision, rolloutId: reserveId(turn), actor: command.actor, ...override };
  }
  const outcome = revision === rollout.stable ? 'Reverted' : 'Superseded';
  if (state.ending === null) beginEnding(turn, outcome, `${command.actor} started ${revision} instead`);
}

function takeRetry(turn: Turn, command: Command): void {
  const { state } = turn;
  const rollout = activeRollout(state);
  applied(turn, command, `retry asked by ${command.actor}`);
  if (rollout !== null) {
    // The file may name another revision by now: that one is wanted, and begins once this rollout is gone.
    const revision = state.target ?? rollout.revision;
    state.rejected = null;
    state.reserved = { revision, rolloutId: reserveId(turn), actor: command.actor };
    beginEnding(turn, 'Aborted', `${command.actor} starts ${revision} again`);
    return;
  }
  if (state.target === null) return;
  beginRollout(turn, state.target, command.actor);
}

function takeUndo(turn: Turn, command: Command): void {
  const { state, now, canary } = turn;
  const { promoted } = state;
  if (promoted === null) return;
  if (!command.force && !isOldVersionAlive(turn)) {
    refuse(turn, command, {
      code: 'NOT_APPLICABLE',
      detail: `${promoted.stable} shows no live target${whyUnknown(turn)}`,
      hint: 'start its instances, or undo with force',
    });
    return;
  }
  const revision = promoted.revision;
  const rollout = initialRollout(canary, {
    id: reserveId(turn),
    revision,
    stable: promoted.stable,
    by: command.actor,
    now,
    undoes: promoted.rolloutId,
  });
  const last = canary.strategy.steps.length - 1;
  rollout.stepIndex = last;
  rollout.weight = 100;
  rollout.held = initialHeld(last, 100, now, canary.settleMs);
  rollout.written = true;
  rollout.analysed = false;
  state.rollout = rollout;
  state.pauses = [];
  const reason = `promotion undone by ${command.actor}${said(command.reason)}`;
  applied(turn, command, reason);
  beginEnding(turn, 'Reverted', reason);
}

function isOldVersionAlive(turn: Turn): boolean {
  const reading = aliveReading(turn);
  return reading?.kind === 'value' && reading.value > 0;
}

function whyUnknown(turn: Turn): string {
  const reading = aliveReading(turn);
  return reading?.kind === 'noData' || reading?.kind === 'error' ? ` (${reading.detail})` : '';
}

function aliveReading(turn: Turn): Reading | undefined {
  return turn.input.seen.measurements.find(({ id }) => id === UNDO_REQUEST)?.reading;
}

export function applied(
  turn: Turn,
  command: Command,
  message: string,
  type: 'CommandApplied' | 'Approved' = 'CommandApplied',
): void {
  emit(turn, type, message, by(command));
  because(turn, 'command', message, { verb: command.verb, actor: command.actor });
}

export function refuse(turn: Turn, command: Command, { code, detail, hint }: Objection): void {
  emit(turn, 'CommandRefused', `${command.verb} refused: ${detail}; ${hint}`, {
    ...by(command),
    data: { code },
  });
}

function by(command: Command): { causedBy: number; actor: string } {
  return { causedBy: command.id, actor: command.actor };
}
