/**
 * What really happens to requests: the split that gateways see, how each revision really behaves, and Prometheus,
 * which counts it with noise and has troubles of its own.
 */
import type { Measurement, MeasureRequest, Reading } from '../../src/core/observation.ts';
import { parseRule } from '../../src/core/rule.ts';
import type { Measure } from '../../src/metrics/measure.ts';
import { createCounters, type Rate } from './counters.ts';
import { READY_QUERY } from './draw-canary.ts';
import { EPOCH_MS } from './epoch.ts';
import type { Random } from './random.ts';
import type { ProcessClock, Timeline } from './timeline.ts';
import type { PrometheusMode, Weather } from './weather.ts';

/**
 * How a revision really behaves. `from`: the share of traffic (0 to 1) at which it begins to. `badShare`: of its
 * requests; default so many that a guard trips.
 */
export type Truth =
  | { readonly kind: 'healthy' }
  | { readonly kind: 'broken'; readonly from: number; readonly badShare?: number }
  | { readonly kind: 'slow' }
  | { readonly kind: 'silent'; readonly from: number };

/** Whether the revision runs anywhere before it gets traffic. */
export function hasInstances(truth: Truth): boolean {
  return truth.kind !== 'silent' || truth.from > 0;
}

export interface Traffic {
  /** Says how `revision` of a Canary behaves; unknown ones are healthy. */
  tell(name: string, revision: string, truth: Truth): void;
  truth(name: string, revision: string): Truth;
  /** What gateways see of a Canary's document changed. */
  split(name: string, served: string | null): void;
  /** How far Prometheus' clock was ahead of the daemon's in a recent measurement made `at`; null: not known. */
  skewAt(name: string, at: number): number | null;
  /** True time since when Prometheus takes what the counters say. */
  countedSince(): number;
  /** Prometheus as one process asks it. */
  measure(clock: ProcessClock): Measure;
}

export interface TrafficOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly weather: Weather;
  /** Requests per second of a Canary, and the revision that serves where no document is. */
  readonly rps: (name: string) => number;
  readonly first: string;
}

interface Segment {
  readonly from: number;
  readonly shares: ReadonlyMap<string, number>;
}

const SEGMENTS_KEPT = 400;
const SKEWS_KEPT = 500;
const BAD_SHARE = 0.35;
const GOOD_SHARE = 0.001;
const SLOW_ANSWER_MS = [4_000, 16_000] as const;

