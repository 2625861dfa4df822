/**
 * Counting looks: what a verdict adds to a metric's passes, stopwatch and limits. The rules are "Evidence" and
 * "Verdict classes" of the behaviour contract; each counter below names the one it implements.
 */
import type { Analysis, Metric } from '../spec/canary.ts';
import { formatNumber } from './judge.ts';
import type { MetricState, Verdict } from './rollout.ts';
import { inSeconds } from './words.ts';

/** Passes in a row, all at the verified weight, that let a metric agree to leave a step. */
export const PASSES_NEEDED = 3;

export interface LookContext {
  readonly analysis: Analysis;
  /** The window lies wholly after the settle time of the held weight: passes and ordinary failures count. */
  readonly clear: boolean;
  /** Failures of critical metrics and the guard count even in a settle time; false: the window is an older rollout's. */
  readonly urgentCounts: boolean;
  /**
   * Whether a pass is evidence. Not while a raise is written but not read back, not while the live rule cannot be
   * read, not when clocks differ too much for the window to be where we think. It still ends a breach.
   */
  readonly passesCount: boolean;
  /** False: nothing new was seen, so that a pass is the one of the look before, which stands and is no fresh one. */
  readonly isNews: boolean;
}

/** Adds one look to a metric's counters. Returns whether it counted. */
export function countLook(
  state: MetricState,
  metric: Metric,
  verdict: Verdict,
  context: LookContext,
): boolean {
  const isUrgent = verdict.class === 'fail' && (metric.critical || verdict.guard) && context.urgentCounts;
  const counts = context.clear || isUrgent;
  const previousLookAt = state.lastLookAt;
  state.lastLookAt = verdict.at;
  if (!counts) {
    // Passes in a row: one that tells nothing, e.g. of a clock that was wrong for a moment, lies between them.
    state.passes = 0;
    return false;
  }

  const { intervalMs } = context.analysis;
  if (previousLookAt !== null && verdict.at - previousLookAt > 3 * intervalMs) resetStopwatch(state);
  state.errors = verdict.class === 'error' && !verdict.structural ? state.errors + 1 : 0;
  state.noDataSince = verdict.class === 'noData' ? (state.noDataSince ?? verdict.at) : null;

  switch (verdict.class) {
    case 'pass':
      resetStopwatch(state);
      if (!context.passesCount) state.passes = 0;
      else if (context.isNews) {
        state.passes += 1;
        state.lastPassAt = verdict.at;
      }
      break;
    case 'fail':
      state.passes = 0;
      countFailure(state, metric, verdict.at, previousLookAt, intervalMs);
      break;
    default:
      state.passes = 0;
  }
  return true;
}

/**
 * `for` adds the time between a failing look and the look before it, at most 1.5 intervals, if that one failed too
 * or only noData or errors lie since the last failing one. `failureLimit` counts at most one failure per window.
 */
function countFailure(
  state: MetricState,
  metric: Metric,
  at: number,
  previousLookAt: number | null,
  intervalMs: number,
): void {
  if (state.lastFailAt !== null && previousLookAt !== null) {
    state.failingMs += Math.min(Math.max(0, at - previousLookAt), 1.5 * intervalMs);
  }
  state.lastFailAt = at;
  const { lastFailureCountedAt } = state;
  if (lastFailureCountedAt === null || at - lastFailureCountedAt >= metric.windowMs) {
    state.failures += 1;
    state.lastFailureCountedAt = at;
  }
}

function resetStopwatch(state: MetricState): void {
  state.failingMs = 0;
  state.lastFailAt = null;
}

/** Whether the failures counted so far are enough, and the sentence that says so; null: not enough. */
export function breach(state: MetricState, metric: Metric): string | null {
  if (metric.dryRun) return null;
  if (metric.sequential !== undefined) {
    const alpha = formatNumber(metric.sequential.alpha);
    return state.lastFailAt === null ? null : `that is more than alpha ${alpha} allows`;
  }
  if (metric.mannWhitney !== undefined) {
    return state.lastFailAt === null ? null : 'the points of the step decide, not how long it lasts';
  }
  if (metric.failureLimit !== null) {
    return state.failures > metric.failureLimit
      ? `${state.failures} counted failures are more than failureLimit ${metric.failureLimit}`
      : null;
  }
  const forMs = metric.forMs ?? 0;
  return state.lastFailAt !== null && state.failingMs >= forMs
    ? `failing for ${inSeconds(state.failingMs)} without a pass (for: ${inSeconds(forMs)})`
    : null;
}
