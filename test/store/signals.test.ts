import { describe, expect, test } from 'vitest';
import type { NewSignal, NewWebhook, Store } from '../../src/store/store.ts';
import { aSave, T0 } from '../support/saves.ts';
import { type TempStore, tempStore } from '../support/temp-store.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

function firing(over: Partial<NewSignal> = {}): NewSignal {
  return {
    canary: 'shop',
    fingerprint: 'f00d',
    startedAt: T0,
    endedAt: null,
    name: 'SloBurn',
    action: 'pause',
    firing: true,
    summary: 'the budget burns',
    ...over,
  };
}

const resolved = (over: Partial<NewSignal> = {}) =>
  firing({ firing: false, endedAt: T0 + 10 * MINUTE, ...over });

interface Bench {
  readonly temp: TempStore;
  readonly store: Store;
  tell(...signals: readonly NewSignal[]): ReturnType<Store['addWebhook']>;
  results(...signals: readonly NewSignal[]): Promise<string[]>;
  ids(canary?: string): string[];
  log(): string[];
}

function bench(): Bench {
  const temp = tempStore();
  const store = temp.open();
  function tell(...signals: readonly NewSignal[]) {
    const kept = store.addWebhook(aWebhook({ signals }), temp.clock.now());
    temp.clock.advance(0);
    return kept;
  }
  return {
    temp,
    store,
    tell,
    results: async (...signals) => (await tell(...signals)).map(({ result }) => result),
    ids: (canary = 'shop') => store.load(canary).signals.map(({ id }) => id),
    log: () => store.events({ limit: 100 }).map(({ type, message }) => `${type}: ${message}`),
  };
}

function aWebhook(over: Partial<NewWebhook> = {}): NewWebhook {
  return { type: 'alertmanager', address: '127.0.0.1', body: '{}', signals: [], ...over };
}

describe('an alert that fires', () => {
  test('is there for its Canary, with the event that recorded it', async () => {
    const { store, tell, temp } = bench();
    const [receipt] = await tell(firing());
    const [event] = store.events({ limit: 10 });
    expect(event).toMatchObject({
      type: 'SignalReceived',
      canary: 'shop',
      actor: 'alertmanager',
      message: 'alert SloBurn fires and asks for pause: the budget burns',
      data: { alert: 'SloBurn', action: 'pause', source: 'alertmanager', address: '127.0.0.1', webhook: 1 },
    });
    const signal = {
      id: `f00d@${new Date(T0).toISOString()}`,
      name: 'SloBurn',
      action: 'pause',
      firing: true,
      startedAt: T0,
      summary: 'the budget burns',
      eventId: event?.id,
      toldAt: temp.clock.now(),
    };
    expect(receipt).toEqual({ result: 'recorded', signal, ended: [] });
    expect(store.load('shop').signals).toEqual([signal]);
    expect(store.signals()).toEqual(new Map([['shop', [signal]]]));
    expect(store.load('other').signals).toEqual([]);
  });

  test('is still there after a crash', async () => {
    const { temp, tell } = bench();
    await tell(firing());
    expect(temp.open().load('shop').signals).toMatchObject([{ name: 'SloBurn', firing: true }]);
  });

  test('and is told again is the same one; only the time of the telling changes', async () => {
    const { store, temp, tell, results, log } = bench();
    await tell(firing());
    temp.clock.advance(5 * MINUTE);
    expect(await results(firing())).toEqual(['known']);
    expect(log()).toHaveLength(1);
    expect(store.load('shop').signals).toMatchObject([{ toldAt: temp.clock.now() }]);
  });

  test('with an earlier start is the same one, as of two servers that tell of one alert', async () => {
    const { tell, results, ids } = bench();
    await tell(firing());
    expect(await results(firing({ startedAt: T0 - MINUTE }))).toEqual(['known']);
    expect(ids()).toHaveLength(1);
    expect(await results(resolved({ startedAt: T0 - MINUTE }))).toEqual(['resolved']);
    expect(ids()).toEqual([]);
  });

  test('with a later start takes the place of the one whose end was never told', async () => {
    const { tell, ids } = bench();
    await tell(firing());
    const [receipt] = await tell(firing({ startedAt: T0 + MINUTE }));
    expect(receipt).toMatchObject({
      result: 'recorded',
      ended: [`f00d@${new Date(T0).toISOString()}`],
    });
    expect(ids()).toEqual([`f00d@${new Date(T0 + MINUTE).toISOString()}`]);
  });

  test('is another one for each fingerprint and each Canary', async () => {
    const { results, ids } = bench();
    const others = [firing(), firing({ fingerprint: 'beef' }), firing({ canary: 'cart' })];
    expect(await results(...others)).toEqual(['recorded', 'recorded', 'recorded']);
    expect(ids()).toHaveLength(2);
    expect(ids('cart')).toHaveLength(1);
  });

  test('without a start goes on until it is told as over', async () => {
    const { temp, tell, results } = bench();
    const older = { startedAt: null, endedAt: null };
    await tell(firing(older));
    temp.clock.advance(MINUTE);
    expect(await results(firing(older))).toEqual(['known']);
    expect(await results(resolved(older))).toEqual(['resolved']);
    temp.clock.advance(MINUTE);
    expect(await results(firing(older))).toEqual(['recorded']);
  });

  test('and asks for something else than before is news', async () => {
    const { store, tell, results } = bench();
    await tell(firing());
    expect(await results(firing({ action: 'rollback' }))).toEqual(['recorded']);
    expect(store.load('shop').signals).toMatchObject([{ action: 'rollback' }]);
  });
});

