/** What a rule of judgment is to the benchmark: it looks at the same counters as the others and says what to do. */
import type { Arm } from '../../../src/core/observation.ts';
import type { Series } from '../series.ts';
import type { Sli } from '../sli.ts';
import type { Place } from '../world.ts';

/** advance: leave the step upward. stop: neither rolled back nor promoted, inconclusive. */
export type Answer = 'wait' | 'rollback' | 'advance' | 'stop';

export interface View extends Place {
  readonly canary: Series;
  /** Begins with the polls before the rollout. */
  readonly stable: Series;
  readonly baseline: Series;
}

export interface Setup {
  readonly sli: Sli;
  /** Steps below weight 100. */
  readonly steps: number;
  /** Stable's counters before the rollout. */
  readonly before: Series;
  /** Whose requests a poll shows earlier ones of; absent: neither's. */
  readonly first?: Arm;
}

export interface Rule {
  look(view: View): Answer;
}

export interface RuleKind {
  readonly name: string;
  /** What the rule judges by, in one sentence. */
  readonly from: string;
  /** Rollouts of a cell that it judges, where all would take too long. */
  readonly mostRuns?: number;
  /** It has no pace of its own: what it does not roll back by the end of the fixed schedule is promoted. */
  readonly keepsSchedule?: true;
  start(setup: Setup): Rule;
}

/** Whether canary's value lies above stable's by more than the margin; null: one of them has none. */
export function isViolated(sli: Sli, canary: number, stable: number): boolean | null {
  if (Number.isNaN(canary) || Number.isNaN(stable)) return null;
  return canary - stable > sli.maxDelta;
}
