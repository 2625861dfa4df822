/** Small phrases that sentences for people share. */

import { formatDuration } from '../lib/duration.ts';
import { clockTime } from '../lib/text.ts';
import type { Canary } from '../spec/canary.ts';
import type { Held } from './memory.ts';

/** A span in whole seconds, rounded up, so that "another 2s" is never over before it is said: 2212 ms is "3s". */
export function inSeconds(ms: number): string {
  return formatDuration(Math.ceil(Math.max(0, ms) / 1000) * 1000);
}

/** People count steps from 1; `step.index` counts from 0. */
export function stepName(index: number): string {
  return `step ${index + 1}`;
}

/** ": reason" for the end of a sentence; empty where nobody gave one. */
export function said(reason: string): string {
  return reason === '' ? '' : `: ${reason}`;
}

/** "stable, frozen at 14:21:40Z" where it has no traffic left; "stable" where it has. */
export function stableName(frozenAt: number | null, now: number): string {
  return frozenAt === null ? 'stable' : `stable, frozen at ${clockTime(frozenAt, now)}`;
}

/** The step has been held for its `maxHold`, pauses and outages not counted; null: not yet. */
export function lateText({ strategy }: Canary, { held }: { readonly held: Held }): string | null {
  const { maxHoldMs = 0, bakeMs = 0 } = strategy.steps[held.index] ?? {};
  const heldMs = Math.min(held.bakedMs, bakeMs) + held.stalledMs;
  if (maxHoldMs === 0 || heldMs < maxHoldMs) return null;
  return `no answer within maxHold ${formatDuration(maxHoldMs)}`;
}
