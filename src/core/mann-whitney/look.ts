/**
 * The Mann-Whitney judge at one look: takes a point of each metric, compares those of the step, and makes one score of
 * all metrics. What could not be measured is no pass, whatever earlier points say.
 */
import { plural } from '../../lib/text.ts';
import type { Canary, MannWhitneyTerms, Metric } from '../../spec/canary.ts';
import { NO_EFFECT } from '../../spec/mann-whitney.ts';
import { formatNumber, guardText } from '../judge.ts';
import type { Measurement, Reading } from '../observation.ts';
import type { RolloutState, VerdictClass } from '../rollout.ts';
import { lateText } from '../words.ts';
import { type Classification, classifyMetric, type MannWhitneyRule } from './classify.ts';
import { addPoint, type Comparison, currentPoints, type Point, type PointsMemory } from './memory.ts';
import { type RunScore, scoreRun } from './score.ts';

/** A metric that has the Mann-Whitney judge, with the answers of one look. */
export interface PointsAnswer {
  readonly metric: Metric;
  readonly terms: MannWhitneyTerms;
  readonly canary: Measurement;
  /** Null at weight 100, where stable has no traffic. */
  readonly stable: Measurement | null;
  readonly memory: PointsMemory | undefined;
  /** Whether a value of this look is one of the held weight: its window, its clock and the live rule. */
  readonly isEvidence: boolean;
}

export interface PointsJudgement {
  readonly metric: Metric;
  readonly measured: Measurement;
  readonly stableMeasured: Measurement | null;
  readonly memory: PointsMemory;
  readonly class: VerdictClass;
  /** The values of this look. */
  readonly canary: number | null;
  readonly stable: number | null;
  readonly bound: string;
  readonly detail: string;
  readonly structural: boolean;
  readonly guard: boolean;
  readonly comparison: Comparison;
}

/** Why this look gives no verdict that could be a pass. */
interface Trouble {
  readonly kind: 'noData' | 'error';
  readonly detail: string;
  readonly structural: boolean;
}

interface Compared {
  readonly answer: PointsAnswer;
  readonly memory: PointsMemory;
  readonly trouble: Trouble | null;
  readonly classification: Classification;
  /** Why the guard trips, which waits for no points; null: it does not. */
  readonly guard: string | null;
}

/** Judges one look. `answers`: of all metrics that have this judge. */
export function judgePoints(
  canary: Canary,
  rollout: RolloutState,
  answers: readonly PointsAnswer[],
): PointsJudgement[] {
  const all = answers.map((answer) => compare(canary, rollout, answer));
  const run = score(canary, all);
  const late = lateText(canary, rollout);
  return all.map((one) => {
    const { metric, terms, canary: measured, stable } = one.answer;
    const kind = one.guard === null ? classOf(one, run, late !== null) : 'fail';
    const reason = `${kind === 'inconclusive' ? `${late}, ` : ''}${one.trouble?.detail ?? wordsOf(one, run)}`;
    const { label, shift, effect, canaryPoints, stablePoints } = one.classification;
    return {
      metric,
      measured,
      stableMeasured: stable,
      memory: one.memory,
      class: kind,
      canary: valueIn(measured.reading),
      stable: stable === null ? null : valueIn(stable.reading),
      bound: boundOf(metric, terms),
      detail: one.guard ?? reason,
      structural: kind === 'error' && (one.trouble?.structural ?? false),
      guard: one.guard !== null,
      comparison: {
        label,
        canaryPoints,
        stablePoints,
        shift,
        effectSize: effect,
        measure: terms.effectSize.measure,
        score: run.score,
      },
    };
  });
}

