/** How rollouts begin and end: begin, go back to 0, finish, and what phase follows which outcome. */
import { overridePreflight } from './incident.ts';
import type { Outcome } from './outcome.ts';
import type { RolloutState } from './rollout.ts';
import { shareOf } from './rule.ts';
import { initialRollout, rolloutId } from './state.ts';
import {
  activeRollout,
  because,
  emit,
  isGone,
  isPausedBy,
  needsRetry,
  noteExemption,
  setPhase,
  type Turn,
} from './turn.ts';
import { intend, pairOf } from './writes.ts';

const FAILED_KEPT = 50;
/** Tries of a rollback after which a person is told. */
const ALARM_TRIES = 3;

/** Begins a rollout of `revision` in Waiting. The caller made sure that none is under way. */
export function beginRollout(turn: Turn, revision: string, by: string): RolloutState {
  turn.canary = turn.spec.canary;
  const { state, canary, now } = turn;
  const reserved = state.reserved?.revision === revision ? state.reserved : null;
  const id = reserved?.rolloutId ?? reserveId(turn);
  const rollout = initialRollout(canary, {
    id,
    revision,
    stable: state.stable ?? '',
    by: reserved?.actor ?? by,
    now,
    notBefore: state.zeroed[revision] ?? 0,
  });
  const { [revision]: _retried, ...failed } = state.failed;
  state.failed = failed;
  state.reserved = null;
  state.rollout = rollout;
  state.ending = null;
  state.rejected = null;
  observeFor(turn, revision);
  noteSkip(turn, rollout);
  emit(turn, 'RolloutStarted', `rollout of ${revision} begins, ${rollout.stable} is stable`, {
    actor: rollout.startedBy,
    data: { revision, stable: rollout.stable },
  });
  if (reserved?.override !== undefined) {
    overridePreflight(turn, rollout, { actor: reserved.actor, reason: reserved.override });
  }
  because(turn, 'revision', `${revision} is wanted and ${rollout.stable} is stable`, { revision });
  setPhase(turn, 'Waiting', 'waiting for the first step');
  state.nextLookAt = now;
  turn.recheck = true;
  return rollout;
}

/** What was read was another revision's share: what this one has is told by the live rule, or not known. */
function observeFor({ state, live }: Turn, revision: string): void {
  if (state.observed === null || state.observed.weight === 0) return;
  state.observed = live.kind === 'rule' ? { ...state.observed, weight: shareOf(live.rule, revision) } : null;
}

/** A revision that was wanted and never began is told as skipped, in favor of `next`. */
export function skipRevision(turn: Turn, next: string, why: string): void {
  const { target: skipped, rejected } = turn.state;
  const rollout = activeRollout(turn.state);
  if (rollout === null || skipped === null || skipped === next || skipped === rejected) return;
  if (skipped === rollout.revision || skipped === rollout.stable) return;
  emit(turn, 'RevisionSkipped', `${skipped} is skipped: ${why}`, { data: { revision: skipped } });
}

/** `analysis.skip` is the file's own exemption: written down once, wherever in the rollout it came. */
export function noteSkip(turn: Turn, rollout: RolloutState): void {
  if (!turn.canary.analysis.skip || rollout.exemptions.some(({ kind }) => kind === 'skip')) return;
  rollout.analysed = false;
  const { stepIndex } = rollout;
  const reason = 'analysis.skip: true';
  noteExemption(rollout, { kind: 'skip', actor: turn.spec.file, reason, stepIndex, at: turn.now });
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
  rollout.endWeight = rollout.weight;
  const isInFlight = state.intent !== null || rollout.withdrawDue;
  rollout.pauses = [];
  rollout.promote = null;
  rollout.withdrawDue = false;
  because(turn, 'ending', reason, { outcome });
  if (!rollout.written || isAtZero(turn, rollout, isInFlight)) {
    finishEnding(turn);
    return;
  }
  writeZero(turn, rollout);
  setPhase(turn, 'RollingBack', reason);
  emit(turn, 'RollbackStarted', `going back to 0 %: ${reason}`, { data: { outcome } });
}

/** The weight went back to 0 earlier in this rollout, nothing is in flight, and this run read that it is still so. */
function isAtZero({ live }: Turn, rollout: RolloutState, isInFlight: boolean): boolean {
  if (isInFlight || rollout.held.weight !== 0 || rollout.weight !== 0) return false;
  return live.kind === 'absent' || (live.kind === 'rule' && shareOf(live.rule, rollout.revision) === 0);
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

/** On the way to 0: done when it was read back, told to a person when it takes too long. */
export function pursueEnding(turn: Turn): void {
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
    const text = `weight 0 is not read back after ${ALARM_TRIES} tries; it is tried for ever: see why, or set it by hand`;
    const { endWeight, revision } = rollout;
    emit(turn, 'RollbackStuck', text, { data: { weight: endWeight, tries: ALARM_TRIES, revision } });
  }
}

/** 0 is verified (or was never left): writes the outcome down and moves to the phase that follows it. */
export function finishEnding(turn: Turn): void {
  const { state, now } = turn;
  const { ending } = state;
  const rollout = activeRollout(state);
  if (rollout === null || ending === null) return;
  endRollout(turn, rollout, ending.outcome, ending.reason);
  if (rollout.undoes !== null) {
    state.stable = rollout.stable;
    state.promoted = null;
  }
  if (rollout.written) state.zeroed = keepNewest({ ...state.zeroed, [rollout.revision]: now });
  if (needsRetry(ending.outcome) || rollout.undoes !== null) {
    const zeroAt = rollout.written ? now : null;
    state.failed = keepNewest({
      ...state.failed,
      [rollout.revision]: {
        rolloutId: rollout.id,
        reason: ending.reason,
        zeroAt,
        ...(rollout.undoes === null ? {} : { undone: true }),
      },
    });
  }
  rest(turn);
}

/** Marks a rollout as over. */
export function endRollout(turn: Turn, rollout: RolloutState, outcome: Outcome, reason: string): void {
  turn.ended.push(rollout);
  turn.state.ending = null;
  rollout.outcome = outcome;
  rollout.endedAt = turn.now;
  rollout.endReason = reason;
  rollout.pauses = [];
  emit(turn, 'RolloutEnded', `${outcome}: ${reason}`, {
    rolloutId: rollout.id,
    data: {
      outcome,
      revision: rollout.revision,
      weight: outcome === 'Promoted' ? rollout.weight : rollout.endWeight,
      seconds: Math.round((turn.now - rollout.startedAt) / 1000),
      rollbackMs:
        outcome === 'RolledBack' && rollout.firstFailAt !== null ? turn.now - rollout.firstFailAt : null,
    },
  });
}

/** The phase a Canary rests in while no rollout is under way. */
export function rest(turn: Turn): void {
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
      failed.undone === true
        ? `${target} is no longer live: ${failed.reason}; retry releases it again`
        : `${target} failed in rollout ${failed.rolloutId}: ${failed.reason}; retry tries it again`,
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
