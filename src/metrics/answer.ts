/** Reading the body of an answer: numbers at one moment, or the samples of a range. */
import type { CounterSample, CounterSeries } from '../core/observation.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { bucketSeries, classicSamples } from './native.ts';
import type { Sample } from './sample.ts';

export interface Answer {
  /** A scalar is one sample without labels. */
  readonly samples: readonly Sample[];
  /** Of a range selector, and only where its samples were asked for. */
  readonly series?: readonly CounterSeries[];
  /** The server doubts its answer, e.g. a store behind it did not reply. `infos` are left out: they doubt nothing. */
  readonly warnings: readonly string[];
  /** Prometheus' clock minus ours in ms, to half a second, from its Date header; null without one. */
  readonly skewMs: number | null;
}

/**
 * refused: 400 or 422, or an answer that no number can be read from: asking again gives the same. connect: no
 * connection, or it broke. timeout: no answer in time, here or on the server. status: any other status. body: not
 * the answer of a Prometheus. aborted: the caller gave up.
 */
export interface Failure {
  readonly kind: 'refused' | 'connect' | 'timeout' | 'status' | 'body' | 'aborted';
  /** A clause for people, without secrets. */
  readonly detail: string;
}

/**
 * What a query is to give: numbers at one moment, or the samples of a range; or either with native histograms among
 * them, which are read by bucket (`native.ts`). Anything else is refused.
 */
export type Wanted = 'numbers' | 'samples' | 'histograms' | 'histogramSamples';

const UNREADABLE: Failure = { kind: 'body', detail: 'the answer of Prometheus cannot be read' };
const NATIVE: Failure = {
  kind: 'refused',
  detail: 'the query gives native histograms, not numbers: take a quantile, a fraction or a count of them',
};

/** The contents of a successful answer (Prometheus documentation, "HTTP API", "Expression query result formats"). */
export function readAnswer(text: string, wanted: Wanted): Result<Omit<Answer, 'skewMs'>, Failure> {
  const body = parseObject(text);
  const payload = body?.['data'];
  if (body?.['status'] !== 'success' || !isObject(payload)) {
    return err({ kind: 'body', detail: 'what answered is not the API of a Prometheus; check --prometheus' });
  }
  const { resultType: type, result } = payload;
  const warnings = Array.isArray(body['warnings']) ? body['warnings'].map(String) : [];
  const native = wanted === 'histograms' || wanted === 'histogramSamples';
  if (wanted === 'samples' || wanted === 'histogramSamples') {
    if (type !== 'matrix')
      return err({ kind: 'refused', detail: `the query gives a ${type}, not the samples of a range` });
    const series = readRows(result, {
      plain: { field: 'values', read: readSamples },
      native: { field: 'histograms', read: native ? bucketSeries : null },
    });
    return series.ok ? ok({ samples: [], series: series.value, warnings }) : series;
  }
  if (type !== 'vector' && type !== 'scalar') {
    return err({ kind: 'refused', detail: `the query gives a ${type}, not numbers at one moment` });
  }
  const samples =
    type === 'scalar'
      ? readScalar(result)
      : readRows(result, {
          plain: { field: 'value', read: readInstant },
          native: { field: 'histogram', read: native ? readHistogram : null },
        });
  return samples.ok ? ok({ samples: samples.value, warnings }) : samples;
}

/** From the contents of a row. Null: the whole answer cannot be read. */
type Read<T> = (labels: Sample['labels'], contents: unknown) => T[] | null;

interface Readers<T> {
  readonly plain: { readonly field: string; readonly read: Read<T> };
  /** Without `read`: refused where a row has nothing else. */
  readonly native: { readonly field: string; readonly read: Read<T> | null };
}

/** Rows of `metric`, each with one field or, where plain numbers and native histograms alternate, with both. */
function readRows<T>(result: unknown, { plain, native }: Readers<T>): Result<T[], Failure> {
  if (!Array.isArray(result)) return err(UNREADABLE);
  const rows: T[] = [];
  for (const row of result) {
    if (!isObject(row) || !isObject(row['metric'])) return err(UNREADABLE);
    const hasNative = row[native.field] !== undefined;
    if (row[plain.field] === undefined && hasNative && native.read === null) return err(NATIVE);
    const { field, read } = hasNative && native.read !== null ? { ...native, read: native.read } : plain;
    const known = read(row['metric'] as Record<string, string>, row[field]);
    if (known === null) return err(UNREADABLE);
    for (const one of known) rows.push(one);
  }
  return ok(rows);
}

function readInstant(labels: Sample['labels'], pair: unknown): Sample[] | null {
  const value = readValue(pair);
  return value === null ? null : [{ labels, value }];
}

function readHistogram(labels: Sample['labels'], pair: unknown): Sample[] | null {
  return classicSamples(labels, Array.isArray(pair) ? pair[1] : undefined);
}

function readSamples(labels: Sample['labels'], pairs: unknown): CounterSeries[] | null {
  if (!Array.isArray(pairs)) return null;
  const samples: CounterSample[] = [];
  for (const pair of pairs) {
    const value = readValue(pair);
    const seconds: unknown = Array.isArray(pair) ? pair[0] : undefined;
    if (value === null || typeof seconds !== 'number') return null;
    samples.push([Math.round(seconds * 1000), value]);
  }
  return [{ labels, samples }];
}

function readScalar(result: unknown): Result<Sample[], Failure> {
  const value = readValue(result);
  return value === null ? err(UNREADABLE) : ok([{ labels: {}, value }]);
}

/** `[time, "text"]`; the texts NaN, +Inf and -Inf are numbers too. */
function readValue(pair: unknown): number | null {
  const text: unknown = Array.isArray(pair) ? pair[1] : undefined;
  if (typeof text !== 'string' || text === '') return null;
  if (text === 'NaN') return Number.NaN;
  const infinite = /^([+-]?)Inf$/.exec(text);
  if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity;
  const value = Number(text);
  return Number.isNaN(value) ? null : value;
}

/** Null when `text` is no JSON object. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
