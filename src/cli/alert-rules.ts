/** Alert rules out of Canaries: each bound of each metric as PromQL that follows whatever revisions are on trial. */
import { formatDuration } from '../lib/duration.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { compactNumber } from '../lib/text.ts';
import type { Bounds, Canary, JudgeName, Metric, MetricSource, Strategy } from '../spec/canary.ts';
import {
  isNativeHistogram,
  parseSelector,
  printSelector,
  quotePromql,
  type Selector,
} from '../spec/promql.ts';
import { placeholders, renderQuery } from '../spec/template.ts';

export interface AlertRule {
  /** Unique among the rules of a directory: "CANARY METRIC BOUND". */
  readonly alert: string;
  /** PromQL of one number without labels; none where too little was measured. */
  readonly value: string;
  /** On which side of `limit` the bound is broken. */
  readonly breach: 'above' | 'below';
  readonly limit: number;
  /** How long it must be broken. */
  readonly forMs: number;
  readonly labels: Readonly<Record<string, string>>;
  /** One sentence about what fires, without its number. */
  readonly summary: string;
  /** What the rule leaves to the judge, where it cannot judge as it does. */
  readonly description?: string;
}

/** A metric, or a whole Canary, that no rule can follow. */
export interface LeftOut {
  readonly canary: string;
  /** Null: the whole Canary. */
  readonly metric: string | null;
  readonly reason: string;
}

export interface AlertGroup {
  readonly canary: string;
  readonly intervalMs: number;
  readonly rules: readonly AlertRule[];
}

export interface AlertRules {
  /** Those with rules, in the order of their names. */
  readonly groups: readonly AlertGroup[];
  readonly leftOut: readonly LeftOut[];
  /** Canaries without any rule that have something to measure, in the order of their names. */
  readonly unwatched: readonly string[];
}

/**
 * How many windows of a metric of the sequential judge must be broken, one after the other: one bad request, or one
 * burst, is in the values of one window only. Tests at one window after the other add up to false alarms, which the
 * odds of that judge do not; so its rule waits, and only pauses: the promise about rollbacks stays the judge's.
 */
const SEQUENTIAL_WINDOWS = 3;

/**
 * The rules of all Canaries. The versions are looked up in the controller's own `canary_info`, so that a release
 * changes no rule; a Prometheus that evaluates them must scrape the controller too.
 */
export function alertRules(canaries: readonly Canary[]): AlertRules {
  const groups: AlertGroup[] = [];
  const leftOut: LeftOut[] = [];
  const unwatched: string[] = [];
  for (const canary of canaries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const { name, analysis } = canary;
    const rules: AlertRule[] = [];
    const reason = objectionTo(canary);
    if (reason !== null) leftOut.push({ canary: name, metric: null, reason });
    for (const metric of reason === null ? analysis.metrics : []) {
      const arms = armsOf(canary, metric);
      const made = arms.ok ? rulesOf(canary, metric, arms.value) : [];
      rules.push(...made);
      const why = arms.ok ? 'it has no bound that a rule can check' : arms.error;
      if (made.length === 0) leftOut.push({ canary: name, metric: metric.name, reason: why });
    }
    if (rules.length > 0) groups.push({ canary: name, intervalMs: analysis.intervalMs, rules });
    else if (analysis.metrics.some(({ source }) => source.kind !== 'external')) unwatched.push(name);
  }
  return { groups, leftOut, unwatched };
}

function objectionTo({ service, analysis }: Canary): string | null {
  if (analysis.skip) return 'it has no metrics on purpose';
  return /[{}$]/.test(service)
    ? 'its service has a name that labels of rules would read as a template'
    : null;
}

/** What a metric is as PromQL, by arm; each is one number without labels. */
interface Arms {
  readonly canary: string;
  /** Null: the metric cannot tell stable from canary. */
  readonly stable: string | null;
  /** Null: always. Else a condition on the canary's requests. */
  readonly enough: string | null;
}

/** The error is why there is no rule. */
function armsOf(canary: Canary, metric: Metric): Result<Arms, string> {
  const { source } = metric;
  if (source.kind === 'external') return err(`its rule is the one of the alert ${source.alert}`);
  if (metric.judge === 'mannWhitney') return err('the mannWhitney judge keeps points, which no rule can');
  if (source.kind === 'query') return queryArms(canary, metric, source.query);
  const { versionLabel } = canary.analysis;
  const window = `[${formatDuration(metric.windowMs)}]`;
  const perVersion = (selector: Selector, call: string, by = versionLabel) =>
    `sum by (${by}) (${call}(${printSelector(selector)}${window}))`;
  const main = parseSelector(source.kind === 'ratio' ? source.total : source.histogram);
  if (!main.ok) return err(main.error.detail);
  const least = leastRequests(source, metric.judge);
  let values: string;
  let requests: string;
  if (source.kind === 'ratio') {
    const bad = parseSelector(source.bad);
    if (!bad.ok) return err(bad.error.detail);
    const total = perVersion(main.value, 'rate');
    // A version that never failed has no series of failures: it has failed 0 of its requests.
    values = `(${perVersion(bad.value, 'rate')} or ${total} * 0)\n    / ${total}`;
    requests = perVersion(main.value, 'increase');
  } else if (isNativeHistogram(main.value)) {
    values = `histogram_quantile(${source.quantile}, ${perVersion(main.value, 'rate')})`;
    requests = `histogram_count(${perVersion(main.value, 'increase')})`;
  } else {
    const buckets = perVersion(main.value, 'rate', `${versionLabel}, le`);
    values = `histogram_quantile(${source.quantile}, ${buckets})`;
    const whole = { label: 'le', op: '=', value: '+Inf' } as const;
    requests = perVersion(
      { metric: main.value.metric, matchers: [...main.value.matchers, whole] },
      'increase',
    );
  }
  return ok({
    canary: picked(canary, values, 'canary_revision'),
    stable: picked(canary, values, 'stable'),
    enough: least > 0 ? `${picked(canary, requests, 'canary_revision')} >= ${least}` : null,
  });
}

