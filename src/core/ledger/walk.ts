/** Counters of one target, sample by sample: how much each grew, and since when at the earliest. */
import type { CounterSample } from '../observation.ts';
import type { Row, Target } from './rows.ts';

/** What is remembered of one scrape target, as plain JSON. */
export interface TargetMemory {
  /** Time of its newest sample, Unix ms. */
  readonly at: number;
  /** When its process started, Unix ms by its own clock; null: unknown. */
  readonly startedAt: number | null;
  /** Last value of each series. */
  readonly values: Readonly<Record<string, number>>;
  /** Time of the last sample of those series that were not in the newest scrape. */
  readonly lags: Readonly<Record<string, number>>;
}

/** So many requests were counted after `from` and not after the sample at `to`, both Unix ms. */
export interface Growth {
  readonly row: Row;
  readonly amount: number;
  readonly from: number;
  readonly to: number;
}

interface Restart {
  /** First sample of the new process. */
  readonly at: number;
  readonly startedAt: number;
}

/** A target, or a series beyond the few below, is forgotten when it had no sample for that long, and new when it is back. */
export const FORGOTTEN_AFTER_MS = 15 * 60_000;
/** Of the series that a living target no longer shows so many are remembered: label values come and go for ever. */
const VANISHED_KEPT = 20;
/** Boot times are rounded and corrected: a start time that moves by less is the same start. */
const SAME_START_MS = 2_000;
/** By how much a target's clock may be behind ours for its restarts still to be believed. */
const CLOCKS_DIFFER_MS = 30_000;

/**
 * The growth between each two samples of a counter in a row is their difference, or the whole of the second one after a
 * restart: when it is smaller, or when the process started between the two. A counter's first sample counts in full
 * where it is known to have begun at zero: on a target that was scraped before without it, or that is new and whose
 * process started after `forgottenAt`. Everywhere else it counts nothing.
 *
 * @param isNamed false for counters of no known target
 */
export function walkTarget(
  memory: TargetMemory | undefined,
  target: Target,
  isNamed: boolean,
  forgottenAt: number | null,
): { readonly memory: TargetMemory; readonly growths: readonly Growth[] } {
  const starts = isNamed ? target.starts : [];
  const restarts = restartsIn(memory, starts);
  const growths: Growth[] = [];
  const values: Record<string, number> = { ...memory?.values };
  const times = timesOf(memory);
  for (const [key, row] of target.rows) {
    let before: CounterSample | undefined;
    if (times[key] !== undefined) before = [times[key], values[key] ?? 0];
    // What a counter that no poll showed did before the last one is older than the ledger, or arrived too late for it.
    const accountedFor = before === undefined ? (memory?.at ?? -Infinity) : -Infinity;
    for (const sample of row.samples) {
      const to = sample[0];
      if (before === undefined ? isOfOldProcess(memory, starts, to) : to <= before[0]) continue;
      if (to > accountedFor) {
        const grown =
          before !== undefined
            ? growth(target, before, sample, restarts)
            : isNamed
              ? firstGrowth(memory, target, sample, forgottenAt)
              : null;
        if (grown !== null) growths.push({ row, to, ...grown });
      }
      before = sample;
    }
    if (before !== undefined) [times[key], values[key]] = before;
  }
  return { memory: remember(memory, starts, values, times, restarts), growths };
}

/** Time of each series' last sample. */
function timesOf(memory: TargetMemory | undefined): Record<string, number> {
  const times: Record<string, number> = {};
  if (memory === undefined) return times;
  for (const key of Object.keys(memory.values)) times[key] = memory.lags[key] ?? memory.at;
  return times;
}

function growth(
  target: Target,
  [at, value]: CounterSample,
  [to, grown]: CounterSample,
  restarts: readonly Restart[],
): Pick<Growth, 'amount' | 'from'> {
  const restart = restarts.findLast((one) => one.at > at && one.at <= to);
  if (restart === undefined) return { amount: grown < value ? grown : grown - value, from: at };
  // The new process may have been scraped without this counter.
  return { amount: grown, from: within(restart.startedAt, lastScrapeBefore(to, at, target), to) };
}

function firstGrowth(
  memory: TargetMemory | undefined,
  target: Target,
  [to, value]: CounterSample,
  forgottenAt: number | null,
): Pick<Growth, 'amount' | 'from'> | null {
  const start = startAt(memory, target.starts, to);
  const scrapedAt = scrapedWithout(memory, target, to);
  if (scrapedAt !== null) return { amount: value, from: within(start ?? scrapedAt, scrapedAt, to) };
  if (start === null || start <= (forgottenAt ?? -Infinity)) return null;
  return { amount: value, from: Math.min(start, to) };
}

