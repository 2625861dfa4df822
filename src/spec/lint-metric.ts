/** The rules for one metric: what it measures, and whether its bounds can tell good from bad. */
import type { Bounds } from './canary.ts';
import type { Draft } from './draft.ts';
import {
  doubtful,
  type Finding,
  fieldName,
  type Path,
  wrongField,
  wrongText,
  wrongValue,
} from './finding.ts';
import { judgeOf } from './judge-choice.ts';
import { lintJudge } from './lint-judge.ts';
import { lintQuery, type QueryContext } from './lint-query.ts';
import { type Matcher, parseSelector, type Selector } from './promql.ts';
import type { MetricDocument } from './schema.ts';
import { POINTS_FIELDS } from './schema-mann-whitney.ts';
import { placeholders } from './template.ts';

type Metric = Draft<MetricDocument>;

const SOURCES: readonly string[] = ['ratio', 'latency', 'query', 'external'];
const BOUNDS = [
  'max',
  'min',
  'maxDelta',
  'minDelta',
  'maxRatio',
] as const satisfies readonly (keyof Bounds)[];
/** Fields of a metric that has numbers. */
const MEASURED_ONLY: readonly string[] = [
  ...BOUNDS,
  'minRequests',
  'for',
  'failureLimit',
  'critical',
  'window',
  'judge',
  'maxBurnRateDelta',
  'objective',
  'weight',
  ...POINTS_FIELDS,
];
const COMPARING = ['maxDelta', 'minDelta', 'maxRatio'] as const satisfies readonly (keyof Bounds)[];

/** `written`: the metric as it stands in the file, where a field that is wrong is still a field that is there. */
export function lintMetric(
  path: Path,
  metric: Metric,
  written: Readonly<Record<string, unknown>>,
  context: QueryContext,
): readonly Finding[] {
  return [
    ...lintShape(path, metric, written, context),
    ...lintBounds(path, metric),
    ...lintJudge(path, metric, written, context.spec.analysis),
    ...lintSource(path, metric, written, context),
  ];
}

function lintShape(
  path: Path,
  metric: Metric,
  written: Readonly<Record<string, unknown>>,
  { spec }: QueryContext,
): Finding[] {
  const findings: Finding[] = [];
  const [source, ...others] = Object.keys(written).filter((key) => SOURCES.includes(key));
  if (source === undefined) {
    const detail = 'The metric measures nothing: add ratio, latency, query or external.';
    findings.push(wrongField('SPEC_METRIC_SOURCE', path, detail));
  }
  for (const other of others) {
    const detail = `The metric has both ${source} and ${other}: make two metrics of it.`;
    findings.push(wrongField('SPEC_METRIC_SOURCE', [...path, other], detail));
  }
  if (source === 'external') return [...findings, ...lintExternal(path, written)];
  const isCompared = judgeOf(metric, spec.analysis?.judge) === 'mannWhitney';
  if (!isCompared && !BOUNDS.some((key) => key in written) && !('maxBurnRateDelta' in written)) {
    const detail = `The metric has no bound, so it could never fail: add one of ${BOUNDS.join(', ')}.`;
    findings.push(wrongField('SPEC_NO_BOUND', path, detail));
  }
  if ('for' in written && 'failureLimit' in written) {
    const detail = 'for and failureLimit are two ways to decide when it failed: keep one.';
    findings.push(wrongField('SPEC_FOR_AND_LIMIT', [...path, 'failureLimit'], detail));
  }
  if (source === 'query' && 'minRequests' in written) {
    const detail = 'A query counts no requests: minRequests is for ratio and latency.';
    findings.push(wrongField('SPEC_MIN_REQUESTS', [...path, 'minRequests'], detail));
  }
  return findings;
}

/** An alert asks for a promotion or does not: there is no number, and nothing that could fail. */
function lintExternal(path: Path, written: Readonly<Record<string, unknown>>): Finding[] {
  return Object.keys(written)
    .filter((key) => MEASURED_ONLY.includes(key))
    .map((key) => {
      const detail = `The metric waits for an alert and measures nothing: remove ${key}.`;
      return wrongField('SPEC_METRIC_SOURCE', [...path, key], detail);
    });
}

function lintBounds(path: Path, metric: Metric): Finding[] {
  const findings: Finding[] = [];
  const wrong = (bound: keyof Bounds, detail: string) =>
    findings.push(wrongValue('SPEC_BOUND', [...path, bound], detail));
  if (metric.max !== undefined && metric.min !== undefined && metric.min > metric.max) {
    wrong('min', `No number is at least ${metric.min} and at most ${metric.max}: min is above max.`);
  }
  if (metric.maxDelta !== undefined && metric.minDelta !== undefined && metric.minDelta > metric.maxDelta) {
    wrong(
      'minDelta',
      `No difference is at least ${metric.minDelta} and at most ${metric.maxDelta}: minDelta is above maxDelta.`,
    );
  }
  if (metric.maxRatio !== undefined && metric.maxRatio <= 0) {
    wrong('maxRatio', 'maxRatio must be greater than 0, e.g. 1.2 for at most 20 % above stable.');
  }
  if (metric.ratio === undefined) return findings;
  for (const bound of ['max', 'min', 'maxDelta', 'minDelta'] as const) {
    const value = metric[bound];
    const lowest = bound === 'max' || bound === 'min' ? 0 : -1;
    if (value === undefined || (value >= lowest && value <= 1)) continue;
    wrong(
      bound,
      `A share lies between 0 and 1, so ${bound} must be between ${lowest} and 1 (0.05 is 5 %), found ${value}.`,
    );
  }
  return findings;
}

