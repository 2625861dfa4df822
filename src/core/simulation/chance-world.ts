/** Random traffic of two versions, as a Prometheus that scrapes both would have counted it. */
import type { CounterSeries, Measurement, MeasureRequest, Reading, Rule } from '../observation.ts';
import { BOUNDS, below, type CountersRequest, labelsOf, statusLabels } from './counters.ts';
import type { Random } from './random.ts';
import { createRuleDocument } from './rule-document.ts';
import type { Surroundings } from './run.ts';
import { binomial, geometric, multinomial, poisson } from './samplers.ts';

export interface Behaviour {
  /** Share of requests that fail. */
  readonly error: number;
  /** In the histogram's unit; latencies are spread exponentially around it. */
  readonly p99: number;
}

export interface ChanceTraffic {
  /** Requests a second, all of the service. */
  readonly rps: number;
  readonly stable: Behaviour;
  readonly canary: Behaviour;
  /** Variance of the failures against independent ones: 1 is none, 5 comes in clusters. */
  readonly burst: number;
  /** Index of the step from which on the canary behaves as `canary`; before it does as `stable`. */
  readonly fromStep: number;
}

export interface ChanceWorld extends Surroundings {
  measure(request: MeasureRequest, at: number): Measurement;
  /** Expected requests so far that failed, or were slower than stable's p99, and would not have been on stable. */
  excessBad(): number;
}

const SCRAPE_MS = 15_000;
/** Stable's traffic before the run. */
const BEFORE_MS = 31 * 60_000;
/** Above this p99 the unit is no second, and buckets are in thousandths of one. */
const LONGEST_SECONDS = 10;

interface Arm {
  requests: number;
  bad: number;
  /** Requests of each bucket, the last one above all bounds. */
  readonly buckets: Float64Array;
  /** What the scrapes saw, the first one at the beginning of the world: requests, bad, and requests up to each bound. */
  readonly scrapes: Float64Array[];
}

/** @param start time at which the run begins, Unix ms, a time of the scrapes */
export function createChanceWorld(traffic: ChanceTraffic, random: Random, start: number): ChanceWorld {
  const bounds = boundsFor(traffic);
  const first = start - BEFORE_MS;
  const stable = newArm(bounds.length + 1);
  const canary = newArm(bounds.length + 1);
  const shares = [traffic.stable, traffic.canary].map((behaviour) => bucketShares(bounds, behaviour));
  const excessShare = excessOf(traffic);
  let rule: Rule | null = null;
  let now = first;
  let excess = 0;
  const document = createRuleDocument((written) => {
    rule = written;
  });

  function live(arm: Arm, mean: number, isCanary: boolean): number {
    const behaviour = isCanary ? traffic.canary : traffic.stable;
    const requests = poisson(random, mean);
    arm.requests += requests;
    arm.bad += failures(random, requests, behaviour.error, traffic.burst);
    multinomial(random, requests, shares[isCanary ? 1 : 0] ?? []).forEach((count, bucket) => {
      arm.buckets[bucket] = (arm.buckets[bucket] ?? 0) + count;
    });
    return requests;
  }

  function advance(at: number): void {
    while (now < at) {
      const next = Math.min(at, first + (Math.floor((now - first) / SCRAPE_MS) + 1) * SCRAPE_MS);
      const all = (traffic.rps * (next - now)) / 1000;
      const share = document.weight() / 100;
      const isTurned = (rule?.managedBy?.step ?? 0) >= traffic.fromStep;
      live(stable, all * (1 - share), false);
      const requests = live(canary, all * share, isTurned);
      if (isTurned) excess += requests * excessShare;
      now = next;
      if ((now - first) % SCRAPE_MS === 0) for (const arm of [stable, canary]) scrape(arm);
    }
  }

  function armOf({ version }: MeasureRequest): Arm {
    return version === rule?.canaryVersion ? canary : stable;
  }

  /** Numbers of the scrapes in the window. */
  function scrapesIn({ windowMs }: MeasureRequest, until: number, { scrapes }: Arm): number[] {
    const from = Math.max(0, Math.floor((until - windowMs - first) / SCRAPE_MS));
    const to = Math.min(scrapes.length - 1, Math.floor((until - first) / SCRAPE_MS) - 1);
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => from + at);
  }

  function answer(request: MeasureRequest, until: number): Reading {
    const { source } = request;
    if (source.kind === 'presence' || source.kind === 'query') {
      return { kind: 'value', value: 1, requests: null };
    }
    const arm = armOf(request);
    const seen = scrapesIn(request, until, arm);
    const [oldest, newest] = [arm.scrapes[seen[0] ?? -1], arm.scrapes[seen.at(-1) ?? -1]];
    if (oldest === undefined || newest === undefined) {
      return { kind: 'noData', why: 'empty', detail: 'no series' };
    }
    if (source.kind === 'counters')
      return { kind: 'series', series: series({ ...request, source }, arm, seen) };
    const grown = newest.map((value, at) => value - (oldest[at] ?? 0));
    const [total = 0, bad = 0, ...cumulative] = grown;
    if (total === 0) return { kind: 'noData', why: 'nan', detail: 'no requests in the window' };
    // What increase() makes of it: the window reaches a scrape further than its samples.
    const requests = Math.round((total * seen.length) / Math.max(1, seen.length - 1));
    if (source.kind === 'ratio') return { kind: 'value', value: bad / total, requests };
    return quantile(bounds, cumulative, total, source.quantile, requests);
  }

  function series(request: CountersRequest, { scrapes }: Arm, seen: readonly number[]): CounterSeries[] {
    const labels = labelsOf(request);
    const one = (extra: Readonly<Record<string, string>>, count: (scraped: Float64Array) => number) => ({
      labels: { ...labels, ...extra },
      samples: seen.map((at) => {
        const scraped = scrapes[at];
        return [first + (at + 1) * SCRAPE_MS, scraped === undefined ? 0 : count(scraped)] as const;
      }),
    });
    if (request.source.isNative || labels['__name__']?.endsWith('_bucket')) {
      return [...bounds.map(String), '+Inf'].map((le, at) =>
        one({ le }, (scraped) => scraped[le === '+Inf' ? 0 : 2 + at] ?? 0),
      );
    }
    return [
      one(statusLabels('200'), ([requests = 0, bad = 0]) => requests - bad),
      one(statusLabels('500'), ([, bad = 0]) => bad),
    ];
  }

  advance(start);
  return {
    ...document,
    advance,
    measure: (request, at) => ({
      id: request.id,
      at: request.at ?? at,
      reading: answer(request, request.at ?? at),
      query: `${request.id} of ${request.version}`,
      skewMs: 0,
    }),
    excessBad: () => excess,
  };
}

