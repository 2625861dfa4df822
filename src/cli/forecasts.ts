/** How long the steps of a plan would take: asks Prometheus for what stable did of late. */
import {
  type PointsForecast,
  type PointsProspect,
  pointsForecast,
  pointsProspect,
  stableRequest,
} from '../core/mann-whitney/forecast.ts';
import type { Measurement, MeasureRequest } from '../core/observation.ts';
import { type Forecast, forecastOf, type Prospect, trafficRequest } from '../core/sequential/forecast.ts';
import { sequentialMetric } from '../core/sequential/look.ts';
import { type SpendingForecast, spendingForecast } from '../core/spending-forecast.ts';
import { err, ok, type Result } from '../lib/result.ts';
import type { Canary, Metric } from '../spec/canary.ts';
import type { CanaryView } from '../view/schemas.ts';
import type { ServeFlags } from './commands/serve.ts';
import { isUnderWay } from './planning.ts';

/** Something to ask; closed by whoever opened it. */
export interface Traffic {
  /** Never rejects: every failure is a `Reading`. What is asked at once travels together. */
  ask(request: MeasureRequest): Promise<Measurement>;
  close(): Promise<void>;
}

/** Opens what the settings name; the error says what is wrong with those. */
export type OpenTraffic = (flags: ServeFlags) => Result<Traffic, string> | Promise<Result<Traffic, string>>;

/** A Canary that would start or change, and how it runs; null: it does not yet. */
export interface Subject {
  readonly canary: Canary;
  readonly view: CanaryView | null;
}

interface ForecastNames {
  readonly canary: string;
  readonly metric: Metric;
  /** The revision whose traffic this is; null: nobody knows which one is stable. */
  readonly stable: string | null;
}

export interface SequentialForecast extends ForecastNames {
  readonly judge: 'sequential';
  /** The error says why nothing is known. */
  readonly forecast: Result<Forecast, string>;
  /** What the rollout may spend; null: the metric has no budget, or nothing is known. */
  readonly spending: SpendingForecast | null;
}

/** Points take their time whatever the traffic is: it is told where nothing is known of it, too. */
export interface MannWhitneyForecast extends ForecastNames {
  readonly judge: 'mannWhitney';
  readonly forecast: PointsForecast;
}

/** One metric of a judge that needs evidence. */
export type MetricForecast = SequentialForecast | MannWhitneyForecast;

/** Forecasts in the order of the subjects. Prometheus is only opened where there is something to ask. */
export async function forecastAll(
  subjects: readonly Subject[],
  open: () => ReturnType<OpenTraffic>,
  now: number,
): Promise<readonly MetricForecast[]> {
  const wanted = subjects.flatMap(wantedOf);
  if (wanted.length === 0) return [];
  const traffic = await open();
  if (!traffic.ok) return wanted.map((one) => one.conclude(traffic));
  try {
    return await Promise.all(wanted.map(async (one) => one.conclude(await ask(one, traffic.value, now))));
  } finally {
    await traffic.value.close();
  }
}

/** What stable answered, and a revision that has a part of the traffic now; null: there is none. */
interface Seen {
  readonly stable: Measurement;
  readonly onTrial: Measurement | null;
}

interface Wanted {
  readonly stable: string | null;
  readonly onTrial: string | null;
  request(version: string, now: number): MeasureRequest;
  /** The error: nothing could be asked. */
  conclude(seen: Result<Seen, string>): MetricForecast;
}

function wantedOf({ canary, view }: Subject): Wanted[] {
  const stable = view?.stableRevision ?? canary.stableRevision;
  const onTrial = view !== null && isUnderWay(view) ? view.canaryRevision : null;
  return canary.analysis.metrics.flatMap((metric) => {
    const names = { canary: canary.name, metric, stable };
    const sequential = sequentialMetric(metric);
    if (sequential !== null) return [{ stable, onTrial, ...wantedCounts(names, { ...sequential, canary }) }];
    const points = pointsProspect(canary, metric);
    return points === null ? [] : [{ stable, onTrial, ...wantedPoints(names, points) }];
  });
}

function wantedCounts(names: ForecastNames, prospect: Prospect): Pick<Wanted, 'request' | 'conclude'> {
  return {
    request: (version, now) => trafficRequest(prospect, version, now),
    conclude(seen) {
      const forecast = seen.ok ? forecastOf(prospect, seen.value.stable, seen.value.onTrial) : seen;
      const { canary, metric } = prospect;
      const spending = forecast.ok ? spendingForecast(canary, metric, forecast.value) : null;
      return { ...names, judge: 'sequential', forecast, spending };
    },
  };
}

function wantedPoints(names: ForecastNames, prospect: PointsProspect): Pick<Wanted, 'request' | 'conclude'> {
  return {
    request: (version) => stableRequest(prospect, version),
    conclude(seen) {
      const stable = seen.ok ? ok(seen.value.stable) : seen;
      const forecast = pointsForecast(prospect, stable, seen.ok ? seen.value.onTrial : null);
      return { ...names, judge: 'mannWhitney', forecast };
    },
  };
}

async function ask(wanted: Wanted, traffic: Traffic, now: number): Promise<Result<Seen, string>> {
  const { stable: version, onTrial: other } = wanted;
  if (version === null) return err('nothing is known about the stable revision: set spec.stableRevision');
  const one = (of: string) => traffic.ask(wanted.request(of, now));
  const [stable, onTrial] = await Promise.all([one(version), other === null ? null : one(other)]);
  return ok({ stable, onTrial });
}
