/** The series of one arm sorted out: which counters belong to which scrape target, under names that stay the same. */
import { type CounterSample, type CounterSeries, START_METRIC } from '../observation.ts';

/** One counter of a target. */
export interface Row {
  readonly labels: CounterSeries['labels'];
  /** Rising times, whatever the answer held. */
  samples: readonly CounterSample[];
  /** The buckets of one histogram of one target have the same. */
  readonly histogram: string;
  /** Bound of a bucket; null when there is none that can be read. */
  readonly upper: number | null;
  /** Lower bound of a bucket of a native histogram (see `CounterSeries`); null: it counts all up to `upper`. */
  readonly above: number | null;
}

export interface Target {
  /** By what tells it from the target's other counters. */
  readonly rows: Map<string, Row>;
  /** Samples of its start time; none when there are several processes behind it. */
  starts: readonly CounterSample[];
}

/**
 * By target: `job` and `instance` (Prometheus documentation, "Jobs and instances"). Series without an instance have a
 * key of their own, empty: nothing tells which of them were scraped together.
 */
export function targetsOf(
  series: readonly CounterSeries[],
  versionLabel: string,
): ReadonlyMap<string, Target> {
  const targets = new Map<string, Target>();
  const ambiguous = new Set<Target>();
  for (const { labels, samples, above = null } of series) {
    const key = keyOf(labels);
    let target = targets.get(key);
    if (target === undefined) {
      target = { rows: new Map(), starts: [] };
      targets.set(key, target);
    }
    const usable = samples.every(isCount) ? samples : samples.filter(isCount);
    if (labels['__name__'] === START_METRIC) {
      if (target.starts.length > 0) ambiguous.add(target);
      target.starts = usable;
    } else addRow(key, target, { labels, samples: usable, above }, versionLabel);
  }
  for (const target of ambiguous) target.starts = [];
  return targets;
}

function isCount([, value]: CounterSample): boolean {
  return Number.isFinite(value) && value >= 0;
}

function keyOf({ job = '', instance = '' }: CounterSeries['labels']): string {
  return instance === '' ? '' : `${escaped(job)},${escaped(instance)}`;
}

function addRow(
  targetKey: string,
  target: Target,
  { labels, samples, above }: Pick<Row, 'labels' | 'samples' | 'above'>,
  versionLabel: string,
): void {
  const bound = labels['le'];
  const upper = bound === undefined ? null : bound === '+Inf' ? Infinity : Number(bound);
  const series = seriesKey(labels, versionLabel);
  // A server writes "1" today and "1.0" after its next upgrade: to us it is the same bucket all the time.
  const key = upper === null ? series : `${series}&le=${bucketKey(above, upper)}`;
  const known = target.rows.get(key);
  if (known !== undefined) known.samples = [...known.samples, ...samples].sort(([a], [b]) => a - b);
  else {
    const histogram = `${targetKey}&${series}`;
    target.rows.set(key, { labels, samples, histogram, upper: Number.isNaN(upper) ? null : upper, above });
  }
}

/** The buckets of native histograms lie further apart than six digits tell (schema 8: 0.3 %), and are many. */
function bucketKey(above: number | null, upper: number): string {
  return above === null ? String(upper) : `${Number(above.toPrecision(6))}..${Number(upper.toPrecision(6))}`;
}

/** The labels that are neither the target's, nor the same for the whole arm, nor the bound of a bucket. */
function seriesKey(labels: CounterSeries['labels'], versionLabel: string): string {
  const parts: string[] = [];
  for (const label of Object.keys(labels).sort()) {
    if (label === 'job' || label === 'instance' || label === '__name__' || label === 'le') continue;
    if (label !== versionLabel) parts.push(`${label}=${escaped(labels[label] ?? '')}`);
  }
  return parts.join('&');
}

/** Kept short, because it is saved at each look. */
function escaped(text: string): string {
  return /[%&,=]/.test(text) ? text.replace(/[%&,=]/g, encodeURIComponent) : text;
}
