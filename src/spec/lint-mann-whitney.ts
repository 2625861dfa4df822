/** The rules for the Mann-Whitney judge: what a metric can tell it, and whether its score can be meant. */

import { formatDuration } from '../lib/duration.ts';
import type { Draft } from './draft.ts';
import { doubtful, type Finding, type Path, wrongField, wrongValue } from './finding.ts';
import { judgeOf, marginOf } from './judge-choice.ts';
import { defaultDirection, leastMsOfPoints, NO_EFFECT, ONE_GROUP, pointsApartMs } from './mann-whitney.ts';
import { MAX_HOLD_MS } from './resolve.ts';
import type { CanaryDocument, MetricDocument } from './schema.ts';

type Metric = Draft<MetricDocument>;
type Body = Draft<CanaryDocument['spec']>;
type Analysis = NonNullable<Body['analysis']>;
type Written = Readonly<Record<string, unknown>>;

/** What the threshold judge decides by. */
const OF_PATIENCE = ['for', 'failureLimit'] as const;
const OF_ONE_ARM = ['max', 'min', 'maxRatio'] as const;
const EFFECTS = ['allowedIncrease', 'criticalIncrease', 'allowedDecrease', 'criticalDecrease'] as const;

/** `written`: the metric as it stands in the file. */
export function lintPoints(path: Path, metric: Metric, written: Written): Finding[] {
  const wrong = (field: string, detail: string) => wrongField('SPEC_JUDGE', [...path, field], detail);
  const findings = OF_PATIENCE.filter((key) => key in written).map((key) =>
    wrong(key, `The mannWhitney judge decides by points, not by patience: remove ${key}.`),
  );
  for (const key of OF_ONE_ARM.filter((bound) => bound in written)) {
    findings.push(wrong(key, `The mannWhitney judge compares with stable: make ${key} another metric.`));
  }
  if ('weight' in written) {
    const detail =
      'weight shares the alpha of the sequential judge: name groups, and weigh those in analysis.score.';
    findings.push(wrong('weight', detail));
  }
  if (metric.query === undefined && metric.nanStrategy === 'replace') {
    const detail =
      'A NaN of ratio and latency is a canary without requests, which must not count as 0: remove it.';
    findings.push(wrong('nanStrategy', detail));
  }
  return [...findings, ...lintMargin(path, metric, written), ...lintEffect([...path, 'effectSize'], metric)];
}

/** The bound says which shift is harmless, and must be on the side that can do harm. */
function lintMargin(path: Path, metric: Metric, written: Written): Finding[] {
  const direction = metric.direction ?? defaultDirection(metric);
  const isDownward = direction === 'decrease';
  const wrong = (field: string, detail: string) => wrongValue('SPEC_BOUND', [...path, field], detail);
  const misplaced = isDownward ? ['maxDelta', 'maxBurnRateDelta'] : ['minDelta'];
  const instead = isDownward ? 'minDelta' : 'maxDelta';
  const findings = misplaced
    .filter((key) => key in written)
    .map((key) => wrong(key, `${key} is no margin where the direction is ${direction}: use ${instead}.`));
  const margin = isDownward ? metric.minDelta : marginOf(metric);
  if (margin === undefined || margin === 0 || margin < 0 === isDownward) return findings;
  const side = isDownward ? 'below stable: 0 or less' : 'above stable: 0 or more';
  return [...findings, wrong(instead, `${instead} is what canary may be ${side}, found ${margin}.`)];
}

function lintEffect(path: Path, { effectSize }: Metric): Finding[] {
  if (effectSize === undefined) return [];
  const { measure = 'meanRatio' } = effectSize;
  const none = NO_EFFECT[measure];
  const most = measure === 'cles' ? 1 : Number.POSITIVE_INFINITY;
  return EFFECTS.flatMap((field) => {
    const value = effectSize[field];
    const [low, high] = field.endsWith('Increase') ? [none, most] : [0, none];
    if (value === undefined || (value >= low && value <= high)) return [];
    const range = high === Number.POSITIVE_INFINITY ? `${low} or more` : `between ${low} and ${high}`;
    const detail = `${measure} is ${none} without any difference, so ${field} must be ${range}, found ${value}.`;
    return [wrongValue('SPEC_RANGE', [...path, field], detail)];
  });
}

/** The score of all metrics together; nothing where none has the judge. */
export function lintScore(path: Path, { metrics = [], judge, score }: Analysis): Finding[] {
  const scored = metrics.filter((metric) => metric !== undefined && judgeOf(metric, judge) === 'mannWhitney');
  if (scored.length === 0 || score === undefined) return [];
  const { pass, marginal, weights = {} } = score;
  const findings: Finding[] = [];
  if (pass !== undefined && marginal !== undefined && marginal > pass) {
    const detail = `A score that passes is not marginal: marginal ${marginal} is above pass ${pass}.`;
    findings.push(wrongValue('SPEC_RANGE', [...path, 'marginal'], detail));
  }
  const groups = new Set(scored.flatMap((metric) => metric?.groups ?? [ONE_GROUP]));
  for (const name of Object.keys(weights).filter((one) => !groups.has(one))) {
    const detail = `No metric belongs to the group ${name}: the groups are ${[...groups].join(', ')}.`;
    findings.push(wrongField('SPEC_JUDGE', [...path, 'weights', name], detail));
  }
  const sum = Object.values(weights).reduce<number>((total, weight) => total + (weight ?? 0), 0);
  const isComplete = [...groups].every((name) => name === undefined || name in weights);
  if (findings.length === 0 && (sum > 100 || (isComplete && Math.abs(sum - 100) > 1e-9))) {
    const detail = `The weights of the groups must sum to 100, found ${sum}.`;
    findings.push(wrongValue('SPEC_RANGE', [...path, 'weights'], detail));
  }
  return findings;
}

/** Whether the least number of points fits into the steps: their windows do not overlap, and begin after the settle time. */
export function lintPointTimes({ strategy, traffic, analysis }: Body): Finding[] {
  const { metrics = [], judge, window: usual, interval, minPoints } = analysis ?? {};
  const settle = traffic?.settle;
  if (interval === undefined || minPoints === undefined || settle === undefined) return [];
  const windows = metrics.flatMap((metric) => {
    const window = metric?.window ?? usual;
    if (metric === undefined || metric.dryRun === true || window === undefined) return [];
    return judgeOf(metric, judge) === 'mannWhitney' ? [window] : [];
  });
  if (windows.length === 0) return [];
  const times = { settleMs: settle, windowMs: Math.max(...windows), intervalMs: interval };
  const apart = pointsApartMs(times);
  const needed = leastMsOfPoints(times, minPoints);
  const sum = `settle ${formatDuration(settle)} and ${minPoints} points, ${formatDuration(apart)} apart, take ${formatDuration(needed)}`;
  const steps: Path = ['spec', 'strategy', 'steps'];
  for (const [index, step] of (strategy?.steps ?? []).entries()) {
    const { maxHold = MAX_HOLD_MS } = step ?? {};
    if (maxHold === 0 || needed <= maxHold) continue;
    const detail = `Points cannot fit into step ${index + 1} with its maxHold ${formatDuration(maxHold)}: ${sum}.`;
    return [wrongValue('SPEC_WINDOW', [...steps, index, 'maxHold'], detail)];
  }
  const short = (strategy?.steps ?? []).findIndex(
    (step) => needed > (step?.bake ?? Number.POSITIVE_INFINITY),
  );
  if (short < 0) return [];
  return [
    doubtful('SPEC_SHORT_BAKE', steps, `Points make step ${short + 1} last longer than its bake: ${sum}.`),
  ];
}
