/**
 * One metric of the Mann-Whitney judge: whether canary's points lie above, below or among stable's. The test and its
 * thresholds are Kayenta's (NetflixACAJudge-v1.0); where Kayenta lets a canary through because it could not tell, this
 * one says that it cannot.
 */
import { plural } from '../../lib/text.ts';
import type { MannWhitneyTerms } from '../../spec/canary.ts';
import { NO_EFFECT } from '../../spec/mann-whitney.ts';
import { formatNumber } from '../judge.ts';
import { effectSize } from './effect-size.ts';
import { type ShiftInterval, shiftInterval, standardizedRankSum } from './interval.ts';
import { type Label, MOST_POINTS } from './memory.ts';
import { normalQuantile } from './normal.ts';
import { withoutNan, withoutOutliers } from './points.ts';

/** How far the interval may miss, as a share of the range of all differences. */
const RESOLUTION = 1e-9;

export interface MannWhitneyRule extends Omit<MannWhitneyTerms, 'groups' | 'mustHaveData'> {
  /** A shift up to this, in the unit of the metric, is allowed, however certain it is. */
  readonly margin: number;
  /** How often the metric will be judged: each look spends its share of 1 - `confidence`. */
  readonly looks: number;
  /** Whether this metric alone can fail the canary. */
  readonly critical: boolean;
}

export interface Classification {
  readonly label: Label;
  /** Whether this alone fails the canary; without a comparison: whether it alone leaves the verdict open. */
  readonly critical: boolean;
  /** Null: nothing was compared. */
  readonly shift: ShiftInterval | null;
  /** Null: nothing was compared, or the measure says nothing of these points. */
  readonly effect: number | null;
  /** Points compared, of each arm. */
  readonly canaryPoints: number;
  readonly stablePoints: number;
  readonly detail: string;
}

/**
 * Compares the points of one metric, in any order, NaN where there was none. A rule that means nothing and a point
 * that is infinite give `error`, too few points `noData`: neither is a pass.
 *
 * The bounds of the interval are compared with the band by asking the test itself at the edge of the band, not through
 * the root finder: its error, 1e-4 in the unit of the data, decides in Kayenta about shares that are mostly 0.
 */
export function classifyMetric(
  rule: MannWhitneyRule,
  canaryPoints: readonly number[],
  stablePoints: readonly number[],
): Classification {
  const canary = prepared(rule, canaryPoints);
  const stable = prepared(rule, stablePoints);
  const nothing = (label: Label, detail: string): Classification => ({
    label,
    critical: rule.critical,
    shift: null,
    effect: null,
    canaryPoints: canary.length,
    stablePoints: stable.length,
    detail,
  });
  const problem = ruleProblem(rule);
  if (problem !== null) return nothing('error', problem);
  if ([...canary, ...stable].some((point) => !Number.isFinite(point))) {
    return nothing('error', 'a point is infinite: the query divides by 0');
  }
  const tooFew = tooFewPoints(rule, canary.length, stable.length);
  if (tooFew !== null) return nothing('noData', tooFew);
  if (isSame(canary, stable)) {
    const shift = { lower: 0, upper: 0, estimate: 0 };
    const detail = 'canary and stable have the same points';
    return { ...nothing('pass', detail), critical: false, shift, effect: NO_EFFECT[rule.effectSize.measure] };
  }
  return compared(rule, canary, stable) ?? nothing('error', 'no interval could be found for these points');
}

/** In rising order, missing points and outliers dealt with. */
function prepared(rule: MannWhitneyRule, points: readonly number[]): number[] {
  const numbers = withoutNan(points, rule.nanStrategy);
  const kept = rule.outlierFactor === null ? numbers : withoutOutliers(numbers, rule.outlierFactor);
  return kept.sort((a, b) => a - b);
}

/** What is wrong with the rule; null: nothing. */
function ruleProblem(rule: MannWhitneyRule): string | null {
  const { confidence, looks, tolerance, margin } = rule;
  if (!(confidence > 0 && confidence < 1)) return `confidence ${confidence} is not between 0 and 1`;
  if (!(looks >= 1)) return `looks ${looks} is less than 1`;
  if (!(tolerance >= 0)) return `tolerance ${tolerance} is less than 0`;
  if (!(margin >= 0)) return `margin ${margin} is less than 0`;
  return null;
}

/** Standard deviations that the test must reach at one look. */
function threshold({ confidence, looks }: MannWhitneyRule): number {
  return -normalQuantile((1 - confidence) / looks / 2);
}

