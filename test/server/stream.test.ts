import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { anEvent } from '../support/saves.ts';
import { NOW, paymentSpec } from '../view/states.ts';
import { aToken, guarded } from './guarded.ts';
import { serverOf, standIn } from './stand-in.ts';
import { reader } from './stream-reader.ts';

async function listening(limits?: Parameters<typeof serverOf>[2]) {
  const served = serverOf(standIn({ specs: [paymentSpec()] }), undefined, limits);
  const url = await served.app.listen({ host: '127.0.0.1', port: 0 });
  return { ...served, url };
}

/** Commits so many events of these Canaries in turn. */
function commit(store: Store, count: number, canaries: readonly string[] = ['shop']): void {
  const events = Array.from({ length: count }, (_, index) => ({
    ...anEvent('WeightVerified'),
    canary: canaries[index % canaries.length] ?? null,
  }));
  store.appendEvents(events, 0);
}

function idsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

test('a reader hears its place at once, and then every event as it is committed', async () => {
  const { store, url } = await listening();
  commit(store, 2);
  const { next, events, headers } = await reader(url);
  expect(headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  expect(await next()).toEqual({ lastId: '2', type: 'message', data: '' });
  store.appendEvents(
    [{ ...anEvent('Paused', { actor: 'ops', data: { step: 1 } }), canary: 'shop' }],
    1_763_000_000_000,
  );
  const message = await next();
  expect(message?.lastId).toBe('3');
  expect(JSON.parse(message?.data ?? '')).toEqual({
    id: 3,
    at: '2025-11-13T02:13:20.000Z',
    canary: 'shop',
    rolloutId: null,
    type: 'Paused',
    message: 'Paused happened',
    causedBy: null,
    actor: 'ops',
    facts: { step: 1 },
    explained: false,
  });
  commit(store, 3);
  expect((await events(3)).map(({ id }) => id)).toEqual([4, 5, 6]);
});

test('a reader that comes back again and again hears every event once and in order', async () => {
  const { store, url } = await listening();
  const heard: number[] = [];
  commit(store, 40);
  for (const [before, meanwhile, after] of [
    [10, 700, 300],
    [25, 0, 500],
    [1, 1300, 120],
    [60, 3, 2],
  ] as const) {
    const last = heard.at(-1);
    const headers: Record<string, string> = last === undefined ? {} : { 'last-event-id': String(last) };
    const { events, leave } = await reader(url, '/api/v1/stream?after=0', headers);
    heard.push(...(await events(before)).map(({ id }) => id));
    commit(store, meanwhile);
    heard.push(...(await events(before)).map(({ id }) => id));
    leave();
    commit(store, after);
  }
  const { events } = await reader(url, '/api/v1/stream', { 'last-event-id': String(heard.at(-1)) });
  const left = store.lastEventId() - heard.length;
  heard.push(...(await events(left)).map(({ id }) => id));
  expect(heard).toEqual(idsFrom(1, store.lastEventId()));
});

test('the whole log is told to whoever begins at 0, and what is committed meanwhile', async () => {
  const { store, url } = await listening();
  commit(store, 1_234);
  const { events } = await reader(url, '/api/v1/stream?after=0');
  const first = await events(150);
  commit(store, 321);
  const ids = [...first, ...(await events(1_234 + 321 - 150))].map(({ id }) => id);
  expect(ids).toEqual(idsFrom(1, 1_234 + 321));
});

test('of one Canary only its own events come, from the log and as they are committed', async () => {
  const { store, url } = await listening();
  commit(store, 1_500, ['shop', 'cart', 'search']);
  const { events } = await reader(url, '/api/v1/stream?canary=cart&after=0');
  const past = await events(500);
  commit(store, 900, ['shop', 'cart', 'search']);
  const all = [...past, ...(await events(300))];
  expect(new Set(all.map(({ canary }) => canary))).toEqual(new Set(['cart']));
  expect(all.map(({ id }) => id)).toEqual(Array.from({ length: 800 }, (_, index) => 2 + 3 * index));
});

test('many readers at different places and with different filters each hear their own', async () => {
  const { store, url } = await listening();
  commit(store, 90, ['a', 'b', 'c']);
  const readers = await Promise.all(
    idsFrom(0, 30).map(async (place) => {
      const canary = [undefined, 'a', 'b'][place % 3];
      const filter = canary === undefined ? '' : `&canary=${canary}`;
      return { place, canary, ...(await reader(url, `/api/v1/stream?after=${place}${filter}`)) };
    }),
  );
  commit(store, 90, ['a', 'b', 'c']);
  await Promise.all(
    readers.map(async ({ place, canary, events }) => {
      const expected = idsFrom(1, 180).filter(
        (id) => id > place && (canary === undefined || ['a', 'b', 'c'][(id - 1) % 3] === canary),
      );
      expect((await events(expected.length)).map(({ id }) => id)).toEqual(expected);
    }),
  );
});

test('a standby tells what the leader commits: the log is looked at twice a second', async () => {
  const { temp, clock, url } = await listening();
  const { next, events } = await reader(url);
  await next();
  commit(temp.open(), 700);
  clock.advance(500);
  expect((await events(700)).map(({ id }) => id)).toEqual(idsFrom(1, 700));
});

test('events of two processes come in the order of their numbers', async () => {
  const { temp, store, url } = await listening();
  const other = temp.open();
  const { events } = await reader(url);
  const heard: (number | undefined)[] = [];
  for (let turn = 1; turn <= 20; turn += 1) {
    commit(other, 2);
    commit(store, 3);
    while (heard.at(-1) !== 5 * turn) heard.push((await events(1))[0]?.id);
  }
  expect(heard).toEqual(idsFrom(1, 100));
});

test('when nothing happens a reader hears that the connection lives, with its place', async () => {
  const { store, clock, url } = await listening();
  commit(store, 5);
  const { next } = await reader(url, '/api/v1/stream?canary=payment-service&after=1');
  expect(await next()).toMatchObject({ lastId: '1', data: '' });
  clock.advance(15_000);
  expect(await next()).toEqual({ lastId: '5', type: 'message', data: '' });
});

test('the header of a reader that comes back counts more than the address that it began with', async () => {
  const { store, url } = await listening();
  commit(store, 10);
  const back = await reader(url, '/api/v1/stream?after=2', { 'last-event-id': '8' });
  expect((await back.events(2)).map(({ id }) => id)).toEqual([9, 10]);
  const fresh = await reader(url, '/api/v1/stream?after=2', { 'last-event-id': '' });
  expect((await fresh.events(1)).map(({ id }) => id)).toEqual([3]);
});

test('a number that the log has not reached is refused: it is of a log that is gone', async () => {
  const { app, store } = await listening();
  commit(store, 3);
  const answer = await app.inject({ url: '/api/v1/stream', headers: { 'last-event-id': '4' } });
  expect(answer.statusCode).toBe(409);
  expect(answer.json()).toMatchObject({ code: 'AHEAD_OF_LOG', detail: expect.stringContaining('event 3') });
});

test.each([
  ['/api/v1/stream?after=x', {}, 'INVALID_QUERY'],
  ['/api/v1/stream?since=3', {}, 'INVALID_QUERY'],
  ['/api/v1/stream', { 'last-event-id': '-1' }, 'INVALID_HEADER'],
])('%s with %o is refused', async (url, headers, code) => {
  const { app } = await listening();
  const answer = await app.inject({ url, headers });
  expect(answer.statusCode).toBe(400);
  expect(answer.json()).toMatchObject({ code });
});

test('beyond the limit a reader is refused until another one leaves', async () => {
  const { url } = await listening({ readers: 2, beatMs: 15_000, stallMs: 30_000 });
  const first = await reader(url);
  await reader(url);
  const refused = await reader(url);
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
  const page = async () => (await fetch(`${url}/metrics`)).text();
  expect(await page()).toContain('canary_controller_stream_readers 2\n');
  first.leave();
  while (!(await page()).includes('canary_controller_stream_readers 1\n'));
  expect((await reader(url)).status).toBe(200);
});

test('a reader whose socket is full is sent away, cut off, and misses nothing when it comes back', async () => {
  const { store, clock, url } = await listening();
  const page = async () => (await fetch(`${url}/metrics`)).text();
  const events = Array<ReturnType<typeof anEvent> & { canary: string }>(500).fill({
    ...anEvent('WeightVerified', { message: 'x'.repeat(10_000) }),
    canary: 'shop',
  });
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  socket.write(`GET /api/v1/stream?after=0 HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
  await once(socket, 'readable');
  for (let burst = 0; burst < 8; burst += 1) store.appendEvents(events, 0);
  // Until the buffers of both sides are full, and a while after.
  while (!(await page()).includes('canary_controller_stream_stalls_total 1\n')) clock.advance(1_000);
  while (!(await page()).includes('canary_controller_stream_readers 0\n')) clock.advance(1_000);
  let told = '';
  socket.on('data', (piece) => {
    told += piece;
  });
  await once(socket, 'close');
  const heard = [...told.matchAll(/^data: \{"id":(\d+),.*\}$/gm)].map(([, id]) => Number(id));
  expect(heard).toEqual(idsFrom(1, heard.length));
  expect(heard.length).toBeLessThan(4_000);
  const back = await reader(url, '/api/v1/stream', { 'last-event-id': String(heard.length) });
  const rest = await back.events(4_000 - heard.length);
  expect(rest.map(({ id }) => id)).toEqual(idsFrom(heard.length + 1, rest.length));
});

test('closing sends every reader away with a reason, the one that reads and the one that does not', async () => {
  const { app, store, url } = await listening();
  const reads = await reader(url);
  await reads.next();
  const stands = await reader(url);
  commit(store, 1_000);
  await reads.events(1_000);
  const closed = app.close();
  expect(await reads.next()).toMatchObject({ type: 'closed', data: expect.stringContaining('"STOPPING"') });
  expect(await reads.next()).toBeNull();
  await closed;
  expect(stands.status).toBe(200);
});

test('a token that is revoked, or runs out, ends the streams that it opened', async () => {
  const lasting = aToken({ name: 'lasting', role: 'viewer' });
  const brief = aToken({ name: 'brief', role: 'viewer', expires: new Date(NOW + 60_000).toISOString() });
  const { app, clock, secrets, replace } = guarded([lasting.token, brief.token]);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const open = async (secret: string) => {
    const opened = await reader(url, '/api/v1/stream', { authorization: `Bearer ${secret}` });
    await opened.next();
    return opened;
  };
  const [viewer, brieflyOpen, kept] = [
    await open(secrets.viewer),
    await open(brief.secret),
    await open(lasting.secret),
  ];
  clock.advance(60_000);
  expect(await brieflyOpen.next()).toMatchObject({
    type: 'closed',
    data: expect.stringContaining('TOKEN_ENDED'),
  });
  replace([lasting.token]);
  clock.advance(5_000);
  const heard = [await viewer.next(), await viewer.next(), await viewer.next()];
  expect(heard).toContainEqual(expect.objectContaining({ type: 'closed' }));
  expect((await kept.next())?.type).toBe('message');
});

test('a store that cannot be read for a while costs no reader anything', async () => {
  const { store, clock, errors, url } = await listening();
  const { next, events } = await reader(url);
  await next();
  const { lastEventId } = store;
  const asked = Promise.withResolvers<void>();
  Object.assign(store, {
    lastEventId() {
      asked.resolve();
      throw new Error('the disk is gone');
    },
  });
  onTestFinished(() => void Object.assign(store, { lastEventId }));
  commit(store, 2);
  await asked.promise;
  Object.assign(store, { lastEventId });
  clock.advance(500);
  expect((await events(2)).map(({ id }) => id)).toEqual([1, 2]);
  expect(errors).toHaveLength(1);
});
