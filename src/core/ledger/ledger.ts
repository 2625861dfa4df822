/**
 * The counter ledger: raw samples of both arms in, counts since the poll before out.
 *
 * What it guarantees, for a target (`job` and `instance`) that exports its start time with its counters: over any
 * sequence of polls whose windows together hold every sample, each request is counted once, in the first sample after
 * it, whatever restarts, failed scrapes, missed or repeated polls, label values and instances that come late. What no
 * sample shows is not counted: requests between a process' last sample and its end. A request is told to have come
 * after a time only where the sample before it (or the start of its process) lies after that time.
 *
 * Without a start time two things are seen less well, and count too little, never too much: the first sample of a new
 * instance is its zero, and a restart between two samples is only seen where the counter is smaller afterwards. Without
 * an `instance` that zero is taken for each new label value, too. A target without a sample for a quarter of an hour is
 * forgotten, and new when it is back. So is a label value that its living target shows no more, but for the 20 of a target
 * that vanished last: one that comes back later than that with its old value is counted in full. Two series for the same requests (replicas of a Prometheus that nobody
 * deduplicates) are two requests.
 *
 * A native histogram counts between two samples only where its buckets grew by what it grew as a whole. Where the process
 * merged or widened buckets between them, or restarted unseen, nothing of it is counted: too little, never too much.
 */
import { formatDuration } from '../../lib/duration.ts';
import type { Arm, Reading } from '../observation.ts';
import {
  type ArmMemory,
  hasNews,
  newestIn,
  newsAt,
  type SeenArm,
  seeArm,
  UNKNOWN_ARM,
  walkArm,
} from './arm.ts';
import type { Counting } from './counting.ts';
import { scrapeOf } from './polls.ts';
import { type Tally, tallyOf } from './tally.ts';
import type { Growth } from './walk.ts';

/** What is remembered of one metric's counters in one rollout, as plain JSON. */
export interface Ledger {
  /** Evaluation time of the newest poll that counted, Unix ms; null: none yet. */
  readonly polledAt: number | null;
  /** Time between two scrapes, as far as known, ms. */
  readonly scrapeMs: number;
  readonly canary: ArmMemory;
  readonly stable: ArmMemory;
}

/** The readings of one poll, and from when on requests count. */
export interface Poll {
  /** Evaluation time of both readings, Unix ms. */
  readonly at: number;
  readonly canary: Reading;
  /** Null: not asked, because the canary has all the traffic. */
  readonly stable: Reading | null;
  readonly versionLabel: string;
  /** Unix ms: the weight was verified, and has settled. */
  readonly countFrom: number;
  /** Unix ms, not after `countFrom`: the weight was verified. */
  readonly settleFrom: number;
}

export interface ArmTally {
  /** Requests after `countFrom`. */
  readonly counted: Tally;
  /** Requests after `settleFrom` that are not among `counted`. */
  readonly settling: Tally;
  /** Differences behind `counted`: with none nothing is known, which is not the same as no requests. */
  readonly differences: number;
}

export type Polled =
  | {
      readonly kind: 'counted';
      /** Whether a new sample of each arm was walked; false: all that was counted before still stands, and no more. */
      readonly isNews: boolean;
      readonly canary: ArmTally;
      readonly stable: ArmTally | null;
      /** By how much later the canary was scraped than stable, ms; negative: earlier. 0 where nothing tells. */
      readonly leadMs: number;
    }
  /** Nothing was counted, in neither arm: the next poll that counts covers this time for both of them. */
  | {
      readonly kind: 'noData';
      readonly arm: Arm;
      readonly why: Extract<Reading, { kind: 'noData' }>['why'];
      readonly detail: string;
    }
  | {
      readonly kind: 'error';
      readonly arm: Arm;
      readonly structural: boolean;
      readonly code: string;
      readonly detail: string;
    };

/** A newest sample older than this many scrape intervals says nothing about now. */
const STALE_SCRAPES = 2.5;

/** @param scrapeMs a guess, rather too long than too short: see `guessedScrapeMs` */
export function newLedger(scrapeMs: number): Ledger {
  return { polledAt: null, scrapeMs, canary: UNKNOWN_ARM, stable: UNKNOWN_ARM };
}

/**
 * Counts one poll. The ledger that comes back is the one for the next poll, also where nothing was counted. A poll with
 * new samples of one arm only (a scrape was missed, or scrapes are rarer than polls) counts nothing: the next one with
 * samples of both covers this time for both, so that what hits both versions shows in both. A poll that lies far before
 * one that counted (the clocks were set back) has no data.
 */