/** The least points of each arm that are compared. Fewer than are kept: fifty are enough for any confidence below 1. */
export function pointsNeeded(rule: MannWhitneyRule): number {
  let points = Math.max(1, rule.minPoints);
  while (points < MOST_POINTS && !canDiffer(rule, points, points)) points += 1;
  return points;
}

/** Points so few that even arms without overlap would stay below the threshold tell nothing. */
function canDiffer(rule: MannWhitneyRule, canary: number, stable: number): boolean {
  const pairs = canary * stable;
  const most = (pairs - 1) / 2 / Math.sqrt((pairs * (canary + stable + 1)) / 12);
  return most > threshold(rule);
}

/** The sentence that says so; null: there are enough. */
function tooFewPoints(rule: MannWhitneyRule, canary: number, stable: number): string | null {
  const seen = `${plural(canary, 'point')} of canary and ${stable} of stable`;
  if (Math.min(canary, stable) < Math.max(1, rule.minPoints)) {
    return `${seen}, at least ${Math.max(1, rule.minPoints)} of each are needed`;
  }
  if (canDiffer(rule, canary, stable)) return null;
  return `${seen} cannot show any difference at confidence ${rule.confidence}: judge later or over more points`;
}

function isSame(canary: readonly number[], stable: readonly number[]): boolean {
  if (canary[0] === canary.at(-1) && stable[0] === stable.at(-1)) return canary[0] === stable[0];
  return canary.length === stable.length && canary.every((point, index) => point === stable[index]);
}

function compared(
  rule: MannWhitneyRule,
  canary: readonly number[],
  stable: readonly number[],
): Classification | null {
  const shift = preciseShift(rule, canary, stable);
  if (shift === null) return null;
  const effect = effectSize(rule.effectSize.measure, canary, stable);
  const band = Math.max(rule.tolerance * Math.abs(shift.estimate), rule.margin);
  const needed = threshold(rule);
  const { direction } = rule;
  const { allowedIncrease, allowedDecrease, criticalIncrease, criticalDecrease } = rule.effectSize;
  // Ranks that tell nothing at the edge of the band: the whole shift lies within it.
  const isAbove = direction !== 'decrease' && (standardizedRankSum(canary, stable, band) ?? 0) > needed;
  const isBelow = direction !== 'increase' && (standardizedRankSum(canary, stable, -band) ?? 0) < -needed;
  const isHigh = isAbove && (effect === null || effect >= allowedIncrease);
  const isLow = isBelow && (effect === null || effect <= allowedDecrease);
  const isLarge = effect === null || (isHigh ? effect >= criticalIncrease : effect <= criticalDecrease);
  const label = isHigh ? 'high' : isLow ? 'low' : 'pass';
  return {
    label,
    critical: rule.critical && label !== 'pass' && isLarge,
    shift,
    effect,
    canaryPoints: canary.length,
    stablePoints: stable.length,
    detail: sentence(label, isAbove || isBelow, shift, band, effect),
  };
}

/** The interval, with 0 where it is 0 but for the error of the root finder. */
function preciseShift(
  rule: MannWhitneyRule,
  canary: readonly number[],
  stable: readonly number[],
): ShiftInterval | null {
  const range = (canary.at(-1) ?? 0) - (canary[0] ?? 0) + (stable.at(-1) ?? 0) - (stable[0] ?? 0);
  const resolution = RESOLUTION * range;
  const shift = shiftInterval(canary, stable, 1 - (1 - rule.confidence) / rule.looks, resolution);
  if (shift === null) return null;
  const cleared = (value: number) => (Math.abs(value) <= 2 * resolution ? 0 : value);
  return { lower: cleared(shift.lower), upper: cleared(shift.upper), estimate: cleared(shift.estimate) };
}

function sentence(
  label: 'pass' | 'high' | 'low',
  isCertain: boolean,
  { lower, upper, estimate }: ShiftInterval,
  band: number,
  effect: number | null,
): string {
  const shift = `shift ${formatNumber(estimate)} (${formatNumber(lower)} to ${formatNumber(upper)})`;
  const allowed = `${formatNumber(band)} is allowed`;
  if (label !== 'pass') {
    // Where most points of both are equal the shift may be 0, and the ranks of the others still tell.
    const isShifted = label === 'high' ? lower > band : upper < -band;
    const where = isShifted ? '' : ' in more of its points than chance explains';
    return `canary is ${label === 'high' ? 'higher' : 'lower'}${where}: ${shift}, ${allowed}`;
  }
  if (isCertain) return `${shift}, ${allowed}, but its effect size ${formatNumber(effect)} is allowed too`;
  return `no certain difference: ${shift}, ${allowed}`;
}
