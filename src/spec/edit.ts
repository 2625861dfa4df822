/** What an edit means: keys that tell whether a part of a Canary changed, and a diff for people. */
import { formatDuration } from '../lib/duration.ts';
import type {
  Analysis,
  Canary,
  MannWhitneyTerms,
  Metric,
  MetricSource,
  SequentialPromise,
  Step,
  Strategy,
  TrafficTarget,
} from './canary.ts';
import { canonicalJson, sha256 } from './canonical.ts';

/** Equal keys: the steps are the same, so a rollout goes on at its index. */
export function stepsKey({ strategy }: Canary): string {
  return once(strategy.steps, () => shortHash(strategy.steps));
}

/**
 * Equal keys: the metric is measured and judged in the same way, so its counters go on. The name is no part of it, nor
 * the objective, by which no look is judged; the service and the version label are, because they are in the query.
 */
export function metricKey({ service, analysis }: Canary, metric: Metric): string {
  const judged = once(metric, () => {
    const { name: _, objective: __, ...rest } = metric;
    return shortHash(rest);
  });
  return `${judged} ${service} ${analysis.versionLabel}`;
}

/** Equal keys: the same document. Reads well in messages: `nacos:NAMESPACE/GROUP/DATAID` or `file:PATH`. */
export function targetKey(target: TrafficTarget): string {
  if (target.kind === 'file') return `file:${target.path}`;
  return `nacos:${target.namespace}/${target.group}/${target.dataId}`;
}

/** Index of the greatest step whose weight is not above `weight`; -1 when there is none. */
export function indexForWeight(steps: readonly Step[], weight: number): number {
  return steps.findLastIndex((step) => step.weight <= weight);
}

/** One field that differs, named as in the file below `spec` (metrics by name); '' where a side has no such field. */
export interface FieldChange {
  readonly field: string;
  readonly before: string;
  readonly after: string;
}

/**
 * Every field that differs, in the order of the document, the ones that are gone last. Null stands for a Canary that
 * is not there.
 */
export function diffSpecs(before: Canary | null, after: Canary | null): readonly FieldChange[] {
  const old = before === null ? new Map<string, string>() : fieldsOf(before, sharedMetrics(before, after));
  const next = after === null ? new Map<string, string>() : fieldsOf(after, sharedMetrics(after, before));
  const changes: FieldChange[] = [];
  for (const field of new Set([...next.keys(), ...old.keys()])) {
    const change = { field, before: old.get(field) ?? '', after: next.get(field) ?? '' };
    if (change.before !== change.after) changes.push(change);
  }
  return changes;
}

const keys = new WeakMap<object, string>();

/** Declarations are never changed, and are asked for their keys at each look. */
function once(part: object, make: () => string): string {
  const known = keys.get(part) ?? make();
  keys.set(part, known);
  return known;
}

function shortHash(value: unknown): string {
  return sha256(canonicalJson(value)).slice(0, 16);
}

/** Metrics on both sides are compared field by field; one that comes or goes is a single line. */
function sharedMetrics(canary: Canary, other: Canary | null): ReadonlySet<string> {
  const names = new Set(other?.analysis.metrics.map(({ name }) => name));
  return new Set(canary.analysis.metrics.map(({ name }) => name).filter((name) => names.has(name)));
}

type Field = readonly [name: string, value: string | number | boolean | null | undefined];

function fieldsOf(canary: Canary, inDetail: ReadonlySet<string>): Map<string, string> {
  const fields = new Map<string, string>();
  const all: Field[] = [
    ...Object.entries(canary.labels).map(([label, value]): Field => [`labels.${label}`, value]),
    ['service', canary.service],
    ['revision', canary.revision],
    ['stableRevision', canary.stableRevision],
    ['suspend', canary.suspend],
    ...trafficFields(canary),
    ...strategyFields(canary.strategy),
    ...analysisFields(canary.analysis, inDetail),
  ];
  for (const [name, value] of all) {
    if (value !== null && value !== undefined) fields.set(name, String(value));
  }
  return fields;
}

function trafficFields({ target, settleMs, verifyTimeoutMs, onDrift }: Canary): Field[] {
  const place: Field[] =
    target.kind === 'file'
      ? [['traffic.file.path', target.path]]
      : [
          ['traffic.nacos.namespace', target.namespace],
          ['traffic.nacos.group', target.group],
          ['traffic.nacos.dataId', target.dataId],
        ];
  return [
    ...place,
    ['traffic.settle', formatDuration(settleMs)],
    ['traffic.verifyTimeout', formatDuration(verifyTimeoutMs)],
    ['traffic.onDrift', onDrift],
  ];
}

