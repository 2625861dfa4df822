import { expect, it } from 'vitest';
import { createLag } from '../../src/controller/lag.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

it('shows the greatest delay of the current minute and the one before, then forgets it', () => {
  const clock = createVirtualClock();
  const lag = createLag(clock);
  expect(lag.seconds()).toBe(0);
  lag.record(2_500);
  lag.record(400);
  expect(lag.seconds()).toBe(2.5);
  clock.advance(60_000);
  lag.record(100);
  expect(lag.seconds()).toBe(2.5);
  clock.advance(60_000);
  expect(lag.seconds()).toBe(0.1);
  clock.advance(600_000);
  expect(lag.seconds()).toBe(0);
});
