import { expect, test } from 'vitest';
import type { Accepted, Refusal } from '../../src/controller/controls.ts';
import { paymentSpec, progressingState, ROLLOUT_ID, stableState } from '../view/states.ts';
import { aToken, guarded } from './guarded.ts';
import { serverOf, standIn } from './stand-in.ts';

const STARTED: Accepted = { eventId: 41, rolloutId: ROLLOUT_ID, changed: true };

function loaded(answer: Accepted | Refusal = STARTED) {
  const behind = standIn({ specs: [paymentSpec()], states: [progressingState()] });
  behind.answer = async () => answer;
  const { app, clock } = serverOf(behind);
  const start = (payload: object, headers: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url: '/api/v1/canary/start',
      headers: { 'content-type': 'application/json', ...headers },
      payload,
    });
  return { behind, clock, start };
}

const BODY = { service_name: 'payment-service', canary_version: 'v1.5.1' };

test('a start that begins a rollout is 202 with the sentence of the article and the rollout', async () => {
  const { start, behind } = loaded();
  const answer = await start({ ...BODY, reason: 'release 1.5.1' }, { 'x-canary-actor': 'jenkins' });
  expect(answer.statusCode).toBe(202);
  expect(answer.json()).toEqual({
    status: 'Canary analysis started',
    canary: 'payment-service',
    rolloutId: ROLLOUT_ID,
    eventId: 41,
  });
  expect(behind.submitted).toEqual([
    {
      canary: 'payment-service',
      verb: 'start',
      actor: 'jenkins',
      source: 'http',
      reason: 'release 1.5.1',
      force: false,
      full: false,
      revision: 'v1.5.1',
      restart: false,
      from: { address: '127.0.0.1', requestId: answer.headers['x-request-id'], role: null },
    },
  ]);
});

test('a version that runs already is 200 with its rollout', async () => {
  const { start } = loaded({ rolloutId: ROLLOUT_ID, changed: false });
  const answer = await start(BODY);
  expect(answer.statusCode).toBe(200);
  expect(answer.json()).toMatchObject({ status: 'Canary analysis already running', rolloutId: ROLLOUT_ID });
});

test('a version that is live is 200 with its rollout or null', async () => {
  const { start, behind } = loaded({ rolloutId: null, changed: false });
  behind.states = [stableState()];
  const answer = await start(BODY);
  expect(answer.statusCode).toBe(200);
  expect(answer.json()).toMatchObject({ status: 'Version already live', rolloutId: null });
});

test.each(['IN_PROGRESS', 'GIT_OWNS_REVISION', 'NEEDS_RETRY', 'STABLE_UNKNOWN'])(
  'a refusal is 409 %s, with `error` as the article had it',
  async (code) => {
    const { start } = loaded({ status: 409, code, detail: 'because', hint: 'do this' });
    const answer = await start(BODY);
    expect(answer.statusCode).toBe(409);
    expect(answer.json()).toMatchObject({ code, detail: 'because', error: 'because', hint: 'do this' });
  },
);

test('`restart` travels with the command', async () => {
  const { start, behind } = loaded();
  await start({ ...BODY, restart: true });
  expect(behind.submitted).toMatchObject([{ restart: true }]);
});

test('a problem of this call carries `error`, whoever found it', async () => {
  const { start } = loaded();
  const missing = await start({ service_name: 'payment-service' });
  expect(missing.statusCode).toBe(400);
  expect(missing.json()).toMatchObject({
    code: 'INVALID_BODY',
    detail: 'canary_version is required',
    error: 'canary_version is required',
  });
  const foreign = await start(BODY, { host: 'evil.example' });
  expect(foreign.json().error).toBe(foreign.json().detail);
});

test('the service is looked for in spec.service first, then in metadata.name', async () => {
  const { start, behind } = loaded();
  behind.specs = [
    paymentSpec({ name: 'checkout', service: 'shop' }),
    paymentSpec({ name: 'shop', service: 'front' }),
  ];
  await start({ ...BODY, service_name: 'shop' });
  await start({ ...BODY, service_name: 'checkout' });
  await start({ ...BODY, service_name: 'front' });
  expect(behind.submitted.map(({ canary }) => canary)).toEqual(['checkout', 'checkout', 'shop']);
});

test('an unknown service is 404 and names what was probably meant', async () => {
  const { start } = loaded();
  const answer = await start({ ...BODY, service_name: 'payment-servise' });
  expect(answer.statusCode).toBe(404);
  expect(answer.json()).toMatchObject({
    code: 'NOT_FOUND',
    detail: 'no Canary moves the service payment-servise. Did you mean payment-service?',
  });
});

