/** From the document as written to the Canary that runs: defaults that depend on other fields are filled in here. */
import { budgetOf, objectiveOf } from './budget.ts';
import type { Bounds, Canary, Metric, MetricSource, SequentialPromise, TrafficTarget } from './canary.ts';
import { judgeOf, marginOf } from './judge-choice.ts';
import { scoringOf, termsOf } from './mann-whitney.ts';
import { type CanaryDocument, DEFAULT_GROUP, type MetricDocument } from './schema.ts';
import { renderQuery, type TemplateValues } from './template.ts';

const MIN_REQUESTS = 10;

/** A breach lasts this many intervals before it fails a rollout, unless the metric says otherwise. */
const INTERVALS_OF_BREACH = 3;

/** How long a judge may go without an answer, unless the step says otherwise. */
export const MAX_HOLD_MS = 20 * 60_000;

/** The Canary of a document that schema and lint accept. */
export function resolve({ metadata, spec }: CanaryDocument): Canary {
  const { traffic, strategy, analysis } = spec;
  const service = spec.service ?? metadata.name;
  const judges = analysis.metrics.map((metric) => judgeOf(metric, analysis.judge));
  const mayHold = judges.some((judge) => judge !== 'threshold');
  return {
    name: metadata.name,
    labels: metadata.labels,
    service,
    revision: spec.revision ?? null,
    stableRevision: spec.stableRevision ?? null,
    suspend: spec.suspend,
    target: targetOf(traffic, service),
    settleMs: traffic.settle,
    verifyTimeoutMs: traffic.verifyTimeout,
    onDrift: traffic.onDrift,
    strategy: {
      steps: strategy.steps.map(({ setWeight, bake, approval, maxHold }) => ({
        weight: setWeight,
        bakeMs: bake,
        approval: approval === 'required',
        ...(mayHold ? { maxHoldMs: maxHold ?? MAX_HOLD_MS } : {}),
      })),
      ready: strategy.ready ?? null,
      onRevisionChange: strategy.onRevisionChange,
      onFailure: strategy.onFailure,
      onDelete: strategy.onDelete,
      progressDeadlineMs: strategy.progressDeadline,
    },
    analysis: {
      skip: analysis.skip,
      intervalMs: analysis.interval,
      versionLabel: analysis.versionLabel,
      onNoData: analysis.onNoData,
      noDataGraceMs: analysis.noDataGrace,
      onError: analysis.onError,
      errorLimit: analysis.errorLimit,
      onInconclusive: analysis.onInconclusive,
      resumeOnResolved: analysis.resumeOnResolved,
      ...(judges.includes('mannWhitney') ? { scoring: scoringOf(analysis) } : {}),
      ...budgetOf(analysis),
      metrics: analysis.metrics.map((metric) => metricOf(metric, analysis, { service, name: metadata.name })),
    },
  };
}

/**
 * What the same document meant while every judge that nobody named was threshold; null where the default makes no
 * difference.
 */
export function resolveEarlier({ spec, ...rest }: CanaryDocument): Canary | null {
  const { analysis } = spec;
  const isUnasked = (metric: MetricDocument) =>
    metric.judge === undefined && judgeOf(metric, undefined) === 'sequential';
  if (analysis.judge !== undefined || !analysis.metrics.some(isUnasked)) return null;
  return resolve({ ...rest, spec: { ...spec, analysis: { ...analysis, judge: 'threshold' } } });
}

/** The dataId of a service's rule document, unless the file names another. */
export function defaultDataId(service: string): string {
  return `canary-rules.${service}.json`;
}

/** The path without `.` and empty parts: equal paths, equal text. */
export function plainPath(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

function targetOf({ nacos, file }: CanaryDocument['spec']['traffic'], service: string): TrafficTarget {
  if (file !== undefined) return { kind: 'file', path: plainPath(file.path) };
  const namespace = nacos?.namespace ?? '';
  return {
    kind: 'nacos',
    // The public namespace has two spellings; servers before 3 store the word as a namespace of its own.
    namespace: namespace === 'public' ? '' : namespace,
    group: nacos?.group ?? DEFAULT_GROUP,
    dataId: nacos?.dataId ?? defaultDataId(service),
  };
}

/** What the selectors of a metric may name. */
type Names = Pick<TemplateValues, 'service' | 'name'>;

function metricOf(
  metric: MetricDocument,
  analysis: CanaryDocument['spec']['analysis'],
  names: Names,
): Metric {
  const judge = judgeOf(metric, analysis.judge);
  const isSequential = judge === 'sequential';
  // What the other judges reject is rejected: there is nothing to wait for.
  const hasPatience = metric.failureLimit === undefined && judge === 'threshold';
  const byDefault = hasPatience ? INTERVALS_OF_BREACH * analysis.interval : null;
  return {
    name: metric.name,
    source: sourceOf(metric, names),
    bounds: boundsOf(metric),
    windowMs: metric.window ?? analysis.window,
    forMs: metric.for ?? byDefault,
    failureLimit: metric.failureLimit ?? null,
    critical: metric.critical,
    dryRun: metric.dryRun,
    judge,
    ...(isSequential ? { sequential: promiseOf(metric, analysis) } : {}),
    ...(judge === 'mannWhitney' ? { mannWhitney: termsOf(metric, analysis.minPoints) } : {}),
    ...objectiveOf(metric, analysis),
  };
}

/**
 * The metrics that count share `alpha` by their weights: any of them may roll back, so that their probabilities of
 * doing so for nothing add up. A dry run rolls back nothing and has all of it for itself.
 */
function promiseOf(
  metric: MetricDocument,
  { alpha, beta, sensitivity, dispersion, metrics, judge }: CanaryDocument['spec']['analysis'],
): SequentialPromise {
  const sharing = metrics.filter((other) => !other.dryRun && judgeOf(other, judge) === 'sequential');
  const sum = sharing.reduce((total, { weight = 1 }) => total + weight, 0);
  return {
    alpha: metric.dryRun ? alpha : (alpha * (metric.weight ?? 1)) / sum,
    beta,
    sensitivity,
    dispersion: dispersion === 'auto' ? null : dispersion,
  };
}

function sourceOf(
  { name, ratio, latency, query, external, minRequests = MIN_REQUESTS }: MetricDocument,
  names: Names,
): MetricSource {
  const selector = (text: string) =>
    renderQuery(text, { ...names, version: '', canary: '', stable: '', window: '' });
  if (ratio !== undefined) {
    return { kind: 'ratio', bad: selector(ratio.bad), total: selector(ratio.total), minRequests };
  }
  if (latency !== undefined) {
    const { histogram, quantile } = latency;
    return { kind: 'latency', histogram: selector(histogram), quantile, minRequests };
  }
  if (external !== undefined) return { kind: 'external', ...external };
  if (query === undefined) throw new Error(`metric ${name} has no source, which lint refuses`);
  return { kind: 'query', query };
}

function boundsOf(metric: MetricDocument): Bounds {
  const { max, min, minDelta, maxRatio } = metric;
  const maxDelta = marginOf(metric);
  return {
    ...(max === undefined ? {} : { max }),
    ...(min === undefined ? {} : { min }),
    ...(maxDelta === undefined ? {} : { maxDelta }),
    ...(minDelta === undefined ? {} : { minDelta }),
    ...(maxRatio === undefined ? {} : { maxRatio }),
  };
}
