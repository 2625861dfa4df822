import { describe, expect, onTestFinished, test } from 'vitest';
import type { Notification } from '../../src/notify/message.ts';
import {
  createNotifier,
  type EventSource,
  type Notifier,
  type SendResult,
} from '../../src/notify/notifier.ts';
import { createWebhook } from '../../src/notify/webhook.ts';
import { type Store, StoreError } from '../../src/store/store.ts';
import { anEvent, anExplanation, aRollout, aSave, T0 } from '../support/saves.ts';
import { type TempStore, tempStore } from '../support/temp-store.ts';
import { type Sink, startSink } from './sink.ts';

const LEADS = { isLeader: true };

interface Started {
  readonly notifier: Notifier;
  readonly lines: { readonly level: string; readonly fields: Readonly<Record<string, unknown>> }[];
}

/** A notifier on a webhook to `sink`, awake, with back-offs at their longest. */
function start(
  temp: TempStore,
  source: EventSource,
  sink: Sink,
  role: { isLeader: boolean } = LEADS,
): Started {
  const { clock } = temp;
  const lines: Started['lines'] = [];
  const webhook = createWebhook({ url: `http://127.0.0.1:${sink.port}`, clock });
  const notifier = createNotifier({
    source,
    send: webhook.send,
    clock,
    isLeader: () => role.isLeader,
    log: {
      warn: (fields) => lines.push({ level: 'warn', fields }),
      error: (fields) => lines.push({ level: 'error', fields }),
    },
    random: () => 1,
  });
  onTestFinished(async () => {
    await notifier.stop();
    await webhook.close();
  });
  notifier.wake();
  return { notifier, lines };
}

function pause(store: Store, canary: string): number {
  const event = anEvent('Paused', {
    message: 'paused (Approval): a person must approve',
    data: { pauseReason: 'Approval' },
  });
  return store.save(aSave(canary, { events: [event] }))[0]!.id;
}

function numbers(sink: Sink): number[] {
  return sink.received.map(({ headers }) => Number(headers['x-canary-event']));
}

/** Resolves once the cursor has reached `eventId`. */
async function stored(store: Store, eventId: number): Promise<void> {
  while ((store.cursor('webhook') ?? 0) < eventId) await new Promise(setImmediate);
}

describe('delivery', () => {
  test('tells a rollback with what the log and the history know of it', async () => {
    const temp = tempStore();
    const store = temp.open();
    const sink = await startSink();
    start(temp, store, sink);
    const rolloutId = 'checkout-1';
    store.save(
      aSave('checkout', {
        events: [anEvent('RollbackStarted', { rolloutId })],
        explanation: anExplanation('checkout', {
          from: 25,
          to: 0,
          because: [{ code: 'breach', facts: {}, text: 'error-rate 2.7 % is above 1 %' }],
        }),
      }),
    );
    const reason = 'error-rate 2.7 % is above 1 %';
    store.save(
      aSave('checkout', {
        events: [anEvent('RolloutEnded', { rolloutId, data: { outcome: 'RolledBack' } })],
        rollouts: [aRollout(rolloutId, 'checkout', { endedAt: T0, outcome: 'RolledBack', reason })],
      }),
    );
    await stored(store, 2);
    expect(numbers(sink)).toEqual([2]);
    expect(sink.received[0]?.body).toMatchObject({
      event: 2,
      canary: 'checkout',
      rolloutId,
      title: `checkout rolled back at 25 % — ${reason}`,
      text: expect.stringContaining(`• ${reason}`),
    });
  });

  test('passes over what nobody needs to know', async () => {
    const temp = tempStore();
    const store = temp.open();
    const sink = await startSink();
    start(temp, store, sink);
    store.save(aSave('a', { events: [anEvent('StepStarted'), anEvent('WeightVerified')] }));
    store.save(aSave('a', { events: [anEvent('RolloutEnded', { data: { outcome: 'Promoted' } })] }));
    const id = pause(store, 'a');
    await stored(store, id);
    expect(numbers(sink)).toEqual([id]);
  });

  test('keeps the order when many come at once and some must be sent again', async () => {
    const temp = tempStore();
    const store = temp.open();
    const sink = await startSink(204, 503, 429, 204);
    const { lines } = start(temp, store, sink);
    const ids = ['a', 'b', 'c'].map((canary) => pause(store, canary));
    await temp.clock.armed(1_000);
    temp.clock.advance(1_000);
    await temp.clock.armed(2_000);
    temp.clock.advance(2_000);
    await stored(store, 3);
    expect(ids).toEqual([1, 2, 3]);
    expect(numbers(sink)).toEqual([1, 2, 2, 2, 3]);
    expect(lines).toEqual([
      { level: 'warn', fields: { event: 2, detail: 'HTTP 503' } },
      { level: 'warn', fields: { event: 2, detail: 'HTTP 429' } },
    ]);
  });

  test('waits longer after each failure, never more than a minute', async () => {
    const temp = tempStore();
    const store = temp.open();
    const sink = await startSink(...Array.from({ length: 9 }, () => 500));
    start(temp, store, sink);
    pause(store, 'a');
    for (const delay of [1, 2, 4, 8, 16, 32, 60, 60, 60]) {
      await temp.clock.armed(delay * 1_000);
      temp.clock.advance(delay * 1_000);
    }
    await stored(store, 1);
    expect(sink.received).toHaveLength(10);
  });

  test('skips what the other side refuses, says so once, and goes on', async () => {
    const temp = tempStore();
    const store = temp.open();
    const sink = await startSink(400);
    const { lines } = start(temp, store, sink);
    pause(store, 'a');
    pause(store, 'b');
    await stored(store, 2);
    expect(numbers(sink)).toEqual([1, 2]);
    expect(lines).toEqual([
      { level: 'error', fields: { event: 1, canary: 'a', type: 'Paused', detail: 'HTTP 400' } },
    ]);
  });
});

