import { expect, test } from 'vitest';
import { hasRole, ROLES, type Role } from '../../src/access/roles.ts';
import { VERBS } from '../../src/view/requests.ts';
import { NOW, rolledBackState } from '../view/states.ts';
import { aToken, change, guarded } from './guarded.ts';

/** The least role of every verb, written once more. */
const LEAST: Readonly<Record<(typeof VERBS)[number], Role>> = {
  pause: 'operator',
  resume: 'operator',
  approve: 'approver',
  promote: 'operator',
  abort: 'operator',
  retry: 'operator',
  undo: 'operator',
  forget: 'admin',
};

const START = {
  method: 'POST',
  url: '/api/v1/canary/start',
  payload: { service_name: 'payment-service', canary_version: 'v9' },
} as const;

test.each(VERBS)('%s is taken from its role on, and from no role below it', async (verb) => {
  const { app, behind, secrets } = guarded();
  for (const role of ROLES) {
    const answer = await app.inject(change(verb, secrets[role]));
    expect(answer.statusCode, role).toBe(hasRole(role, LEAST[verb]) ? 202 : 403);
    if (answer.statusCode === 403) expect(answer.json()).toMatchObject({ code: 'ROLE_TOO_LOW' });
  }
  const expected = ROLES.filter((role) => hasRole(role, LEAST[verb]));
  expect(behind.submitted.map(({ actor }) => actor)).toEqual(expected);
});

test('a start is taken from deployers on', async () => {
  const { app, behind, secrets } = guarded();
  behind.answer = async () => ({ changed: true, eventId: 7, rolloutId: 'payment-service-1' });
  const statuses = ROLES.map(async (role) => {
    const headers = { authorization: `Bearer ${secrets[role]}` };
    return (await app.inject({ ...START, headers })).statusCode;
  });
  expect(await Promise.all(statuses)).toEqual([403, 202, 202, 202, 202]);
});

test('a version that failed is started again from operators on, as by `retry`', async () => {
  const { app, behind, secrets } = guarded();
  behind.states = [rolledBackState()];
  const payload = { ...START.payload, canary_version: 'v1.5.1', restart: true };
  const answers = ROLES.map(async (role) => {
    const answer = await app.inject({
      ...START,
      payload,
      headers: { authorization: `Bearer ${secrets[role]}` },
    });
    return answer.statusCode;
  });
  expect(await Promise.all(answers)).toEqual([403, 403, 403, 202, 202]);
  const headers = { authorization: `Bearer ${secrets.deployer}` };
  expect((await app.inject({ ...START, payload, headers })).json()).toMatchObject({
    code: 'ROLE_TOO_LOW',
    detail:
      'v1.5.1 failed before: starting it again asks for the role operator; the token deployer has deployer',
  });
  const other = { ...payload, canary_version: 'v9' };
  expect((await app.inject({ ...START, payload: other, headers })).statusCode).toBe(202);
});

test('a start with force, over the pre-flight, asks for admin and is handed on as such', async () => {
  const { app, behind, secrets } = guarded();
  behind.answer = async () => ({ changed: true, eventId: 7, rolloutId: 'payment-service-1' });
  const payload = { ...START.payload, force: true };
  const ask = (secret: string) =>
    app.inject({ ...START, payload, headers: { authorization: `Bearer ${secret}` } });
  expect((await ask(secrets.operator)).json()).toMatchObject({ status: 403, code: 'ROLE_TOO_LOW' });
  expect(behind.submitted).toEqual([]);
  expect((await ask(secrets.admin)).statusCode).toBe(202);
  expect(behind.submitted).toMatchObject([{ verb: 'start', force: true, actor: 'admin' }]);
});

test.each(['promote', 'undo'])('%s with force asks for admin', async (verb) => {
  const { app, behind, secrets } = guarded();
  const refused = await app.inject(change(verb, secrets.operator, { force: true }));
  expect(refused.json()).toMatchObject({ status: 403, code: 'ROLE_TOO_LOW' });
  expect(refused.json().detail).toContain('force');
  expect(behind.submitted).toEqual([]);
  expect((await app.inject(change(verb, secrets.admin, { force: true }))).statusCode).toBe(202);
});

test('reads ask for a token of any role, what machines ask for does not', async () => {
  const { app, secrets } = guarded();
  for (const url of ['/api/v1/canaries', '/api/v1/canaries/payment-service', '/api/v1/events']) {
    expect((await app.inject(url)).json(), url).toMatchObject({ status: 401, code: 'TOKEN_MISSING' });
    const headers = { authorization: `Bearer ${secrets.viewer}` };
    expect((await app.inject({ url, headers })).statusCode, url).toBe(200);
  }
  for (const url of ['/livez', '/readyz', '/leaderz', '/metrics', '/openapi.json']) {
    expect((await app.inject(url)).statusCode, url).toBe(200);
  }
});

test('loopback is no token', async () => {
  const { app, behind } = guarded();
  const answer = await app.inject({ ...change('pause', null), remoteAddress: '127.0.0.1' });
  expect(answer.statusCode).toBe(401);
  expect(answer.headers['www-authenticate']).toBe('Bearer realm="canary"');
  expect(behind.submitted).toEqual([]);
});

