/** One decision as the rows that it becomes. Encoded when it is handed over: the caller may go on changing its state. */

import type { Explanation } from '../core/decision.ts';
import type { NewEvent } from '../core/events.ts';
import type { Save } from './store.ts';

export interface EncodedSave {
  readonly canary: string;
  readonly at: number;
  readonly nextCheckAt: number;
  /** Null: forgotten. */
  readonly state: string | null;
  readonly explanation: Explanation;
  readonly explanationJson: string;
  readonly events: readonly NewEvent[];
  readonly rollouts: readonly EncodedRollout[];
  readonly verdicts: readonly EncodedVerdict[];
  readonly consumed: readonly number[];
}

export interface EncodedRollout {
  readonly id: string;
  readonly canary: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly record: string;
}

export interface EncodedVerdict {
  readonly rolloutId: string;
  readonly metric: string;
  readonly at: number;
  readonly passed: boolean;
  readonly verdict: string;
}

export function encodeSave(save: Save): EncodedSave {
  return {
    canary: save.canary,
    at: wholeMs(save.at),
    nextCheckAt: wholeMs(save.nextCheckAt),
    state: save.state === null ? null : JSON.stringify(save.state),
    explanation: save.explanation,
    explanationJson: JSON.stringify(save.explanation),
    events: save.events,
    rollouts: save.rollouts.map((rollout) => ({
      id: rollout.id,
      canary: rollout.canary,
      startedAt: wholeMs(rollout.startedAt),
      endedAt: rollout.endedAt === null ? null : wholeMs(rollout.endedAt),
      record: JSON.stringify(rollout),
    })),
    verdicts: save.verdicts.map(({ rolloutId, verdict }) => ({
      rolloutId,
      metric: verdict.metric,
      at: wholeMs(verdict.at),
      passed: verdict.class === 'pass',
      verdict: JSON.stringify(verdict),
    })),
    consumed: save.consumed,
  };
}

/** A STRICT integer column refuses fractions, which times computed from durations may have, and Infinity ("never"). */
export function wholeMs(at: number): number {
  return Math.trunc(Math.min(at, Number.MAX_SAFE_INTEGER));
}
