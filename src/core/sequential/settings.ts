/** What a metric's declaration means to the sequential judge: margins, alternatives and thresholds as numbers. */

/** What a declaration says, with its defaults filled in. */
export interface SequentialRules {
  /** ratio: scores are 0 and 1. latency: fractional slow scores, the margin lies in their thresholds. */
  readonly source: 'ratio' | 'latency';
  /** ratio: the gap that must not be promoted, e.g. 0.005. Not read for latency. */
  readonly maxDelta: number;
  /** latency: the share above stable's quantile, 0.01 for p99. Not read for ratio. */
  readonly tail: number;
  /** Probability per rollout of rolling back a canary that is within tolerance. */
  readonly alpha: number;
  /** Probability per rollout of promoting a canary that is beyond `maxDelta`. */
  readonly beta: number;
  /** Part of `maxDelta` that is tolerated: 1 strict, 0 any increase. */
  readonly sensitivity: number;
  /** This metric's part of `alpha`, 1 where that is its part already: the parts of all metrics add up to 1 (Bonferroni). */
  readonly alphaShare: number;
  /** Steps with a weight below 100. */
  readonly steps: number;
  /** Time from poll to poll, ms. */
  readonly pollMs: number;
}

/** One test: its line and what is bet on. */
export interface GapTest {
  /** The null is "canary's mean <= stable's + margin" (regression) or ">=" (non-inferiority). */
  readonly margin: number;
  /** Canary means that are bet on, as `stable * factor + offset`. */
  readonly alternatives: readonly { readonly factor: number; readonly offset: number }[];
  /** ln of the odds at which the null is rejected. */
  readonly threshold: number;
  /** Wealth held back for later steps, 0 to below 1. */
  readonly reserve: number;
}

export interface SequentialSettings {
  readonly regression: GapTest;
  readonly nonInferiority: GapTest;
  readonly guard: GapTest;
  /** At weight 100, against stable's bounded rate. */
  readonly alone: GapTest;
  /** ln of the odds that bound stable's rate for weight 100. */
  readonly boundThreshold: number;
  /** ln of the odds against "no worse than tolerated" from which on nothing advances. */
  readonly holdThreshold: number;
  /** Part of the wealth of regression, guard and alone that bets on a regression which begins late, 0 to below 1. */
  readonly lateShare: number;
  /** How much of the regression test's reserve each later step gets. */
  readonly releasePerStep: number;
  /** Steps with a weight below 100. */
  readonly steps: number;
  /** Factor on stable's remembered counts at each poll. */
  readonly forget: number;
  /** Gaps that the interval is made of, rising. */
  readonly gaps: readonly number[];
}

/** Parts of a metric's alpha: its tests are a union, so that their parts add up to 1. */
const REGRESSION_PART = 0.8;
const GUARD_PART = 0.1;
const BOUND_PART = 0.05;
const ALONE_PART = 0.05;

/** At these odds against "no worse than tolerated" nothing advances. */
const HOLD_ODDS = 20;
/** Held back for regressions that begin at a later step. */
const RESERVE = 0.3;
/**
 * The guard bets on disasters only, and each healthy poll costs it nearly all that it has. Half is held back at the
 * start, and each later step bets half of what is left, so that it is awake whenever a weight settles.
 */
const GUARD_RESERVE = 0.5;
/** For regressions that begin in the middle of a step, however long it was healthy: it delays all others by ln(1 / 0.95). */
const LATE_SHARE = 0.05;
const HALF_LIFE_MS = 20 * 60_000;
/** Below this a smaller margin does not make alternatives smaller: they would be too near to ever decide. */
const SMALLEST_SPREAD = 0.0025;
const RATIO_SPREADS = [0.5, 1.5, 5, 20, 100] as const;
const LATENCY_SPREADS = [0.5, 1.5, 5, 20, 90] as const;
const GUARD_MARGIN = 0.2;
const GUARD_OFFSETS = [0.3, 0.6] as const;
const GAPS = [-20, -8, -4, -2, -1, -0.5, 0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 50, 100] as const;

export function sequentialSettings(rules: SequentialRules): SequentialSettings {
  const isRatio = rules.source === 'ratio';
  const tolerated = isRatio ? rules.sensitivity * rules.maxDelta : 0;
  const spread = isRatio ? Math.max(rules.maxDelta, SMALLEST_SPREAD) : rules.tail;
  const worse = (isRatio ? RATIO_SPREADS : LATENCY_SPREADS).map((factor) => ({
    factor: 1,
    offset: tolerated + spread * factor,
  }));
  const alpha = rules.alpha * rules.alphaShare;
  const reserve = rules.steps > 1 ? RESERVE : 0;
  return {
    regression: {
      margin: tolerated,
      alternatives: worse,
      threshold: -Math.log(REGRESSION_PART * alpha),
      reserve,
    },
    nonInferiority: {
      margin: isRatio ? rules.maxDelta : 0,
      alternatives: isRatio
        ? [0, 0.25, 0.5].map((part) => ({ factor: 1, offset: rules.maxDelta * part }))
        : [0.25, 0.5, 0.75].map((factor) => ({ factor, offset: 0 })),
      threshold: -Math.log(rules.beta),
      reserve: 0,
    },
    guard: {
      margin: GUARD_MARGIN,
      alternatives: GUARD_OFFSETS.map((offset) => ({ factor: 1, offset: GUARD_MARGIN + offset })),
      threshold: -Math.log(GUARD_PART * alpha),
      reserve: GUARD_RESERVE,
    },
    alone: {
      margin: tolerated,
      alternatives: worse,
      threshold: -Math.log(ALONE_PART * alpha),
      reserve: 0,
    },
    boundThreshold: -Math.log(BOUND_PART * alpha),
    holdThreshold: Math.log(HOLD_ODDS),
    lateShare: LATE_SHARE,
    releasePerStep: reserve / Math.max(1, rules.steps - 1),
    steps: rules.steps,
    forget: 0.5 ** (rules.pollMs / HALF_LIFE_MS),
    gaps: GAPS.map((factor) => factor * spread).filter((gap) => Math.abs(gap) < 1),
  };
}

/**
 * ln of the odds against "worse than the margin" that a step must have earned before it is left upward: a rising part
 * of the whole, all of it at the last step below 100, nothing at 100 (stable has no traffic to compare with).
 */
export function evidenceNeeded(settings: SequentialSettings, stepIndex: number): number {
  if (stepIndex >= settings.steps) return 0;
  return (settings.nonInferiority.threshold * (Math.max(stepIndex, 0) + 1)) / settings.steps;
}
