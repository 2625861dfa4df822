/** The port to metrics: one function from a structured request to an answered one. Batching hides behind it. */
import type { Measurement, MeasureRequest } from '../core/observation.ts';

/**
 * Answers one request within min(10 s, its interval). Never rejects: every failure is a `Reading`. Requests of one shape that arrive within the
 * batching time travel as one query; `Measurement.at` is that query's evaluation time.
 * Aborting the signal gives a transient error reading.
 */
export type Measure = (request: MeasureRequest, signal: AbortSignal) => Promise<Measurement>;
