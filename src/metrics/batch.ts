/** The port to metrics on Prometheus: requests that come close together become few queries, and their answers come apart again. */
import type { MeasureRequest, Reading } from '../core/observation.ts';
import type { Clock } from '../lib/clock.ts';
import { err, type Result } from '../lib/result.ts';
import type { Answer, Failure, Wanted } from './answer.ts';
import { createApart } from './apart.ts';
import type { Measure } from './measure.ts';
import { type Ask, type Batch, halve, planBatches, queryOf, type Unit } from './plan.ts';
import type { Prometheus } from './prometheus.ts';
import { createShapeReader, singleQuery } from './promql.ts';
import { readFree, readParts, readSeries, splitAnswer, splitSeries } from './reading.ts';
import { createSlots } from './slots.ts';

const DEADLINE_MS = 10_000;
const CONCURRENCY = 8;
const BATCH_MS = 25;

export interface MeasureOptions {
  readonly prometheus: Pick<Prometheus, 'query'>;
  readonly clock: Clock;
  /** How long a request waits for others like it; default 25 ms: the loop makes those together that are due together. */
  readonly batchMs?: number;
  /** Samples of counters take so long until they can be read, ms: they are asked for at so much earlier a time; default 0. */
  readonly delayMs?: number;
  /** Most queries at once; default 8. */
  readonly concurrency?: number;
}

/** `close` ends every request with a transient error and resolves once nothing is in flight. */
export type BatchedMeasure = Measure & { close(): Promise<void> };

interface Waiting extends Ask {
  /** On the monotonic clock: min(10 s, interval) after the request came. */
  readonly deadline: number;
  isWaiting(): boolean;
  settle(reading: Reading, at: number, skewMs: number | null): void;
  /** For bugs only. */
  reject(cause: unknown): void;
}

/** What halves have from the batch they come from. */
interface Attempt {
  /** Evaluation time; null: the moment it is sent. */
  readonly at: number | null;
  /** A timeout was not answered by halving yet. */
  readonly mayTimeOut: boolean;
  /** Part of a batch that was refused. */
  readonly isSearch: boolean;
}

/**
 * Makes the port. A batch that is refused (400, 422, or a warning about the contents of some series) is halved down
 * to single requests, so that only those at fault suffer; from then on they are asked apart. A batch that times out
 * is halved once, for which its first try gets half of the time; where that helps, its halves stay apart, so that a
 * slow name loses its company from look to look. Every other failure is a transient error for all of the batch.
 * Nobody waits beyond the deadline, and a query that found no free place until then is not sent at all: a sick
 * Prometheus is not asked more. What timed out counts as slow until it is answered in time: the slow take at most half
 * of the places, in turns, so that a few queries that are always late cannot take everyone's looks.
 */
