import { expect, test } from 'vitest';
import { StoreError } from '../../src/store/store.ts';
import { paymentSpec, stableState } from '../view/states.ts';
import { serverOf, standIn } from './stand-in.ts';

function loaded() {
  const behind = standIn({ specs: [paymentSpec()], states: [stableState()] });
  return { behind, ...serverOf(behind) };
}

function post(path: string, payload: string | object, headers: Record<string, string> = {}) {
  return {
    method: 'POST',
    url: path,
    headers: { 'content-type': 'application/json', ...headers },
    payload,
  } as const;
}

const VERBS = '/api/v1/canaries/payment-service';

test.each([
  ['broken JSON', `${VERBS}/pause`, '{"reason":', 400, 'INVALID_JSON', 'not valid JSON'],
  ['an array', `${VERBS}/pause`, '[]', 400, 'INVALID_BODY', 'must be a JSON object'],
  ['an unknown field', `${VERBS}/pause`, '{"reson":"x"}', 400, 'INVALID_BODY', 'reson. Did you mean reason?'],
  ['a wrong type', `${VERBS}/pause`, '{"reason":5}', 400, 'INVALID_BODY', 'reason must be a string'],
  [
    'a flag as text',
    `${VERBS}/promote`,
    '{"force":"yes"}',
    400,
    'INVALID_BODY',
    'force must be true or false',
  ],
  ['a flag without use', `${VERBS}/pause`, '{"force":true}', 400, 'INVALID_BODY', 'pause knows no force'],
  ['an endless reason', `${VERBS}/pause`, { reason: 'x'.repeat(1001) }, 400, 'INVALID_BODY', 'at most 1000'],
  [
    'a poisoned object',
    `${VERBS}/pause`,
    '{"__proto__":{"force":true}}',
    400,
    'INVALID_JSON',
    'not valid JSON',
  ],
  ['a huge body', `${VERBS}/pause`, { reason: 'x'.repeat(70_000) }, 413, 'BODY_TOO_LARGE', 'larger'],
  [
    'an unknown Canary',
    '/api/v1/canaries/paymnt-service/pause',
    '{}',
    404,
    'NOT_FOUND',
    'Did you mean payment-service?',
  ],
  ['an unknown verb', `${VERBS}/explode`, '{}', 404, 'NO_SUCH_ROUTE', `${VERBS}/explode`],
  [
    'a start without its fields',
    '/api/v1/canary/start',
    '{}',
    400,
    'INVALID_BODY',
    'service_name is required',
  ],
  [
    'a start without a body',
    '/api/v1/canary/start',
    '',
    400,
    'INVALID_BODY',
    'service_name and canary_version',
  ],
  [
    'a start with a version of two lines',
    '/api/v1/canary/start',
    { service_name: 'payment-service', canary_version: 'v1\nv2' },
    400,
    'INVALID_BODY',
    'canary_version must be one line',
  ],
])('%s gets a clear problem and changes nothing', async (_, path, payload, status, code, detail) => {
  const { app, behind } = loaded();
  const answer = await app.inject(post(path, payload));
  expect(answer.statusCode).toBe(status);
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.json()).toMatchObject({ status, code, detail: expect.stringContaining(detail) });
  expect(answer.json().hint).not.toBe('');
  expect(behind.submitted).toEqual([]);
});

test.each([
  ['/api/v1/events?limit=0', 'limit must be a number from 1 to 1000'],
  ['/api/v1/events?limit=9999', 'limit must be at most 1000'],
  ['/api/v1/events?after=-1', 'after must be the number of an event'],
  ['/api/v1/events?since=1', 'unknown field since'],
  ['/api/v1/canaries/payment-service/explain?at=x', 'at must be the number of an event'],
])('the query of %s is refused with its parameter named', async (url, detail) => {
  const answer = await loaded().app.inject(url);
  expect(answer.statusCode).toBe(400);
  expect(answer.json()).toMatchObject({ code: 'INVALID_QUERY', detail: expect.stringContaining(detail) });
});

