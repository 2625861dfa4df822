/** When to look again. */
import type { Canary } from '../spec/canary.ts';
import { FIGHT_INTERVAL_MS } from './drift.ts';
import type { CanaryState } from './rollout.ts';
import { activeRollout, heldStep, isPausedBy, isWaiting } from './turn.ts';

/** Confirming never waits for the next look. */
const CONFIRM_MS = 1_000;
/** A Canary at rest reads its live rule this often, spread by its name. */
const IDLE_MS = 60_000;
const UNREAD_MS = 5_000;

export function nextCheckAt(canary: Canary, state: CanaryState, now: number): number {
  if (state.intent !== null) return now + CONFIRM_MS;
  const rollout = activeRollout(state);
  if (rollout === null)
    return state.phase === 'Initializing' ? now + UNREAD_MS : nextOwnTime(state.name, IDLE_MS, now);
  if (state.ending !== null) return now + CONFIRM_MS;
  const times = [Math.max(state.nextLookAt, now)];
  if (rollout.withdrawDue) times.push(now + UNREAD_MS);
  if (rollout.raiseAfter > now) times.push(rollout.raiseAfter);
  const fightEnds = (rollout.lastCorrectionAt ?? 0) + FIGHT_INTERVAL_MS;
  if (isPausedBy(state, 'DriftFight') && fightEnds > now) times.push(fightEnds);
  if (isWaiting(rollout)) {
    if (rollout.absentUntil !== null && rollout.absentUntil > now) times.push(rollout.absentUntil);
    if (state.nextLookAt <= now) times[0] = now + canary.analysis.intervalMs;
    times.push(nextOwnTime(state.name, IDLE_MS, now));
  } else {
    const leftMs = (heldStep(canary, rollout)?.bakeMs ?? 0) - rollout.held.bakedMs;
    // In an incident the bake stands still: it is over no sooner for being asked after.
    if (leftMs > 0 && rollout.incident === undefined) times.push(now + leftMs);
    if (rollout.promote !== null && rollout.held.clearFrom > now) times.push(rollout.held.clearFrom);
  }
  return Math.min(...times);
}

/** Whether a look may be made now: from a tenth of an interval before its time, so that many can be made together. */
export function isLookDue({ analysis }: Canary, { nextLookAt }: CanaryState, now: number): boolean {
  return now >= nextLookAt - analysis.intervalMs / 10;
}

/** When to look again after a look at `now`, early or late: at the next of the Canary's own times, half to one and a half intervals away. */
export function nextLookAt({ name, analysis }: Canary, now: number): number {
  return nextOwnTime(name, analysis.intervalMs, now + analysis.intervalMs / 2);
}

/**
 * The first time after `after` of those, `periodMs` apart, that belong to this name: Canaries that began together, or
 * were all missed by a long outage, do not all come at once. Of longer periods they are whole seconds, which read well
 * and bring some of them together.
 */
function nextOwnTime(name: string, periodMs: number, after: number): number {
  const grainMs = periodMs < 10_000 ? 1 : 1_000;
  const offset = Math.floor((spread(name) % periodMs) / grainMs) * grainMs;
  return (Math.floor((after - offset) / periodMs) + 1) * periodMs + offset;
}

/**
 * A 32-bit number that differs in all bits for names that differ in one letter, as "svc-0001" and "svc-0002" do.
 * FNV-1a, finished as MurmurHash3 does.
 */
function spread(name: string): number {
  let hash = 0x811c9dc5;
  for (const letter of name) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
