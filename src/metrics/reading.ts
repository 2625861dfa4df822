/** From the rows of an answer to readings: what counts as a value, as no data and as an error. */
import { type CounterSeries, type Reading, START_METRIC } from '../core/observation.ts';
import { formatDuration } from '../lib/duration.ts';
import { type Bucket, observationsOf, quantileOf } from './histogram.ts';
import { PART_LABEL, PARTS, type Pair, type Shape } from './promql.ts';
import type { Sample } from './sample.ts';

/** A newest sample older than this many scrape intervals says nothing about now. */
const STALE_SCRAPES = 2.5;

/** The rows of one pair. Undefined: the answer has none. */
export interface Parts {
  main: number | undefined;
  bad: number | undefined;
  /** Unix seconds. */
  newest: number | undefined;
  samples: number | undefined;
  /** `main` of a latency, bucket by bucket. */
  readonly buckets: Bucket[];
}

/**
 * The rows of a batch's answer by pair, in the order of `pairs`. Rows of pairs that were not asked for are left out:
 * an alternation of names and one of versions also match each name with the versions of the others.
 */
export function splitAnswer(
  shape: Shape,
  label: string | null,
  pairs: readonly Pair[],
  samples: readonly Sample[],
): readonly Parts[] {
  const all = pairs.map((): Parts => {
    return { main: undefined, bad: undefined, newest: undefined, samples: undefined, buckets: [] };
  });
  const partsOf = finderIn(all, shape, label, pairs);
  for (const { labels, value } of samples) {
    const parts = partsOf(labels);
    if (parts !== undefined) takeRow(parts, labels, value);
  }
  return all;
}

/** The same for the series of counters. */
export function splitSeries(
  shape: Shape,
  label: string | null,
  pairs: readonly Pair[],
  series: readonly CounterSeries[],
): readonly (readonly CounterSeries[])[] {
  const all = pairs.map((): CounterSeries[] => []);
  const ownOf = finderIn(all, shape, label, pairs);
  for (const one of series) ownOf(one.labels)?.push(one);
  return all;
}

/** Finds by a row's labels what `all` holds for its pair; undefined where nobody asked for it. */
function finderIn<T>(
  all: readonly T[],
  { versionLabel }: Shape,
  label: string | null,
  pairs: readonly Pair[],
): (labels: Sample['labels']) => T | undefined {
  const index = new Map(pairs.map(({ name, version }, place) => [placeOf(name, version), place]));
  return (labels) => {
    const name = label === null ? '' : (labels[label] ?? '');
    const place = index.get(placeOf(name, labels[versionLabel] ?? ''));
    return place === undefined ? undefined : all[place];
  };
}

function placeOf(name: string, version: string): string {
  return `${name}\u0000${version}`;
}

function takeRow(parts: Parts, labels: Sample['labels'], value: number): void {
  const part = labels[PART_LABEL];
  const bound = labels['le'];
  if (part === PARTS.bad) parts.bad = value;
  else if (part === PARTS.newest) parts.newest = value;
  else if (part === PARTS.samples) parts.samples = value;
  else if (bound === undefined) parts.main = value;
  else {
    const upper = bound === '+Inf' ? Infinity : Number(bound);
    if (!Number.isNaN(upper)) parts.buckets.push({ upper, count: value });
  }
}

/**
 * The reading of one pair at `at` (Unix ms). `requests` is `rate` times the window's length, which is what Prometheus'
 * `increase()` gives: the counted growth extrapolated to the whole window, so not always a whole number, here to a thousandth.
 */
