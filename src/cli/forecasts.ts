/** How long the steps of a plan would take: asks Prometheus for what stable did of late. */
import type { Measurement, MeasureRequest } from '../core/observation.ts';
import { type Forecast, forecastOf, type Prospect, trafficRequest } from '../core/sequential/forecast.ts';
import { sequentialMetric } from '../core/sequential/look.ts';
import { err, type Result } from '../lib/result.ts';
import type { Canary } from '../spec/canary.ts';
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

/** One metric that the sequential judge has. */
export interface MetricForecast {
  readonly canary: string;
  readonly metric: Prospect['metric'];
  /** The revision whose traffic this is; null: nobody knows which one is stable. */
  readonly stable: string | null;
  /** The error says why nothing is known. */
  readonly forecast: Result<Forecast, string>;
}

/** Forecasts in the order of the subjects. Prometheus is only opened where there is something to ask. */
export async function forecastAll(
  subjects: readonly Subject[],
  open: () => ReturnType<OpenTraffic>,
  now: number,
): Promise<readonly MetricForecast[]> {
  const wanted = subjects.flatMap(wantedOf);
  if (wanted.length === 0) return [];
  const traffic = await open();
  if (!traffic.ok) return wanted.map((one) => named(one, traffic));
  try {
    return await Promise.all(wanted.map(async (one) => named(one, await ask(one, traffic.value, now))));
  } finally {
    await traffic.value.close();
  }
}

interface Wanted {
  readonly prospect: Prospect;
  readonly stable: string | null;
  /** A revision that has a part of the traffic now. */
  readonly onTrial: string | null;
}

function wantedOf({ canary, view }: Subject): Wanted[] {
  const stable = view?.stableRevision ?? canary.stableRevision;
  const onTrial = view !== null && isUnderWay(view) ? view.canaryRevision : null;
  return canary.analysis.metrics.flatMap((metric) => {
    const sequential = sequentialMetric(metric);
    return sequential === null ? [] : [{ prospect: { ...sequential, canary }, stable, onTrial }];
  });
}

async function ask(
  { prospect, stable, onTrial }: Wanted,
  traffic: Traffic,
  now: number,
): Promise<Result<Forecast, string>> {
  if (stable === null) return err('nothing is known about the stable revision: set spec.stableRevision');
  const one = (version: string) => traffic.ask(trafficRequest(prospect, version, now));
  const [before, trial] = await Promise.all([one(stable), onTrial === null ? null : one(onTrial)]);
  return forecastOf(prospect, before, trial);
}

function named({ prospect, stable }: Wanted, forecast: Result<Forecast, string>): MetricForecast {
  return { canary: prospect.canary.name, metric: prospect.metric, stable, forecast };
}
