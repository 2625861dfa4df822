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
 *   0. what changed meanwhile            followClock, followSpec, followSteps
 *   1. commands that lower or hold       takeCommands
 *   2. safety: drift, revert, alerts     judgeLive, finishPromotion, checkSafety
 *   3. verdicts: rollback first          noteBeta, takeLook, takeReady, takePreflight, takeIncident, checkVerdicts
 *   4. an open intent                    pursueIntent
 *   5. gates and deadlines               takeResumes, pursueEnding, beginOrRest, checks in advance
 *   6. one step up                       advance
 * A failure always wins over an approval or a gate; only 6 may raise, and it needs a live rule read in this run.
 */

import { takeCommands } from './commands.ts';
import { conclude } from './conclude.ts';
import type { Decision } from './decision.ts';
import { judgeLive } from './drift.ts';
import { beginRollout, endRollout, pursueEnding, rest } from './ending.ts';
import { followClock, followSpec, followSteps } from './follow.ts';
import { advance, noteBeta, takeReady } from './gates.ts';
import { takeIncident, takePreflight } from './incident.ts';
import { initialize } from './initialize.ts';
import { understand } from './live.ts';
import { takeLook } from './looks.ts';
import { pursueIntent } from './pursue.ts';
import { takeResumes } from './resume.ts';
import { checkSafety } from './safety.ts';
import { activeRollout, beginTurn, type DecideInput, emit, isGone, setPhase, type Turn } from './turn.ts';
import { checkVerdicts } from './verdicts.ts';

export function decide(input: DecideInput): Decision {
  const turn = beginTurn(input, understand(input.seen.route));
  const { state } = turn;
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
    takePreflight(turn);
    takeIncident(turn);
    checkVerdicts(turn);
    pursueIntent(turn);
    takeResumes(turn);
    pursueEnding(turn);
    beginOrRest(turn);
    advance(turn);
  } else {
    takeResumes(turn);
    if (isGone(turn)) forget(turn);
  }
  return conclude(turn);
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
  rest(turn);
}

/** Nothing is under way: begin what is wanted, or rest. */
function beginOrRest(turn: Turn): void {
  const { state } = turn;
  if (activeRollout(state) !== null || state.phase === 'Initializing') return;
  if (isGone(turn)) {
    forget(turn);
    return;
  }
  rest(turn);
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