/**
 * The last scrape of the target before `at`, when a counter was first seen; null where none is sure. That two samples
 * lie side by side does not make them one scrape: exporters may give times of their own. A counter that an earlier poll
 * did not have was not there, though, and one with the very time of a start time was scraped with it.
 */
function scrapedWithout(memory: TargetMemory | undefined, target: Target, at: number): number | null {
  if (memory !== undefined) return lastScrapeBefore(at, memory.at, target);
  if (!target.starts.some(([sampledAt]) => sampledAt === at)) return null;
  return target.starts.findLast(([sampledAt]) => sampledAt < at)?.[0] ?? null;
}

/** The start of the process that was scraped at `at`; what a poll knows that ends before the one before it is older. */
function startAt(
  memory: TargetMemory | undefined,
  starts: readonly CounterSample[],
  at: number,
): number | null {
  const after = memory?.at ?? -Infinity;
  const start = starts.findLast(([sampledAt]) => sampledAt <= at && sampledAt > after);
  return start === undefined ? (memory?.startedAt ?? null) : start[1] * 1000;
}

/** A window may reach back behind the restart that made a counter forgotten: what it was before is no baseline. */
function isOfOldProcess(
  memory: TargetMemory | undefined,
  starts: readonly CounterSample[],
  at: number,
): boolean {
  if (memory === undefined || memory.startedAt === null || at > memory.at) return false;
  const start = starts.findLast(([sampledAt]) => sampledAt <= at);
  return start !== undefined && start[1] * 1000 < memory.startedAt - SAME_START_MS;
}

function lastScrapeBefore(at: number, known: number, { rows, starts }: Target): number {
  let last = known;
  for (const samples of [starts, ...[...rows.values()].map((row) => row.samples)]) {
    for (const [sampledAt] of samples) if (sampledAt < at && sampledAt > last) last = sampledAt;
  }
  return last;
}

/**
 * A later start time is a restart only where it lies after the last sample of the process before: that of a machine
 * whose clock was set forward moves too, but not to there.
 */
function restartsIn(memory: TargetMemory | undefined, starts: readonly CounterSample[]): readonly Restart[] {
  const restarts: Restart[] = [];
  let known = memory?.startedAt ?? null;
  let seenAt = memory?.at ?? -Infinity;
  for (const [at, seconds] of starts) {
    if (at <= seenAt) continue;
    const startedAt = seconds * 1000;
    const isLater = known !== null && startedAt > known + SAME_START_MS;
    if (isLater && startedAt >= seenAt - CLOCKS_DIFFER_MS) restarts.push({ at, startedAt });
    known = startedAt;
    seenAt = at;
  }
  return restarts;
}

/**
 * Series that the process before had, and the new one not yet, are forgotten: they will begin at zero. So are those that
 * vanished long ago, but for the last few, which may come back with their old value.
 */
function remember(
  memory: TargetMemory | undefined,
  starts: readonly CounterSample[],
  values: Record<string, number>,
  times: Readonly<Record<string, number>>,
  restarts: readonly Restart[],
): TargetMemory {
  const restartedAt = restarts.at(-1)?.at ?? -Infinity;
  let at = Math.max(memory?.at ?? 0, starts.at(-1)?.[0] ?? 0);
  for (const sampledAt of Object.values(times)) at = Math.max(at, sampledAt);
  const lags: Record<string, number> = {};
  for (const [key, sampledAt] of Object.entries(times)) {
    if (sampledAt < restartedAt) delete values[key];
    else if (sampledAt < at) lags[key] = sampledAt;
  }
  for (const key of longGone(lags, at)) {
    delete values[key];
    delete lags[key];
  }
  return { at, startedAt: startAt(memory, starts, at), values, lags };
}

function longGone(lags: Readonly<Record<string, number>>, at: number): readonly string[] {
  const gone = Object.keys(lags).filter((key) => (lags[key] ?? at) < at - FORGOTTEN_AFTER_MS);
  if (gone.length <= VANISHED_KEPT) return [];
  return gone.sort((a, b) => (lags[b] ?? at) - (lags[a] ?? at)).slice(VANISHED_KEPT);
}

function within(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