describe('the cursor', () => {
  test('begins at the end of the log: what happened before notifications were switched on is not told', async () => {
    const temp = tempStore();
    const store = temp.open();
    pause(store, 'before');
    const sink = await startSink();
    start(temp, store, sink);
    expect(store.cursor('webhook')).toBe(1);
    pause(store, 'after');
    await stored(store, 2);
    expect(numbers(sink)).toEqual([2]);
  });

  test('loses nothing that was committed before a restart, also when nothing was ever delivered', async () => {
    const temp = tempStore();
    const first = temp.open();
    const deaf = await startSink(500);
    const { notifier } = start(temp, first, deaf);
    pause(first, 'a');
    pause(first, 'b');
    await temp.clock.armed(1_000);
    await notifier.stop();
    first.close();

    const second = temp.open();
    const sink = await startSink();
    start(temp, second, sink);
    await stored(second, 2);
    expect(numbers(deaf)).toEqual([1]);
    expect(numbers(sink)).toEqual([1, 2]);
  });

  test('repeats only the one that was in flight when the process ended', async () => {
    const temp = tempStore();
    const first = temp.open();
    const slow = await startSink(204, () => {});
    const { notifier, lines } = start(temp, first, slow);
    for (const canary of ['a', 'b', 'c']) pause(first, canary);
    await slow.reaches(2);
    await notifier.stop();
    first.close();

    const second = temp.open();
    const sink = await startSink();
    start(temp, second, sink);
    await stored(second, 3);
    expect(numbers(slow)).toEqual([1, 2]);
    expect(numbers(sink)).toEqual([2, 3]);
    expect(lines).toEqual([]);
  });

  test('is stored before the next one is sent, however long the store takes', async () => {
    const temp = tempStore();
    const store = temp.open();
    let failures = 2;
    const source: EventSource = {
      ...store,
      setCursor(sink, eventId) {
        if (eventId === 1 && failures > 0) {
          failures -= 1;
          throw new StoreError('STORE_LOCKED', 'another program holds the database');
        }
        store.setCursor(sink, eventId);
      },
    };
    const sink = await startSink();
    start(temp, source, sink);
    pause(store, 'a');
    pause(store, 'b');
    await temp.clock.armed(1_000);
    temp.clock.advance(1_000);
    await temp.clock.armed(2_000);
    expect(numbers(sink)).toEqual([1]);
    temp.clock.advance(2_000);
    await stored(store, 2);
    expect(numbers(sink)).toEqual([1, 2]);
  });

  test('moves on now and then while nothing notable happens, so that a start has little to search', async () => {
    const temp = tempStore();
    const store = temp.open();
    const sink = await startSink();
    start(temp, store, sink);
    const dull = Array.from({ length: 500 }, () => anEvent('StepStarted'));
    for (let i = 0; i < 6; i += 1) store.save(aSave('a', { events: dull }));
    await stored(store, 1_000);
    expect(sink.received).toEqual([]);
  });
});

describe('leadership', () => {
  test('a standby sends nothing and stores nothing until it leads', async () => {
    const temp = tempStore();
    const store = temp.open();
    const sink = await startSink();
    const role = { isLeader: false };
    const { notifier } = start(temp, store, sink, role);
    pause(store, 'a');
    await new Promise(setImmediate);
    expect(store.cursor('webhook')).toBeNull();
    role.isLeader = true;
    notifier.wake();
    await stored(store, 1);
    expect(numbers(sink)).toEqual([1]);
  });

  test('a new leader goes on where the old one stopped', async () => {
    const temp = tempStore();
    const sink = await startSink();
    const [first, second] = [temp.open(), temp.open()];
    const [oldRole, newRole] = [{ isLeader: true }, { isLeader: false }];
    start(temp, first, sink, oldRole);
    const { notifier } = start(temp, second, sink, newRole);
    pause(first, 'a');
    await stored(first, 1);
    oldRole.isLeader = false;
    pause(first, 'b');
    newRole.isLeader = true;
    notifier.wake();
    await stored(second, 2);
    expect(numbers(sink)).toEqual([1, 2]);
  });

  test('a leader that lost its place while it waits sends no more', async () => {
    const temp = tempStore();
    const store = temp.open();
    const sink = await startSink(500);
    const role = { isLeader: true };
    const { notifier } = start(temp, store, sink, role);
    pause(store, 'a');
    await temp.clock.armed(1_000);
    role.isLeader = false;
    temp.clock.advance(1_000);
    await notifier.stop();
    expect(numbers(sink)).toEqual([1]);
  });
});

test('a wake-up in the middle of a delivery is not forgotten', async () => {
  const temp = tempStore();
  const store = temp.open();
  const sent: number[] = [];
  const send = async (notification: Notification): Promise<SendResult> => {
    sent.push(notification.event);
    if (notification.event === 1) pause(store, 'b');
    return { kind: 'sent' };
  };
  const silent = { warn: () => {}, error: () => {} };
  const notifier = createNotifier({
    source: store,
    send,
    clock: temp.clock,
    isLeader: () => true,
    log: silent,
  });
  onTestFinished(notifier.stop);
  notifier.wake();
  pause(store, 'a');
  await stored(store, 2);
  expect(sent).toEqual([1, 2]);
});