function newArm(buckets: number): Arm {
  return { requests: 0, bad: 0, buckets: new Float64Array(buckets), scrapes: [] };
}

function scrape({ requests, bad, buckets, scrapes }: Arm): void {
  const seen = new Float64Array(buckets.length + 1);
  seen[0] = requests;
  seen[1] = bad;
  let sum = 0;
  for (let at = 0; at < buckets.length - 1; at += 1) {
    sum += buckets[at] ?? 0;
    seen[2 + at] = sum;
  }
  scrapes.push(seen);
}

/** Clusters of geometric size m multiply the variance by 2m - 1. */
function failures(random: Random, requests: number, rate: number, burst: number): number {
  if (burst === 1) return binomial(random, requests, rate);
  const mean = (burst + 1) / 2;
  let bad = 0;
  for (let left = poisson(random, (requests * rate) / mean); left > 0; left -= 1)
    bad += geometric(random, mean);
  return Math.min(bad, requests);
}

function boundsFor({ stable, canary }: ChanceTraffic): readonly number[] {
  const unit = Math.max(stable.p99, canary.p99) > LONGEST_SECONDS ? 1000 : 1;
  return BOUNDS.map((bound) => bound * unit);
}

function bucketShares(bounds: readonly number[], { p99 }: Behaviour): Float64Array {
  let before = 0;
  return Float64Array.from([...bounds, Infinity], (bound) => {
    const upTo = bound === Infinity ? 1 : below(bound, p99);
    const share = upTo - before;
    before = upTo;
    return share;
  });
}

/** Of a request that the canary gets: how much more likely it is bad than on stable. */
function excessOf({ stable, canary }: ChanceTraffic): number {
  const slow = (p99: number) => 1 - below(stable.p99, p99);
  return Math.max(0, canary.error - stable.error) + Math.max(0, slow(canary.p99) - slow(stable.p99));
}

/** As `histogram_quantile` does it: inside a bucket requests count as spread evenly. */
function quantile(
  bounds: readonly number[],
  cumulative: readonly number[] | Float64Array,
  total: number,
  wanted: number,
  requests: number,
): Reading {
  const rank = wanted * total;
  const at = bounds.findIndex((_, index) => (cumulative[index] ?? 0) >= rank);
  if (at < 0) return { kind: 'above', bound: bounds.at(-1) ?? 0, requests };
  const [lower, upper] = [bounds[at - 1] ?? 0, bounds[at] ?? 0];
  const [under, upTo] = [cumulative[at - 1] ?? 0, cumulative[at] ?? 0];
  const part = upTo === under ? 1 : (rank - under) / (upTo - under);
  return { kind: 'value', value: lower + (upper - lower) * part, requests };
}
