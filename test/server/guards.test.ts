import { expect, test } from 'vitest';
import { isLoopbackAddress, isLoopbackHost } from '../../src/server/guards.ts';
import { NOW, paymentSpec, stableState } from '../view/states.ts';
import { serverOf, standIn } from './stand-in.ts';

const PAUSE = { method: 'POST', url: '/api/v1/canaries/payment-service/pause' } as const;
const JSON_TYPE = { 'content-type': 'application/json' };

function loaded() {
  const behind = standIn({ specs: [paymentSpec()], states: [stableState()] });
  return { behind, ...serverOf(behind) };
}

test.each([
  ['the address of another machine', { remoteAddress: '192.0.2.7' }, {}, 'NOT_LOOPBACK'],
  ['an address behind a proxy', {}, { 'x-forwarded-for': '192.0.2.7' }, 'NOT_LOOPBACK'],
  ['a forwarded request', {}, { forwarded: 'for=192.0.2.7' }, 'NOT_LOOPBACK'],
  ['a proxy that names itself only', {}, { via: '1.1 edge' }, 'NOT_LOOPBACK'],
  ['a proxy that names the real address', {}, { 'x-real-ip': '192.0.2.7' }, 'NOT_LOOPBACK'],
  ['a proxy that names the host asked for', {}, { 'x-forwarded-host': 'canary.example' }, 'NOT_LOOPBACK'],
  ['a proxy that ended TLS', {}, { 'x-forwarded-proto': 'https' }, 'NOT_LOOPBACK'],
  ['a host name of somebody else that points here', {}, { host: 'evil.example:5001' }, 'FOREIGN_HOST'],
  ['a name that only begins like ours', {}, { host: 'localhost.evil.example' }, 'FOREIGN_HOST'],
  ['a page of another origin', {}, { origin: 'https://evil.example' }, 'FOREIGN_ORIGIN'],
  ['a page of another local server', {}, { origin: 'http://localhost:3000' }, 'FOREIGN_ORIGIN'],
  ['a sandboxed page', {}, { origin: 'null' }, 'FOREIGN_ORIGIN'],
])('a change from %s is refused with 403 and changes nothing', async (_, where, headers, code) => {
  const { app, behind } = loaded();
  const answer = await app.inject({
    ...PAUSE,
    ...where,
    headers: { ...JSON_TYPE, ...headers },
    payload: '{}',
  });
  expect(answer.statusCode).toBe(403);
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.json()).toMatchObject({
    status: 403,
    code,
    detail: expect.any(String),
    hint: expect.any(String),
  });
  expect(behind.submitted).toEqual([]);
});

test.each([
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/jsonp',
])('a body of type %s is refused with 415', async (type) => {
  const { app, behind } = loaded();
  const answer = await app.inject({ ...PAUSE, headers: { 'content-type': type }, payload: '{}' });
  expect(answer.statusCode).toBe(415);
  expect(answer.json()).toMatchObject({ code: 'UNSUPPORTED_MEDIA_TYPE' });
  expect(behind.submitted).toEqual([]);
});

test('a body without any type is refused with 415', async () => {
  const { app, behind } = loaded();
  const answer = await app.inject({
    ...PAUSE,
    headers: { 'content-length': '2' },
    payload: Buffer.from('{}'),
  });
  expect(answer.statusCode).toBe(415);
  expect(behind.submitted).toEqual([]);
});

test.each([
  ['127.0.0.1', '127.0.0.1:5001'],
  ['127.8.8.8', 'localhost:5001'],
  ['::1', '[::1]:5001'],
  ['::ffff:127.0.0.1', 'LOCALHOST'],
])('a change from %s by %s is taken', async (remoteAddress, host) => {
  const { app, behind } = loaded();
  const headers = { ...JSON_TYPE, host, origin: `http://${host}` };
  const answer = await app.inject({ ...PAUSE, remoteAddress, headers, payload: { reason: 'lunch' } });
  expect(answer.statusCode).toBe(202);
  expect(behind.submitted).toMatchObject([{ verb: 'pause', reason: 'lunch' }]);
});

test('reads are open to everyone', async () => {
  const { app } = loaded();
  const headers = { host: 'canary.example', origin: 'https://elsewhere.example' };
  const answer = await app.inject({ url: '/api/v1/canaries', remoteAddress: '192.0.2.7', headers });
  expect(answer.statusCode).toBe(200);
});

test('a standby answers reads, and changes with 503 STANDBY', async () => {
  const { app, behind } = loaded();
  behind.isLeader = false;
  expect((await app.inject('/api/v1/canaries/payment-service')).statusCode).toBe(200);
  expect((await app.inject('/metrics')).statusCode).toBe(200);
  const answer = await app.inject({ ...PAUSE, headers: JSON_TYPE, payload: {} });
  expect(answer.statusCode).toBe(503);
  expect(answer.json()).toMatchObject({
    code: 'STANDBY',
    detail: 'this process stands by; another one leads and writes',
  });
  expect(behind.submitted).toEqual([]);
});

test('a standby names who took the lead last to whoever may change something, and to nobody else', async () => {
  const { app, behind, store } = loaded();
  behind.isLeader = false;
  store.claimEpoch('shop-1/4711', NOW);
  store.claimEpoch('shop-2/815', NOW);
  const answer = await app.inject({ ...PAUSE, headers: JSON_TYPE, payload: {} });
  expect(answer.json()).toMatchObject({
    code: 'STANDBY',
    detail: 'this process stands by; shop-2/815 (host/process) took the lead last',
    hint: 'ask the leader: /leaderz answers 200 on it alone',
  });
  const elsewhere = await app.inject({
    ...PAUSE,
    remoteAddress: '192.0.2.7',
    headers: JSON_TYPE,
    payload: {},
  });
  expect(elsewhere.statusCode).toBe(403);
  for (const { body } of [elsewhere, await app.inject('/leaderz')]) expect(body).not.toContain('shop-2');
});

test('before the first scan nothing is taken, because nothing is known', async () => {
  const { app, behind } = loaded();
  behind.isReady = false;
  const answer = await app.inject({ ...PAUSE, headers: JSON_TYPE, payload: {} });
  expect(answer.statusCode).toBe(503);
  expect(answer.headers['retry-after']).toBe('1');
  expect(answer.json()).toMatchObject({ code: 'NOT_READY' });
});

test.each(['127.1', '127.0.0.1.evil.example', '10.0.0.1', '::', 'fe80::1', ''])(
  '%j is no loopback address',
  (address) => expect(isLoopbackAddress(address)).toBe(false),
);

test.each(['', 'localhost:x', '127.0.0.1@evil.example', '[::1].evil.example', '0.0.0.0:5001'])(
  '%j is no loopback host',
  (host) => expect(isLoopbackHost(host)).toBe(false),
);