export function createMeasure(options: MeasureOptions): BatchedMeasure {
  const { prometheus, clock } = options;
  const batchMs = options.batchMs ?? BATCH_MS;
  const slots = createSlots(options.concurrency ?? CONCURRENCY, clock);
  const readShape = createShapeReader();
  const apart = createApart(clock);
  const collecting = new Map<number, { readonly asks: Waiting[]; readonly cancel: () => void }>();
  const waiting = new Set<Waiting>();
  const bySignal = new WeakMap<AbortSignal, Set<Waiting>>();
  const running = new Set<Promise<unknown>>();
  const closing = new AbortController();

  const measure: Measure = (asked, signal) =>
    new Promise((resolve, reject) => {
      const request = delayed(asked, options.delayMs ?? 0);
      const shape = readShape(request);
      const query =
        shape.ok && shape.value !== null ? singleQuery(shape.value, request.version) : textOf(request.source);
      const one: Waiting = {
        request,
        shape: shape.ok ? shape.value : null,
        query,
        deadline: clock.monotonic() + deadlineMs(request.intervalMs),
        isWaiting: () => waiting.has(one),
        settle(reading, at, skewMs) {
          if (forget(one, signal)) resolve({ id: request.id, at: request.at ?? at, reading, query, skewMs });
        },
        reject(cause) {
          if (forget(one, signal)) reject(cause);
        },
      };
      waiting.add(one);
      watch(signal).add(one);
      if (signal.aborted || closing.signal.aborted) abort(one);
      else if (shape.ok) collect(one);
      else one.settle(refused('PROM_BAD_SELECTOR', shape.error), clock.now(), null);
    });

  function abort(one: Waiting): void {
    one.settle(failed('aborted', 'the look was given up'), clock.now(), null);
  }

  /** Many requests may share a signal, and an event target searches its listeners one by one: each gets one only. */
  function watch(signal: AbortSignal): Set<Waiting> {
    const known = bySignal.get(signal);
    if (known !== undefined) return known;
    const own = new Set<Waiting>();
    bySignal.set(signal, own);
    signal.addEventListener('abort', () => own.forEach(abort), { once: true });
    return own;
  }

  /** False when it was answered already. */
  function forget(one: Waiting, signal: AbortSignal): boolean {
    bySignal.get(signal)?.delete(one);
    return waiting.delete(one);
  }

  function collect(one: Waiting): void {
    const key = deadlineMs(one.request.intervalMs);
    const others = collecting.get(key);
    if (others !== undefined) {
      others.asks.push(one);
      return;
    }
    const asks = [one];
    const send = () => {
      collecting.delete(key);
      const open = asks.filter((ask) => ask.isWaiting());
      const batches = planBatches(open, apart.companyOf);
      // Of the slow, that one first which has not been tried for longest.
      for (const batch of [...batches].sort((a, b) => apart.lateness(a) - apart.lateness(b))) start(batch);
    };
    collecting.set(key, { asks, cancel: clock.after(batchMs, send) });
  }

  function start(batch: Batch<Waiting>): void {
    const run = answer(batch, { at: batch.at, mayTimeOut: true, isSearch: false })
      .catch((cause: unknown) => {
        for (const one of asksOf(batch)) one.reject(cause);
      })
      .finally(() => running.delete(run));
    running.add(run);
  }

  /** True when the batch, or some half of it, was served. */
  async function answer(batch: Batch<Waiting>, attempt: Attempt): Promise<boolean> {
    const open = asksOf(batch).filter((one) => one.isWaiting());
    if (open.length === 0) return false;
    const deadline = open.reduce((earliest, one) => Math.min(earliest, one.deadline), Infinity);
    const { result, at, triedMs } = await ask(batch, attempt, deadline);
    const isSingle = batch.units.length === 1;
    const isRefused = result.ok ? blamesContents(result.value) : result.error.kind === 'refused';
    const isLate = !result.ok && result.error.kind === 'timeout';
    const hasTime = clock.monotonic() < deadline;
    if (!isSingle && hasTime && (isRefused || (isLate && attempt.mayTimeOut))) {
      const halves = halve(batch);
      const rest = { at, mayTimeOut: attempt.mayTimeOut && !isLate, isSearch: attempt.isSearch || isRefused };
      const served = await Promise.all(halves.map((half) => answer(half, rest)));
      // Where neither half was served either, size is not what ails the server.
      if (isLate && served.includes(true)) apart.divide(halves);
      return served.includes(true);
    }
    if (isRefused || (isLate && attempt.isSearch)) apart.isolate(batch);
    if (result.ok || isRefused) apart.inTime(batch);
    else if (isLate && open.every(({ request }) => triedMs >= deadlineMs(request.intervalMs) / 4)) {
      // With less time than that it would say nothing about the query.
      apart.late(batch);
    }
    if (result.ok) deliver(batch, result.value, at);
    else {
      const { kind, detail } = result.error;
      const reading = isRefused && isSingle ? refused('PROM_REFUSED', detail) : failed(kind, detail);
      for (const one of asksOf(batch)) one.settle(reading, at, null);
    }
    return result.ok;
  }

  async function ask(
    batch: Batch<Waiting>,
    attempt: Attempt,
    deadline: number,
  ): Promise<{ result: Result<Answer, Failure>; at: number; triedMs: number }> {
    const isSingle = batch.units.length === 1;
    const rank = apart.lateness(batch) > 0 ? 'slow' : isSingle ? 'plain' : 'urgent';
    const release = await slots.take(deadline - clock.monotonic(), rank);
    const at = attempt.at ?? clock.now();
    const leftMs = deadline - clock.monotonic();
    if (release === null || leftMs <= 0) {
      release?.();
      const detail = 'too many queries waited for Prometheus; look at its load';
      return { at, triedMs: 0, result: err({ kind: 'timeout', detail }) };
    }
    const triedMs = isSingle || !attempt.mayTimeOut ? leftMs : leftMs / 2;
    try {
      const result = await prometheus.query(queryOf(batch), {
        timeMs: at,
        timeoutMs: triedMs,
        signal: closing.signal,
        retry: asksOf(batch).every(({ request }) => request.intervalMs >= DEADLINE_MS),
        wanted: wantedOf(batch),
      });
      return { result, at, triedMs };
    } finally {
      release();
    }
  }

  return Object.assign(measure, {
    async close() {
      closing.abort();
      for (const { cancel } of collecting.values()) cancel();
      collecting.clear();
      for (const one of [...waiting])
        one.settle(failed('aborted', 'the controller stops'), clock.now(), null);
      slots.close();
      await Promise.all(running);
    },
  });
}

