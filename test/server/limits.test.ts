import { createHmac } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ALERT_LABELS } from '../../src/server/alerts.ts';
import type { RateLimits } from '../../src/server/limits.ts';
import { SIGNATURE_HEADER, TIMESTAMP_HEADER } from '../../src/server/webhook-secret.ts';
import { NOW } from '../view/states.ts';
import { aToken, change, guarded } from './guarded.ts';

/** Three requests in ten seconds. */
const LIMITS = { requestsPerSecond: 0.3, failuresPerMinute: 2 };
const LIST = '/api/v1/canaries';
const SECRET = 'a-secret-of-24-characters';

// The counts go by the time of day, which stands still here until a test moves it.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function asking(secret: string, remoteAddress = '192.0.2.1') {
  return { url: LIST, remoteAddress, headers: { authorization: `Bearer ${secret}` } };
}

type Ask = () => Promise<{ statusCode: number }>;

/** One after the other. */
async function statuses(asks: readonly Ask[]): Promise<number[]> {
  const found: number[] = [];
  for (const ask of asks) found.push((await ask()).statusCode);
  return found;
}

function times(count: number, ask: Ask): Ask[] {
  return Array.from({ length: count }, () => ask);
}

test('a token may ask so often in ten seconds, from wherever; another one is not held up by it', async () => {
  const { app, secrets } = guarded([], { limits: LIMITS });
  const from = ['192.0.2.1', '192.0.2.2', '192.0.2.1', '192.0.2.3'];
  const asks = from.map((address) => () => app.inject(asking(secrets.viewer, address)));
  expect(await statuses(asks)).toEqual([200, 200, 200, 429]);
  const refused = await app.inject(asking(secrets.viewer));
  expect(refused.headers['retry-after']).toBe('10');
  expect(refused.json()).toMatchObject({
    status: 429,
    code: 'TOO_MANY_REQUESTS',
    requestId: expect.any(String),
  });
  expect((await app.inject(asking(secrets.admin))).statusCode).toBe(200);
  vi.setSystemTime(Date.now() + 10_000);
  expect((await app.inject(asking(secrets.viewer))).statusCode).toBe(200);
});

test('where there are no tokens addresses are counted, of IPv6 networks', async () => {
  const { app } = guarded([], { limits: LIMITS, tokens: null });
  const from = (remoteAddress: string) => () => app.inject({ url: LIST, remoteAddress });
  const network = ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8::4'];
  expect(await statuses(network.map(from))).toEqual([200, 200, 200, 429]);
  expect(await statuses(['2001:db8:1::1', '192.0.2.9'].map(from))).toEqual([200, 200]);
});

test('a change that comes too often is not made', async () => {
  const { app, behind, secrets } = guarded([], { limits: LIMITS });
  const asks = times(4, () => app.inject(change('pause', secrets.operator)));
  expect(await statuses(asks)).toEqual([202, 202, 202, 429]);
  expect(behind.submitted).toHaveLength(3);
});

test('what supervisors ask for is never limited, what scrapers and readers ask for is', async () => {
  const { app } = guarded([], { limits: LIMITS });
  for (const url of ['/livez', '/readyz', '/leaderz']) {
    expect(await statuses(times(5, () => app.inject(url)))).toEqual([200, 200, 200, 200, 200]);
  }
  expect(await statuses(times(4, () => app.inject('/metrics')))).toEqual([200, 200, 200, 429]);
});

test('addresses that lead nowhere count as any other', async () => {
  const { app, secrets } = guarded([], { limits: LIMITS });
  expect(await statuses(times(4, () => app.inject('/nowhere')))).toEqual([404, 404, 404, 429]);
  const mistaken = () => app.inject({ ...asking(secrets.viewer), url: '/nowhere' });
  const asks = [mistaken, mistaken, mistaken, () => app.inject(asking(secrets.viewer))];
  expect(await statuses(asks)).toEqual([404, 404, 404, 429]);
});