test('several Canaries of one service are 409 AMBIGUOUS until one is named', async () => {
  const { start, behind } = loaded();
  behind.specs = [
    paymentSpec({ name: 'eu', service: 'payment' }),
    paymentSpec({ name: 'us', service: 'payment' }),
  ];
  const body = { ...BODY, service_name: 'payment' };
  const answer = await start(body);
  expect(answer.statusCode).toBe(409);
  expect(answer.json()).toMatchObject({ code: 'AMBIGUOUS', detail: expect.stringContaining('eu, us') });
  expect((await start({ ...body, canary: 'us' })).statusCode).toBe(202);
  expect(behind.submitted.map(({ canary }) => canary)).toEqual(['us']);
  const wrong = await start({ ...BODY, service_name: 'other', canary: 'us' });
  expect(wrong.statusCode).toBe(404);
});

test('an Idempotency-Key is its caller’s own', async () => {
  const other = aToken({ name: 'other', role: 'deployer' });
  const { app, behind, secrets } = guarded([other.token]);
  const start = (secret: string) =>
    app.inject({
      method: 'POST',
      url: '/api/v1/canary/start',
      headers: { authorization: `Bearer ${secret}`, 'idempotency-key': 'build-7' },
      payload: BODY,
    });
  for (const secret of [secrets.deployer, secrets.deployer, other.secret]) {
    expect((await start(secret)).statusCode).toBe(202);
  }
  expect(behind.submitted.map(({ actor }) => actor)).toEqual(['deployer', 'other']);
});

test('an Idempotency-Key is its caller’s own, wherever the name of one ends and its key begins', async () => {
  const { app, behind } = guarded([], { tokens: null });
  const start = (actor: string, key: string) =>
    app.inject({
      method: 'POST',
      url: '/api/v1/canary/start',
      headers: { 'x-canary-actor': actor, 'idempotency-key': key },
      payload: BODY,
    });
  await start('ana', 'of the shop 7');
  await start('ana of', 'the shop 7');
  expect(behind.submitted.map(({ actor }) => actor)).toEqual(['ana', 'ana of']);
});

test('a repeated request with the same Idempotency-Key gets the first answer and does nothing', async () => {
  const { start, behind } = loaded();
  const first = await start(BODY, { 'idempotency-key': 'build-7' });
  behind.answer = async () => ({
    status: 409,
    code: 'NEEDS_RETRY',
    detail: 'rolled back since',
    hint: 'retry',
  });
  const second = await start(BODY, { 'idempotency-key': 'build-7' });
  expect([second.statusCode, second.json()]).toEqual([202, first.json()]);
  expect(behind.submitted).toHaveLength(1);
  expect((await start(BODY, { 'idempotency-key': 'build-8' })).statusCode).toBe(409);
});

test('two requests with one key at the same moment start once', async () => {
  const { start, behind } = loaded();
  const gate = Promise.withResolvers<Accepted>();
  behind.answer = () => gate.promise;
  const both = [start(BODY, { 'idempotency-key': 'k' }), start(BODY, { 'idempotency-key': 'k' })];
  gate.resolve(STARTED);
  const answers = await Promise.all(both);
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([202, 202]);
  expect(behind.submitted).toHaveLength(1);
});

test('a key that comes with another request is 422', async () => {
  const { start, behind } = loaded();
  await start(BODY, { 'idempotency-key': 'build-7' });
  const answer = await start({ ...BODY, canary_version: 'v9' }, { 'idempotency-key': 'build-7' });
  expect(answer.statusCode).toBe(422);
  expect(answer.json()).toMatchObject({ code: 'KEY_REUSED' });
  expect(behind.submitted).toHaveLength(1);
});

test('a refusal and a fault are not kept under a key: the same request may work later', async () => {
  const { start, behind } = loaded({ status: 409, code: 'IN_PROGRESS', detail: 'busy', hint: 'wait' });
  expect((await start(BODY, { 'idempotency-key': 'k' })).statusCode).toBe(409);
  behind.answer = async () => {
    throw new Error('broken');
  };
  expect((await start(BODY, { 'idempotency-key': 'k' })).statusCode).toBe(500);
  behind.answer = async () => STARTED;
  expect((await start(BODY, { 'idempotency-key': 'k' })).statusCode).toBe(202);
});

test('a key is kept for a day', async () => {
  const { start, behind, clock } = loaded();
  await start(BODY, { 'idempotency-key': 'k' });
  clock.advance(23 * 3_600_000);
  await start(BODY, { 'idempotency-key': 'k' });
  expect(behind.submitted).toHaveLength(1);
  clock.advance(2 * 3_600_000);
  await start(BODY, { 'idempotency-key': 'k' });
  expect(behind.submitted).toHaveLength(2);
});