export function readParts(shape: Shape, parts: Parts, at: number): Reading {
  if (shape.kind === 'presence') {
    return parts.main === undefined ? empty(`no series of ${shape.main.metric}`) : finite(parts.main, null);
  }
  const window = formatDuration(shape.windowMs);
  const perSecond = shape.kind === 'ratio' ? parts.main : observationsOf(parts.buckets);
  if (perSecond === undefined && parts.samples === undefined && parts.newest === undefined) {
    const isClassic = shape.kind === 'latency' && !shape.isNative;
    const which = isClassic ? `${shape.main.metric} with le="+Inf"` : shape.main.metric;
    return empty(`no series of ${which} in the last ${window}${unlessNative(shape)}`);
  }
  if (shape.isNative && parts.main !== undefined && parts.buckets.length === 0) {
    return empty(`${shape.main.metric} holds plain numbers${unlessNative(shape)}`);
  }
  if (perSecond === undefined && parts.samples !== undefined) {
    return empty(`fewer than two samples of ${shape.main.metric} in the last ${window}`);
  }
  const stale = staleness(shape, parts, at);
  if (stale !== null || perSecond === undefined) {
    return { kind: 'noData', why: 'stale', detail: stale ?? `no sample in the last ${window}` };
  }
  const requests = roundedOff(perSecond * (shape.windowMs / 1000));
  if (perSecond === 0) return { kind: 'noData', why: 'nan', detail: `no requests in the last ${window}` };
  if (shape.kind === 'ratio') return finite((parts.bad ?? 0) / perSecond, requests);
  const quantile = quantileOf(shape.quantile ?? Number.NaN, parts.buckets);
  if (quantile.kind === 'above') return { kind: 'above', bound: quantile.bound, requests };
  return quantile.kind === 'value'
    ? finite(quantile.value, requests)
    : { kind: 'noData', why: 'nan', detail: `${shape.main.metric} has no bucket below +Inf` };
}

/** The reading of counters: their series as they are, which only the ledger can judge. */
export function readSeries(shape: Shape, series: readonly CounterSeries[]): Reading {
  if (series.some(({ labels }) => labels['__name__'] !== START_METRIC)) return { kind: 'series', series };
  const window = formatDuration(shape.windowMs);
  return empty(`no series of ${shape.main.metric} in the last ${window}${unlessNative(shape)}`);
}

/** What to do where a native histogram was named, maybe by mistake. */
function unlessNative({ main, isNative }: Shape): string {
  return isNative
    ? `; that names a native histogram: for the buckets of a classic one write ${main.metric}_bucket`
    : '';
}

/** The reading of a free query, which must give one number: one series or a scalar. */
export function readFree(samples: readonly Sample[]): Reading {
  const [first, second] = samples;
  if (first === undefined) return empty('the query found no series');
  if (second === undefined) return finite(first.value, null);
  const detail = `the query gives ${samples.length} series where one number is expected, such as ${JSON.stringify(first.labels)} and ${JSON.stringify(second.labels)}; aggregate them, for example with sum()`;
  return { kind: 'error', structural: true, code: 'PROM_MANY_SERIES', detail };
}

/**
 * Null when the newest sample is young enough. How often series are scraped is not asked for but follows from how
 * many samples lie between the start of the window and the newest one: with `n` of them in a time of `d`, the interval
 * lies between d/n and d/(n-1), and d/(n-0.5) is taken. Series that began inside of the window make it look longer,
 * never shorter. A newest sample that an instant query does not see was marked stale by Prometheus.
 */
function staleness(shape: Shape, { newest, samples }: Parts, at: number): string | null {
  if (newest === undefined) return 'the last scrape failed, or the targets are gone';
  const ageMs = at - newest * 1000;
  const age = `the newest sample is ${inSeconds(ageMs)} old`;
  if (samples === undefined) return age;
  const scrapeMs = (shape.windowMs - ageMs) / (samples - 0.5);
  return ageMs <= STALE_SCRAPES * scrapeMs
    ? null
    : `${age}, and there was one about every ${inSeconds(scrapeMs)}`;
}

function inSeconds(ms: number): string {
  return formatDuration(ms < 1000 ? ms : Math.round(ms / 1000) * 1000);
}

/** Sixty requests come as 59.99999999999999, and must be enough where sixty are needed. */
function roundedOff(requests: number): number {
  return Math.round(requests * 1000) / 1000;
}

function finite(value: number, requests: number | null): Reading {
  if (Number.isFinite(value)) return { kind: 'value', value, requests };
  return {
    kind: 'noData',
    why: 'nan',
    detail: `the result is ${Number.isNaN(value) ? 'not a number' : value}`,
  };
}

function empty(detail: string): Reading {
  return { kind: 'noData', why: 'empty', detail };
}