test.each([
  ['PUT', '/api/v1/canaries/payment-service', 'GET, HEAD'],
  ['GET', '/api/v1/canary/start', 'POST'],
  ['GET', '/api/v1/canaries/payment-service/abort', 'POST'],
  ['POST', '/metrics', 'GET'],
  ['DELETE', '/livez', 'GET, HEAD'],
] as const)('%s %s is 405 and names what is allowed', async (method, url, allow) => {
  const answer = await loaded().app.inject({
    method,
    url,
    headers: { 'content-type': 'text/plain' },
    payload: 'x',
  });
  expect(answer.statusCode).toBe(405);
  expect(answer.headers['allow']).toBe(allow);
  expect(answer.json()).toMatchObject({ code: 'METHOD_NOT_ALLOWED' });
});

test.each(['/nothing', '/api/v1', '/api/v2/canaries', '/api/v1/canaries/a/b/c'])('%s is 404', async (url) => {
  const answer = await loaded().app.inject(url);
  expect(answer.statusCode).toBe(404);
  expect(answer.json()).toMatchObject({ code: 'NO_SUCH_ROUTE', detail: `there is nothing at ${url}` });
});

test('an address that is no text is 400', async () => {
  const answer = await loaded().app.inject('/api/v1/canaries/%zz');
  expect(answer.statusCode).toBe(400);
  expect(answer.json()).toMatchObject({ code: 'INVALID_REQUEST' });
});

test('the name of a Canary may be as long as an address allows and is still only not found', async () => {
  const answer = await loaded().app.inject(`/api/v1/canaries/${'x'.repeat(1000)}`);
  expect(answer.json()).toMatchObject({ status: 404, code: 'NOT_FOUND' });
});

test('a fault of ours is logged and answered without its particulars', async () => {
  const { app, behind, errors } = loaded();
  behind.answer = async () => {
    throw new Error('secret detail');
  };
  const answer = await app.inject(post(`${VERBS}/pause`, {}));
  expect(answer.statusCode).toBe(500);
  expect(answer.json()).toMatchObject({ code: 'INTERNAL' });
  expect(answer.body).not.toContain('secret detail');
  expect(errors).toMatchObject([{ method: 'POST', path: `${VERBS}/pause` }]);
});

test('trouble of the store is 503 with its code', async () => {
  const { app, behind, errors } = loaded();
  behind.answer = async () => {
    throw new StoreError('STORE_FULL', 'the disk is full');
  };
  const answer = await app.inject(post(`${VERBS}/pause`, {}));
  expect(answer.statusCode).toBe(503);
  expect(answer.json()).toMatchObject({ code: 'STORE_FAILED', detail: 'STORE_FULL: the disk is full' });
  expect(errors).toEqual([]);
});

test('liveness needs nothing, readiness needs the first scan', async () => {
  const { app, behind } = loaded();
  expect((await app.inject('/readyz')).json()).toEqual({ status: 'ready', leader: true });
  behind.isReady = false;
  behind.isLeader = false;
  expect((await app.inject('/livez')).json()).toEqual({ status: 'alive' });
  const answer = await app.inject('/readyz');
  expect(answer.statusCode).toBe(503);
  expect(answer.json()).toMatchObject({ code: 'NOT_READY' });
});

test('the leader alone answers the probe that load balancers ask, and only once it takes changes', async () => {
  const { app, behind } = loaded();
  const probe = async () => {
    const { statusCode, body } = await app.inject('/leaderz');
    return [statusCode, JSON.parse(body).code ?? JSON.parse(body).status];
  };
  expect(await probe()).toEqual([200, 'leading']);
  behind.isLeader = false;
  expect(await probe()).toEqual([503, 'STANDBY']);
  expect((await app.inject({ method: 'HEAD', url: '/leaderz' })).statusCode).toBe(503);
  behind.isReady = false;
  behind.isLeader = true;
  expect(await probe()).toEqual([503, 'NOT_READY']);
});

test('HEAD works for probes', async () => {
  const { app } = loaded();
  expect((await app.inject({ method: 'HEAD', url: '/livez' })).statusCode).toBe(200);
});
