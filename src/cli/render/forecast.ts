/** How long the steps of a plan would take: for people a table for each metric, for programs seconds. */
import type { PointsForecast, PointsStepForecast } from '../../core/mann-whitney/forecast.ts';
import type { Forecast, StepForecast } from '../../core/sequential/forecast.ts';
import type { SpendingForecast } from '../../core/spending-forecast.ts';
import { formatDuration } from '../../lib/duration.ts';
import { alignColumns, compactNumber, percent, roughDuration } from '../../lib/text.ts';
import type { Metric, Step } from '../../spec/canary.ts';
import type { MannWhitneyForecast, MetricForecast, SequentialForecast } from '../forecasts.ts';

/** One metric for programs, by its judge. Exactly one of `traffic` and `unknown` is null. */
export type ForecastView = CountsView | PointsView;

interface NamesView {
  readonly canary: string;
  readonly metric: string;
  readonly stableRevision: string | null;
  /** Why nothing is known of the traffic. */
  readonly unknown: string | null;
}

interface CountsView extends NamesView {
  readonly judge: 'sequential';
  readonly traffic: TrafficView | null;
  readonly steps: readonly CountsStepView[];
  /** Why the margin cannot be seen in the buckets of a latency; null: it can, or nothing is known. */
  readonly advice: string | null;
  /** Null: the metric has no rollout budget, or nothing is known. */
  readonly budget: BudgetView | null;
}

interface BudgetView {
  /** Bad events more than stable would have had: what the rollout may cause. */
  readonly allowed: number;
  /** Until a canary that only fails has caused them, from the step's read-back on; all steps. */
  readonly spentAfter: readonly {
    readonly index: number;
    readonly weight: number;
    readonly seconds: number | null;
  }[];
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
  readonly fit: StepForecast['fit'] | PointsStepForecast['fit'];
  readonly advice: string | null;
}

interface CountsStepView extends StepView {
  readonly promoteSeconds: number | null;
  readonly catches: readonly { readonly delta: number; readonly seconds: number | null }[];
}

interface PointsView extends NamesView {
  readonly judge: 'mannWhitney';
  /** Needed of each version. */
  readonly points: number;
  readonly apartSeconds: number;
  readonly traffic: {
    /** Null: a query tells of no requests. */
    readonly requestsPerSecond: number | null;
    /** Of stable, in the unit of the metric. */
    readonly value: number;
  } | null;
  readonly steps: readonly PointsStepView[];
}

interface PointsStepView extends StepView {
  /** Of the canary, in the window of a point; null: nobody knows. */
  readonly requests: number | null;
  readonly scoreSeconds: number | null;
}

export function forecastView(one: MetricForecast): ForecastView {
  const { canary, metric, stable } = one;
  const names = { canary, metric: metric.name, stableRevision: stable };
  return one.judge === 'sequential' ? countsView(names, one) : pointsView(names, one);
}

type Names = Omit<NamesView, 'unknown'>;

function countsView(names: Names, { judge, forecast, spending }: SequentialForecast): CountsView {
  if (!forecast.ok) {
    return { ...names, judge, unknown: forecast.error, traffic: null, steps: [], advice: null, budget: null };
  }
  const { rps, mean, threshold, dispersion, steps, advice } = forecast.value;
  return {
    ...names,
    judge,
    unknown: null,
    traffic: { requestsPerSecond: rps, badShare: mean, slowerThan: threshold, dispersion },
    steps: steps.map((step) => ({
      ...stepView(step),
      promoteSeconds: seconds(step.promoteMs),
      catches: step.effects.map(({ delta, ms }) => ({ delta, seconds: seconds(ms) })),
    })),
    advice,
    budget: spending === null ? null : budgetView(spending),
  };
}

function budgetView({ allowed, steps }: SpendingForecast): BudgetView {
  const spentAfter = steps.map(({ index, weight, ms }) => ({ index, weight, seconds: seconds(ms) }));
  return { allowed, spentAfter };
}

function pointsView(names: Names, { judge, forecast }: MannWhitneyForecast): PointsView {
  const { points, apartMs, traffic, steps } = forecast;
  return {
    ...names,
    judge,
    unknown: traffic.ok ? null : traffic.error,
    points,
    apartSeconds: apartMs / 1000,
    traffic: traffic.ok ? { requestsPerSecond: traffic.value.rps, value: traffic.value.value } : null,
    steps: steps.map((step) => ({
      ...stepView(step),
      requests: step.requests,
      scoreSeconds: seconds(step.scoreMs),
    })),
  };
}

function stepView({ index, step, fit, advice }: StepForecast | PointsStepForecast): StepView {
  return {
    index,
    weight: step.weight,
    bakeSeconds: step.bakeMs / 1000,
    maxHoldSeconds: (step.maxHoldMs ?? 0) / 1000,
    fit,
    advice,
  };
}

function seconds(ms: number): number | null {
  return Number.isFinite(ms) ? Math.round(ms / 1000) : null;
}

const FITS: Readonly<Record<PointsStepForecast['fit'], string>> = {
  fits: '',
  pastBake: 'longer than bake',
  pastMaxHold: 'longer than maxHold',
  pastDeadline: 'longer than progressDeadline',
};

