/** How rollouts begin and end: begin, go back to 0, finish, and what phase follows which outcome. */
import type { Outcome, RolloutState } from './rollout.ts';
import { initialRollout, rolloutId } from './state.ts';
import { activeRollout, because, emit, isGone, needsRetry, setPhase, type Turn } from './turn.ts';
import { intend, pairOf } from './writes.ts';

const FAILED_KEPT = 50;

/** Begins a rollout of `revision` in Waiting. The caller made sure that none is under way. */
export function beginRollout(turn: Turn, revision: string, by: string): RolloutState {
  const { state, canary, now } = turn;
  const reserved = state.reserved?.revision === revision ? state.reserved : null;
  const id = reserved?.rolloutId ?? reserveId(turn);
  const rollout = initialRollout(canary, {
    id,
    revision,
    stable: state.stable ?? '',
    by: reserved?.actor ?? by,
    now,
    notBefore: zeroBefore(turn, revision),
  });
  const { [revision]: _retried, ...failed } = state.failed;
  state.failed = failed;
  state.reserved = null;
  state.rollout = rollout;
  state.ending = null;
  state.rejected = null;
  if (canary.analysis.skip) {
    rollout.analysed = false;
    rollout.exemptions.push({
      kind: 'skip',
      actor: 'spec',
      reason: 'analysis.skip: true',
      stepIndex: 0,
      at: now,
    });
  }
  emit(turn, 'RolloutStarted', `rollout of ${revision} begins, ${rollout.stable} is stable`, {
    actor: rollout.startedBy,
    data: { revision, stable: rollout.stable },
  });
  because(turn, 'revision', `${revision} is wanted and ${rollout.stable} is stable`, { revision });
  setPhase(turn, 'Waiting', 'waiting for the first step');
  state.nextLookAt = now;
  turn.recheck = true;
  return rollout;
}

/** When an earlier rollout of this revision was back at 0; 0: there was none. */
function zeroBefore(turn: Turn, revision: string): number {
  const { failed, rollout } = turn.state;
  const last = rollout?.revision === revision ? (rollout.endedAt ?? 0) : 0;
  return Math.max(failed[revision]?.zeroAt ?? 0, last);
}

/** Takes the next rollout id. */
export function reserveId(turn: Turn): string {
  turn.state.seq.rollout += 1;
  return rolloutId(turn.state.name, turn.state.seq.rollout, turn.input.controller);
}

/**
 * Ends the rollout: 0 is written and must be read back first, unless nothing of it was ever written. Replaces any
 * open write. A stronger reason takes over an ending that is already under way only by its caller's choice.
 */
export function beginEnding(turn: Turn, outcome: Outcome, reason: string): void {
  const { state, now } = turn;
  const rollout = activeRollout(state);
  if (rollout === null) return;
  state.ending = { outcome, reason, since: now, tries: 1, alarmed: false };
  rollout.pauses = [];
  rollout.promote = null;
  rollout.withdrawDue = false;
  because(turn, 'ending', reason, { outcome });
  if (!rollout.written || isAtZero(turn, rollout)) {
    finishEnding(turn);
    return;
  }
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
  setPhase(turn, 'RollingBack', reason);
  emit(turn, 'RollbackStarted', `going back to 0 %: ${reason}`, { data: { outcome } });
}

/** The weight went back to 0 earlier in this rollout and nothing is in flight. */
function isAtZero(turn: Turn, rollout: RolloutState): boolean {
  return (
    turn.state.intent === null && !rollout.withdrawDue && rollout.held.weight === 0 && rollout.weight === 0
  );
}

/** 0 is verified (or was never left): writes the outcome down and moves to the phase that follows it. */
export function finishEnding(turn: Turn): void {
  const { state, now } = turn;
  const { ending } = state;
  const rollout = activeRollout(state);
  if (rollout === null || ending === null) return;
  const stepsBehind = rollout.written;
  state.ending = null;
  endRollout(turn, rollout, ending.outcome, ending.reason);
  if (rollout.undoes !== null) {
    state.stable = rollout.stable;
    state.promoted = null;
  }
  if (needsRetry(ending.outcome) || rollout.undoes !== null) {
    const zeroAt = stepsBehind ? now : null;
    state.failed = keepNewest({
      ...state.failed,
      [rollout.revision]: { rolloutId: rollout.id, reason: ending.reason, zeroAt },
    });
  }
  settle(turn);
}

/** Marks a rollout as over. */
export function endRollout(turn: Turn, rollout: RolloutState, outcome: Outcome, reason: string): void {
  turn.ended.push(rollout);
  rollout.outcome = outcome;
  rollout.endedAt = turn.now;
  rollout.endReason = reason;
  rollout.pauses = [];
  emit(turn, 'RolloutEnded', `${outcome}: ${reason}`, {
    rolloutId: rollout.id,
    data: {
      outcome,
      revision: rollout.revision,
      seconds: Math.round((turn.now - rollout.startedAt) / 1000),
      rollbackMs:
        outcome === 'RolledBack' && rollout.firstFailAt !== null ? turn.now - rollout.firstFailAt : null,
    },
  });
}

/** The phase a Canary rests in while no rollout is under way. */
export function settle(turn: Turn): void {
  const { state } = turn;
  if (isGone(turn)) {
    setPhase(turn, 'Terminating', 'the file was removed');
    return;
  }
  if (state.pauses.length > 0) {
    setPhase(turn, 'Paused', state.pauses[0]?.detail ?? '');
    return;
  }
  const { target, stable } = state;
  const failed = target !== null && target !== stable ? state.failed[target] : undefined;
  if (failed !== undefined) {
    setPhase(
      turn,
      'RolledBack',
      `${target} failed in rollout ${failed.rolloutId}: ${failed.reason}; retry to try it again`,
    );
  } else if (state.promoted !== null && state.promoted.revision === stable) {
    setPhase(turn, 'Succeeded', `${stable} was promoted and is stable`);
  } else {
    setPhase(turn, 'Stable', `${stable} is stable`);
  }
}

function keepNewest<T>(entries: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).slice(-FAILED_KEPT));
}
