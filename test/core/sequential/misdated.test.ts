import { expect, it } from 'vitest';
import { INTERVAL } from '../desk.ts';
import { earned, lookAtCounters, sequentialDesk } from './sequential-desk.ts';

it("takes no odds over from a time that Prometheus' clock was ahead to", () => {
  const desk = sequentialDesk(1_200_000);
  const hasEarned = () => Math.max(...earned(desk)) > 0;
  for (let looks = 0; looks < 6; looks += 1) lookAtCounters(desk, { skewMs: 6 * INTERVAL });
  expect(hasEarned()).toBe(false);
  for (let looks = 0; looks < 5; looks += 1) lookAtCounters(desk);
  expect(hasEarned(), 'what is read now was scraped before').toBe(false);
  expect(desk.rollout().held.weight).toBe(10);
  for (let looks = 0; looks < 8; looks += 1) lookAtCounters(desk);
  expect(desk.rollout().held.weight).toBe(100);
});