function lintSource(
  path: Path,
  metric: Metric,
  written: Readonly<Record<string, unknown>>,
  context: QueryContext,
): readonly Finding[] {
  const versionLabel = context.spec.analysis?.versionLabel;
  if (metric.ratio !== undefined) return lintRatio([...path, 'ratio'], metric.ratio, versionLabel);
  if (metric.latency?.histogram !== undefined) {
    return lintHistogram([...path, 'latency', 'histogram'], metric.latency.histogram, versionLabel);
  }
  if (metric.query === undefined) return [];
  return lintFreeQuery([...path, 'query'], metric.query, metric, written, context);
}

function lintFreeQuery(
  path: Path,
  query: string,
  metric: Metric,
  written: Readonly<Record<string, unknown>>,
  context: QueryContext,
): readonly Finding[] {
  const { findings, uses, isFilled } = lintQuery(path, query, context);
  if (findings.length > 0) return findings;
  // Filling is for a numerator alone: around the whole query it makes a canary without traffic look perfect.
  const filled =
    'The query ends in "or vector(…)", so missing data look like a value: fill only what may be zero.';
  const doubts = isFilled ? [doubtful('SPEC_FILLED_QUERY', path, filled)] : [];
  if (uses.has('version')) return doubts;
  const judge = judgeOf(metric, context.spec.analysis?.judge);
  const comparing = judge === 'mannWhitney' ? 'judge: mannWhitney' : COMPARING.find((key) => key in written);
  if (comparing !== undefined) {
    const detail = `${comparing} compares canary with stable, but the query does not use {{version}}, so both would be the same number.`;
    return [...doubts, wrongValue('SPEC_ARMS_ALIKE', path, detail)];
  }
  if (uses.has('canary')) return doubts;
  const detail =
    'The query names neither {{version}} nor {{canary}}, so it hardly sees a canary with little traffic.';
  return [...doubts, doubtful('SPEC_BLIND_QUERY', path, detail)];
}

function lintRatio(
  path: Path,
  ratio: NonNullable<Metric['ratio']>,
  versionLabel: string | undefined,
): readonly Finding[] {
  const bad = lintSelector([...path, 'bad'], ratio.bad, versionLabel);
  const total = lintSelector([...path, 'total'], ratio.total, versionLabel);
  const findings = [...bad.findings, ...total.findings];
  if (bad.selector === null || total.selector === null) return findings;
  return [...findings, ...lintPair([...path, 'bad'], bad.selector, total.selector)];
}

/** A share of bad events must be a part of all events, or it says nothing. */
function lintPair(path: Path, bad: Selector, total: Selector): Finding[] {
  if (bad.metric !== total.metric) {
    const detail = `bad and total must be the same metric, found ${bad.metric} and ${total.metric}.`;
    return [wrongValue('SPEC_RATIO', path, detail)];
  }
  const lacking = total.matchers.find(({ label }) => !bad.matchers.some((other) => other.label === label));
  if (lacking !== undefined) {
    const { label, op, value } = lacking;
    const detail = `bad may count events that total does not: it lacks the matcher ${label}${op}${JSON.stringify(value)}.`;
    return [doubtful('SPEC_RATIO', path, detail)];
  }
  if (bad.matchers.every((matcher) => total.matchers.some((other) => isSame(other, matcher)))) {
    return [
      wrongValue(
        'SPEC_RATIO',
        path,
        'bad and total are the same, so the share would be 1 for every revision.',
      ),
    ];
  }
  return [];
}

function isSame(a: Matcher, b: Matcher): boolean {
  return a.label === b.label && a.op === b.op && a.value === b.value;
}

function lintHistogram(path: Path, text: string, versionLabel: string | undefined): readonly Finding[] {
  const { findings, selector } = lintSelector(path, text, versionLabel);
  if (selector === null) return findings;
  const classic = /^(.*)_(?:count|sum|total)$/.exec(selector.metric)?.[1];
  if (classic !== undefined) {
    const detail = `${selector.metric} is a number, not a histogram: name the buckets of a classic one, ${classic}_bucket, or a native one, ${classic}.`;
    return [...findings, wrongValue('SPEC_SELECTOR', path, detail)];
  }
  if (!selector.matchers.some(({ label }) => label === 'le')) return findings;
  return [
    ...findings,
    wrongValue('SPEC_SELECTOR', path, 'A quantile needs all buckets: remove the matcher on le.'),
  ];
}

function lintSelector(
  path: Path,
  text: string | undefined,
  versionLabel: string | undefined,
): { readonly findings: readonly Finding[]; readonly selector: Selector | null } {
  if (text === undefined) return { findings: [], selector: null };
  const parsed = parseSelector(text);
  if (!parsed.ok) {
    const { offset, detail } = parsed.error;
    const finding = wrongText(
      'SPEC_SELECTOR',
      path,
      offset,
      `${fieldName(path.slice(-1))} cannot be read: ${detail}.`,
    );
    return { findings: [finding], selector: null };
  }
  const findings = placeholders(text).flatMap(({ name, offset }) => {
    if (name === 'service' || name === 'name') return [];
    const detail =
      'In selectors only {{service}} and {{name}} work: write the value. The controller adds the version.';
    return [wrongText('SPEC_PLACEHOLDER', path, offset, detail)];
  });
  if (parsed.value.matchers.some(({ label }) => label === versionLabel)) {
    const detail = `The controller adds the matcher on ${versionLabel} itself: remove it.`;
    findings.push(wrongValue('SPEC_VERSION_MATCHER', path, detail));
  }
  return { findings, selector: parsed.value };
}
