import { expect, test } from 'vitest';
import { createSlots, type Rank } from '../../src/metrics/slots.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

test('only so many hold a slot, and the next in line gets the one that is given back', async () => {
  const slots = createSlots(1, createVirtualClock());
  const first = await slots.take(1_000, 'plain');
  const order: string[] = [];
  const second = slots.take(1_000, 'plain').then((release) => {
    order.push('second');
    release?.();
  });
  const third = slots.take(1_000, 'plain').then(() => order.push('third'));
  order.push('first ends');
  first?.();
  await Promise.all([second, third]);
  expect(order).toEqual(['first ends', 'second', 'third']);
});

test('the urgent go first, and the slow last', async () => {
  const slots = createSlots(1, createVirtualClock());
  const first = await slots.take(1_000, 'plain');
  const order: string[] = [];
  const wait = (name: string, rank: Rank) =>
    slots.take(1_000, rank).then((release) => {
      order.push(name);
      release?.();
    });
  const all = [wait('s', 'slow'), wait('a', 'plain'), wait('b', 'urgent'), wait('c', 'urgent')];
  first?.();
  await Promise.all(all);
  expect(order).toEqual(['b', 'c', 'a', 's']);
});

test.each([
  [8, 4],
  [3, 1],
  [1, 1],
])('of %i slots the slow hold %i at most, and give them on among themselves', async (limit, most) => {
  const clock = createVirtualClock();
  const slots = createSlots(limit, clock);
  const held = await Promise.all(Array.from({ length: most }, () => slots.take(1_000, 'slow')));
  const next = slots.take(2_000, 'slow');
  const late = slots.take(1_000, 'slow');
  const others = await Promise.all(Array.from({ length: limit - most }, () => slots.take(0, 'plain')));
  clock.advance(1_000);
  expect(await late).toBeNull();
  held[0]?.();
  expect([...held, await next, ...others]).not.toContain(null);
});

test('whose time is over leaves the line without a slot', async () => {
  const clock = createVirtualClock();
  const slots = createSlots(1, clock);
  const first = await slots.take(1_000, 'plain');
  const late = slots.take(1_000, 'plain');
  const patient = slots.take(2_000, 'plain');
  clock.advance(1_000);
  expect(await late).toBeNull();
  first?.();
  expect(await patient).not.toBeNull();
});

test('giving a slot back twice frees one', async () => {
  const clock = createVirtualClock();
  const slots = createSlots(1, clock);
  const first = await slots.take(1_000, 'plain');
  first?.();
  first?.();
  await slots.take(1_000, 'plain');
  const second = slots.take(1_000, 'plain');
  clock.advance(1_000);
  expect(await second).toBeNull();
});

test('closing sends everyone in line away', async () => {
  const slots = createSlots(1, createVirtualClock());
  await slots.take(1_000, 'plain');
  const waiting = [slots.take(1_000, 'plain'), slots.take(1_000, 'urgent')];
  slots.close();
  expect(await Promise.all(waiting)).toEqual([null, null]);
});
