import { expect, test } from 'vitest';
import { createSlots } from '../../src/metrics/slots.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

test('only so many hold a slot, and the next in line gets the one that is given back', async () => {
  const slots = createSlots(1, createVirtualClock());
  const first = await slots.take(1_000, false);
  const order: string[] = [];
  const second = slots.take(1_000, false).then((release) => {
    order.push('second');
    release?.();
  });
  const third = slots.take(1_000, false).then(() => order.push('third'));
  order.push('first ends');
  first?.();
  await Promise.all([second, third]);
  expect(order).toEqual(['first ends', 'second', 'third']);
});

test('the urgent go first', async () => {
  const slots = createSlots(1, createVirtualClock());
  const first = await slots.take(1_000, false);
  const order: string[] = [];
  const wait = (name: string, urgent: boolean) =>
    slots.take(1_000, urgent).then((release) => {
      order.push(name);
      release?.();
    });
  const all = [wait('a', false), wait('b', true), wait('c', true)];
  first?.();
  await Promise.all(all);
  expect(order).toEqual(['b', 'c', 'a']);
});

test('whose time is over leaves the line without a slot', async () => {
  const clock = createVirtualClock();
  const slots = createSlots(1, clock);
  const first = await slots.take(1_000, false);
  const late = slots.take(1_000, false);
  const patient = slots.take(2_000, false);
  clock.advance(1_000);
  expect(await late).toBeNull();
  first?.();
  expect(await patient).not.toBeNull();
});

test('giving a slot back twice frees one', async () => {
  const clock = createVirtualClock();
  const slots = createSlots(1, clock);
  const first = await slots.take(1_000, false);
  first?.();
  first?.();
  await slots.take(1_000, false);
  const second = slots.take(1_000, false);
  clock.advance(1_000);
  expect(await second).toBeNull();
});

test('closing sends everyone in line away', async () => {
  const slots = createSlots(1, createVirtualClock());
  await slots.take(1_000, false);
  const waiting = [slots.take(1_000, false), slots.take(1_000, true)];
  slots.close();
  expect(await Promise.all(waiting)).toEqual([null, null]);
});
