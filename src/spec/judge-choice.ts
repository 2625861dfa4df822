/** Which judge a metric gets, and the margin that it is judged by. */
import type { JudgeName } from './canary.ts';
import type { Draft } from './draft.ts';
import type { MetricDocument } from './schema.ts';

type Metric = Draft<MetricDocument>;

/** What the metric says, else what the analysis says where that judge can take the metric. */
export function judgeOf(metric: Metric, byDefault: JudgeName | undefined): JudgeName {
  if (metric.judge !== undefined) return metric.judge;
  if (byDefault === 'mannWhitney' && canBeMannWhitney(metric)) return 'mannWhitney';
  return byDefault === 'sequential' && canBeSequential(metric) ? 'sequential' : 'threshold';
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
