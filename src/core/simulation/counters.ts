/** Raw counters of the scripted world, as a Prometheus would have scraped them. */
import { parseSelector } from '../../spec/promql.ts';
import type { CounterSample, CounterSeries, CountersSource, MeasureRequest } from '../observation.ts';

/** Requests of one version that had one behavior. */
export interface Flow {
  readonly requests: number;
  readonly bad: number;
  readonly p99: number;
}

/** A request for raw counters. */
export type CountersRequest = MeasureRequest & { readonly source: CountersSource };

/** Bounds that client libraries give histograms, seconds. */
export const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** Labels under which services say how a request ended; a scenario's `bad` selects by one of them. */
const STATUS_LABELS = ['code', 'status', 'status_code'] as const;

/**
 * The series of a `counters` request for samples at `times` (Unix ms, rising): one of good requests and one of bad
 * ones, or the classic buckets of latencies that are spread exponentially around their p99.
 *
 * @param flowsUntil all that happened up to one of `times`
 */
export function counterSeries(
  request: CountersRequest,
  times: readonly number[],
  flowsUntil: (at: number) => readonly Flow[],
): CounterSeries[] {
  const labels = labelsOf(request);
  const flows = times.map((at) => [at, flowsUntil(at)] as const);
  const one = (extra: Readonly<Record<string, string>>, countOf: (flow: Flow) => number): CounterSeries => ({
    labels: { ...labels, ...extra },
    samples: flows.map(([at, parts]): CounterSample => {
      // Sums of products are a little off: 60 requests must not be counted as 59.
      const sum = parts.reduce((total, flow) => total + countOf(flow), 0);
      return [at, Math.floor(Number(sum.toPrecision(12)))];
    }),
  });
  if (request.source.isNative || labels['__name__']?.endsWith('_bucket')) {
    return [
      ...BOUNDS.map((bound) => one({ le: String(bound) }, (flow) => flow.requests * below(bound, flow.p99))),
      one({ le: '+Inf' }, ({ requests }) => requests),
    ];
  }
  return [
    one(statusLabels('200'), ({ requests, bad }) => requests - bad),
    one(statusLabels('500'), ({ bad }) => bad),
  ];
}

/** Labels of every series of a request. */
export function labelsOf({ source, version, versionLabel }: CountersRequest): CounterSeries['labels'] {
  const selector = parseSelector(source.selector);
  if (!selector.ok) return {};
  const { metric, matchers } = selector.value;
  const equal = matchers.filter(({ op }) => op === '=').map(({ label, value }) => [label, value]);
  return { __name__: metric, instance: version, ...Object.fromEntries(equal), [versionLabel]: version };
}

/** Labels that say how a request ended. */
export function statusLabels(code: string): Record<string, string> {
  return Object.fromEntries(STATUS_LABELS.map((label) => [label, code]));
}

/** The share of latencies up to `bound`, where they are spread exponentially around their p99. */
export function below(bound: number, p99: number): number {
  return p99 === 0 ? 1 : 1 - 0.01 ** (bound / p99);
}
