/** Which judge a metric gets, and the margin that it is judged by. */
import type { JudgeName } from './canary.ts';
import type { Draft } from './draft.ts';
import { readMatchers } from './match.ts';
import { parseSelector } from './promql.ts';
import type { MetricDocument } from './schema.ts';

type Metric = Draft<MetricDocument>;

/**
 * What the metric says, else what the analysis says (`named`) where that judge can take the metric. Where neither says
 * anything it is sequential, unless the metric asks for what only the threshold rule does: no bound is ever lost.
 */
export function judgeOf(metric: Metric, named: JudgeName | undefined): JudgeName {
  if (metric.judge !== undefined) return metric.judge;
  if (named === 'mannWhitney') return canBeMannWhitney(metric) ? 'mannWhitney' : 'threshold';
  const isSequential =
    named === undefined ? isSequentialUnasked(metric) : named === 'sequential' && canBeSequential(metric);
  return isSequential ? 'sequential' : 'threshold';
}

const unasked = new WeakMap<Metric, boolean>();

/** Documents are never changed, and each is asked many times for what takes a parser to know. */
function isSequentialUnasked(metric: Metric): boolean {
  const known = unasked.get(metric) ?? asksForNothingElse(metric);
  unasked.set(metric, known);
  return known;
}

/** Nothing that the sequential judge would refuse is in the metric, so that no file becomes wrong by what it leaves out. */
function asksForNothingElse(metric: Metric): boolean {
  const { for: lasting, failureLimit, minRequests, critical, ratio } = metric;
  const hasPatience = [lasting, failureLimit, minRequests].some((field) => field !== undefined);
  return canBeSequential(metric) && !hasPatience && critical !== true && unreadableBad(ratio?.bad) === null;
}

/** A measured number that is held against stable's, not against a limit of its own. */
function canBeMannWhitney({ external, max, min, maxRatio }: Metric): boolean {
  return external === undefined && [max, min, maxRatio].every((bound) => bound === undefined);
}

/** Counted events, and one margin between the arms. */
function canBeSequential(metric: Metric): boolean {
  const isCounted = metric.ratio !== undefined || metric.latency !== undefined;
  const others = [metric.max, metric.min, metric.minDelta, metric.maxRatio];
  return isCounted && (marginOf(metric) ?? 0) > 0 && others.every((bound) => bound === undefined);
}

/** `maxDelta` as it is, or as the part of the error budget that `maxBurnRateDelta` allows. */
export function marginOf({ maxDelta, maxBurnRateDelta, objective }: Metric): number | undefined {
  if (maxBurnRateDelta === undefined || objective === undefined) return maxDelta;
  // Sixteen digits of 5 * (1 - 0.999) are no margin that anyone wrote.
  return Number((maxBurnRateDelta * (1 - objective)).toPrecision(12));
}

/** Why the selector's matchers cannot be applied outside of Prometheus; null: they can, or it is no selector at all. */
export function unreadableBad(bad: string | undefined): string | null {
  const selector = bad === undefined ? null : parseSelector(bad);
  if (selector === null || !selector.ok) return null;
  const matchers = readMatchers(selector.value.matchers);
  return matchers.ok ? null : matchers.error;
}
