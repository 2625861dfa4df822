/**
 * The rollout budget: how many bad events the canary has caused so far, beside how many it may cause. Bad events of the
 * canary that stable would have had too are no harm of the rollout; those of a settling weight are.
 *
 * excess = sum over the weights held of n_canary * max(0, p_canary - p_stable), and it may be `share` of the budget
 * (1 - objective) * N, with N the requests of `window` (Site Reliability Workbook, chapter 5, on budgets).
 */
import { formatDuration } from '../lib/duration.ts';
import { compactNumber, percent } from '../lib/text.ts';
import type { Canary, Metric, RolloutBudget } from '../spec/canary.ts';
import type { Spending } from './memory.ts';
import type { RolloutState } from './rollout.ts';
import { type ArmCounts, addCounts, NO_REQUESTS } from './sequential/counts.ts';
import type { SequentialJudgement } from './sequential/look.ts';

/** One poll: requests and bad ones of both arms, those of a settling weight included. */
export interface Spent {
  readonly rps: number | null;
  readonly weight: number;
  readonly canary: ArmCounts;
  readonly stable: ArmCounts;
  /** All that is known of stable: what the canary is held against while stable has no traffic. */
  readonly stableSoFar: ArmCounts;
}

/** How far a metric's part of the rollout has come. */
export interface Account {
  readonly metric: string;
  /** Bad events that stable would not have had, an estimate. */
  readonly excess: number;
  /** Bad events that the rollout may cause; null: the service's traffic is not known. */
  readonly allowed: number | null;
  /** The whole sum in a sentence. */
  readonly text: string;
}

const NOTHING: Spending = { rps: null, before: 0, weight: 0, canary: NO_REQUESTS, stable: NO_REQUESTS };

/** Keeps what a look has counted. Below the first step the canary harms nobody by this rollout. */
export function noteSpending(
  { analysis }: Canary,
  rollout: RolloutState,
  { name, objective, dryRun }: Metric,
  { heard, memory }: SequentialJudgement,
): void {
  const { weight } = rollout.held;
  if (analysis.rolloutBudget === undefined || objective === undefined || dryRun) return;
  if (heard === null || weight === 0) return;
  const rps = memory?.traffic?.rps ?? null;
  const stableSoFar = memory?.test?.stable ?? NO_REQUESTS;
  const spending = spend(rollout.spent?.[name], { ...heard, rps, weight, stableSoFar });
  rollout.spent = { ...rollout.spent, [name]: spending };
}

/** Adds one poll. Each weight is summed up by itself: what one weight saved, the next one may not spend. */
export function spend(known: Spending | undefined, poll: Spent): Spending {
  const past = known ?? NOTHING;
  const isNewWeight = past.weight !== poll.weight;
  const stable = addCounts(isNewWeight ? NO_REQUESTS : past.stable, poll.stable);
  return {
    rps: past.rps ?? poll.rps,
    before: isNewWeight ? excessOf(past) : past.before,
    weight: poll.weight,
    canary: addCounts(isNewWeight ? NO_REQUESTS : past.canary, poll.canary),
    stable: stable.requests > 0 ? stable : poll.stableSoFar,
  };
}

/** Bad events beyond stable's share, of all weights. Where nothing is known of stable, none is told to be too many. */
export function excessOf({ before, canary, stable }: Spending): number {
  if (stable.requests === 0) return before;
  return before + Math.max(0, canary.score - canary.requests * (stable.score / stable.requests));
}

/** Null: the metric has no budget, or nothing was counted yet. */
export function accountOf(
  budget: RolloutBudget | undefined,
  metric: Metric,
  { spent }: Pick<RolloutState, 'spent'>,
): Account | null {
  const spending = spent?.[metric.name];
  const { name, objective, source } = metric;
  if (budget === undefined || objective === undefined || spending === undefined) return null;
  const excess = excessOf(spending);
  const what = source.kind === 'latency' ? 'slow' : 'failed';
  const caused = `${name}: about ${compactNumber(excess)} ${what} requests more than stable would have had`;
  if (spending.rps === null) {
    const text = `${caused}; how many it may cause is not known: stable had no traffic before the rollout`;
    return { metric: name, excess, allowed: null, text };
  }
  const { allowed, whole } = allowanceOf(budget, objective, spending.rps);
  const text = `${caused}, the rollout may cause ${compactNumber(allowed)}: ${whole}`;
  return { metric: name, excess, allowed, text };
}

/** How many bad events a rollout may cause, and what they are a part of: "2 % of the error budget of 180 in 1h (...)". */
export function allowanceOf(
  { share, windowMs }: RolloutBudget,
  objective: number,
  rps: number,
): { readonly allowed: number; readonly whole: string } {
  // Twelve digits: 1 - 0.999 is not quite a thousandth.
  const total = Number((1 - objective).toPrecision(12)) * rps * (windowMs / 1000);
  const promised = `objective ${objective}, ${compactNumber(rps)} requests a second`;
  const whole = `${percent(share)} of the error budget of ${compactNumber(total)} in ${formatDuration(windowMs)} (${promised})`;
  return { allowed: share * total, whole };
}

/** Whether the rollout has caused more than it may. */
export function isOverspent({ excess, allowed }: Account): boolean {
  return allowed !== null && excess > allowed;
}
