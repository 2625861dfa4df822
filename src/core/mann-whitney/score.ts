/** All metrics of one Mann-Whitney look: scores of groups, their weighted sum, a verdict with pass and marginal. */
import { err, ok, type Result } from '../../lib/result.ts';
import type { Scoring } from '../../spec/canary.ts';
import { formatNumber } from '../judge.ts';
import type { Classification } from './classify.ts';

export interface ScoredMetric {
  readonly name: string;
  /** At least one. */
  readonly groups: readonly string[];
  /** Shown and not counted. */
  readonly dryRun: boolean;
  /** Without data: true leaves the verdict open, false lets the other metrics decide. */
  readonly mustHaveData: boolean;
  readonly classification: Classification;
}

export interface GroupScore {
  readonly name: string;
  /** Percent of its metrics that pass, those not known counted as not passing; null: nothing to count. */
  readonly score: number | null;
  /** The part of the whole score that it decides, in percent. */
  readonly weight: number;
}

export interface RunScore {
  readonly verdict: 'pass' | 'marginal' | 'fail' | 'noData' | 'error';
  /** 0 to 100, with two decimals. */
  readonly score: number;
  readonly groups: readonly GroupScore[];
  readonly detail: string;
}

/**
 * The verdict of one look. What is not known neither passes nor fails: with an `error`, or a metric without data that
 * must have some, the canary fails if it would even were they all to pass, and else is left open. So it is when half
 * of the metrics or more have no data. A group of which nothing is known leaves its weight to the others.
 *
 * Kayenta's rules, but for: an error that leaves the count, a group without data that counts 100.
 *
 * @returns an error that says what to change, where the weights or the thresholds cannot be meant
 */
export function scoreRun(metrics: readonly ScoredMetric[], scoring: Scoring): Result<RunScore, string> {
  const counted = metrics.filter(({ dryRun }) => !dryRun);
  const names = [...new Set(metrics.flatMap(({ groups }) => groups))];
  const problem = scoringProblem(scoring, names);
  if (problem !== null) return err(problem);
  const weights = weightsOf(names, scoring.weights);
  const groups = groupScores(counted, weights, isPass);
  const score = weightedSum(groups);
  const best = weightedSum(groupScores(counted, weights, (metric) => isPass(metric) || isOpen(metric)));
  const { verdict, detail } = decide(counted, scoring, score, best);
  return ok({ verdict, score: verdict === 'fail' && counted.some(failsAlone) ? 0 : score, groups, detail });
}

function scoringProblem({ weights, pass, marginal }: Scoring, names: readonly string[]): string | null {
  const unknown = Object.keys(weights).find((name) => !names.includes(name));
  if (unknown !== undefined) return `the weights name the group "${unknown}", which no metric belongs to`;
  const values = Object.values(weights);
  if (values.some((weight) => !(weight >= 0))) return 'a weight is less than 0';
  const sum = values.reduce((all, weight) => all + weight, 0);
  const isComplete = names.every((name) => name in weights);
  if (sum > 100 + 1e-9 || (isComplete && names.length > 0 && sum < 100 - 1e-9)) {
    return `the weights of the groups sum to ${formatNumber(sum)}, not to 100`;
  }
  if (!(marginal >= 0 && marginal <= pass && pass <= 100)) {
    return `marginal ${marginal} and pass ${pass} must satisfy 0 <= marginal <= pass <= 100`;
  }
  return null;
}

function weightsOf(
  names: readonly string[],
  given: Readonly<Record<string, number>>,
): ReadonlyMap<string, number> {
  const rest = 100 - Object.values(given).reduce((sum, weight) => sum + weight, 0);
  const unnamed = names.filter((name) => !(name in given)).length;
  return new Map(names.map((name) => [name, given[name] ?? rest / unnamed]));
}

function groupScores(
  counted: readonly ScoredMetric[],
  weights: ReadonlyMap<string, number>,
  passes: (metric: ScoredMetric) => boolean,
): GroupScore[] {
  return [...weights].map(([name, weight]) => {
    const inside = counted.filter((metric) => metric.groups.includes(name) && !isLeftOut(metric));
    const score = inside.length === 0 ? null : (100 * inside.filter(passes).length) / inside.length;
    return { name, weight, score };
  });
}

/** Over the groups that have a score, as if there were no others; 0 without any. */
function weightedSum(groups: readonly GroupScore[]): number {
  const known = groups.flatMap(({ score, weight }) => (score === null ? [] : [{ score, weight }]));
  const all = known.reduce((sum, { weight }) => sum + weight, 0);
  if (all === 0) return 0;
  const sum = known.reduce((total, { score, weight }) => total + score * weight, 0);
  return Math.round((sum / all) * 100) / 100;
}

function decide(
  counted: readonly ScoredMetric[],
  { pass, marginal }: Scoring,
  score: number,
  best: number,
): Pick<RunScore, 'verdict' | 'detail'> {
  const said = `score ${score}`;
  const critical = counted.find(failsAlone);
  if (critical !== undefined) {
    return { verdict: 'fail', detail: `${critical.name} is critical: ${critical.classification.detail}` };
  }
  const known = counted.some((metric) => !isLeftOut(metric) && !isOpen(metric));
  if (known && best < marginal) return { verdict: 'fail', detail: `${said} is below marginal ${marginal}` };
  const open = openBecause(counted);
  if (open !== null) return open;
  if (score >= pass) return { verdict: 'pass', detail: `${said} reaches pass ${pass}` };
  if (score >= marginal) {
    return { verdict: 'marginal', detail: `${said} reaches marginal ${marginal}, not pass ${pass}` };
  }
  return { verdict: 'fail', detail: `${said} is below marginal ${marginal}` };
}

/** Why nothing can be said yet; null: everything that must be known is. */
function openBecause(counted: readonly ScoredMetric[]): Pick<RunScore, 'verdict' | 'detail'> | null {
  const broken = counted.find(({ classification }) => classification.label === 'error');
  if (broken !== undefined) {
    return { verdict: 'error', detail: `${broken.name}: ${broken.classification.detail}` };
  }
  const missing = counted.find(isOpen);
  if (missing !== undefined) {
    return { verdict: 'noData', detail: `${missing.name}: ${missing.classification.detail}` };
  }
  if (counted.length === 0) return { verdict: 'noData', detail: 'no metric counts' };
  const without = counted.filter(isLeftOut).length;
  if (without * 2 >= counted.length) {
    return { verdict: 'noData', detail: `${without} of ${counted.length} metrics have no data` };
  }
  return null;
}

function isPass({ classification }: ScoredMetric): boolean {
  return classification.label === 'pass';
}

function failsAlone({ classification: { critical, label } }: ScoredMetric): boolean {
  return critical && (label === 'high' || label === 'low');
}

/** Could still turn out either way, and must turn out. */
function isOpen(metric: ScoredMetric): boolean {
  const { label } = metric.classification;
  return label === 'error' || (label === 'noData' && !isLeftOut(metric));
}

function isLeftOut({ mustHaveData, classification: { critical, label } }: ScoredMetric): boolean {
  return label === 'noData' && !mustHaveData && !critical;
}