/** A table of steps with what helps where the evidence is late; no lines where nothing is known. */
export function forecastLines(one: MetricForecast): readonly string[] {
  if (one.judge === 'mannWhitney') return pointsLines(one);
  const { metric, stable, forecast, spending } = one;
  if (!forecast.ok) return [];
  const { steps, advice } = forecast.value;
  const unit = metric.source.kind === 'latency' ? compactNumber : percent;
  const traffic = trafficText(forecast.value, stable);
  const rest = [
    ...(advice === null ? [] : [`    ! ${metric.name}: ${advice}`]),
    ...(spending === null ? [] : [`    ${spendingText(metric, spending, stable)}`]),
  ];
  if (steps.length === 0) return [`    ${metric.name}: ${traffic}`, ...rest];
  const effects = steps[0]?.effects ?? [];
  const columns = ['healthy', ...effects.map(({ delta }) => `+${unit(delta)}`)];
  const times = (step: StepForecast) => [step.promoteMs, ...step.effects.map(({ ms }) => ms)].map(timeText);
  const title = `${traffic}; average time until a healthy revision passes and a worse one is caught`;
  return [...tableLines(metric, title, columns, steps, times), ...rest];
}

function spendingText(
  { name, source }: Metric,
  { allowed, whole, steps }: SpendingForecast,
  stable: string | null,
): string {
  const [bad, whenAll] = source.kind === 'latency' ? ['slow', 'is only slow'] : ['failed', 'only fails'];
  const times = steps.map(({ weight, ms }) => `${timeText(ms)} at ${weight} %`);
  return (
    `${name} may cause ${compactNumber(allowed)} ${bad} requests more than ${stable ?? 'stable'} would, ${whole}; ` +
    `a canary that ${whenAll} has caused them after ${times.join(', ')}`
  );
}

/** What the sequential judge does at 100, in one line for all metrics of a Canary; none where it has nothing to tell. */
export function aloneLines(forecasts: readonly MetricForecast[]): readonly string[] {
  const [alone] = forecasts.flatMap((one) =>
    one.judge === 'sequential' && one.forecast.ok ? (one.forecast.value.alone ?? []) : [],
  );
  if (alone === undefined) return [];
  const place = `step ${alone.index + 1} (${alone.step.weight} %), ${formatDuration(alone.step.bakeMs)}`;
  return [
    `    ${place}: stable has no traffic there, so the sequential judge holds the canary against the highest share of bad requests that stable can have had until then`,
  ];
}

/** Without an answer the points take their time all the same. */
function pointsLines({ metric, stable, forecast }: MannWhitneyForecast): readonly string[] {
  const { points, apartMs, traffic, steps } = forecast;
  const isCounted = traffic.ok && traffic.value.rps !== null;
  const columns = [...(isCounted ? ['requests'] : []), 'score'];
  const cells = ({ requests, scoreMs }: PointsStepForecast) => [
    ...(isCounted ? [compactNumber(requests ?? 0)] : []),
    timeText(scoreMs),
  ];
  const shown = shownText(metric, forecast, stable);
  const title = `${shown}a first score takes ${points} points of each version, ${formatDuration(apartMs)} apart`;
  return tableLines(metric, title, columns, steps, cells);
}

/** "5 requests a second, 0.1 % of v1 failed; ": what stable shows, for the beginning of a sentence. */
function shownText({ source }: Metric, { traffic }: PointsForecast, stable: string | null): string {
  if (!traffic.ok) return '';
  const { value, rps } = traffic.value;
  const who = stable ?? 'stable';
  const requests = rps === null ? '' : `${compactNumber(rps)} requests a second, `;
  if (source.kind === 'ratio') return `${requests}${percent(value)} of ${who} failed; `;
  const what = source.kind === 'latency' ? `quantile ${source.quantile} of ${who} is` : `${who} shows`;
  return `${requests}${what} ${compactNumber(value)}; `;
}

function tableLines<S extends StepForecast | PointsStepForecast>(
  { name }: Metric,
  title: string,
  columns: readonly string[],
  steps: readonly S[],
  cells: (step: S) => readonly string[],
): readonly string[] {
  const rows = [
    ['step', 'weight', 'bake', 'maxHold', ...columns],
    ...steps.map((one) => [...placeCells(one.index, one.step), ...cells(one), FITS[one.fit]]),
  ];
  return [
    `    ${name}: ${title}:`,
    ...alignColumns(rows).map((line) => `      ${line}`),
    ...steps.flatMap(({ advice }) => (advice === null ? [] : [`    ! ${name}, ${advice}`])),
  ];
}

function placeCells(index: number, { weight, bakeMs, maxHoldMs = 0 }: Step): readonly string[] {
  const maxHold = maxHoldMs === 0 ? 'none' : formatDuration(maxHoldMs);
  return [String(index + 1), `${weight} %`, formatDuration(bakeMs), maxHold];
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
  const byReason = Map.groupBy(forecasts, unknownOf);
  byReason.delete(null);
  return [...byReason].map(([reason, concerned]) => {
    const names = concerned.slice(0, NAMED).map(({ canary, metric }) => `${canary} ${metric.name}`);
    const more = concerned.length > NAMED ? [`${concerned.length - NAMED} more`] : [];
    return `? ${[...names, ...more].join(', ')}: ${reason}`;
  });
}

/** What is not known, and why; null: nothing. */
function unknownOf(one: MetricForecast): string | null {
  if (one.judge === 'sequential') {
    return one.forecast.ok ? null : `how long the steps take is not known: ${one.forecast.error}`;
  }
  const { traffic } = one.forecast;
  return traffic.ok ? null : `whether windows have data for points is not known: ${traffic.error}`;
}
