/** An interval for the gap between canary and stable that holds at all times at once: for explanations only. */
import { type ArmCounts, clamp } from './counts.ts';
import { logEvidence } from './evidence.ts';

/** ln of the odds against each gap of the grid, from both sides, plain JSON. */
export interface GapEvidence {
  /** Against "the gap is at most this one". */
  readonly above: readonly number[];
  /** Against "the gap is at least this one". */
  readonly below: readonly number[];
  /** The interval so far, as positions in the grid; null: unbounded on that side. It only ever shrinks. */
  readonly low: number | null;
  readonly high: number | null;
}

export interface GapInterval {
  /** Canary's mean minus stable's; null: no bound found yet, or none that holds. */
  readonly low: number | null;
  readonly high: number | null;
}

/** ln of the odds of each side: together the interval misses a constant gap with probability 5 % at most. */
const THRESHOLD = Math.log(40);

export function noGapEvidence(gaps: number): GapEvidence {
  const none = Array<number>(gaps).fill(0);
  return { above: none, below: none, low: null, high: null };
}

/**
 * Adds a poll. Each gap of the grid is bet against from the side that the past points to: both expected means come from
 * earlier polls only, so that each sum is the ln of an e-process.
 */
export function addGapEvidence(
  evidence: GapEvidence,
  gaps: readonly number[],
  poll: { readonly canary: ArmCounts; readonly stable: ArmCounts },
  past: { readonly canary: number; readonly stable: number },
  dispersion: number,
): GapEvidence {
  const above = [...evidence.above];
  const below = [...evidence.below];
  let { low, high } = evidence;
  for (const [index, gap] of gaps.entries()) {
    const side = past.canary - past.stable > gap ? 'above' : 'below';
    const log = logEvidence(poll.canary, poll.stable, past, gap, side) / dispersion;
    const logs = side === 'above' ? above : below;
    const sum = (logs[index] ?? 0) + log;
    logs[index] = sum;
    if (sum < THRESHOLD) continue;
    if (side === 'above') low = Math.max(low ?? index, index);
    else high = Math.min(high ?? index, index);
  }
  return { above, below, low, high };
}

/**
 * The interval in the unit of the scores; without bounds where `estimate`, the gap of all counts so far, is not in it:
 * the gap moved, and the interval is one for a gap that stays.
 */
export function gapInterval(evidence: GapEvidence, gaps: readonly number[], estimate: number): GapInterval {
  const at = (index: number | null) => (index === null ? null : (gaps[index] ?? null));
  const low = at(evidence.low);
  const high = at(evidence.high);
  const holds = estimate >= (low ?? -Infinity) && estimate <= (high ?? Infinity);
  return holds ? { low, high } : { low: null, high: null };
}

/** A mean that may be bet on, from counts and a little doubt: never 0, never 1. */
export function expectedMean({ requests, score }: ArmCounts, doubt: ArmCounts): number {
  return clamp((score + doubt.score) / (requests + doubt.requests), 1e-6, 1 - 1e-6);
}
