/** What `decide` hands out: the next state, what is to be done, and why. */
import type { NewEvent } from './events.ts';
import type { CanaryState, Phase, RolloutRecord, Verdict } from './rollout.ts';

/** Why something was or was not done, as data; `explain.ts` puts it in words. */
export interface Reason {
  /** Stable name, e.g. "breach", "bake", "passes". */
  readonly code: string;
  /** Facts for machines: numbers, names. */
  readonly facts: Readonly<Record<string, string | number | boolean | null>>;
  /** The sentence for people. */
  readonly text: string;
}

export function reasonOf(code: string, text: string, facts: Reason['facts'] = {}): Reason {
  return { code, text, facts };
}

export interface Explanation {
  readonly at: number;
  readonly canary: string;
  readonly rolloutId: string | null;
  readonly phase: Phase;
  readonly action: 'none' | 'wait' | 'hold' | 'raise' | 'lower' | 'pause' | 'promote' | 'forget';
  /** Weight before and after this decision. */
  readonly from: number;
  readonly to: number;
  readonly because: readonly Reason[];
  readonly notBecause: readonly Reason[];
  readonly verdicts: readonly Verdict[];
  readonly nextCheckAt: number;
}

export interface Decision {
  readonly state: CanaryState;
  readonly events: readonly NewEvent[];
  /** Rollouts begun, moved on or ended by this decision. */
  readonly rollouts: readonly RolloutRecord[];
  readonly explanation: Explanation;
  /** Whether `explanation.verdicts` are of a look made in this run. */
  readonly looked: boolean;
  /** Publish `state.intent` now. */
  readonly publish: boolean;
  readonly nextCheckAt: number;
  /** Ids of commands that were taken (also when refused). */
  readonly consumed: readonly number[];
  /** The Canary is gone: drop its state, keep its history. */
  readonly forget: boolean;
  /** Something outside changes, or a promise was made: commit at once, not with the next group. */
  readonly urgent: boolean;
  /** At rest, and nothing but the times of the last read is new: losing this decision would lose nothing. */
  readonly isQuiet: boolean;
}
