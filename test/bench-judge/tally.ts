/** Endings of many rollouts, counted. */
import type { Ending } from './play.ts';
import { POLLS_PER_MINUTE } from './world.ts';

export interface Tally {
  readonly runs: number;
  /** Parts of all runs, 0 to 1. */
  readonly rolledBack: number;
  readonly promoted: number;
  readonly inconclusive: number;
  /** Rolled back before the canary turned bad. */
  readonly early: number;
  /** Minutes from the canary turning bad to its rollback; null without one. */
  readonly detectMean: number | null;
  readonly detectMedian: number | null;
  /** 2.6 standard errors of so many rollouts below the median. */
  readonly detectMedianLeast: number | null;
  readonly detectP90: number | null;
  /** Minutes from the start to the raise to 100; null without one. */
  readonly promoteMedian: number | null;
  readonly promoteMedianLeast: number | null;
  /** Bad or slow requests beyond stable's, the mean of all rollouts. */
  readonly excess: number;
}

export function tallyOf(endings: readonly Ending[]): Tally {
  const part = (holds: (ending: Ending) => boolean) => endings.filter(holds).length / endings.length;
  const isEarly = ({ kind, pollsSinceOnset }: Ending) => kind === 'rolledBack' && !(pollsSinceOnset > 0);
  const detected = endings
    .filter((ending) => ending.kind === 'rolledBack' && !isEarly(ending))
    .map(({ pollsSinceOnset }) => pollsSinceOnset / POLLS_PER_MINUTE);
  const promoted = endings
    .filter(({ kind }) => kind === 'promoted')
    .map(({ polls }) => polls / POLLS_PER_MINUTE);
  return {
    runs: endings.length,
    rolledBack: part(({ kind }) => kind === 'rolledBack'),
    promoted: part(({ kind }) => kind === 'promoted'),
    inconclusive: part(({ kind }) => kind === 'inconclusive'),
    early: part(isEarly),
    detectMean: detected.length === 0 ? null : meanOf(detected),
    detectMedian: quantileOf(detected, 0.5),
    detectMedianLeast: quantileOf(detected, leastShare(detected.length)),
    detectP90: quantileOf(detected, 0.9),
    promoteMedian: quantileOf(promoted, 0.5),
    promoteMedianLeast: quantileOf(promoted, leastShare(promoted.length)),
    excess: meanOf(endings.map(({ excess }) => excess)),
  };
}

/** Share of the order statistic that lies 2.6 standard errors below the median: ranks are binomial. */
function leastShare(count: number): number {
  return 0.5 - 1.3 / Math.sqrt(Math.max(1, count));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Smallest value that at least `share` of all are not above; null of none. */
function quantileOf(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}