describe('an alert that is over', () => {
  test('is gone, and its event names the one that recorded it', async () => {
    const { store, tell, results, ids } = bench();
    await tell(firing());
    expect(await results(resolved())).toEqual(['resolved']);
    expect(ids()).toEqual([]);
    const [received, over] = store.events({ limit: 10 });
    expect(over).toMatchObject({ type: 'SignalResolved', causedBy: received?.id });
    expect(await results(resolved())).toEqual(['known']);
    expect(store.events({ limit: 10 })).toHaveLength(2);
  });

  test('and never fired changes nothing', async () => {
    const { results, log } = bench();
    expect(await results(resolved())).toEqual(['unheard']);
    expect(log()).toEqual([]);
  });

  test('does not end one that began after it', async () => {
    const { tell, results, ids } = bench();
    await tell(firing({ startedAt: T0 + 30 * MINUTE }));
    expect(await results(resolved())).toEqual(['known']);
    expect(ids()).toHaveLength(1);
  });

  test('fires again when it is told again, but nothing may be promoted on it', async () => {
    const { tell, results } = bench();
    await tell(firing(), firing({ fingerprint: 'good', action: 'promote' }));
    await tell(resolved(), resolved({ fingerprint: 'good', action: 'promote' }));
    expect(await results(firing())).toEqual(['recorded']);
    expect(await results(firing({ fingerprint: 'good', action: 'promote' }))).toEqual(['known']);
  });
});

test('alerts of a Canary that is forgotten go with it', async () => {
  const { store, tell, ids } = bench();
  await tell(firing(), firing({ canary: 'cart' }));
  store.save(aSave('shop', { state: null }));
  expect(ids()).toEqual([]);
  expect(ids('cart')).toHaveLength(1);
});

test('a webhook that cannot be committed is told so, and nothing of it is kept', async () => {
  const { temp, store } = bench();
  const other = temp.open();
  store.claimEpoch('one', T0);
  other.claimEpoch('two', T0);
  const kept = store.addWebhook(aWebhook({ signals: [firing()] }), T0);
  temp.clock.advance(0);
  await expect(kept).rejects.toMatchObject({ code: 'STORE_FENCED' });
  expect(other.load('shop').signals).toEqual([]);
  expect(other.webhook(1)).toBeNull();
});

describe('bodies', () => {
  test('are kept as they came, the beginning of long ones', async () => {
    const { store, temp } = bench();
    const text = `${'ä'.repeat(20_000)}`;
    const both = ['{"a":1}', text].map((body) => store.addWebhook(aWebhook({ body }), T0));
    temp.clock.advance(0);
    await Promise.all(both);
    expect(store.webhook(1)).toEqual({
      id: 1,
      at: T0,
      type: 'alertmanager',
      address: '127.0.0.1',
      body: '{"a":1}',
      size: 7,
      isCut: false,
    });
    expect(store.webhook(2)).toMatchObject({ size: 40_000, isCut: true, body: 'ä'.repeat(16_384) });
    expect(store.webhook(3)).toBeNull();
  });

  test('are dropped after a month, and so is what was long over; what fires stays', async () => {
    const { store, temp, tell, ids } = bench();
    await tell(firing());
    await tell(resolved());
    await tell(firing({ fingerprint: 'beef' }));
    expect(store.prune(temp.clock.now() + 8 * DAY)).toBe(1);
    expect(store.prune(temp.clock.now() + 8 * DAY)).toBe(0);
    expect(ids()).toHaveLength(1);
    expect(store.prune(temp.clock.now() + 31 * DAY)).toBe(4);
    expect(store.webhook(1)).toBeNull();
    await tell();
    expect(store.webhook(4)).not.toBeNull();
  });
});
