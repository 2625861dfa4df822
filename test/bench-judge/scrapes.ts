/** A tape as a Prometheus would have scraped it: the counters of processes that start, restart and are missed. */
import { START_METRIC } from '../../src/core/observation.ts';
import { createRandom } from '../../src/core/simulation/random.ts';
import type { Series } from '../metrics/real.ts';
import { BUCKETS, type Counts } from './sli.ts';
import type { Recorded, Tape } from './tape.ts';
import { POLL_SECONDS } from './world.ts';

/** Unix seconds of poll 0, a time of every interval's grid. */
export const ROLLOUT_AT = 1_700_000_100;
/** What a long-running process had counted before the tape, of each class. */
const COUNTED_BEFORE = 70_000;

/** One process after the other at one address. Times are polls: right after the scrape that belongs to one. */
export interface Target {
  readonly version: 'v1' | 'v2';
  readonly instance: string;
  /** -Infinity: before the tape. */
  readonly startedAfter: number;
  /** It starts anew, and counts from zero. */
  readonly restartedAfter?: readonly number[];
  readonly missed?: readonly number[];
  /** It is scraped so much later than the others, ms. */
  readonly laterMs?: number;
}

/** Unix seconds. */
export function timeOf(poll: number): number {
  return ROLLOUT_AT + poll * POLL_SECONDS;
}

/**
 * A scrape comes between four seconds and five before its poll, long enough to have arrived, and shows all requests of
 * it. Series are born with their first request; the requests of a version are spread over its targets.
 */
export function scrapesOf(tape: Tape, targets: readonly Target[], seed: number): Series[] {
  return targets.flatMap((target) => {
    const others = targets.filter(({ version }) => version === target.version);
    return targetScrapes(tape, target, others, seed);
  });
}

function targetScrapes(tape: Tape, target: Target, all: readonly Target[], seed: number): Series[] {
  const { id, sli, polls } = tape;
  const { version, instance, startedAfter, restartedAfter = [], missed = [], laterMs = 0 } = target;
  const random = createRandom(seed, `${id}/${instance}`, 0);
  const times: number[] = [];
  const starts: (number | null)[] = [];
  const rows = labelsOf(sli.kind).map((labels) => ({ labels, values: [] as (number | null)[] }));
  let startedAt = Math.max(startedAfter, -10_000);
  let counts = new Float64Array(sli.classes).fill(startedAfter === -Infinity ? COUNTED_BEFORE : 0);
  for (const poll of polls) {
    times.push(timeOf(poll.poll) + (laterMs - 4_000 - Math.floor(1_000 * random.next())) / 1_000);
    counts = counts.map((count, at) => count + partOf(poll, target, all, at));
    const isScraped = poll.poll > startedAfter && !missed.includes(poll.poll);
    starts.push(isScraped ? timeOf(startedAt) - 0.1 : null);
    const shown = sli.kind === 'errors' ? counts : cumulative(counts);
    // A histogram is born whole.
    const isBorn = (at: number) => (sli.kind === 'errors' ? counts[at]! : shown.at(-1)!) > 0;
    for (const [at, { values }] of rows.entries()) values.push(isScraped && isBorn(at) ? shown[at]! : null);
    if (restartedAfter.includes(poll.poll)) {
      startedAt = poll.poll;
      counts = new Float64Array(sli.classes);
    }
  }
  const own = { job: id, instance, version };
  const name = sli.kind === 'errors' ? 'http_requests_total' : 'http_request_ms_bucket';
  return [
    { name: START_METRIC, labels: own, values: starts, times },
    ...rows.map(({ labels, values }) => ({ name, labels: { ...own, ...labels }, values, times })),
  ];
}

function labelsOf(kind: Tape['sli']['kind']): Record<string, string>[] {
  if (kind === 'errors') return [{ code: '200' }, { code: '500' }];
  return [...BUCKETS.map(String), '+Inf'].map((le) => ({ le }));
}

/** The part of a poll's requests of one class that one of the running targets of its version has. */
function partOf(poll: Recorded, target: Target, all: readonly Target[], at: number): number {
  const running = all.filter(({ startedAfter }) => startedAfter < poll.poll);
  const place = running.indexOf(target);
  if (place < 0) return 0;
  const count = poll[target.version === 'v1' ? 'stable' : 'canary'][at]!;
  return Math.floor((count + place) / running.length);
}

function cumulative(counts: Counts): Counts {
  let below = 0;
  return counts.map((inside) => {
    below += inside;
    return below;
  });
}
