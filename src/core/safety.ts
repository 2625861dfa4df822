/** Question 2: a revision that changed, an alert, a removed file. All of these hold or lower. */
import { beginEnding, endRollout } from './ending.ts';
import { checkSignals } from './signals.ts';
import { activeRollout, because, emit, isGone, isPausedBy, isWaiting, type Turn } from './turn.ts';

export function checkSafety(turn: Turn): void {
  checkRemoval(turn);
  checkRevision(turn);
  checkSignals(turn);
}

function checkRemoval(turn: Turn): void {
  const { state, canary } = turn;
  const rollout = activeRollout(state);
  // A rollback under way keeps its outcome; what is not ours is left as it is.
  if (!isGone(turn) || rollout === null) return;
  const { weight } = rollout.held;
  if (isPausedBy(state, 'ForeignController')) {
    endRollout(turn, rollout, 'Cancelled', 'the file was removed; the document is another controller’s');
  } else if (state.ending !== null) {
    because(turn, 'removed', 'the file was removed; the rollback is finished first');
  } else if (canary.strategy.onDelete === 'rollback') {
    beginEnding(turn, 'Cancelled', 'the file was removed');
  } else if (state.intent === null) {
    rollout.endWeight = weight;
    endRollout(turn, rollout, 'Cancelled', `the file was removed; weight ${weight} % is retained`);
  }
}

/** The wanted revision is no longer the one under way. */
function checkRevision(turn: Turn): void {
  const { state, canary } = turn;
  const rollout = activeRollout(state);
  const { target } = state;
  if (rollout === null || state.ending !== null || target === null || target === rollout.revision) return;
  if (isPausedBy(state, 'ForeignController')) return;
  if (target === rollout.stable) {
    beginEnding(turn, 'Reverted', `${target} is wanted again`);
    return;
  }
  const isUnclear = isPausedBy(state, 'StateRebuilt', 'StateConflict');
  const policy = isWaiting(rollout) && !rollout.written ? 'restart' : canary.strategy.onRevisionChange;
  if (policy === 'restart' && !isUnclear) {
    beginEnding(turn, 'Superseded', `${target} is wanted instead of ${rollout.revision}`);
    return;
  }
  if (policy === 'reject' && state.rejected !== target) {
    state.rejected = target;
    emit(turn, 'RevisionSkipped', `${target} is rejected: ${rollout.revision} is under way`, {
      data: { revision: target },
    });
  }
  because(turn, 'queued', `${target} waits until the rollout of ${rollout.revision} has ended`);
}
