/**
 * The threshold judge: one metric, the readings of one look, a verdict with its numbers. Also the guard that is
 * always on for ratios.
 */
import type { Bounds, Metric } from '../spec/canary.ts';
import type { Reading } from './observation.ts';
import type { VerdictClass } from './rollout.ts';

/** Canary's bad share above stable's by more than this, over at least GUARD_REQUESTS, is no matter of patience. */
export const GUARD_DELTA = 0.25;
export const GUARD_REQUESTS = 20;

export interface Judgement {
  readonly class: Exclude<VerdictClass, 'pending'>;
  readonly canary: number | null;
  readonly stable: number | null;
  readonly bound: string;
  readonly detail: string;
  readonly structural: boolean;
  readonly guard: boolean;
}

/** Whether any bound compares with stable, so that its arm must be asked too. */
export function comparesWithStable(metric: Metric): boolean {
  const { maxDelta, minDelta, maxRatio } = metric.bounds;
  return maxDelta !== undefined || minDelta !== undefined || maxRatio !== undefined;
}

/** Ratios ask stable even when no bound compares: the guard needs it. */
export function needsStable(metric: Metric): boolean {
  return (
    comparesWithStable(metric) ||
    metric.mannWhitney !== undefined ||
    (metric.source.kind === 'ratio' && !metric.dryRun)
  );
}

/** "maxDelta 0.005", or several joined by commas. */
export function boundText(bounds: Bounds): string {
  return Object.entries(bounds)
    .filter(([, limit]) => limit !== undefined)
    .map(([name, limit]) => `${name} ${limit}`)
    .join(', ');
}

/**
 * Judges one look. `stable` is null when it was not asked.
 *
 * Worst wins: fail, structural error, error, no data, pass. The guard asks for 20 requests of its own, whatever
 * `minRequests` says; all other bounds are judged on at least `minRequests`. A quantile in the +Inf bucket is only
 * known to lie above the highest finite bound: outside already when that bound is outside, else no data.
 */
export function judgeThreshold(metric: Metric, measured: Reading, stable: Reading | null): Judgement {
  const canary = finite(measured);
  const bound = boundText(metric.bounds);
  const numbers = { canary: numberIn(canary), stable: stable === null ? null : numberIn(stable), bound };
  const verdict = (kind: Judgement['class'], detail: string, structural = false): Judgement => ({
    class: kind,
    ...numbers,
    detail,
    structural,
    guard: false,
  });

  const guard = guardText(metric, canary, stable);
  if (guard !== null) return { ...verdict('fail', guard), guard: true };
  const tooFew = tooFewRequests(metric, canary);
  const checks = tooFew === null ? checkBounds(metric.bounds, canary, stable) : [];
  const broken = checks.find((check) => check.kind === 'broken');
  if (broken !== undefined) return verdict('fail', broken.detail);

  const structural = [canary, stable].find((reading) => reading?.kind === 'error' && reading.structural);
  if (structural?.kind === 'error') return verdict('error', structural.detail, true);
  if (canary.kind === 'error') return verdict('error', canary.detail);
  if (stable?.kind === 'error' && comparesWithStable(metric)) {
    return verdict('error', `stable: ${stable.detail}`);
  }
  if (canary.kind === 'noData') return verdict('noData', `canary: ${canary.detail}`);
  if (tooFew !== null) return verdict('noData', tooFew);
  const untold = checks.find((check) => check.kind === 'untold');
  if (untold !== undefined) return verdict('noData', untold.detail);
  return verdict('pass', checks.map((check) => check.detail).join('; '));
}

/** Only a finite number passes or fails. */
function finite(reading: Reading): Reading {
  if (reading.kind !== 'value' || Number.isFinite(reading.value)) return reading;
  return { kind: 'noData', why: 'nan', detail: `the result is ${reading.value}, not a finite number` };
}

/** The sentence that says so; null: enough, or not counted in requests. */
function tooFewRequests(metric: Metric, canary: Reading): string | null {
  const needed = 'minRequests' in metric.source ? metric.source.minRequests : 0;
  const seen = requestsOf(canary);
  if (seen === null || seen >= needed) return null;
  return `${formatNumber(seen)} canary requests in the window, at least ${needed} are needed`;
}

interface Check {
  readonly kind: 'kept' | 'broken' | 'untold';
  readonly detail: string;
}