export function takePoll(
  counting: Counting,
  ledger: Ledger,
  poll: Poll,
): { readonly ledger: Ledger; readonly polled: Polled } {
  const canary = seeArm(ledger.canary, poll.canary, poll.versionLabel);
  const stable = poll.stable === null ? null : seeArm(ledger.stable, poll.stable, poll.versionLabel);
  const arms = stable === null ? [canary] : [canary, stable];
  const scrapeMs = slowerScrape(ledger, arms);
  const trouble =
    errorOf('canary', canary) ??
    errorOf('stable', stable) ??
    gapIn('canary', canary, counting, poll.at, { ...ledger, scrapeMs }) ??
    gapIn('stable', stable, counting, poll.at, { ...ledger, scrapeMs });
  if (trouble !== null) return { ledger: { ...ledger, scrapeMs }, polled: trouble };
  const isNews = arms.every(hasNews);
  if (!isNews && arms.some(hasNews)) {
    const nothing = tallied(counting, [], poll);
    return {
      ledger: { ...ledger, scrapeMs },
      polled: { kind: 'counted', isNews, canary: nothing, stable: nothing, leadMs: 0 },
    };
  }
  const canaryWalk = walkArm(canary, poll.at);
  const stableWalk = stable === null ? null : walkArm(stable, poll.at);
  return {
    ledger: {
      polledAt: Math.max(ledger.polledAt ?? poll.at, poll.at),
      scrapeMs,
      canary: canaryWalk.memory,
      stable: stableWalk?.memory ?? ledger.stable,
    },
    polled: {
      kind: 'counted',
      isNews,
      canary: tallied(counting, canaryWalk.growths, poll),
      stable: stableWalk === null ? null : tallied(counting, stableWalk.growths, poll),
      leadMs: leadOf(canary, stable),
    },
  };
}

function leadOf(canary: SeenArm, stable: SeenArm | null): number {
  const [canaryAt, stableAt] = [newsAt(canary), stable === null ? null : newsAt(stable)];
  return canaryAt === null || stableAt === null ? 0 : canaryAt - stableAt;
}

/** The longer one of both arms; what was known before stands in for an arm that says nothing. */
function slowerScrape(ledger: Ledger, arms: readonly SeenArm[]): number {
  return Math.max(...arms.map((arm) => scrapeOf(arm) ?? ledger.scrapeMs));
}

function tallied(counting: Counting, growths: readonly Growth[], { countFrom, settleFrom }: Poll): ArmTally {
  const counted = growths.filter(({ from }) => from >= countFrom);
  const settling = growths.filter(({ from }) => from >= settleFrom && from < countFrom);
  return {
    counted: tallyOf(counting, counted),
    settling: tallyOf(counting, settling),
    differences: counted.length,
  };
}

function errorOf(arm: Arm, seen: SeenArm | null): Polled | null {
  return seen?.reading.kind === 'error' ? { ...seen.reading, arm } : null;
}

/** Why nothing can be counted of this arm, or null. */
function gapIn(
  arm: Arm,
  seen: SeenArm | null,
  counting: Counting,
  at: number,
  { polledAt, scrapeMs }: Ledger,
): Polled | null {
  if (seen === null) return null;
  const { reading } = seen;
  if (reading.kind === 'noData') return { ...reading, arm };
  if (reading.kind !== 'series') throw new Error(`a reading of counters was a ${reading.kind}`);
  const newest = newestIn(seen);
  const gap = (why: 'empty' | 'stale', detail: string) => ({ kind: 'noData', arm, why, detail }) as const;
  if (newest === null) return gap('empty', `no sample of ${counting.metric} is a count`);
  const setBackMs = (polledAt ?? at) - at;
  if (setBackMs > STALE_SCRAPES * scrapeMs) {
    return gap(
      'stale',
      `the clock was set back: what came until ${inSeconds(setBackMs)} later was counted already`,
    );
  }
  const ageMs = at - newest;
  if (ageMs > STALE_SCRAPES * scrapeMs) {
    const age = `the newest sample is ${inSeconds(ageMs)} old`;
    return gap('stale', `${age}, and there was one about every ${inSeconds(scrapeMs)}`);
  }
  if (counting.kind === 'latency' && !isBounded(seen)) {
    return gap(
      'empty',
      counting.isNative ? notNative(counting) : `a histogram ${counting.metric} has no bucket le="+Inf"`,
    );
  }
  return null;
}

function notNative({ metric }: Counting): string {
  return `${metric} holds plain numbers; that names a native histogram: for the buckets of a classic one write ${metric}_bucket`;
}

/** Every histogram says how many requests it holds. */
function isBounded({ targets }: SeenArm): boolean {
  const all = new Set<string>();
  const bounded = new Set<string>();
  for (const { rows } of targets.values()) {
    for (const { histogram, upper } of rows.values()) {
      all.add(histogram);
      if (upper === Infinity) bounded.add(histogram);
    }
  }
  return bounded.size === all.size;
}

function inSeconds(ms: number): string {
  return formatDuration(ms < 1000 ? ms : Math.round(ms / 1000) * 1000);
}