test('a token is good from anywhere, by any name of this machine', async () => {
  const { app, secrets } = guarded();
  const { headers, ...rest } = change('pause', secrets.operator);
  const away = { ...rest, remoteAddress: '192.0.2.7', headers: { ...headers, host: 'canary.example' } };
  expect((await app.inject(away)).statusCode).toBe(202);
});

test.each([
  ['another secret', `Bearer canary_${'x'.repeat(43)}`, 'TOKEN_UNKNOWN'],
  ['an endless one', `Bearer ${'x'.repeat(8_000)}`, 'TOKEN_UNKNOWN'],
  ['no secret', 'Bearer ', 'TOKEN_MISSING'],
  ['a password', 'Basic Y2FuYXJ5OnNlY3JldA==', 'TOKEN_MISSING'],
])('%s is refused, and not repeated', async (_, authorization, code) => {
  const { app } = guarded();
  const answer = await app.inject({ url: '/api/v1/canaries', headers: { authorization } });
  expect(answer.json()).toMatchObject({ status: 401, code, hint: expect.stringContaining('token') });
  expect(answer.body).not.toContain('xxx');
});

test('a token is refused from the moment it expires', async () => {
  const { token, secret } = aToken({ expires: new Date(NOW + 1_000).toISOString() });
  const { app, clock } = guarded([token]);
  const request = { url: '/api/v1/canaries', headers: { authorization: `Bearer ${secret}` } };
  expect((await app.inject(request)).statusCode).toBe(200);
  clock.advance(1_000);
  expect((await app.inject(request)).json()).toMatchObject({ status: 401, code: 'TOKEN_EXPIRED' });
});

test('a token with a list changes only the Canaries of the list, and reads all', async () => {
  const mine = aToken({ name: 'mine', canaries: ['payment-*'] });
  const other = aToken({ name: 'other', role: 'admin', canaries: ['checkout', 'payment'] });
  const { app, behind } = guarded([mine.token, other.token]);
  behind.answer = async () => ({ changed: true, eventId: 7, rolloutId: 'payment-service-1' });
  const start = (secret: string) => app.inject({ ...START, headers: { authorization: `Bearer ${secret}` } });
  expect((await start(mine.secret)).statusCode).toBe(202);
  expect((await start(other.secret)).json()).toMatchObject({
    code: 'CANARY_NOT_YOURS',
    detail: expect.stringContaining('checkout, payment, not payment-service'),
    error: expect.stringContaining('checkout'),
  });
  expect((await app.inject(change('abort', other.secret))).json()).toMatchObject({
    code: 'CANARY_NOT_YOURS',
  });
  expect(behind.submitted.map(({ actor }) => actor)).toEqual(['mine']);
  const headers = { authorization: `Bearer ${other.secret}` };
  expect((await app.inject({ url: '/api/v1/canaries/payment-service', headers })).statusCode).toBe(200);
});

test('the actor is the name of the token, whatever a header claims', async () => {
  const { app, behind, secrets } = guarded();
  const { headers, ...rest } = change('pause', secrets.operator, { reason: 'lunch' });
  const claim = { ...headers, 'x-canary-actor': 'the boss', 'x-request-id': 'build-118' };
  await app.inject({ ...rest, remoteAddress: '192.0.2.7', headers: claim });
  expect(behind.submitted).toMatchObject([
    {
      actor: 'operator',
      reason: 'lunch',
      from: { address: '192.0.2.7', requestId: 'build-118', role: 'operator' },
    },
  ]);
});

test('another file is in force from the next request on', async () => {
  const { app, secrets, replace } = guarded();
  const request = { url: '/api/v1/canaries', headers: { authorization: `Bearer ${secrets.admin}` } };
  expect((await app.inject(request)).statusCode).toBe(200);
  replace([]);
  expect((await app.inject(request)).json()).toMatchObject({ code: 'TOKEN_UNKNOWN' });
});

test('a route that does not say who may call it is never registered', () => {
  const { app } = guarded();
  expect(() => app.get('/secret', async () => 'told')).toThrow('/secret declares no access');
  expect(() => app.get('/open', { config: { access: 'open' } }, async () => 'told')).not.toThrow();
});

test('every call declares what it asks for, and the description says so', async () => {
  const { paths } = (await guarded().app.inject('/openapi.json')).json();
  const shown: Record<string, unknown> = {};
  for (const [path, methods] of Object.entries<Record<string, { security: unknown }>>(paths)) {
    for (const [method, { security }] of Object.entries(methods)) {
      if (path.startsWith('/api') && method === 'get')
        expect(security, path).toEqual([{ token: ['viewer'] }]);
      shown[`${method} ${path}`] = security;
    }
  }
  const verb = (name: (typeof VERBS)[number]) => shown[`post /api/v1/canaries/{name}/${name}`];
  for (const name of VERBS) expect(verb(name)).toEqual([{ token: [LEAST[name]] }]);
  expect(shown['post /api/v1/canary/start']).toEqual([{ token: ['deployer'] }]);
  expect(shown['post /webhooks/grafana']).toEqual([{ webhookSecret: [] }]);
  expect(shown['get /metrics']).toEqual([]);
});