function checkBounds(bounds: Bounds, canary: Reading, stable: Reading | null): Check[] {
  const checks: Check[] = [];
  const { max, min, maxDelta, minDelta, maxRatio } = bounds;
  if (max !== undefined) checks.push(checkUpper(canary, max, `max ${max}`));
  if (min !== undefined) checks.push(checkLower(canary, min, `min ${min}`));
  if (maxDelta === undefined && minDelta === undefined && maxRatio === undefined) return checks;

  if (stable?.kind !== 'value' || !Number.isFinite(stable.value)) {
    const why =
      stable === null
        ? 'it was not asked'
        : stable.kind === 'above'
          ? 'it lies in the +Inf bucket'
          : detailOf(stable);
    checks.push({ kind: 'untold', detail: `no value for stable to compare with: ${why}` });
    return checks;
  }
  const base = stable.value;
  const against = (name: string, limit: number) => `stable ${formatNumber(base)}, ${name} ${limit}`;
  if (maxDelta !== undefined) {
    checks.push(checkUpper(canary, base + maxDelta, against('maxDelta', maxDelta)));
  }
  if (minDelta !== undefined) {
    checks.push(checkLower(canary, base + minDelta, against('minDelta', minDelta)));
  }
  if (maxRatio !== undefined) {
    checks.push(checkUpper(canary, maxRatio * base, against('maxRatio', maxRatio)));
  }
  return checks;
}

function checkUpper(canary: Reading, limit: number, name: string): Check {
  if (canary.kind === 'above') {
    return canary.bound > limit
      ? {
          kind: 'broken',
          detail: `canary is above ${formatNumber(canary.bound)} (+Inf bucket), outside ${name}`,
        }
      : { kind: 'untold', detail: `canary lies in the +Inf bucket, above ${formatNumber(canary.bound)}` };
  }
  if (canary.kind !== 'value') return { kind: 'untold', detail: detailOf(canary) };
  const kept = withinUpper(canary.value, limit);
  return { kind: kept ? 'kept' : 'broken', detail: comparison(canary.value, kept, name) };
}

function checkLower(canary: Reading, limit: number, name: string): Check {
  if (canary.kind === 'above') {
    return canary.bound >= limit
      ? {
          kind: 'kept',
          detail: `canary is above ${formatNumber(canary.bound)} (+Inf bucket), within ${name}`,
        }
      : { kind: 'untold', detail: `canary lies in the +Inf bucket, above ${formatNumber(canary.bound)}` };
  }
  if (canary.kind !== 'value') return { kind: 'untold', detail: detailOf(canary) };
  const kept = canary.value >= limit - tolerance(limit);
  return { kind: kept ? 'kept' : 'broken', detail: comparison(canary.value, kept, name) };
}

function withinUpper(value: number, limit: number): boolean {
  return value <= limit + tolerance(limit);
}

/** Rounding of one addition must not turn "exactly at the bound" into a breach: 0.1 + 0.2 <= 0.3 holds. */
function tolerance(limit: number): number {
  return Math.abs(limit) * 4 * Number.EPSILON;
}

/** The sentence that says so where the guard trips; null: it does not, or is not on. */
export function guardText(metric: Metric, canary: Reading, stable: Reading | null): string | null {
  if (metric.source.kind !== 'ratio' || metric.dryRun) return null;
  if (canary.kind !== 'value' || stable?.kind !== 'value' || !Number.isFinite(canary.value)) return null;
  const { requests } = canary;
  const trips = (requests ?? 0) >= GUARD_REQUESTS && canary.value > stable.value + GUARD_DELTA;
  if (!trips) return null;
  return (
    `canary bad share ${formatNumber(canary.value)} is more than ${GUARD_DELTA} above ` +
    `stable's ${formatNumber(stable.value)} over ${formatNumber(requests)} requests`
  );
}

function comparison(value: number, kept: boolean, name: string): string {
  return `canary ${formatNumber(value)} is ${kept ? 'within' : 'outside'} ${name}`;
}

function detailOf(reading: Reading): string {
  return reading.kind === 'noData' || reading.kind === 'error' ? reading.detail : reading.kind;
}

function numberIn(reading: Reading): number | null {
  return reading.kind === 'value' ? reading.value : null;
}

function requestsOf(reading: Reading): number | null {
  return reading.kind === 'value' || reading.kind === 'above' ? reading.requests : null;
}

/** At most four significant digits, no trailing zeros: for sentences, not for arithmetic. */
export function formatNumber(value: number | null): string {
  return value === null ? 'unknown' : String(Number(value.toPrecision(4)));
}