function strategyFields(strategy: Strategy): Field[] {
  return [
    ...strategy.steps.map((step, index): Field => [`strategy.steps[${index}]`, describeStep(step)]),
    ['strategy.ready.query', strategy.ready?.query],
    ['strategy.ready.min', strategy.ready?.min],
    ['strategy.onRevisionChange', strategy.onRevisionChange],
    ['strategy.onFailure', strategy.onFailure],
    ['strategy.onDelete', strategy.onDelete],
    ['strategy.progressDeadline', formatDuration(strategy.progressDeadlineMs)],
  ];
}

function analysisFields(analysis: Analysis, inDetail: ReadonlySet<string>): Field[] {
  const metrics = analysis.metrics.flatMap((metric): Field[] => {
    const name = `analysis.metrics[${metric.name}]`;
    if (!inDetail.has(metric.name)) return [[name, describeMetric(metric)]];
    return metricFields(metric).map(([part, value]): Field => [`${name}.${part}`, value]);
  });
  return [
    ['analysis.skip', analysis.skip],
    ['analysis.interval', formatDuration(analysis.intervalMs)],
    ['analysis.versionLabel', analysis.versionLabel],
    ['analysis.onNoData', analysis.onNoData],
    ['analysis.noDataGrace', formatDuration(analysis.noDataGraceMs)],
    ['analysis.onError', analysis.onError],
    ['analysis.errorLimit', analysis.errorLimit],
    ['analysis.onInconclusive', analysis.onInconclusive],
    ['analysis.resumeOnResolved', analysis.resumeOnResolved],
    ...scoringFields(analysis.scoring),
    ...budgetFields(analysis),
    ...metrics,
  ];
}

function metricFields(metric: Metric): Field[] {
  return [
    ...sourceFields(metric.source),
    ...Object.entries(metric.bounds),
    ['for', metric.forMs === null ? null : formatDuration(metric.forMs)],
    ['failureLimit', metric.failureLimit],
    ['critical', metric.critical],
    ['dryRun', metric.dryRun],
    ['window', formatDuration(metric.windowMs)],
    ['judge', metric.judge],
    ['objective', metric.objective],
    ...promiseFields(metric.sequential),
    ...termFields(metric.mannWhitney),
  ];
}

function promiseFields(promise: SequentialPromise | undefined): Field[] {
  if (promise === undefined) return [];
  const { alpha, beta, sensitivity, dispersion } = promise;
  return [
    ['alpha', alpha],
    ['beta', beta],
    ['sensitivity', sensitivity],
    ['dispersion', dispersion ?? 'auto'],
  ];
}

function termFields(terms: MannWhitneyTerms | undefined): Field[] {
  if (terms === undefined) return [];
  const { effectSize, groups, ...rest } = terms;
  return [
    ...Object.entries(rest),
    ...Object.entries(effectSize).map(([name, value]): Field => [`effectSize.${name}`, value]),
    ['groups', groups.join(', ')],
  ];
}

function scoringFields(scoring: Analysis['scoring']): Field[] {
  if (scoring === undefined) return [];
  return [
    ['analysis.score.pass', scoring.pass],
    ['analysis.score.marginal', scoring.marginal],
    ...Object.entries(scoring.weights).map(
      ([name, weight]): Field => [`analysis.score.weights.${name}`, weight],
    ),
  ];
}

function budgetFields({ rolloutBudget: budget, incident }: Analysis): Field[] {
  return [
    ['analysis.rolloutBudget.share', budget?.share],
    ['analysis.rolloutBudget.window', budget === undefined ? null : formatDuration(budget.windowMs)],
    ['analysis.incident.burnRate', incident?.burnRate],
    ['analysis.incident.window', incident === undefined ? null : formatDuration(incident.windowMs)],
  ];
}

function sourceFields(source: MetricSource): Field[] {
  if (source.kind === 'query') return [['query', source.query]];
  if (source.kind === 'external') return [['external.alert', source.alert]];
  const asked: Field[] =
    source.kind === 'ratio'
      ? [
          ['ratio.bad', source.bad],
          ['ratio.total', source.total],
        ]
      : [
          ['latency.histogram', source.histogram],
          ['latency.quantile', source.quantile],
        ];
  return [...asked, ['minRequests', source.minRequests]];
}

function describeStep(step: Step): string {
  const hold = step.maxHoldMs === undefined ? '' : `, held ${formatDuration(step.maxHoldMs)} at most`;
  return `${step.weight} % for ${formatDuration(step.bakeMs)}${hold}${step.approval ? ', then approval' : ''}`;
}

function describeMetric(metric: Metric): string {
  const bounds = Object.entries(metric.bounds).map(([bound, value]) => `${bound} ${value}`);
  return [metric.source.kind, ...bounds, ...(metric.dryRun ? ['dryRun'] : [])].join(', ');
}
