import { expect, test } from 'vitest';
import { ALERT_LABELS } from '../../src/server/alerts.ts';
import { StoreError } from '../../src/store/store.ts';
import { aToken, change, guarded } from './guarded.ts';

const OWN_ID = 'ci/build-118:retry=2';
const SECRET = 'the-webhook-secret-of-the-test';
const ALERTS = { method: 'POST', url: '/webhooks/alertmanager' } as const;
const UUID = /^[0-9a-f-]{36}$/;

test.each(['/livez', '/api/v1/canaries', '/nothing', '/api/v1/canaries/%zz'])(
  'the answer of %s carries the id of the request, the caller’s own where it is well-formed',
  async (url) => {
    const { app } = guarded();
    const named = await app.inject({ url, headers: { 'x-request-id': OWN_ID } });
    expect(named.headers['x-request-id']).toBe(OWN_ID);
    const { headers, body } = await app.inject(url);
    expect(headers['x-request-id']).toMatch(UUID);
    if (body.includes('"hint"')) expect(JSON.parse(body).requestId).toBe(headers['x-request-id']);
  },
);

test.each(['', '-x', 'a b', 'x"y', 'ä', 'x'.repeat(129)])('%j is no id, so that one is made', async (id) => {
  const { headers } = await guarded().app.inject({ url: '/livez', headers: { 'x-request-id': id } });
  expect(headers['x-request-id']).toMatch(UUID);
});

test('a change is logged with who asked, from where, by which request and what became of it', async () => {
  const { app, lines, secrets } = guarded();
  const { headers, ...rest } = change('pause', secrets.operator);
  const request = { ...rest, remoteAddress: '192.0.2.7', headers: { ...headers, 'x-request-id': OWN_ID } };
  await app.inject(request);
  await app.inject({
    ...request,
    headers: { ...request.headers, authorization: `Bearer ${secrets.viewer}` },
  });
  const line = {
    level: 'info',
    msg: 'a change was asked for',
    requestId: OWN_ID,
    method: 'POST',
    path: '/api/v1/canaries/payment-service/pause',
    address: '192.0.2.7',
  };
  expect(lines).toEqual([
    { ...line, status: 202, code: null, actor: 'operator' },
    { ...line, status: 403, code: 'ROLE_TOO_LOW', actor: 'viewer' },
  ]);
});

test('a read is logged only where it was refused or failed', async () => {
  const { app, behind, lines, secrets } = guarded();
  const headers = { authorization: `Bearer ${secrets.viewer}`, 'x-request-id': OWN_ID };
  await app.inject({ url: '/api/v1/canaries', headers });
  expect(lines).toEqual([]);
  await app.inject({ url: '/api/v1/canaries?x=y', headers: { 'x-request-id': OWN_ID } });
  expect(lines).toMatchObject([
    {
      level: 'warn',
      msg: 'a request was refused',
      path: '/api/v1/canaries',
      code: 'TOKEN_MISSING',
      actor: null,
    },
  ]);
  behind.controls.gateways = async () => {
    throw new StoreError('STORE_FULL', 'the disk is full');
  };
  await app.inject({ url: '/api/v1/canaries/payment-service', headers });
  expect(lines[1]).toMatchObject({ requestId: OWN_ID, status: 503, code: 'STORE_FAILED' });
});

test('a fault of ours is logged with the id that its answer carries', async () => {
  const { app, behind, lines, secrets } = guarded();
  behind.answer = async () => {
    throw new Error('secret detail');
  };
  const answer = await app.inject(change('pause', secrets.operator));
  expect(answer.json()).toMatchObject({ code: 'INTERNAL', requestId: expect.stringMatching(UUID) });
  expect(lines[0]).toMatchObject({ level: 'error', requestId: answer.json().requestId });
});

test('refused requests are counted, and a flood of them is one line', async () => {
  const { app, lines, secrets } = guarded([], { limits: { requestsPerSecond: 0.1, failuresPerMinute: 0 } });
  const list = (secret: string) =>
    app.inject({ url: '/api/v1/canaries', headers: { authorization: `Bearer ${secret}` } });
  await app.inject(change('pause', secrets.viewer));
  for (let ask = 0; ask < 5; ask += 1) await list(secrets.viewer);
  await list(aToken().secret);
  const { body } = await app.inject({ url: '/metrics', remoteAddress: '192.0.2.9' });
  const count = (reason: string) =>
    Number(
      new RegExp(`^canary_controller_requests_refused_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(
        body,
      )?.[1],
    );
  expect([count('forbidden'), count('unauthenticated')]).toEqual([1, 1]);
  expect(count('limited')).toBeGreaterThan(2);
  expect(lines.filter(({ msg }) => msg.includes('too often'))).toHaveLength(1);
});

test.each([
  ['INVALID_JSON', 400, '{"planted', 'application/json'],
  ['INVALID_BODY', 400, '{"alerts":"planted"}', 'application/json'],
  ['UNSUPPORTED_MEDIA_TYPE', 415, 'planted', 'text/plain'],
  ['BODY_TOO_LARGE', 413, `"planted${'x'.repeat(1024 * 1024)}"`, 'application/json'],
  ['WEBHOOK_SECRET_WRONG', 403, '{}', 'application/json', 'planted'],
])(
  'a webhook that is refused with %s is logged, without what it said',
  async (code, status, payload, type, secret = SECRET) => {
    const { app, lines } = guarded([], { webhooks: { secret: SECRET, labels: ALERT_LABELS } });
    const headers = { authorization: `Bearer ${secret}`, 'content-type': type, 'x-request-id': OWN_ID };
    await app.inject({ ...ALERTS, payload, headers, remoteAddress: '192.0.2.7' });
    expect(lines).toMatchObject([
      { level: 'warn', requestId: OWN_ID, path: ALERTS.url, status, code, actor: null, address: '192.0.2.7' },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/planted|webhook-secret/);
  },
);

test('a sender whose webhooks are refused again and again does not fill the log', async () => {
  const { app, lines, clock } = guarded([], { webhooks: { secret: SECRET, labels: ALERT_LABELS } });
  const headers = { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' };
  const tell = () => app.inject({ ...ALERTS, payload: '{}', headers });
  for (let count = 0; count < 5; count += 1) await tell();
  expect(lines).toHaveLength(1);
  clock.advance(1000);
  await tell();
  expect(lines).toHaveLength(2);
});
