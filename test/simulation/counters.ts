/** The counters of the services as Prometheus has scraped them: what the sequential judge takes its evidence from. */
import type { CounterSample, Reading } from '../../src/core/observation.ts';
import { type CountersRequest, counterSeries, type Flow } from '../../src/core/simulation/counters.ts';
import { EPOCH_MS } from './epoch.ts';

/** Requests a second of one revision, and the share of them that fails. */
export interface Rate {
  readonly rps: number;
  readonly badShare: number;
}

export interface Counters {
  /** From now on the revisions of a Canary have these rates; one that is not named has no instance. */
  mark(name: string, rates: ReadonlyMap<string, Rate>): void;
  /** What Prometheus has when its clock shows `at`. */
  read(name: string, request: CountersRequest, at: number): Reading;
  /** True time since when no scrape was refused. */
  unbrokenSince(): number;
}

interface Mark {
  readonly from: number;
  readonly rates: ReadonlyMap<string, Rate>;
  /** What was counted before. */
  readonly base: ReadonlyMap<string, Flow>;
}

interface Scrape {
  /** On the clock of Prometheus, Unix ms. */
  readonly stamp: number;
  readonly at: number;
}

/** What is scraped at one time of the interval. */
interface Scrapes {
  next: number;
  readonly kept: Scrape[];
}

const SCRAPE_MS = 5_000;
/** Prometheus scrapes each target at a time of its own: each revision has one of these. */
const PHASES_MS = [0, 2_000] as const;
/** Stable is asked for half an hour before the rollout. */
const SCRAPES_KEPT = 480;
const MARKS_KEPT = 400;
const NOTHING: Flow = { requests: 0, bad: 0, p99: 0.1 };

/** `now`: true time. `offset`: by how much Prometheus' clock is ahead of it. */
export function createCounters(now: () => number, offset: () => number): Counters {
  const marks = new Map<string, Mark[]>();
  const phases = PHASES_MS.map((next): Scrapes => ({ next, kept: [] }));
  let refusedAt = 0;

  /** Samples that are not newer than the last one are refused, as Prometheus does once its clock was set back. */
  function scrape(): void {
    for (const [index, phase] of phases.entries()) {
      const least = now() - SCRAPES_KEPT * SCRAPE_MS;
      if (phase.next < least) phase.next = Math.ceil(least / SCRAPE_MS) * SCRAPE_MS + PHASES_MS[index]!;
      for (; phase.next <= now(); phase.next += SCRAPE_MS) {
        const stamp = EPOCH_MS + phase.next + offset();
        if (stamp > (phase.kept.at(-1)?.stamp ?? 0)) phase.kept.push({ stamp, at: phase.next });
        else refusedAt = phase.next;
      }
      phase.kept.splice(0, Math.max(0, phase.kept.length - SCRAPES_KEPT));
    }
  }

  function scrapesOf(version: string): readonly Scrape[] {
    return phases[(version.codePointAt(version.length - 1) ?? 0) % phases.length]!.kept;
  }

  function markAt(name: string, at: number): Mark | undefined {
    return marks.get(name)?.findLast(({ from }) => from <= at);
  }

  function flowAt(mark: Mark | undefined, revision: string, at: number): Flow {
    const { requests, bad, p99 } = mark?.base.get(revision) ?? NOTHING;
    const rate = mark?.rates.get(revision);
    if (mark === undefined || rate === undefined) return { requests, bad, p99 };
    const some = (rate.rps * (at - mark.from)) / 1_000;
    return { requests: requests + some, bad: bad + some * rate.badShare, p99 };
  }

  return {
    unbrokenSince() {
      scrape();
      return refusedAt;
    },
    mark(name, rates) {
      scrape();
      const all = marks.get(name) ?? [];
      const last = all.at(-1);
      const known = new Set([...(last?.base.keys() ?? []), ...(last?.rates.keys() ?? [])]);
      const base = new Map([...known].map((revision) => [revision, flowAt(last, revision, now())]));
      marks.set(name, [...all, { from: now(), rates, base }].slice(-MARKS_KEPT));
    },
    read(name, request, at) {
      scrape();
      const { version, windowMs } = request;
      const there = scrapesOf(version).filter(
        (one) =>
          one.stamp > at - windowMs && one.stamp <= at && markAt(name, one.at)?.rates.has(version) === true,
      );
      if (there.length === 0) return { kind: 'noData', why: 'empty', detail: 'no series' };
      const trueTimes = new Map<CounterSample[0], number>(there.map((one) => [one.stamp, one.at]));
      const series = counterSeries(request, [...trueTimes.keys()], (stamp) => {
        const time = trueTimes.get(stamp) ?? 0;
        return [flowAt(markAt(name, time), version, time)];
      });
      return { kind: 'series', series };
    },
  };
}
