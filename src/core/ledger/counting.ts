/** What of a metric can be counted from raw counters, and which of them are bad. */
import { err, ok, type Result } from '../../lib/result.ts';
import type { MetricSource } from '../../spec/canary.ts';
import { type Labels, readMatchers } from '../../spec/match.ts';
import { isNativeHistogram, parseSelector, type Selector } from '../../spec/promql.ts';

export interface Counting {
  readonly kind: 'ratio' | 'latency';
  /** Everything that is counted: all requests of a ratio, all buckets of a latency. Without the version. */
  readonly selector: string;
  /** Its metric, for messages. */
  readonly metric: string;
  /** It names native histograms. */
  readonly isNative?: true;
  /** Whether what a series counts is bad; for a latency nothing is. */
  isBad(labels: Labels): boolean;
}

/** Reading a selector costs more than a poll; a declaration stays the same object while it is loaded. */
const known = new WeakMap<MetricSource, Result<Counting, string>>();

/**
 * Counted are a ratio whose `bad` and `total` are one metric, and the buckets of a latency. `total` alone is asked
 * for, and `bad` picks from its series in code, so that what is bad is never more than what there is. A matcher of
 * `total` that `bad` lacks holds for both, therefore. The error is a sentence that says why a metric cannot be counted.
 */
export function countingOf(source: MetricSource): Result<Counting, string> {
  let counting = known.get(source);
  if (counting === undefined) {
    counting = readCounting(source);
    known.set(source, counting);
  }
  return counting;
}

function readCounting(source: MetricSource): Result<Counting, string> {
  if (source.kind === 'latency') {
    const buckets = readSelector(source.histogram);
    if (!buckets.ok) return buckets;
    const { metric } = buckets.value;
    const native = isNativeHistogram(buckets.value) ? ({ isNative: true } as const) : {};
    return ok({ kind: 'latency', selector: source.histogram, metric, ...native, isBad: () => false });
  }
  if (source.kind !== 'ratio') {
    const detail = source.kind === 'query' ? 'a query gives one number' : 'an alert gives none';
    return err(`Only ratio and latency count requests, ${detail}.`);
  }
  const total = readSelector(source.total);
  if (!total.ok) return total;
  const bad = readSelector(source.bad);
  if (!bad.ok) return bad;
  const { metric } = total.value;
  if (bad.value.metric !== metric) {
    return err(`bad and total must be the same metric, found ${bad.value.metric} and ${metric}.`);
  }
  const isBad = readMatchers(bad.value.matchers);
  if (!isBad.ok) return err(`bad cannot be told from total: ${isBad.error}; write it more simply.`);
  return ok({ kind: 'ratio', selector: source.total, metric, isBad: isBad.value });
}

function readSelector(text: string): Result<Selector, string> {
  const selector = parseSelector(text);
  return selector.ok ? selector : err(`The selector ${text} cannot be read: ${selector.error.detail}.`);
}