function compare(canary: Canary, rollout: RolloutState, answer: PointsAnswer): Compared {
  const { metric, terms, isEvidence } = answer;
  const { point, trouble } = readLook(answer, rollout.frozenAt !== null);
  const current = currentPoints(answer.memory, rollout);
  const memory =
    isEvidence && point !== null
      ? addPoint(current, point, metric.windowMs, canary.analysis.intervalMs)
      : current;
  const points = (arm: readonly (number | null)[]) => arm.map((one) => one ?? Number.NaN);
  const found = classifyMetric(ruleOf(metric, terms), points(memory.canary), points(memory.stable));
  // What fails to answer now takes nothing back of what was proven: it goes on counting in the score.
  const isWorse = found.label === 'high' || found.label === 'low';
  const classification: Classification =
    trouble === null || isWorse
      ? found
      : { ...found, label: trouble.kind, critical: metric.critical, detail: trouble.detail };
  const guard = guardText(metric, answer.canary.reading, answer.stable?.reading ?? lastPoint(memory));
  return { answer, memory, trouble: isWorse && point !== null ? null : trouble, classification, guard };
}

/** What the points of a metric are compared by. */
export function ruleOf({ bounds, critical }: Metric, terms: MannWhitneyTerms): MannWhitneyRule {
  const margin = Math.abs(bounds.maxDelta ?? bounds.minDelta ?? 0);
  // Kayenta corrects for no look before; a step of unknown length has no number to divide by.
  return { ...terms, margin, looks: 1, critical };
}

/** Stable as it was, for weight 100. */
function lastPoint({ stable }: PointsMemory): Reading | null {
  const value = stable.at(-1) ?? null;
  return value === null ? null : { kind: 'value', value, requests: null };
}

/** The point of this look, and why it is no pass; both where the canary is only known to be above a bound. */
function readLook(
  { metric, terms, canary, stable }: PointsAnswer,
  isAlone: boolean,
): { readonly point: Point | null; readonly trouble: Trouble | null } {
  const needed = 'minRequests' in metric.source ? metric.source.minRequests : 0;
  const mine = readArm('canary', canary.reading, terms, needed);
  const theirs = isAlone ? null : readArm('stable', stable?.reading ?? null, terms, 0);
  const trouble = mine.trouble ?? theirs?.trouble ?? null;
  if (
    mine.value === undefined ||
    (theirs !== null && (theirs.value === undefined || theirs.trouble !== null))
  ) {
    return { point: null, trouble };
  }
  return { point: { at: canary.at, canary: mine.value, stable: theirs?.value }, trouble };
}

/** `value`: undefined is no point, null a NaN that counts as 0. */
function readArm(
  arm: 'canary' | 'stable',
  reading: Reading | null,
  { nanStrategy }: MannWhitneyTerms,
  minRequests: number,
): { readonly value: number | null | undefined; readonly trouble: Trouble | null } {
  const noData = (detail: string, value?: number) => ({
    value,
    trouble: { kind: 'noData' as const, detail: `${arm}: ${detail}`, structural: false },
  });
  if (reading === null) return noData('it was not asked');
  if (reading.kind === 'error') {
    const { structural, detail } = reading;
    return { value: undefined, trouble: { kind: 'error', detail: `${arm}: ${detail}`, structural } };
  }
  const isNan =
    (reading.kind === 'noData' && reading.why === 'nan') ||
    (reading.kind === 'value' && Number.isNaN(reading.value));
  if (isNan && nanStrategy === 'replace') return { value: null, trouble: null };
  if (reading.kind === 'noData') return noData(reading.detail);
  if (reading.kind === 'series') return noData('it is no plain number');
  if (reading.requests !== null && reading.requests < minRequests) {
    return noData(
      `${formatNumber(reading.requests)} requests in the window, at least ${minRequests} are needed`,
    );
  }
  if (reading.kind === 'above') {
    return noData(`it lies in the +Inf bucket, above ${formatNumber(reading.bound)}`, reading.bound);
  }
  if (!Number.isFinite(reading.value)) return noData(`the result is ${reading.value}, not a finite number`);
  return { value: reading.value, trouble: null };
}

