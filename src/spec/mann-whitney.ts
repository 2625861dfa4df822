/** What the Mann-Whitney judge is told of a metric, and of all of them together: defaults filled in. */
import type { EffectSize, MannWhitneyTerms, Scoring } from './canary.ts';
import type { Draft } from './draft.ts';
import type { CanaryDocument, MetricDocument } from './schema.ts';

/** What a measure says of two sets of points that do not differ. */
export const NO_EFFECT: Readonly<Record<EffectSize['measure'], number>> = { meanRatio: 1, cles: 0.5 };

/** Group of the metrics that name none. */
export const ONE_GROUP = 'all';

/** When a step can have its points, ms. */
export interface PointTimes {
  readonly settleMs: number;
  readonly windowMs: number;
  readonly intervalMs: number;
}

/** From one point to the next, ms: looks come an interval apart, and two windows share a quarter of one at most. */
export function pointsApartMs({ windowMs, intervalMs }: Omit<PointTimes, 'settleMs'>): number {
  return intervalMs * Math.max(1, Math.ceil(windowMs / intervalMs - 1 / 4));
}

/** From the read-back of a weight until so many points can be there, ms: their windows begin once it has settled. */
export function leastMsOfPoints(times: PointTimes, points: number): number {
  return times.settleMs + times.windowMs + (points - 1) * pointsApartMs(times);
}

/** Kayenta's defaults where it has one, but that a metric must have data, and that more errors and time are worse. */
export function termsOf(metric: MetricDocument, minPoints: number): MannWhitneyTerms {
  return {
    direction: metric.direction ?? defaultDirection(metric),
    tolerance: metric.tolerance ?? 0.25,
    confidence: metric.confidence ?? 0.98,
    effectSize: effectSizeOf(metric),
    nanStrategy: metric.nanStrategy ?? 'remove',
    outlierFactor: metric.outlierFactor ?? null,
    minPoints,
    groups: metric.groups ?? [ONE_GROUP],
    mustHaveData: metric.mustHaveData ?? true,
  };
}

/** What is worse of a number that nothing is known of is not known either. */
export function defaultDirection({
  ratio,
  latency,
}: Pick<Draft<MetricDocument>, 'ratio' | 'latency'>): MannWhitneyTerms['direction'] {
  return ratio === undefined && latency === undefined ? 'either' : 'increase';
}

function effectSizeOf({ effectSize }: MetricDocument): EffectSize {
  const measure = effectSize?.measure ?? 'meanRatio';
  const none = NO_EFFECT[measure];
  const { allowedIncrease = none, allowedDecrease = none } = effectSize ?? {};
  return {
    measure,
    allowedIncrease,
    allowedDecrease,
    criticalIncrease: effectSize?.criticalIncrease ?? allowedIncrease,
    criticalDecrease: effectSize?.criticalDecrease ?? allowedDecrease,
  };
}

export function scoringOf({ score }: CanaryDocument['spec']['analysis']): Scoring {
  return { weights: score.weights, pass: score.pass, marginal: score.marginal };
}