test('wrong tokens from an address are soon refused without a word, and a good one is taken all the same', async () => {
  const { app, secrets } = guarded([], { limits: { ...LIMITS, requestsPerSecond: 0 } });
  const wrong = () => app.inject(asking(aToken().secret));
  expect(await statuses([wrong, wrong, wrong])).toEqual([401, 401, 429]);
  const refused = await wrong();
  expect(refused.json()).toMatchObject({ code: 'TOO_MANY_FAILURES' });
  expect(Number(refused.headers['retry-after'])).toBe(60);
  expect((await app.inject(asking(secrets.viewer))).statusCode).toBe(200);
  expect((await app.inject(asking(aToken().secret, '192.0.2.2'))).statusCode).toBe(401);
  vi.setSystemTime(Date.now() + 60_000);
  expect((await wrong()).statusCode).toBe(401);
});

describe('webhooks', () => {
  const secretly = (limits: RateLimits) =>
    guarded([], { limits, webhooks: { secret: SECRET, labels: ALERT_LABELS } });
  const PAYLOAD = '{"alerts":[]}';
  const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
  /** As Grafana signs; the clock of the application stands still, so the time tells one request from the next. */
  const signed = (secret: string, secondsLater = 0) => {
    const timestamp = String(NOW / 1000 + secondsLater);
    const signature = createHmac('sha256', secret).update(`${timestamp}:${PAYLOAD}`).digest('hex');
    return { [SIGNATURE_HEADER]: signature, [TIMESTAMP_HEADER]: timestamp };
  };
  const telling = (app: FastifyInstance, headers: Record<string, string>, remoteAddress = '192.0.2.1') =>
    app.inject({
      method: 'POST',
      url: '/webhooks/alertmanager',
      headers: { 'content-type': 'application/json', ...headers },
      payload: PAYLOAD,
      remoteAddress,
    });

  test('are counted apart, and so are their wrong secrets', async () => {
    const { app, behind, secrets } = secretly({ requestsPerSecond: 0.5, failuresPerMinute: 2 });
    expect(await statuses(times(3, () => telling(app, bearer('x'))))).toEqual([403, 403, 429]);
    const good = times(6, () => telling(app, bearer(SECRET)));
    expect(await statuses(good)).toEqual([202, 202, 202, 202, 202, 429]);
    expect(behind.received).toHaveLength(5);
    expect((await telling(app, bearer(SECRET), '192.0.2.2')).statusCode).toBe(202);
    expect((await app.inject(asking(secrets.viewer))).statusCode).toBe(200);
  });

  test.each([
    ['token', bearer('x')],
    ['signature', signed('x')],
  ])('with a wrong %s hold no good one of the same address up, however many', async (_, wrong) => {
    const { app, behind } = secretly({ requestsPerSecond: 0.5, failuresPerMinute: 2 });
    const flood = await statuses(times(20, () => telling(app, wrong)));
    expect(flood.slice(2)).toEqual(Array.from({ length: 18 }, () => 429));
    expect((await telling(app, bearer(SECRET))).statusCode).toBe(202);
    expect((await telling(app, signed(SECRET))).statusCode).toBe(202);
    expect(behind.received).toHaveLength(2);
  });

  test('with a good signature are counted as those with a good token', async () => {
    const { app } = secretly({ requestsPerSecond: 0.3, failuresPerMinute: 2 });
    const asks = [0, 1, 2, 3].map((seconds) => () => telling(app, signed(SECRET, seconds)));
    expect(await statuses(asks)).toEqual([202, 202, 202, 429]);
  });

  test('that are refused are limited without a limit for failures too', async () => {
    const { app } = secretly({ requestsPerSecond: 0.3, failuresPerMinute: 0 });
    expect(await statuses(times(4, () => telling(app, bearer('x'))))).toEqual([403, 403, 403, 429]);
    const none = times(4, () => telling(app, {}, '192.0.2.3'));
    expect(await statuses(none)).toEqual([401, 401, 401, 429]);
  });
});

test('without limits nothing is counted', async () => {
  const { app, secrets } = guarded();
  const asks = times(50, () => app.inject(asking(secrets.viewer)));
  expect(new Set(await statuses(asks))).toEqual(new Set([200]));
});