/** The score of all metrics together. Weights that lint would refuse are an error of each, never a pass. */
function score(canary: Canary, all: readonly Compared[]): RunScore {
  const scoring = canary.analysis.scoring ?? { weights: {}, pass: 100, marginal: 100 };
  const metrics = all.map(({ answer: { metric, terms }, classification }) => ({
    name: metric.name,
    groups: terms.groups,
    dryRun: metric.dryRun,
    mustHaveData: terms.mustHaveData,
    classification,
  }));
  const groups = new Set(metrics.flatMap((one) => one.groups));
  const run = scoreRun(metrics, { ...scoring, weights: weightsOf(groups, scoring.weights) });
  return run.ok ? run.value : { verdict: 'error', score: 0, groups: [], detail: run.error };
}

/** Of the groups that are there, as if there were no others: a backtest leaves out what was not recorded. */
function weightsOf(
  groups: ReadonlySet<string>,
  weights: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const named = Object.entries(weights);
  const there = named.filter(([name]) => groups.has(name));
  if (there.length === named.length) return weights;
  const sum = (some: typeof named) => some.reduce((total, [, weight]) => total + weight, 0);
  const rest = groups.size > there.length ? 100 - sum(named) : 0;
  const all = sum(there) + rest;
  return Object.fromEntries(there.map(([name, weight]) => [name, all === 0 ? 0 : (100 * weight) / all]));
}

/**
 * All metrics pass together. Those that are worse fail, once the score does; the others say what they wait for. A look
 * that measured nothing fails nobody: what failed the canary before has done so already.
 */
function classOf(
  { answer: { metric, terms }, trouble, classification: { label } }: Compared,
  { verdict }: RunScore,
  isLate: boolean,
): VerdictClass {
  const isNeeded = terms.mustHaveData || metric.critical;
  if (trouble !== null && (trouble.kind === 'error' || isNeeded)) return trouble.kind;
  const isWorse = label === 'high' || label === 'low';
  if (isWorse && (metric.dryRun || verdict === 'fail')) return 'fail';
  if (metric.dryRun ? label === 'pass' : verdict === 'pass') return 'pass';
  if (label === 'error') return 'error';
  return isLate && label !== 'pass' ? 'inconclusive' : 'pending';
}

function valueIn(reading: Reading): number | null {
  return reading.kind === 'value' ? reading.value : null;
}

/** "increase, maxDelta 0.005, confidence 0.98". */
function boundOf({ bounds }: Metric, { direction, confidence }: MannWhitneyTerms): string {
  const margin = Object.entries(bounds).map(([name, limit]) => `${name} ${limit}`);
  return [direction, ...margin, `confidence ${confidence}`].join(', ');
}

function wordsOf({ answer, classification }: Compared, run: RunScore): string {
  const { label, detail, shift, effect, canaryPoints, stablePoints } = classification;
  const compared = [
    effectText(answer.terms, effect),
    `${plural(canaryPoints, 'point')} of canary, ${stablePoints} of stable`,
  ];
  const own = [detail, ...(shift === null ? [] : compared.filter((part) => part !== null))].join(', ');
  // The score may tell of this very metric, in the same words.
  const isSaid = run.detail.includes(detail);
  const isWorse = label === 'high' || label === 'low';
  const isCritical = answer.metric.critical && isWorse ? `${answer.metric.name} is critical` : null;
  return [own, isSaid ? isCritical : `${run.detail}${groupsText(run)}`]
    .filter((part) => part !== null)
    .join('; ');
}

/** Null: the measure says nothing of these points, or that they are alike. */
function effectText({ effectSize: { measure } }: MannWhitneyTerms, effect: number | null): string | null {
  if (effect === null || effect === NO_EFFECT[measure]) return null;
  return measure === 'meanRatio'
    ? `its mean is ${formatNumber(effect)} times stable's`
    : `a point of it lies above one of stable with probability ${formatNumber(effect)}`;
}

/** " (errors 50 of 60 %)" for more than one group: where the score comes from. */
function groupsText({ groups }: RunScore): string {
  if (groups.length < 2) return '';
  const parts = groups.map(({ name, score, weight }) => {
    const is = score === null ? 'no data' : formatNumber(score);
    return `${name} ${is}, weight ${formatNumber(weight)}`;
  });
  return ` (${parts.join('; ')})`;
}
