/** Which judge a metric gets, and the margin that it is judged by. */
import type { JudgeName } from './canary.ts';
import type { Draft } from './draft.ts';
import type { MetricDocument } from './schema.ts';

type Metric = Draft<MetricDocument>;

/**
 * What the metric says, else what the analysis says where that judge can take the metric: counted events, and one
 * margin between the arms.
 */
export function judgeOf(metric: Metric, byDefault: JudgeName | undefined): JudgeName {
  if (metric.judge !== undefined) return metric.judge;
  return byDefault === 'sequential' && canBeSequential(metric) ? 'sequential' : 'threshold';
}

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
