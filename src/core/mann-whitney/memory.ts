/** The points that the Mann-Whitney judge has of one metric: what was measured since the held weight has settled. */
import type { EffectSize } from '../../spec/canary.ts';
import type { Held } from '../memory.ts';
import type { ShiftInterval } from './interval.ts';

/** Plain JSON; null is a NaN that is to count as 0. */
export interface PointsMemory {
  /** From when on windows are of the held weight. Another time begins another step. */
  readonly since: number;
  /** Evaluation time of the newest point; null: none yet. */
  readonly lastAt: number | null;
  /** Oldest first. */
  readonly canary: readonly (number | null)[];
  readonly stable: readonly (number | null)[];
}

/** Whether canary's points lie above stable's, below or among them; not known in the last two. */
export type Label = 'pass' | 'high' | 'low' | 'noData' | 'error';

/** What a verdict rests on. */
export interface Comparison {
  readonly label: Label;
  /** Points compared, of each arm. */
  readonly canaryPoints: number;
  readonly stablePoints: number;
  /** Null: nothing was compared. */
  readonly shift: ShiftInterval | null;
  /** Null: nothing was compared, or the measure says nothing of these points. */
  readonly effectSize: number | null;
  readonly measure: EffectSize['measure'];
  /** Of all metrics together, 0 to 100. */
  readonly score: number;
}

/** What one look adds; `stable` is undefined where it was not asked, at weight 100. */
export interface Point {
  readonly at: number;
  readonly canary: number | null;
  readonly stable: number | null | undefined;
}

/** Newest points kept of each arm: all of a step that lasts some hours, in a few kilobytes. */
export const MOST_POINTS = 200;

/**
 * The points of the held weight. Those of the weight before are no evidence for it, but for stable's at weight 100: it
 * has no traffic any more, and is what it was before the raise.
 */
export function currentPoints(
  memory: PointsMemory | undefined,
  { held, frozenAt }: { readonly held: Held; readonly frozenAt: number | null },
): PointsMemory {
  if (memory?.since === held.clearFrom) return memory;
  const stable = frozenAt === null ? [] : (memory?.stable ?? []);
  return { since: held.clearFrom, lastAt: null, canary: [], stable };
}

/** The memory without the point that was taken at `at`; as it is where none was. */
export function withoutPoint(memory: PointsMemory, at: number | null, isAlone: boolean): PointsMemory {
  if (at === null || memory.lastAt !== at) return memory;
  const { canary, stable } = memory;
  return { ...memory, canary: canary.slice(0, -1), stable: isAlone ? stable : stable.slice(0, -1) };
}

/**
 * The memory with the point, unless its window shares more than a little time with that of the point before: the test
 * takes points for independent of each other, and one request must not be in two of them. Looks come up to a tenth of
 * an interval early.
 */
export function addPoint(
  memory: PointsMemory,
  { at, canary, stable }: Point,
  windowMs: number,
  intervalMs: number,
): PointsMemory {
  if (memory.lastAt !== null && at - memory.lastAt < windowMs - intervalMs / 4) return memory;
  return {
    ...memory,
    lastAt: at,
    canary: [...memory.canary, canary].slice(-MOST_POINTS),
    stable: stable === undefined ? memory.stable : [...memory.stable, stable].slice(-MOST_POINTS),
  };
}
