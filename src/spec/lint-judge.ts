/** The rules between a metric and its judge: what the judge can take, and the margin that it judges by. */
import type { Draft } from './draft.ts';
import { doubtful, type Finding, type Path, wrongField, wrongValue } from './finding.ts';
import { judgeOf, marginOf, unreadableBad } from './judge-choice.ts';
import { lintObjective } from './lint-budget.ts';
import { lintPoints } from './lint-mann-whitney.ts';
import type { CanaryDocument, MetricDocument } from './schema.ts';
import { POINTS_FIELDS } from './schema-mann-whitney.ts';

type Metric = Draft<MetricDocument>;
type Analysis = Draft<CanaryDocument['spec']['analysis']>;
type Written = Readonly<Record<string, unknown>>;

/** What the sequential judge decides by odds, the threshold judge by patience. */
const OF_PATIENCE = ['for', 'failureLimit', 'minRequests', 'critical'] as const;
const OTHER_BOUNDS = ['max', 'min', 'minDelta', 'maxRatio'] as const;

/** The burn rate of the 30-day budget that pages people at once (Site Reliability Workbook, chapter 5). */
const PAGING_BURN_RATE = 14.4;

/** `written`: the metric as it stands in the file. */
export function lintJudge(
  path: Path,
  metric: Metric,
  written: Written,
  analysis: Analysis | undefined,
): readonly Finding[] {
  if ('external' in written) return [];
  const judge = judgeOf(metric, analysis?.judge);
  const margin = [
    ...lintMargin(path, metric, written),
    ...lintObjective(path, written, analysis ?? {}, judge),
  ];
  if (judge === 'mannWhitney') return [...margin, ...lintPoints(path, metric, written)];
  const pointless = POINTS_FIELDS.filter((key) => key in written).map((key) =>
    wrongField('SPEC_JUDGE', [...path, key], `Only the mannWhitney judge has a use for ${key}: remove it.`),
  );
  const findings = [...margin, ...pointless];
  if (judge === 'sequential') {
    // Where nobody names the judge, it is this one only for a metric that it can take.
    const isNamed = metric.judge !== undefined || analysis?.judge !== undefined;
    return isNamed ? [...findings, ...lintSequential(path, metric, written)] : findings;
  }
  if (!('weight' in written)) return findings;
  const detail = 'Only the sequential judge shares a probability by weight: remove weight.';
  return [...findings, wrongField('SPEC_JUDGE', [...path, 'weight'], detail)];
}

function lintSequential(path: Path, metric: Metric, written: Written): Finding[] {
  const wrong = (field: string, detail: string) => wrongField('SPEC_JUDGE', [...path, field], detail);
  if ('query' in written) {
    return [
      wrong('judge', 'The sequential judge counts events: it is for ratio and latency, not for query.'),
    ];
  }
  const findings = OF_PATIENCE.filter((key) => key in written).map((key) =>
    wrong(key, `The sequential judge decides by the odds, not by patience: remove ${key}.`),
  );
  for (const key of OTHER_BOUNDS.filter((bound) => bound in written)) {
    findings.push(wrong(key, `The sequential judge compares by maxDelta alone: make ${key} another metric.`));
  }
  const unread = unreadableBad(metric.ratio?.bad);
  if (unread !== null) {
    const detail = `The sequential judge tells bad events from all by itself, and cannot: ${unread}; write bad more simply.`;
    findings.push(wrongValue('SPEC_JUDGE', [...path, 'ratio', 'bad'], detail));
  }
  const margin = marginOf(metric);
  if (margin === undefined && !('maxDelta' in written) && !('maxBurnRateDelta' in written)) {
    findings.push(wrong('judge', 'The sequential judge needs a margin: add maxDelta, e.g. maxDelta: 0.005.'));
  }
  if (margin !== undefined && margin <= 0) {
    const detail = `The sequential judge needs a margin above 0 to promote within, found ${margin}.`;
    findings.push(wrongValue('SPEC_BOUND', [...path, 'maxDelta'], detail));
  }
  return findings;
}

function lintMargin(path: Path, metric: Metric, written: Written): Finding[] {
  const hasRate = 'maxBurnRateDelta' in written;
  const wrong = (field: string, detail: string) => wrongField('SPEC_BOUND', [...path, field], detail);
  if (!hasRate) return lintLoose(path, 'maxDelta', metric);
  const at = 'maxBurnRateDelta';
  if (!('ratio' in written)) return [wrong(at, 'Only a ratio has an error budget: use maxDelta.')];
  if ('maxDelta' in written)
    return [wrong(at, 'maxDelta and maxBurnRateDelta are two ways to give the margin: keep one.')];
  if (!('objective' in written))
    return [wrong(at, 'maxBurnRateDelta needs an objective, e.g. objective: 0.999.')];
  const margin = marginOf(metric);
  if (margin !== undefined && margin > 1) {
    const detail = `A share lies between 0 and 1, and the margin that this gives is ${margin}.`;
    return [wrongValue('SPEC_BOUND', [...path, at], detail)];
  }
  return lintLoose(path, at, metric);
}

/** A share of all requests, where there is an objective to hold it against. `field`: what gives it. */
function lintLoose(path: Path, field: string, metric: Metric): Finding[] {
  const { ratio, objective } = metric;
  const margin = marginOf(metric);
  if (ratio === undefined || objective === undefined || margin === undefined) return [];
  const rate = Number((margin / (1 - objective)).toPrecision(6));
  if (rate <= PAGING_BURN_RATE) return [];
  const detail = `A burn rate of ${PAGING_BURN_RATE} pages people at once, and ${field} lets the canary burn ${rate} more than stable: narrow it.`;
  return [doubtful('SPEC_LOOSE_MARGIN', [...path, field], detail)];
}
