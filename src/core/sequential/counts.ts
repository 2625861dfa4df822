/** What one poll counted of both arms: the only thing that the sequential judge ever learns from. */

import type { Arm } from '../observation.ts';

/** Requests of one arm, and the sum of their scores: 1 is bad, 0 good, between them how slow (`slow-scores.ts`). */
export interface ArmCounts {
  readonly requests: number;
  /** 0 to `requests`. */
  readonly score: number;
}

/** The increments of both arms since the poll before. */
export interface PollCounts {
  readonly canary: ArmCounts;
  readonly stable: ArmCounts;
  /**
   * Latency: the canary's summed scores at stable's threshold plus the whole margin, while `canary.score` is taken at
   * the tolerated part of it. Absent: the same scores serve both tests, as they do for ratios.
   */
  readonly canaryScoreAtBound?: number;
  /**
   * Whose requests are the earlier ones, where both versions are scraped at two times that lie apart. Absent: neither's.
   */
  readonly first?: Arm;
  /** The weight changed a moment ago: counters are read, only the guard is live. */
  readonly settling: boolean;
  /** The canary has all the traffic: stable's counts are absent by design. */
  readonly alone: boolean;
}

/** Above this a count is a broken counter, not traffic. */
const MOST_REQUESTS = 1e12;

/**
 * The counts with scores rounded into their range, or null where they are no counts at all (negative, not finite,
 * beyond any traffic) or the canary had no request: such a poll is no evidence and changes nothing.
 */
export function usableCounts(counts: PollCounts): PollCounts | null {
  const { canary, stable, canaryScoreAtBound } = counts;
  if (!isCount(canary) || !isCount(stable) || canary.requests === 0) return null;
  if (canaryScoreAtBound !== undefined && !Number.isFinite(canaryScoreAtBound)) return null;
  return {
    ...counts,
    canary: within(canary),
    stable: within(stable),
    ...(canaryScoreAtBound === undefined
      ? {}
      : { canaryScoreAtBound: clamp(canaryScoreAtBound, 0, canary.requests) }),
  };
}

/** Whether it can be counts of requests at all: not negative, finite, not beyond any traffic. */
export function isCount({ requests, score }: ArmCounts): boolean {
  return requests >= 0 && requests <= MOST_REQUESTS && Number.isFinite(score);
}

function within({ requests, score }: ArmCounts): ArmCounts {
  return { requests, score: clamp(score, 0, requests) };
}

export function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

export function addCounts(a: ArmCounts, b: ArmCounts): ArmCounts {
  return { requests: a.requests + b.requests, score: a.score + b.score };
}

/** The mean score; 0 without requests. */
export function share({ requests, score }: ArmCounts): number {
  return requests === 0 ? 0 : score / requests;
}

export const NO_REQUESTS: ArmCounts = { requests: 0, score: 0 };
