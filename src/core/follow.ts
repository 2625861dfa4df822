/** Following the declaration and the clock: what an edited file, a restart or a clock jump changes before anything else. */

import { formatDuration } from '../lib/duration.ts';
import { indexForWeight, stepsKey } from '../spec/edit.ts';
import { shiftTimes } from './clock-jump.ts';
import { isHashOf } from './default-judge.ts';
import { noteSkip, skipRevision } from './ending.ts';
import { followMetrics } from './looks.ts';
import type { RolloutState } from './rollout.ts';
import { sameTarget } from './state.ts';
import {
  activeRollout,
  addPause,
  because,
  doubtLastLook,
  emit,
  endPause,
  heldStep,
  isGone,
  isWaiting,
  restartHeld,
  setDiagnostic,
  type Turn,
} from './turn.ts';
import { stepName } from './words.ts';

/** Wall and monotonic time may differ by this much between two ticks. */
const JUMP_MS = 5_000;

/** The table "What an edit means" of the Canary document, but for what needs a decision of its own. */
export function followSpec(turn: Turn): void {
  const { state, spec, canary } = turn;
  if (turn.input.file === 'present') state.deletedAt = null;
  if (state.phase === 'Terminating' && !isGone(turn))
    emit(turn, 'SpecChanged', `${spec.file} is there again`);
  if (canary.revision !== null && canary.revision !== state.target) followRevision(turn, canary.revision);
  followTarget(turn);
  const rollout = activeRollout(state);
  const isEdited = state.specHash !== null && !isHashOf(spec, state.rollout, state.specHash);
  if (isEdited) emit(turn, 'SpecChanged', `${spec.file} was edited${voided(rollout)}`);
  state.specHash = spec.hash;
  if (rollout === null || state.ending !== null) return;
  if (isEdited) {
    rollout.promote = null;
    noteSkip(turn, rollout);
    followMetrics(turn, rollout);
  }
  followSteps(turn);
  followSuspend(turn, rollout);
}

/** A promotion that did not take effect yet was given for another declaration, as an approval is. */
function voided(rollout: RolloutState | null): string {
  const promote = rollout?.promote ?? null;
  return promote === null ? '' : `; the promotion asked by ${promote.actor} is void`;
}

function followRevision(turn: Turn, revision: string): void {
  skipRevision(turn, revision, `the file names ${revision} now`);
  turn.state.target = revision;
  turn.state.rejected = null;
}

function followTarget(turn: Turn): void {
  const { state, canary } = turn;
  if (sameTarget(state.route, canary.target)) {
    setDiagnostic(turn, 'TRAFFIC_TARGET_CHANGED', null);
    return;
  }
  if (activeRollout(state) !== null || state.intent !== null) {
    const detail = 'spec.traffic was changed during a rollout; the old document is used until it has ended';
    setDiagnostic(turn, 'TRAFFIC_TARGET_CHANGED', detail);
    return;
  }
  state.route = canary.target;
  // What this run read is the old document.
  turn.live = { kind: 'unknown', looked: false, detail: 'spec.traffic names another document now' };
  turn.recheck = true;
  state.known = null;
  state.observed = null;
  state.writes = [];
  state.promoted = null;
  setDiagnostic(turn, 'TRAFFIC_TARGET_CHANGED', null);
}

/**
 * Never up, never down: the weight stays, the index is found again, evidence starts again. It waits while a write is
 * open, so `decide` asks once more after the live document was judged, which is what closes one.
 */
export function followSteps(turn: Turn): void {
  const rollout = activeRollout(turn.state);
  if (rollout === null || turn.state.ending !== null) return;
  const key = stepsKey(turn.canary);
  if (key === rollout.stepsKey || turn.state.intent !== null) return;
  rollout.stepsKey = key;
  if (isWaiting(rollout)) return;
  const index = indexForWeight(turn.canary.strategy.steps, rollout.held.weight);
  rollout.stepIndex = index;
  rollout.held.index = index;
  restartHeld(turn, rollout);
  Object.assign(rollout.held, { bakedMs: 0, stalledMs: 0, failedSinceBake: false });
  const place = index < 0 ? 'below the first step' : `as ${stepName(index)}`;
  emit(turn, 'SpecChanged', `the steps were edited: weight ${rollout.weight} % is kept ${place}`);
}

function followSuspend(turn: Turn, rollout: RolloutState): void {
  const detail = `${turn.spec.file} says suspend: true; raises stop, rollbacks do not`;
  if (turn.canary.suspend && !isWaiting(rollout)) addPause(turn, 'Suspended', detail);
  if (!turn.canary.suspend) endPause(turn, 'Suspended', 'the file no longer suspends it');
}

/** Lets the clocks of the held weight run, and notices restarts and jumps. */
export function followClock(turn: Turn): void {
  const { state, now, input } = turn;
  const rollout = activeRollout(state);
  const isRestart = state.bootId !== input.bootId;
  const jumpMs = clockJump(turn);
  const isJump = Math.abs(jumpMs) > JUMP_MS;
  if (isJump) {
    const seconds = Math.round(Math.abs(jumpMs) / 1_000);
    const text = `the wall clock jumped by ${jumpMs < 0 ? '-' : ''}${formatDuration(seconds * 1_000)}`;
    emit(turn, 'ClockJump', text, { data: { jumpMs } });
    because(turn, 'clockJump', text, { jumpMs });
    shiftTimes(state, jumpMs);
  }
  if (isRestart) {
    state.bootId = input.bootId;
    // After the shift: it is a time of the new clock already.
    state.bootAt = now;
  }
  state.nextLookAt = Math.min(state.nextLookAt, now + Math.max(turn.canary.analysis.intervalMs, 15 * 60_000));
  if (rollout === null) return;
  // Whether the rule could be read at its last look died with the process that made it.
  if (isRestart && rollout.unreadAt !== undefined) doubtLastLook(rollout);
  if (isJump || rollout.held.verifiedAt > now) restartHeld(turn, rollout);
  if (rollout.held.weight === 0 || state.ending !== null || rollout.incident !== undefined) return;
  const elapsedMs = Math.max(0, input.elapsedMs ?? 0);
  rollout.held.bakedMs += elapsedMs;
  const bakeMs = heldStep(turn.canary, rollout)?.bakeMs ?? 0;
  if (
    rollout.held.bakedMs > bakeMs &&
    state.phase === 'Progressing' &&
    state.intent === null &&
    !isOutage(turn, rollout)
  ) {
    // A longer time without a decision is an outage of ours (a stopped process, a machine asleep).
    rollout.held.stalledMs += Math.min(elapsedMs, 3 * turn.canary.analysis.intervalMs);
  }
}

/** Over a restart only a clock that went back can be told from time that passed. */
function clockJump({ state, now, input }: Turn): number {
  return input.elapsedMs === null
    ? Math.min(0, now - state.decidedAt)
    : now - state.decidedAt - input.elapsedMs;
}

function isOutage(turn: Turn, rollout: RolloutState): boolean {
  const isBlind = Object.values(rollout.metrics).some(({ errors }) => errors > 0);
  return isBlind || (turn.live.kind === 'unknown' && turn.live.looked);
}
