import { describe, expect, onTestFinished, test } from 'vitest';
import type { Notification } from '../../src/notify/message.ts';
import { createWebhook } from '../../src/notify/webhook.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import { startSink } from './sink.ts';

const NOTIFICATION: Notification = {
  event: 418,
  at: '2026-11-23T08:00:00.000Z',
  canary: 'checkout',
  type: 'RolloutEnded',
  title: 'checkout rolled back at 25 % — error-rate 2.7 % is above 1 %',
  text: 'next: canary retry checkout',
  rolloutId: 'checkout-1',
};

function webhook(url: string) {
  const clock = createVirtualClock();
  const made = createWebhook({ url, clock });
  onTestFinished(made.close);
  return {
    clock,
    ...made,
    deliver: (signal = new AbortController().signal) => made.send(NOTIFICATION, signal),
  };
}

describe('a delivery', () => {
  test('is a POST of the notification as JSON with the number of its event', async () => {
    const sink = await startSink();
    const result = await webhook(`http://127.0.0.1:${sink.port}/hooks/canary?channel=ops`).deliver();
    expect(result).toEqual({ kind: 'sent' });
    expect(sink.received).toMatchObject([
      {
        method: 'POST',
        path: '/hooks/canary?channel=ops',
        headers: { 'content-type': 'application/json', 'x-canary-event': '418' },
        body: NOTIFICATION,
      },
    ]);
    expect(sink.received[0]?.headers.authorization).toBeUndefined();
  });

  test('carries a user and password of the URL as basic authentication', async () => {
    const sink = await startSink();
    await webhook(`http://bot:p%40ss%@127.0.0.1:${sink.port}/`).deliver();
    const credentials = Buffer.from('bot:p%40ss%').toString('base64');
    expect(sink.received[0]?.headers.authorization).toBe(`Basic ${credentials}`);
    await webhook(`http://bot:p%40ss@127.0.0.1:${sink.port}/`).deliver();
    expect(sink.received[1]?.headers.authorization).toBe(
      `Basic ${Buffer.from('bot:p@ss').toString('base64')}`,
    );
  });

  test.each([
    [200, 'sent'],
    [204, 'sent'],
    [301, 'refused'],
    [400, 'refused'],
    [404, 'refused'],
    [408, 'retry'],
    [429, 'retry'],
    [500, 'retry'],
    [503, 'retry'],
  ] as const)('answered with %i is %s', async (status, kind) => {
    const sink = await startSink(status);
    const result = await webhook(`http://127.0.0.1:${sink.port}`).deliver();
    expect(result).toEqual(kind === 'sent' ? { kind } : { kind, detail: `HTTP ${status}` });
  });

  test('counts as made when the status says so, although the body breaks off', async () => {
    const sink = await startSink((response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    expect(await webhook(`http://127.0.0.1:${sink.port}`).deliver()).toEqual({ kind: 'sent' });
  });

  test('without an answer for ten seconds is made again later', async () => {
    const sink = await startSink(() => {});
    const { clock, deliver } = webhook(`http://127.0.0.1:${sink.port}`);
    const result = deliver();
    await sink.reaches(1);
    clock.advance(10_000);
    expect(await result).toEqual({ kind: 'retry', detail: 'no answer in 10 s' });
  });

  test('that is called off ends at once', async () => {
    const sink = await startSink(() => {});
    const caller = new AbortController();
    const result = webhook(`http://127.0.0.1:${sink.port}`).deliver(caller.signal);
    await sink.reaches(1);
    caller.abort();
    expect(await result).toMatchObject({ kind: 'retry' });
  });

  test('to a port where nobody listens is made again later, and the failure shows nothing of the URL', async () => {
    const { port } = await startSink((response) => response.destroy());
    const url = `http://bot:hunter2@127.0.0.1:${port}/T000/B000/key?token=abc`;
    const result = await webhook(url).deliver();
    expect(result).toMatchObject({ kind: 'retry' });
    expect(JSON.stringify(result)).not.toMatch(/hunter2|key|abc|127/);
  });
});

describe('the URL', () => {
  test('is shown without its user, path and query', () => {
    expect(webhook('https://bot:hunter2@hooks.example.com:8443/T000/key?token=abc#x').target).toBe(
      'https://hooks.example.com:8443',
    );
  });

  test.each(['', 'hooks.example.com/x', 'ftp://hooks.example.com/key'])(
    'must be HTTP, which %j is not, and is not repeated in the error',
    (url) => {
      expect(() => createWebhook({ url, clock: createVirtualClock() })).toThrow(
        /^the notify URL must be an absolute http:\/\/ or https:\/\/ URL$/,
      );
    },
  );
});
