/** Stable before the rollout: how often it fails, how bursty that is, and how slow its slowest requests are. */
import { seeArm, UNKNOWN_ARM, walkArm } from '../ledger/arm.ts';
import type { Counting } from '../ledger/counting.ts';
import { type LatencyTally, type Tally, tallyOf } from '../ledger/tally.ts';
import type { Growth } from '../ledger/walk.ts';
import type { Measurement } from '../observation.ts';
import { type ArmCounts, addCounts, NO_REQUESTS } from './counts.ts';
import { dispersionOf } from './dispersion.ts';
import { type BucketBounds, bucketAround, type CumulativeBucket, slowCounts } from './slow-scores.ts';

/** How far back stable is looked at. */
export const BEFORE_MS = 30 * 60_000;
/** How far back requests are counted for the traffic of now: before that another version may have had a part of it. */
export const NOW_MS = 5 * 60_000;
/** Long enough for a scrape in each bin. */
const LEAST_BIN_MS = 15_000;
const BISECTIONS = 60;

/** What a canary as good as stable would look like. */
export interface BeforeTraffic {
  /** Requests a second in the last `NOW_MS`; of all the time before where none came in them. */
  readonly rps: number;
  /** Mean score at the threshold. */
  readonly mean: number;
  /** Mean score at the threshold plus the margin; that of a ratio is the same. */
  readonly meanAtBound: number;
}

export interface Before {
  readonly counts: ArmCounts;
  /** Requests a second in the last `NOW_MS`. */
  readonly rpsNow: number;
  readonly dispersion: number;
  /** Latency: what a share `tail` of the requests was slower than. Null: ratio, or it cannot be told. */
  readonly threshold: number | null;
  /** Latency: the widest bucket that `threshold` lies in; null: none, or no request does. */
  readonly bucket: BucketBounds | null;
  readonly traffic: BeforeTraffic | null;
  /** Mean score of all requests at the threshold plus so much, in the histogram's unit; that of a ratio is always the same. */
  meanBeyond(by: number): number;
}

/**
 * What an answer about stable's counters over `BEFORE_MS` says. Nothing known is no error: no counts, no bursts.
 *
 * @param tail latency: 0.01 for p99
 * @param margin latency: by how much later requests may be, in the histogram's unit
 * @param until requests after this are counted by the polls, and no part of the time before: Unix ms
 */
export function beforeOf(
  counting: Counting,
  { at, reading }: Measurement,
  versionLabel: string,
  pollMs: number,
  { tail, margin }: { readonly tail: number; readonly margin: number },
  until: number,
): Before {
  const { growths } = walkArm(seeArm(UNKNOWN_ARM, reading, versionLabel), at);
  const inside = growths.filter(({ from, to }) => from >= at - BEFORE_MS && to <= until);
  const all = tallyOf(counting, inside);
  const threshold = all.kind === 'latency' ? quantileOf(all, tail) : null;
  const score = (some: readonly Growth[]) => scoreOf(tallyOf(counting, some), threshold);
  const meanBeyond = (by: number) => {
    const { requests, score: sum } = scoreOf(all, threshold === null ? null : threshold + by);
    return sum / requests;
  };
  const rpsNow = rateNow(counting, inside, until);
  const rps = rpsNow > 0 ? rpsNow : rateOf(inside, all.requests);
  const polls = binsOf(inside, Math.max(pollMs, LEAST_BIN_MS)).map(score);
  return {
    counts: score(inside),
    rpsNow,
    dispersion: dispersionOf(polls),
    threshold,
    bucket: threshold === null ? null : widestAround(all, threshold),
    traffic: rps > 0 ? { rps, mean: meanBeyond(0), meanAtBound: meanBeyond(margin) } : null,
    meanBeyond,
  };
}

/** Growth across the beginning of the time counts by the part that lies in it. */
function rateNow(counting: Counting, growths: readonly Growth[], until: number): number {
  const since = until - NOW_MS;
  const recent = growths
    .filter(({ to }) => to > since)
    .map((growth) => {
      const { from, to, amount } = growth;
      return from >= since
        ? growth
        : { ...growth, from: since, amount: (amount * (to - since)) / (to - from) };
    });
  return rateOf(recent, tallyOf(counting, recent).requests);
}

/** Requests a second from the first sample to the last one; 0 where nothing was counted. */
function rateOf(growths: readonly Growth[], requests: number): number {
  const from = growths.reduce((first, growth) => Math.min(first, growth.from), Infinity);
  const to = growths.reduce((last, growth) => Math.max(last, growth.to), -Infinity);
  return to > from ? (1000 * requests) / (to - from) : 0;
}

/** Requests and their scores: bad ones, or how slow against `threshold`; all of them slow without one. */
export function scoreOf(tally: Tally, threshold: number | null): ArmCounts {
  if (tally.kind === 'ratio') return { requests: tally.requests, score: tally.score };
  return tally.histograms.reduce(
    (sum, buckets) => addCounts(sum, slowCounts(buckets, threshold ?? 0) ?? NO_REQUESTS),
    NO_REQUESTS,
  );
}

/** Growth by the bin that its later sample lies in, in order. */
function binsOf(growths: readonly Growth[], binMs: number): Growth[][] {
  const bins = new Map<number, Growth[]>();
  for (const growth of growths) {
    const bin = Math.floor(growth.to / binMs);
    const found = bins.get(bin);
    if (found === undefined) bins.set(bin, [growth]);
    else found.push(growth);
  }
  return [...bins].sort(([a], [b]) => a - b).map(([, bin]) => bin);
}

/** Where the mean slow score is `tail`; null where that lies above all finite bounds, or nothing was counted. */
function quantileOf(tally: LatencyTally, tail: number): number | null {
  let low = 0;
  let high = Math.max(0, ...tally.histograms.flatMap(finiteBounds));
  const slower = (threshold: number) => scoreOf(tally, threshold).score;
  const wanted = tail * tally.requests;
  if (tally.requests === 0 || slower(high) > wanted) return null;
  for (let round = 0; round < BISECTIONS; round += 1) {
    const middle = (low + high) / 2;
    if (slower(middle) > wanted) low = middle;
    else high = middle;
  }
  return high;
}

function widestAround(tally: Tally, threshold: number): BucketBounds | null {
  if (tally.kind === 'ratio') return null;
  const around = tally.histograms.flatMap((buckets) => bucketAround(buckets, threshold) ?? []);
  return around.sort((a, b) => b.upper - b.lower - (a.upper - a.lower))[0] ?? null;
}

function finiteBounds(buckets: readonly CumulativeBucket[]): number[] {
  return buckets.map(({ upper }) => upper).filter(Number.isFinite);
}
