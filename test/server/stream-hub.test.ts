import { setImmediate as turn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { readMessages } from '../../src/cli/messages.ts';
import { createStreamHub, STREAM_LIMITS } from '../../src/server/stream-hub.ts';
import { anEvent } from '../support/saves.ts';
import { tempStore } from '../support/temp-store.ts';

function loaded() {
  const { open, clock } = tempStore();
  const store = open();
  const errors: object[] = [];
  let stalls = 0;
  const hub = createStreamHub({
    store,
    clock,
    log: { error: (fields) => errors.push(fields) },
    onStall: () => {
      stalls += 1;
    },
    limits: STREAM_LIMITS,
  });
  onTestFinished(() => hub.close());
  function commit(count: number): void {
    const event = { ...anEvent('WeightVerified', { message: 'x'.repeat(200) }), canary: 'shop' };
    store.appendEvents(Array<typeof event>(count).fill(event), 0);
  }
  function begin(after: number | null) {
    const opened = hub.open({ after, canary: null, isWelcome: () => true });
    if ('refused' in opened) throw new Error(opened.refused);
    return opened;
  }
  return { hub, clock, commit, begin, errors, stalls: () => stalls };
}

/** Lets the rounds run that are due. */
async function turns(): Promise<void> {
  for (let count = 0; count < 10; count += 1) await turn();
}

test('what a reader does not take stays in the database: nothing piles up for it', async () => {
  const { commit, begin, clock } = loaded();
  const out = begin(null);
  for (let burst = 0; burst < 100; burst += 1) {
    commit(100);
    await turns();
  }
  expect(out.readableLength).toBeLessThan(100_000);
  const ids: number[] = [];
  for await (const { type, data } of readMessages(out)) {
    if (type === 'message' && data !== '') ids.push(JSON.parse(data).id);
    if (ids.length === 10_000) break;
    clock.advance(0);
  }
  expect(ids).toEqual(Array.from({ length: 10_000 }, (_, index) => index + 1));
});

test('a reader that stands still is sent away with a reason, and goes on later where it was', async () => {
  const { hub, commit, begin, clock, stalls } = loaded();
  const out = begin(0);
  commit(1_000);
  await turns();
  clock.advance(29_000);
  expect([hub.readers(), stalls()]).toEqual([1, 0]);
  clock.advance(1_000);
  expect(stalls()).toBe(1);
  const heard: string[] = [];
  let reason = '';
  for await (const { lastId, type, data } of readMessages(out)) {
    if (type === 'closed') reason = data;
    else heard.push(lastId);
  }
  expect(JSON.parse(reason)).toMatchObject({ code: 'READER_STALLED' });
  const last = Number(heard.at(-1));
  expect(last).toBeGreaterThan(0);
  expect(last).toBeLessThan(1_000);
  for await (const { data } of readMessages(begin(last))) {
    if (data === '') continue;
    expect(JSON.parse(data).id).toBe(last + 1);
    break;
  }
});

test('a reader that does not even take its goodbye is cut off', async () => {
  const { hub, commit, begin, clock } = loaded();
  const out = begin(0);
  commit(1_000);
  await turns();
  clock.advance(35_000);
  expect([out.destroyed, hub.readers()]).toEqual([true, 0]);
});

test('a reader that takes what there is may be silent for hours', async () => {
  const { hub, begin, clock } = loaded();
  const out = begin(null);
  out.resume();
  for (let beat = 0; beat < 4 * 120; beat += 1) {
    await turns();
    clock.advance(15_000);
  }
  expect(hub.readers()).toBe(1);
});

test('while nobody reads, nothing waits', async () => {
  const { hub, commit, begin, clock } = loaded();
  const out = begin(null);
  expect(clock.nextIn()).not.toBeNull();
  out.destroy();
  await turns();
  expect([hub.readers(), clock.nextIn()]).toEqual([0, null]);
  commit(1);
  expect(clock.nextIn()).toBeNull();
});

test('nobody is taken after the close', () => {
  const { hub, begin } = loaded();
  begin(null);
  hub.close();
  expect(hub.open({ after: null, canary: null, isWelcome: () => true })).toEqual({ refused: 'full' });
});
