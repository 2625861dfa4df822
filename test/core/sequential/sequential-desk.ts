/** A desk whose one metric the sequential judge has, and looks at counters that grow by so much a look. */
import type { Measurement, Reading } from '../../../src/core/observation.ts';
import type { Verdict } from '../../../src/core/rollout.ts';
import { aMetric, type CanaryParts, steps } from '../../support/a-canary.ts';
import { createDesk, type Desk, INTERVAL, quickSpec } from '../desk.ts';

const METRIC = aMetric({
  judge: 'sequential',
  forMs: null,
  sequential: { alpha: 0.01, beta: 0.05, sensitivity: 0.5, dispersion: 1 },
});

/** A rollout of the steps 10 and 100; at the first one the counters are not read yet. */
export function sequentialDesk(maxHoldMs: number, analysis: CanaryParts['analysis'] = {}): Desk {
  const held = steps(10, 100).map((step) => ({ ...step, bakeMs: 60_000, maxHoldMs }));
  const desk = createDesk(
    quickSpec({ strategy: { steps: held }, analysis: { metrics: [METRIC], ...analysis } }),
  );
  desk.tick();
  return desk;
}

/** A healthy version, as scraped at each look so far. */
function counters(version: string, each: number, now: number, scrapes: number): Reading {
  const samples = Array.from({ length: scrapes }, (_, at): [number, number] => [
    now - (scrapes - 1 - at) * INTERVAL,
    Math.round((each * (now - (scrapes - 1 - at) * INTERVAL)) / INTERVAL),
  ]);
  const labels = { __name__: 'http_requests_total', job: 'shop', instance: version, version, code: '200' };
  return { kind: 'series', series: [{ labels, samples }] };
}

interface Shown {
  readonly skewMs?: number;
  /** Requests of the canary since the look before. */
  readonly canary?: number;
}

/** One look an interval later, at versions of which no request fails. */
export function lookAtCounters(desk: Desk, { skewMs = 0, canary = 1_000 }: Shown = {}): void {
  const at = desk.now() + INTERVAL;
  const one = (arm: string, reading: Reading): Measurement => ({
    ...{ id: `${METRIC.name}/${arm}`, at, reading, query: arm, skewMs },
  });
  const measurements = [
    one('canary', counters('v2', canary, at, 3)),
    one('stable', counters('v1', 9 * canary, at, 3)),
    one('before', counters('v1', 9 * canary, at - 600_000, 60)),
  ];
  desk.tick({ after: INTERVAL, measurements });
}

export function sequentialVerdict(desk: Desk): Verdict | null {
  return desk.rollout().metrics[METRIC.name]?.verdict ?? null;
}

/** ln of what has been earned of the evidence to go on, by what is bet on. */
export function earned(desk: Desk): readonly number[] {
  return desk.rollout().metrics[METRIC.name]?.sequential?.test?.nonInferiority.logs ?? [];
}