export function createTraffic(options: TrafficOptions): Traffic {
  const { timeline, random, weather } = options;
  const truths = new Map<string, Truth>();
  const splits = new Map<string, Segment[]>();
  const skews = new Map<string, number>();
  const counters = createCounters(timeline.now, () => weather.prometheusOffset);

  function truth(name: string, revision: string): Truth {
    return truths.get(`${name}/${revision}`) ?? { kind: 'healthy' };
  }

  function segments(name: string): Segment[] {
    const found = splits.get(name) ?? [{ from: 0, shares: new Map([[options.first, 1]]) }];
    splits.set(name, found);
    return found;
  }

  /** The counters follow what gateways see and how revisions behave. */
  function mark(name: string): void {
    const rates = new Map<string, Rate>();
    for (const [revision, share] of segments(name).at(-1)?.shares ?? []) {
      const how = truth(name, revision);
      if (share === 0 || (how.kind === 'silent' && share >= how.from)) continue;
      const isBroken = how.kind === 'broken' && share >= how.from;
      const badShare = isBroken ? (how.badShare ?? BAD_SHARE) : GOOD_SHARE;
      rates.set(revision, { rps: options.rps(name) * share, badShare });
    }
    counters.mark(name, rates);
  }

  /** Requests and failures of a revision between two true times. `seen`: it ever had any. */
  function totals(
    name: string,
    revision: string,
    from: number,
    to: number,
  ): { requests: number; bad: number; seen: boolean } {
    const how = truth(name, revision);
    let requests = 0;
    let bad = 0;
    let seen = false;
    const all = segments(name);
    for (const [index, segment] of all.entries()) {
      const share = segment.shares.get(revision) ?? 0;
      if (share === 0 || (how.kind === 'silent' && share >= how.from)) continue;
      if (segment.from < to) seen = true;
      const seconds = (Math.min(all[index + 1]?.from ?? to, to) - Math.max(segment.from, from)) / 1000;
      if (seconds <= 0) continue;
      const some = Math.round(options.rps(name) * share * seconds);
      requests += some;
      const isBroken = how.kind === 'broken' && share >= how.from;
      bad += random.binomial(some, isBroken ? (how.badShare ?? BAD_SHARE) : GOOD_SHARE);
    }
    return { requests, bad, seen };
  }

  function instances(name: string, revision: string): Reading {
    if (hasInstances(truth(name, revision))) return { kind: 'value', value: 2, requests: null };
    return { kind: 'noData', why: 'empty', detail: 'no series' };
  }

  /** Prometheus evaluates at the time on its own clock that the request names. */
  function evaluate(name: string, request: MeasureRequest, at: number): Reading {
    const to = Math.min(timeline.now(), at - EPOCH_MS - weather.prometheusOffset);
    const { source, version } = request;
    if (source.kind === 'presence') return { kind: 'value', value: 1, requests: null };
    if (source.kind === 'query' && source.query.startsWith(READY_QUERY)) return instances(name, version);
    if (source.kind === 'counters') return counters.read(name, { ...request, source }, at);
    const { requests, bad, seen } = totals(name, version, to - request.windowMs, to);
    if (!seen) return { kind: 'noData', why: 'empty', detail: 'no series' };
    if (requests === 0) return { kind: 'noData', why: 'nan', detail: 'no requests in the window' };
    if (source.kind === 'ratio') return { kind: 'value', value: bad / requests, requests };
    if (source.kind === 'query') return { kind: 'value', value: bad / requests, requests: null };
    const isSlow = truth(name, version).kind === 'slow';
    if (isSlow && random.chance(0.3)) return { kind: 'above', bound: 10, requests };
    return { kind: 'value', value: (isSlow ? 3 : 0.1) * random.between(0.9, 1.1), requests };
  }

  function troubled(mode: PrometheusMode): Reading | null {
    switch (mode) {
      case 'refused':
        return { kind: 'error', structural: false, code: 'PROM_CONNECT', detail: 'connection refused' };
      case 'structural':
        return {
          kind: 'error',
          structural: true,
          code: 'PROM_BAD_QUERY',
          detail: 'two series, one expected',
        };
      case 'nan':
        return { kind: 'noData', why: 'nan', detail: 'NaN' };
      case 'empty':
        return { kind: 'noData', why: 'empty', detail: 'no series' };
      case 'partial':
        return { kind: 'noData', why: 'partial', detail: 'the server warned: some data is missing' };
      default:
        return null;
    }
  }

  function ask(clock: ProcessClock, request: MeasureRequest, signal: AbortSignal): Promise<Measurement> {
    const name = canaryOf(request);
    const mode = weather.own.get(name) ?? weather.prometheus;
    const at = request.at ?? clock.now();
    const skewMs = weather.prometheusOffset - weather.wallOffset;
    skews.set(`${name} ${at}`, skewMs);
    if (skews.size > SKEWS_KEPT) skews.delete(skews.keys().next().value ?? '');
    const measured = (reading: Reading): Measurement => ({
      id: request.id,
      at,
      reading,
      query: `${name} over ${request.windowMs} ms`,
      skewMs,
    });
    return new Promise((resolve) => {
      const onAbort = () => {
        const detail = 'no answer in time';
        resolve(measured({ kind: 'error', structural: false, code: 'PROM_TIMEOUT', detail }));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      if (signal.aborted || mode === 'hole' || weather.hanging.has(name)) return;
      const takesMs = mode === 'slow' ? random.between(...SLOW_ANSWER_MS) : random.between(5, 40);
      const reading = troubled(mode) ?? evaluate(name, request, at);
      clock.after(takesMs, () => {
        signal.removeEventListener('abort', onAbort);
        resolve(measured(reading));
      });
    });
  }

  return {
    tell(name, revision, how) {
      truths.set(`${name}/${revision}`, how);
      mark(name);
    },
    truth,
    skewAt: (name, at) => skews.get(`${name} ${at}`) ?? null,
    split(name, served) {
      const all = segments(name);
      all.push({ from: timeline.now(), shares: sharesOf(served, options.first) });
      if (all.length > SEGMENTS_KEPT) all.shift();
      mark(name);
    },
    countedSince: () => counters.unbrokenSince(),
    measure: (clock) => (request, signal) => ask(clock, request, signal),
  };
}

function sharesOf(served: string | null, first: string): Map<string, number> {
  const rule = served === null ? null : parseRule(served);
  if (rule === null || !rule.ok) return new Map([[first, 1]]);
  const { canaryVersion, stableVersion, canaryWeight, enabled } = rule.value;
  const share = enabled ? canaryWeight / 100 : 0;
  if (canaryVersion === stableVersion) return new Map([[stableVersion, 1]]);
  return new Map([
    [stableVersion, 1 - share],
    [canaryVersion, share],
  ]);
}

/** Every selector and query of the fleet names its Canary as the job. */
export function canaryOf({ source }: MeasureRequest): string {
  const text =
    source.kind === 'ratio'
      ? source.total
      : source.kind === 'latency'
        ? source.histogram
        : source.kind === 'query'
          ? source.query
          : source.selector;
  return /job="([^"]+)"/.exec(text)?.[1] ?? '';
}