/**
 * Fewer requests of the canary in the window give no value. The sequential judge counts slow requests and needs no
 * quantile of the canary; a rule has nothing else, and below one request beyond the quantile there is none.
 */
function leastRequests(source: Extract<MetricSource, { minRequests: number }>, judge: JudgeName): number {
  if (source.kind === 'ratio' || judge !== 'sequential') return source.minRequests;
  return Math.max(source.minRequests, Math.round(1 / (1 - source.quantile)));
}

function queryArms({ service, name }: Canary, { windowMs }: Metric, query: string): Result<Arms, string> {
  const versions = placeholders(query).flatMap((use) => use.name ?? []);
  if (versions.some((each) => each === 'version' || each === 'canary' || each === 'stable')) {
    return err('its query names a version, which a rule cannot: only the controller asks it');
  }
  if (query.includes('$') && query.includes('`')) return err('its query has a dollar sign and backquotes');
  const window = formatDuration(windowMs);
  const text = renderQuery(query, { service, name, window, version: '', canary: '', stable: '' });
  return ok({ canary: `max(${text.trim()})`, stable: null, enough: null });
}

/**
 * The one of `values` (a value for each version) that belongs to the revision that `canary_info` shows under this
 * label. `label_join` and not `label_replace`: its `$1` would be taken for a variable in Grafana's files.
 */
function picked({ name, analysis: { versionLabel } }: Canary, values: string, label: string): string {
  const shown = `canary_info{canary=${quotePromql(name)},${label}!=""}`;
  return `max(\n  ${values}\n  and on (${versionLabel}) label_join(${shown}, "${versionLabel}", "", "${label}")\n)`;
}

type BoundName = keyof Bounds;

/** How a bound is checked, and in words: "NUMBER is WORDS LIMIT". */
const BOUNDS: Readonly<
  Record<
    BoundName,
    { readonly breach: AlertRule['breach']; readonly operator: string; readonly words: string }
  >
> = {
  max: { breach: 'above', operator: '', words: 'above' },
  min: { breach: 'below', operator: '', words: 'below' },
  maxDelta: { breach: 'above', operator: '-', words: 'above stable by more than' },
  minDelta: { breach: 'below', operator: '-', words: 'against stable below' },
  maxRatio: { breach: 'above', operator: '/', words: 'as a multiple of stable above' },
};

function rulesOf(canary: Canary, metric: Metric, arms: Arms): readonly AlertRule[] {
  return (Object.keys(BOUNDS) as BoundName[]).flatMap((bound) => {
    const limit = metric.bounds[bound];
    const { breach, operator, words } = BOUNDS[bound];
    if (limit === undefined || (operator !== '' && arms.stable === null)) return [];
    const compared = operator === '' ? arms.canary : `${arms.canary}\n${operator} ${arms.stable}`;
    return {
      alert: `${canary.name} ${metric.name} ${bound}`,
      value: arms.enough === null ? compared : `(${compared})\nand ${arms.enough}`,
      breach,
      limit,
      forMs: sustainedMs(metric),
      labels: labelsOf(canary, metric, bound),
      summary: `${metric.name} of ${canary.name} is ${words} ${compactNumber(limit)}`,
      ...(metric.judge === 'sequential' ? { description: coarser(metric) } : {}),
    };
  });
}

/** How long a breach must last to fail a rollout: of failures that are counted, at most one a window is. */
function sustainedMs({ judge, critical, forMs, failureLimit, windowMs }: Metric): number {
  if (judge === 'sequential') return SEQUENTIAL_WINDOWS * windowMs;
  if (critical) return 0;
  return forMs ?? (failureLimit ?? 0) * windowMs;
}

/** What a person who is told should know about the rule of a metric that the sequential judge has. */
function coarser(metric: Metric): string {
  const window = formatDuration(metric.windowMs);
  return `A second pair of eyes, coarser than the sequential judge: the difference of the last ${window}, broken for ${formatDuration(sustainedMs(metric))}; going back is left to the judge.`;
}

function labelsOf({ name, service, strategy }: Canary, metric: Metric, bound: string) {
  const action = actionOf(metric, strategy);
  const severity = { rollback: 'critical', pause: 'warning', ignore: 'info' }[action];
  return { canary: name, service, canary_action: action, severity, metric: metric.name, bound };
}

function actionOf({ dryRun, judge }: Metric, { onFailure }: Strategy) {
  if (dryRun) return 'ignore';
  return judge === 'sequential' ? 'pause' : onFailure;
}
