/** Requests with known times on processes that come, go and are scraped: what Prometheus holds of them, and what was true. */
import fc from 'fast-check';
import type { CounterSample, CounterSeries, Reading } from '../../../src/core/observation.ts';

export const SCRAPE_MS = 15_000;
export const EPOCH_MS = 1_700_000_000_000;
/** Shorter than what makes a target forgotten. */
const LASTS_MS = 840_000;
export const BOUNDS = [0.1, 0.5, Infinity] as const;
const CODES = ['200', '404', '500', '503'] as const;

interface Request {
  /** Ms after the epoch. */
  readonly at: number;
  readonly code: string;
  /** Seconds. */
  readonly took: number;
}

interface Life {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly requests: readonly Request[];
}

/** A scrape target: one process after the other. */
export interface Injected {
  readonly instance: string;
  readonly lives: readonly Life[];
  readonly exportsStart: boolean;
  /** Label values that are there from the first scrape of a process on, at zero. */
  readonly initialized: readonly string[];
  /** Times of its scrapes that succeeded. */
  readonly scrapes: readonly number[];
}

/** @param fewest requests, of which those are left out for which no process was alive */
export function injectedTargets(instance: string, exportsStart: boolean, fewest = 0): fc.Arbitrary<Injected> {
  return fc
    .record({
      phase: fc.integer({ min: 0, max: SCRAPE_MS - 1 }),
      jitters: fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 60, maxLength: 60 }),
      missed: fc.array(fc.integer({ min: 0, max: 59 }), { maxLength: 25 }),
      /** Negative: it started before everything. */
      spans: fc.array(
        fc.record({
          down: fc.integer({ min: 0, max: 90_000 }),
          up: fc.integer({ min: 5_000, max: 500_000 }),
        }),
        { minLength: 1, maxLength: 5 },
      ),
      before: fc.integer({ min: -400_000, max: 300_000 }),
      requests: fc.array(
        fc.record({
          at: fc.integer({ min: -400_000, max: LASTS_MS }),
          code: fc.constantFrom(...CODES),
          took: fc.constantFrom(0.05, 0.2, 3),
        }),
        { minLength: fewest, maxLength: fewest + 120 },
      ),
      initialized: fc.subarray([...CODES]),
    })
    .map(({ phase, jitters, missed, spans, before, requests, initialized }) => {
      const lives: Life[] = [];
      let time = before;
      for (const { down, up } of spans) {
        const startedAt = time + down;
        const endedAt = startedAt + up;
        const own = requests.filter(({ at }) => at > startedAt && at <= endedAt);
        lives.push({ startedAt, endedAt, requests: own });
        time = endedAt;
      }
      const scrapes = jitters
        .map((jitter, index) => phase + index * SCRAPE_MS + jitter)
        .filter((at, index) => !missed.includes(index) && lifeAt(lives, at) !== undefined);
      return { instance, lives, exportsStart, initialized, scrapes };
    });
}

function lifeAt(lives: readonly Life[], at: number): Life | undefined {
  return lives.find(({ startedAt, endedAt }) => at > startedAt && at <= endedAt);
}

/** The answer to a range selector that ends at `to` and is `windowMs` long, on ratios (`null`) or on buckets. */
export function answerOf(
  targets: readonly Injected[],
  bounds: readonly number[] | null,
  to: number,
  windowMs: number,
): Reading {
  const series = targets.flatMap((target) => seriesOf(target, bounds, to - windowMs, to));
  const isCounter = ({ labels }: CounterSeries) => labels['__name__'] !== 'process_start_time_seconds';
  if (series.some(isCounter)) return { kind: 'series', series };
  return { kind: 'noData', why: 'empty', detail: 'no series' };
}

/** Its samples after `after` and not after `to`, both ms after the epoch. */
export function seriesOf(
  target: Injected,
  bounds: readonly number[] | null,
  after: number,
  to: number,
): CounterSeries[] {
  const scrapes = target.scrapes.filter((at) => at > after && at <= to);
  const own = { job: 'shop', instance: target.instance, version: 'v' };
  const all: CounterSeries[] = [];
  for (const code of CODES) {
    for (const bound of bounds ?? [null]) {
      const samples = scrapes.flatMap((at) => sampleOf(target, code, bound, at));
      const le = bound === null ? {} : { le: bound === Infinity ? '+Inf' : String(bound) };
      const labels = { ...own, __name__: bound === null ? 'r_total' : 's_bucket', code, ...le };
      if (samples.length > 0) all.push({ labels, samples });
    }
  }
  if (target.exportsStart && scrapes.length > 0) {
    const samples = scrapes.map((at): CounterSample => {
      return [EPOCH_MS + at, (EPOCH_MS + (lifeAt(target.lives, at)?.startedAt ?? 0)) / 1000];
    });
    all.push({ labels: { ...own, __name__: 'process_start_time_seconds' }, samples });
  }
  return all;
}

/** None before the first request of that code, unless it is initialized. */
function sampleOf(
  { lives, initialized }: Injected,
  code: string,
  bound: number | null,
  at: number,
): CounterSample[] {
  const life = lifeAt(lives, at);
  const past = life?.requests.filter((request) => request.code === code && request.at <= at) ?? [];
  if (past.length === 0 && !initialized.includes(code)) return [];
  return [[EPOCH_MS + at, past.filter(({ took }) => took <= (bound ?? Infinity)).length]];
}

/** Requests between two scrapes, which is as exactly as anybody can tell when they came. */
export interface Span {
  /** The scrape before, or the start of the process. Ms after the epoch. */
  readonly from: number;
  readonly requests: readonly Request[];
}

/** Follows polls over one target, knowing what was injected: what each of them is the first to show. */
export function createTruth(target: Injected): (to: number, windowMs: number) => readonly Span[] {
  let seenUntil = -Infinity;
  let last: { at: number; life: Life } | null = null;
  return (to, windowMs) => {
    const spans: Span[] = [];
    for (const at of target.scrapes) {
      if (at <= to - windowMs || at > to || at <= seenUntil) continue;
      const life = lifeAt(target.lives, at);
      if (life === undefined) continue;
      const from: number = last !== null && last.life === life ? last.at : life.startedAt;
      spans.push({ from, requests: life.requests.filter((one) => one.at > from && one.at <= at) });
      last = { at, life };
      seenUntil = at;
    }
    return spans;
  };
}
