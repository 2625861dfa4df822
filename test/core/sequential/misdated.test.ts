import { expect, it } from 'vitest';
import type { Measurement, Reading } from '../../../src/core/observation.ts';
import { aMetric, steps } from '../../support/a-canary.ts';
import { createDesk, type Desk, INTERVAL, quickSpec } from '../desk.ts';

const METRIC = aMetric({
  judge: 'sequential',
  forMs: null,
  sequential: { alpha: 0.01, beta: 0.05, sensitivity: 0.5, dispersion: 1 },
});

/** A healthy version, as scraped at each look so far. */
function counters(version: string, each: number, now: number, scrapes: number): Reading {
  const samples = Array.from({ length: scrapes }, (_, at): [number, number] => [
    now - (scrapes - 1 - at) * INTERVAL,
    Math.round((each * (now - (scrapes - 1 - at) * INTERVAL)) / INTERVAL),
  ]);
  const labels = { __name__: 'http_requests_total', job: 'shop', instance: version, version, code: '200' };
  return { kind: 'series', series: [{ labels, samples }] };
}

function look(desk: Desk, skewMs: number): void {
  const at = desk.now() + INTERVAL;
  const one = (arm: string, reading: Reading): Measurement => ({
    ...{ id: `${METRIC.name}/${arm}`, at, reading, query: arm, skewMs },
  });
  const measurements = [
    one('canary', counters('v2', 1_000, at, 3)),
    one('stable', counters('v1', 9_000, at, 3)),
    one('before', counters('v1', 9_000, at - 600_000, 60)),
  ];
  desk.tick({ after: INTERVAL, measurements });
}

it("takes no odds over from a time that Prometheus' clock was ahead to", () => {
  const held = steps(10, 100).map((step) => ({ ...step, bakeMs: 60_000, maxHoldMs: 1_200_000 }));
  const desk = createDesk(quickSpec({ strategy: { steps: held }, analysis: { metrics: [METRIC] } }));
  desk.tick();
  const odds = () => desk.rollout().metrics[METRIC.name]?.sequential?.test?.nonInferiority.logs ?? [];
  const earned = () => Math.max(...odds()) > 0;
  for (let looks = 0; looks < 6; looks += 1) look(desk, 6 * INTERVAL);
  expect(earned()).toBe(false);
  for (let looks = 0; looks < 5; looks += 1) look(desk, 0);
  expect(earned(), 'what is read now was scraped before').toBe(false);
  expect(desk.rollout().held.weight).toBe(10);
  for (let looks = 0; looks < 8; looks += 1) look(desk, 0);
  expect(desk.rollout().held.weight).toBe(100);
});
