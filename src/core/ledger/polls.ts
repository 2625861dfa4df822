/** When counters are polled and how far back: Canaries looked at together ask for one time, so that they travel together. */

import type { CounterSample, MeasureRequest } from '../observation.ts';
import type { SeenArm } from './arm.ts';
import type { Counting } from './counting.ts';
import type { Target } from './rows.ts';

const USUAL_SCRAPES_MS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300].map((seconds) => seconds * 1000);
/** `global.scrape_interval` where a configuration does not say it (Prometheus documentation, "Configuration"). */
const USUAL_SCRAPE_MS = 60_000;
/** Scrapes come a little early and late. */
const JITTER = 0.95;
const LONGEST_WINDOW_MS = 3_600_000;
/**
 * A sample carries the time at which its scrape began, and can be read once that has ended. One that takes longer than
 * this is counted by the next poll.
 */
const ARRIVAL_MS = 2_000;
/** Looks made together come up to a tenth of an interval early. */
const TIMES_PER_INTERVAL = 10;

export interface PollPlan {
  /** Unique in its look. */
  readonly id: string;
  readonly version: string;
  readonly versionLabel: string;
  readonly intervalMs: number;
  /** Unix ms. */
  readonly now: number;
  /** Of the ledger: see there. */
  readonly polledAt: number | null;
  readonly scrapeMs: number;
}

/**
 * The request for one arm's counters: at the last time of the grid, a tenth of the interval apart, at which what was
 * scraped before has arrived. The window reaches two scrapes behind the poll before, and is doubled while polls were
 * missed, up to an hour: what lies further back is only seen as growth between two samples.
 */
export function countersRequest(counting: Counting, plan: PollPlan): MeasureRequest {
  const { id, version, versionLabel, intervalMs, scrapeMs, now, polledAt } = plan;
  const gridMs = Math.ceil(intervalMs / TIMES_PER_INTERVAL);
  const at = Math.floor((now - Math.min(ARRIVAL_MS, scrapeMs)) / gridMs) * gridMs;
  const needed = polledAt === null ? 0 : at - polledAt + 2 * scrapeMs;
  let windowMs = leastWindowMs(intervalMs, scrapeMs);
  while (windowMs < needed && windowMs < LONGEST_WINDOW_MS)
    windowMs = Math.min(2 * windowMs, LONGEST_WINDOW_MS);
  const native = counting.isNative ? ({ isNative: true } as const) : {};
  const source = { kind: 'counters', selector: counting.selector, ...native } as const;
  return { id, source, version, versionLabel, windowMs, at, intervalMs };
}

/** How far back a poll reaches that missed none before it, and the first one. */
export function leastWindowMs(intervalMs: number, scrapeMs: number): number {
  return intervalMs + 2 * scrapeMs;
}

/**
 * A first guess from a metric's window, which holds at least four scrapes, and no less than what Prometheus does by
 * itself: too long a guess only asks for more, one that is too short takes what was just scraped for stale.
 */
export function guessedScrapeMs(windowMs: number): number {
  return Math.max(USUAL_SCRAPE_MS, usual(windowMs / 4));
}

/**
 * Time between two scrapes of an arm, rounded up to what people configure; null where it has no two samples. Of the
 * times between samples next to each other the lower quartile is taken: missed scrapes make some of them longer.
 * Where each poll sees one sample of a target, those of the poll before count.
 */
export function scrapeOf({ targets, memory }: SeenArm): number | null {
  const inside: number[] = [];
  const across: number[] = [];
  for (const [key, target] of targets) {
    let last = memory.targets[key]?.at ?? null;
    let into = across;
    for (const [at] of longest(target)) {
      if (last !== null) into.push(at - last);
      last = at;
      into = inside;
    }
  }
  const gaps = (inside.length > 0 ? inside : across).filter((gap) => gap > 0).sort((a, b) => a - b);
  const quartile = gaps[Math.floor(gaps.length / 4)];
  return quartile === undefined ? null : usual(quartile);
}

function longest({ rows, starts }: Target): readonly CounterSample[] {
  let most = starts;
  for (const { samples } of rows.values()) if (samples.length > most.length) most = samples;
  return most;
}

function usual(ms: number): number {
  return USUAL_SCRAPES_MS.find((usualMs) => usualMs >= ms * JITTER) ?? ms;
}
