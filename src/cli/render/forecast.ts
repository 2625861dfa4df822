/** How long the steps of a plan would take: for people a table for each metric, for programs seconds. */
import type { Forecast, StepForecast } from '../../core/sequential/forecast.ts';
import { formatDuration } from '../../lib/duration.ts';
import { alignColumns, compactNumber, percent, roughDuration } from '../../lib/text.ts';
import type { MetricForecast } from '../forecasts.ts';

/** One metric for programs. Exactly one of `traffic` and `unknown` is null. */
export interface ForecastView {
  readonly canary: string;
  readonly metric: string;
  readonly stableRevision: string | null;
  /** Why nothing is known. */
  readonly unknown: string | null;
  readonly traffic: TrafficView | null;
  readonly steps: readonly StepView[];
}

interface TrafficView {
  readonly requestsPerSecond: number;
  /** Of stable's requests, how many failed or were slow. */
  readonly badShare: number;
  /** Latency: what is slow, in the histogram's unit. */
  readonly slowerThan: number | null;
  readonly dispersion: number;
}

/** Seconds are averages; null: never. */
interface StepView {
  /** Counts from 0. */
  readonly index: number;
  readonly weight: number;
  readonly bakeSeconds: number;
  readonly maxHoldSeconds: number;
  readonly promoteSeconds: number | null;
  readonly catches: readonly { readonly delta: number; readonly seconds: number | null }[];
  readonly fit: StepForecast['fit'];
  readonly advice: string | null;
}

export function forecastView({ canary, metric, stable, forecast }: MetricForecast): ForecastView {
  const names = { canary, metric: metric.name, stableRevision: stable };
  if (!forecast.ok) return { ...names, unknown: forecast.error, traffic: null, steps: [] };
  const { rps, mean, threshold, dispersion, steps } = forecast.value;
  return {
    ...names,
    unknown: null,
    traffic: { requestsPerSecond: rps, badShare: mean, slowerThan: threshold, dispersion },
    steps: steps.map(stepView),
  };
}

function stepView({ index, step, promoteMs, effects, fit, advice }: StepForecast): StepView {
  return {
    index,
    weight: step.weight,
    bakeSeconds: step.bakeMs / 1000,
    maxHoldSeconds: (step.maxHoldMs ?? 0) / 1000,
    promoteSeconds: seconds(promoteMs),
    catches: effects.map(({ delta, ms }) => ({ delta, seconds: seconds(ms) })),
    fit,
    advice,
  };
}

function seconds(ms: number): number | null {
  return Number.isFinite(ms) ? Math.round(ms / 1000) : null;
}

const FITS: Readonly<Record<StepForecast['fit'], string>> = {
  fits: '',
  pastBake: 'longer than bake',
  pastMaxHold: 'longer than maxHold',
};

/** A table of steps with what helps where the evidence is late; no lines where nothing is known. */
export function forecastLines({ metric, stable, forecast }: MetricForecast): readonly string[] {
  if (!forecast.ok) return [];
  const { steps } = forecast.value;
  const unit = metric.source.kind === 'latency' ? compactNumber : percent;
  const effects = steps[0]?.effects ?? [];
  const rows = [
    ['step', 'weight', 'bake', 'maxHold', 'healthy', ...effects.map(({ delta }) => `+${unit(delta)}`)],
    ...steps.map(rowOf),
  ];
  return [
    `    ${metric.name}: ${trafficText(forecast.value, stable)}; average time until a healthy revision passes and a worse one is caught:`,
    ...alignColumns(rows).map((line) => `      ${line}`),
    ...steps.flatMap(({ advice }) => (advice === null ? [] : [`    ! ${metric.name}, ${advice}`])),
  ];
}

function rowOf({ index, step, promoteMs, effects, fit }: StepForecast): readonly string[] {
  const { weight, bakeMs, maxHoldMs = 0 } = step;
  const limits = [formatDuration(bakeMs), maxHoldMs === 0 ? 'none' : formatDuration(maxHoldMs)];
  const times = [promoteMs, ...effects.map(({ ms }) => ms)].map(timeText);
  return [String(index + 1), `${weight} %`, ...limits, ...times, FITS[fit]];
}

function timeText(ms: number): string {
  return Number.isFinite(ms) ? roughDuration(ms) : 'never';
}

function trafficText({ rps, mean, threshold }: Forecast, stable: string | null): string {
  const bad = threshold === null ? 'failed' : `slower than ${compactNumber(threshold)}`;
  return `${compactNumber(rps)} requests a second, ${percent(mean)} of ${stable ?? 'stable'} ${bad}`;
}

/** Names beyond this are counted. */
const NAMED = 3;

/** For each reason why nothing is known, one line with those it concerns. */
export function unknownLines(forecasts: readonly MetricForecast[]): readonly string[] {
  const byReason = Map.groupBy(forecasts, ({ forecast }) => (forecast.ok ? null : forecast.error));
  byReason.delete(null);
  return [...byReason].map(([reason, concerned]) => {
    const names = concerned.slice(0, NAMED).map(({ canary, metric }) => `${canary} ${metric.name}`);
    const more = concerned.length > NAMED ? [`${concerned.length - NAMED} more`] : [];
    return `? ${[...names, ...more].join(', ')}: how long the steps take is not known: ${reason}`;
  });
}
