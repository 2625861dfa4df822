/**
 * Looks that fall due close together are made together: few queries instead of many, and nobody waits for others to
 * come. Each is made up to a tenth of its interval early, never late.
 */
import { isLookDue } from '../core/schedule.ts';
import { activeRollout, isWaiting } from '../core/turn.ts';
import { MOST_NAMES } from '../metrics/plan.ts';
import type { Entry, Memory } from './memory.ts';

/** Who is looked at together with `name`, whose time has come: those that are due next, as many as one query holds. */
export function companionsOf(
  name: string,
  memory: Memory,
  now: number,
  isPlanned: (name: string) => boolean,
): readonly string[] {
  const first = memory.get(name);
  if (first === null || !mayLook(first, now)) return [];
  const { intervalMs } = first.spec.canary.analysis;
  const others: Entry[] = [];
  for (const entry of memory.entries()) {
    const isLike = entry !== first && entry.spec.canary.analysis.intervalMs === intervalMs;
    if (isLike && mayLook(entry, now) && isPlanned(entry.name)) others.push(entry);
  }
  others.sort((a, b) => a.nextCheckAt - b.nextCheckAt);
  return others.slice(0, MOST_NAMES - 1).map((entry) => entry.name);
}

function mayLook({ state, spec }: Entry, now: number): boolean {
  const rollout = state === null ? null : activeRollout(state);
  if (state === null || rollout === null || state.ending !== null || isWaiting(rollout)) return false;
  return isLookDue(spec.canary, state, now);
}
