/** Carrying out `needs`: the live rule and the measurements, in parallel, each with a deadline, failures as data. */
import { needs } from '../core/needs.ts';
import type { BetaReading, Command, Measurement, MeasureRequest, RouteReading } from '../core/observation.ts';
import type { CanaryState } from '../core/rollout.ts';
import type { Clock } from '../lib/clock.ts';
import type { Measure } from '../metrics/measure.ts';
import type { Spec } from '../spec/canary.ts';
import type { TrafficRouter } from '../traffic/router.ts';

export interface ObserveDeps {
  readonly router: TrafficRouter;
  readonly measure: Measure;
  readonly clock: Clock;
}

/**
 * What is being looked at. The promises resolve whatever the outside does; a bug that rejects one is thrown where it
 * is awaited, and is no unhandled rejection where it is not.
 */
export interface Looking {
  readonly measurements: Promise<readonly Measurement[]>;
  readonly route: Promise<RouteReading>;
  readonly beta: Promise<BetaReading | 'none' | 'unknown' | null>;
  /** Whether any measurement was asked for. */
  readonly isLook: boolean;
}

const ROUTE_DEADLINE_MS = 5_000;
const LOOK_DEADLINE_MS = 10_000;
/** The port keeps that deadline itself and says what was late; only what hangs beyond it is ended from here. */
const LOOK_MARGIN_MS = 500;

/** Starts looking at everything that `needs` asks for. `signal` ends it early (shutdown). */
export function look(
  deps: ObserveDeps,
  spec: Spec,
  state: CanaryState,
  commands: readonly Command[],
  signal: AbortSignal,
): Looking {
  const { requests, beta } = needs(spec, state, commands, deps.clock.now());
  const looking: Looking = {
    isLook: requests.length > 0,
    measurements: measure(deps, requests, signal),
    route: readRoute(deps, state, signal),
    beta: beta
      ? withDeadline(deps.clock, ROUTE_DEADLINE_MS, signal, (until) => deps.router.beta(state.route, until))
      : Promise.resolve(null),
  };
  for (const promise of [looking.measurements, looking.route, looking.beta]) promise.catch(() => {});
  return looking;
}

/** Reads the live rule once. */
export function readRoute(deps: ObserveDeps, state: CanaryState, signal: AbortSignal): Promise<RouteReading> {
  return withDeadline(deps.clock, ROUTE_DEADLINE_MS, signal, (until) => deps.router.read(state.route, until));
}

/** All at once and with one deadline: what is asked in one look has one interval. */
async function measure(
  deps: ObserveDeps,
  requests: readonly MeasureRequest[],
  signal: AbortSignal,
): Promise<readonly Measurement[]> {
  const [first] = requests;
  if (first === undefined) return [];
  const deadlineMs = Math.min(LOOK_DEADLINE_MS, first.intervalMs);
  return withDeadline(deps.clock, deadlineMs + LOOK_MARGIN_MS, signal, (until) =>
    Promise.all(requests.map((request) => deps.measure(request, until))),
  );
}

/** Runs `work` with a signal that aborts after `ms` or with `signal`; the work turns that into its own failure. */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  work: (until: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const cancel = clock.after(ms, () => deadline.abort(new Error(`no answer within ${ms} ms`)));
  const onAbort = () => deadline.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await work(deadline.signal);
  } finally {
    cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

/** What is there when a decision can be made. `route` is null, and so is `beta`, when they are not there yet. */
export interface Sight {
  readonly measurements: readonly Measurement[];
  readonly route: RouteReading | null;
  readonly beta: BetaReading | 'none' | 'unknown' | null;
}

/**
 * The measurements, and what Nacos said if it came in time. A slow router must not hold back a rollback: when the
 * measurements are there, it gets `graceMs` more, then the caller decides without it and waits afterwards.
 */
export async function firstSight(clock: Clock, looking: Looking, graceMs: number): Promise<Sight> {
  const measurements = await looking.measurements;
  const nacos = Promise.all([looking.route, looking.beta]);
  let cancel = () => {};
  const late = new Promise<null>((resolve) => {
    cancel = clock.after(graceMs, () => resolve(null));
  });
  const inTime = looking.isLook ? await Promise.race([nacos, late]) : await nacos;
  cancel();
  return { measurements, route: inTime?.[0] ?? null, beta: inTime?.[1] ?? null };
}