function wantedOf({ shape }: Batch<Waiting>): Wanted {
  if (shape?.kind === 'counters') return shape.isNative ? 'histogramSamples' : 'samples';
  return shape?.isNative ? 'histograms' : 'numbers';
}

function deliver(batch: Batch<Waiting>, found: Answer, at: number): void {
  const readings = readingsOf(batch, found, at);
  for (const [place, unit] of batch.units.entries()) {
    const reading = doubted(readings[place] ?? readFree(found.samples), found.warnings);
    for (const one of unit.asks) one.settle(reading, at, found.skewMs);
  }
}

/** By unit; none for a free query. */
function readingsOf({ shape, label, units }: Batch<Waiting>, found: Answer, at: number): readonly Reading[] {
  if (shape === null) return [];
  if (shape.kind === 'counters') {
    return splitSeries(shape, label, units, found.series ?? []).map((own) => readSeries(shape, own));
  }
  return splitAnswer(shape, label, units, found.samples).map((own) => readParts(shape, own, at));
}

/** An answer that the server itself doubts is no data, whatever it says. */
function doubted(reading: Reading, warnings: readonly string[]): Reading {
  const [warning] = warnings;
  if (warning === undefined || reading.kind === 'error') return reading;
  return { kind: 'noData', why: 'partial', detail: `Prometheus warned: ${warning.slice(0, 300)}` };
}

/**
 * Warnings of the query engine itself ("PromQL warning: bucket label "le" is missing…") come from the series of
 * some name and would spoil the whole batch at every look; others (a store did not answer) can concern any name.
 */
function blamesContents({ warnings }: Answer): boolean {
  return warnings.some((warning) => warning.startsWith('PromQL warning'));
}

function delayed(request: MeasureRequest, delayMs: number): MeasureRequest {
  if (request.source.kind !== 'counters' || request.at === null) return request;
  return { ...request, at: request.at - delayMs };
}

function deadlineMs(intervalMs: number): number {
  return Math.min(DEADLINE_MS, intervalMs);
}

function asksOf({ units }: { readonly units: readonly Unit<Waiting>[] }): Waiting[] {
  return units.flatMap(({ asks }) => asks);
}

function textOf(source: MeasureRequest['source']): string {
  if (source.kind === 'query') return source.query;
  if (source.kind === 'ratio') return `${source.bad} / ${source.total}`;
  return source.kind === 'latency' ? source.histogram : source.selector;
}

function failed(kind: Failure['kind'], detail: string): Reading {
  return { kind: 'error', structural: false, code: `PROM_${kind.toUpperCase()}`, detail };
}

function refused(code: string, detail: string): Reading {
  return { kind: 'error', structural: true, code, detail };
}
