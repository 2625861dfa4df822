/** Whether the daemon grows: the last quarter of a soak against the second one, in which the same process lives. */
import { quantile } from '../bench/quantile.ts';
import type { Sample } from './samples.ts';

export interface Comparison {
  readonly name: string;
  readonly second: number;
  readonly last: number;
  /** What the last quarter must not be above. */
  readonly most: number;
  /** In words: where `most` comes from. */
  readonly tolerance: string;
  readonly unit: 'MiB' | 'KiB' | '';
}

const MIB = 2 ** 20;
/** `cache_size` of the database: memory that fills as the file grows, up to here. */
const PAGE_CACHE_BYTES = 16 * MIB;
const WAL_BYTES = 32 * MIB;
const HANDLES = 8;
const RATIO = 1.1;
const GROWTH_RATIO = 1.25;

export function isFlat({ last, most }: Comparison): boolean {
  return last <= most;
}

/** Empty when there are not enough samples of both quarters. */
export function compareQuarters(samples: readonly Sample[], durationMs: number): readonly Comparison[] {
  const second = samplesOf(samples, durationMs, 2);
  const last = samplesOf(samples, durationMs, 4);
  if (second.length < 2 || last.length < 2) return [];
  return [...memory(second, last), handles(second, last), writeAheadLog(second, last), growth(second, last)];
}

function samplesOf(samples: readonly Sample[], durationMs: number, quarter: number): readonly Sample[] {
  const from = ((quarter - 1) / 4) * durationMs;
  return samples.filter(({ atMs }) => atMs > from && atMs <= from + durationMs / 4);
}

function memory(second: readonly Sample[], last: readonly Sample[]): Comparison[] {
  const cacheMiB = (cached(last) - cached(second)) / MIB;
  const rss = (quarter: readonly Sample[]) => median(quarter, ({ rssBytes }) => rssBytes / MIB);
  const heap = (quarter: readonly Sample[]) =>
    median(
      quarter.filter(({ isCollected }) => isCollected),
      ({ heapBytes, externalBytes }) => (heapBytes + externalBytes) / MIB,
    );
  const percent = Math.round((RATIO - 1) * 100);
  return [
    {
      name: 'resident memory, median',
      second: rss(second),
      last: rss(last),
      most: rss(second) * RATIO + cacheMiB,
      tolerance: `+ ${percent} %, and ${cacheMiB.toFixed(0)} MiB by which the page cache filled`,
      unit: 'MiB',
    },
    {
      name: 'heap and what it holds, after a full collection, median',
      second: heap(second),
      last: heap(last),
      most: heap(second) * RATIO + 4,
      tolerance: `+ ${percent} % and 4 MiB`,
      unit: 'MiB',
    },
  ];
}

/** How much of the page cache can be in use. */
function cached(quarter: readonly Sample[]): number {
  return Math.min(
    PAGE_CACHE_BYTES,
    median(quarter, ({ databaseBytes }) => databaseBytes),
  );
}

/** History is kept, so the database grows: by the same for each rollout that ends. */
function growth(second: readonly Sample[], last: readonly Sample[]): Comparison {
  const perRollout = (quarter: readonly Sample[]) => {
    const [first] = quarter;
    const end = quarter.at(-1);
    if (first === undefined || end === undefined) return Number.NaN;
    return (
      (end.databaseBytes - first.databaseBytes) / 1024 / Math.max(1, end.rolloutsEnded - first.rolloutsEnded)
    );
  };
  return {
    name: 'growth of the database for each rollout that ended',
    second: perRollout(second),
    last: perRollout(last),
    most: perRollout(second) * GROWTH_RATIO,
    tolerance: `+ ${Math.round((GROWTH_RATIO - 1) * 100)} %`,
    unit: 'KiB',
  };
}

/** What leaks is in every sample; connections that a fault makes all at once are in one or two. */
function handles(second: readonly Sample[], last: readonly Sample[]): Comparison {
  const usual = (quarter: readonly Sample[]) =>
    quantile(
      quarter.map((sample) => sample.handles),
      0.9,
    );
  return {
    name: 'open file descriptors, nine samples in ten at most',
    second: usual(second),
    last: usual(last),
    most: usual(second) + HANDLES,
    tolerance: `+ ${HANDLES}`,
    unit: '',
  };
}

function writeAheadLog(second: readonly Sample[], last: readonly Sample[]): Comparison {
  const most = (quarter: readonly Sample[]) => Math.max(...quarter.map(({ walBytes }) => walBytes / MIB));
  return {
    name: 'write-ahead log, most',
    second: most(second),
    last: most(last),
    most: most(second) + WAL_BYTES / MIB,
    tolerance: `+ ${WAL_BYTES / MIB} MiB, two checkpoints`,
    unit: 'MiB',
  };
}

function median(samples: readonly Sample[], of: (sample: Sample) => number): number {
  return quantile(samples.map(of), 0.5);
}
