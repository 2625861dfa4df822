/** Native histograms of an answer, read as what classic ones are made of: one number for each of their buckets. */
import type { CounterSample, CounterSeries } from '../core/observation.ts';
import type { Sample } from './sample.ts';

interface NativeBucket {
  readonly above: number;
  readonly upper: number;
  readonly count: number;
}

interface Native {
  readonly count: number;
  /** Bounds rising, empty buckets left out. */
  readonly buckets: readonly NativeBucket[];
}

/**
 * The classic histogram with the bounds that this one has: cumulative, by `le`. What is no number is in +Inf alone.
 * Null when `contents` is none. Source: Prometheus documentation, "HTTP API", "Native histograms".
 */
export function classicSamples(labels: Sample['labels'], contents: unknown): Sample[] | null {
  const native = readNative(contents);
  if (native === null) return null;
  const samples: Sample[] = [];
  const add = (upper: number, value: number) =>
    samples.push({ labels: { ...labels, le: boundText(upper) }, value });
  let below = 0;
  let last = -Infinity;
  for (const { above, upper, count } of native.buckets) {
    if (above > last) add(above, below);
    below += count;
    if (upper < Infinity) add(upper, below);
    last = upper;
  }
  add(Infinity, Math.max(below, native.count));
  return samples;
}

/**
 * The buckets of one series over a range as counters, each with zeros where a sample does not have it, and the whole
 * histogram. Null when `contents` are none.
 */
export function bucketSeries(labels: Sample['labels'], contents: unknown): CounterSeries[] | null {
  if (!Array.isArray(contents)) return null;
  const times: number[] = [];
  const counters = new Map<string, { bounds: Omit<NativeBucket, 'count'>; counts: Map<number, number> }>();
  for (const [place, pair] of contents.entries()) {
    const native = readNative(Array.isArray(pair) ? pair[1] : undefined);
    const seconds: unknown = Array.isArray(pair) ? pair[0] : undefined;
    if (native === null || typeof seconds !== 'number') return null;
    times.push(Math.round(seconds * 1000));
    for (const { count, ...bounds } of countersOf(native)) {
      const key = `${bounds.above}..${bounds.upper}`;
      const counter = counters.get(key);
      if (counter === undefined) counters.set(key, { bounds, counts: new Map([[place, count]]) });
      else counter.counts.set(place, count);
    }
  }
  return [...counters.values()].map(({ bounds: { above, upper }, counts }) => ({
    labels: { ...labels, le: boundText(upper) },
    above,
    samples: times.map((at, place): CounterSample => [at, counts.get(place) ?? 0]),
  }));
}

function countersOf({ count, buckets }: Native): readonly NativeBucket[] {
  const inBuckets = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  const whole = { above: -Infinity, upper: Infinity, count };
  // Sums of fractions are a little off, and would look like observations.
  const isWhole = inBuckets >= count * (1 - 1e-9);
  const noNumbers = isWhole ? [] : [{ above: Infinity, upper: Infinity, count: count - inBuckets }];
  return [whole, ...buckets, ...noNumbers];
}

function readNative(value: unknown): Native | null {
  if (typeof value !== 'object' || value === null || !('count' in value)) return null;
  const count = Number(value.count);
  const listed: unknown = 'buckets' in value ? value.buckets : [];
  if (!(count >= 0) || !Array.isArray(listed)) return null;
  const buckets: NativeBucket[] = [];
  for (const bucket of listed) {
    if (!Array.isArray(bucket)) return null;
    const [above = Number.NaN, upper = Number.NaN, own = Number.NaN] = bucket.slice(1).map(readBound);
    if (!(above < upper && own >= 0)) return null;
    if (own > 0) buckets.push({ above, upper, count: own });
  }
  return { count, buckets: buckets.sort((a, b) => a.upper - b.upper) };
}

function readBound(text: unknown): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}

function boundText(bound: number): string {
  return bound === Infinity ? '+Inf' : String(bound);
}
