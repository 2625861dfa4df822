/** When to look again. */
import type { Canary } from '../spec/canary.ts';
import type { CanaryState } from './rollout.ts';
import { activeRollout, isWaiting } from './turn.ts';

/** Confirming never waits for the next look. */
const CONFIRM_MS = 1_000;
/** A Canary at rest reads its live rule this often, spread by its name. */
const IDLE_MS = 60_000;
const UNREAD_MS = 5_000;

export function nextCheckAt(canary: Canary, state: CanaryState, now: number): number {
  if (state.intent !== null) return now + CONFIRM_MS;
  const rollout = activeRollout(state);
  if (rollout === null) return state.phase === 'Initializing' ? now + UNREAD_MS : nextIdle(state.name, now);
  if (state.ending !== null) return now + CONFIRM_MS;
  const times = [Math.max(state.nextLookAt, now)];
  if (rollout.withdrawDue) times.push(now + UNREAD_MS);
  if (rollout.raiseAfter > now) times.push(rollout.raiseAfter);
  if (isWaiting(rollout)) {
    if (rollout.absentUntil !== null && rollout.absentUntil > now) times.push(rollout.absentUntil);
    if (state.nextLookAt <= now) times[0] = now + canary.analysis.intervalMs;
  } else {
    const step = canary.strategy.steps[rollout.held.index];
    const leftMs = (step?.bakeMs ?? 0) - rollout.held.bakedMs;
    if (leftMs > 0) times.push(now + leftMs);
  }
  return Math.min(...times);
}

/** The next of the times, a minute apart, that belong to this name: idle Canaries do not all come at once. */
function nextIdle(name: string, now: number): number {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  const offset = hash % IDLE_MS;
  return (Math.floor((now - offset) / IDLE_MS) + 1) * IDLE_MS + offset;
}
