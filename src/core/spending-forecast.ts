/** What a rollout to come may spend of its error budget at the traffic of stable, and how soon it could have done so. */
import type { Canary, Metric } from '../spec/canary.ts';
import { allowanceOf } from './spending.ts';

export interface SpendingForecast {
  /** Bad events more than stable would have had. */
  readonly allowed: number;
  /** What they are a part of. */
  readonly whole: string;
  readonly steps: readonly StepSpending[];
}

export interface StepSpending {
  /** From 0. */
  readonly index: number;
  /** Percent. */
  readonly weight: number;
  /** Until a canary that only fails, from the read-back of this step on, has caused as many, ms; Infinity: it never has. */
  readonly ms: number;
}

/**
 * Null: the metric has no budget.
 *
 * @param rps requests a second, all of the service
 * @param mean share of stable's requests that are bad
 */
export function spendingForecast(
  { analysis, strategy }: Canary,
  { objective, dryRun }: Metric,
  { rps, mean }: { readonly rps: number; readonly mean: number },
): SpendingForecast | null {
  const { rolloutBudget } = analysis;
  if (rolloutBudget === undefined || objective === undefined || dryRun) return null;
  const { allowed, whole } = allowanceOf(rolloutBudget, objective, rps);
  const steps = strategy.steps.map(({ weight }, index) => {
    const excessPerSecond = rps * (weight / 100) * (1 - mean);
    return { index, weight, ms: (1000 * allowed) / excessPerSecond };
  });
  return { allowed, whole, steps };
}
