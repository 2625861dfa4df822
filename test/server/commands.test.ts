import { expect, test } from 'vitest';
import { VERBS } from '../../src/view/requests.ts';
import { paymentSpec, progressingState } from '../view/states.ts';
import { serverOf, standIn } from './stand-in.ts';

function loaded() {
  const behind = standIn({ specs: [paymentSpec()], states: [progressingState()] });
  const { app } = serverOf(behind);
  const give = (verb: string, payload: object = {}, headers: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url: `/api/v1/canaries/payment-service/${verb}`,
      headers: { 'content-type': 'application/json', ...headers },
      payload,
    });
  return { behind, app, give };
}

test.each(VERBS)(
  '%s is handed to the controller with its reason and answered with the event',
  async (verb) => {
    const { give, behind } = loaded();
    const answer = await give(verb, { reason: 'because' }, { 'x-canary-actor': 'ana' });
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toEqual({ eventId: 7 });
    expect(behind.submitted).toEqual([
      {
        canary: 'payment-service',
        verb,
        actor: 'ana',
        source: 'http',
        reason: 'because',
        force: false,
        full: false,
        revision: null,
        restart: false,
        from: { address: '127.0.0.1', requestId: answer.headers['x-request-id'], role: null },
      },
    ]);
  },
);

test('the body is optional, with and without its type', async () => {
  const { app, behind } = loaded();
  const url = '/api/v1/canaries/payment-service/pause';
  const bare = await app.inject({ method: 'POST', url });
  const typed = await app.inject({ method: 'POST', url, headers: { 'content-type': 'application/json' } });
  expect([bare.statusCode, typed.statusCode]).toEqual([202, 202]);
  expect(behind.submitted).toMatchObject([
    { reason: '', actor: 'local caller' },
    { reason: '', actor: 'local caller' },
  ]);
});

test('promote takes force and full, undo takes force', async () => {
  const { give, behind } = loaded();
  await give('promote', { force: true, full: true });
  await give('undo', { force: true });
  expect(behind.submitted).toMatchObject([
    { verb: 'promote', force: true, full: true },
    { verb: 'undo', force: true, full: false },
  ]);
  expect((await give('undo', { full: true })).statusCode).toBe(400);
  expect((await give('abort', { force: false })).statusCode).toBe(202);
});

test('retry names the rollout that it began', async () => {
  const { give, behind } = loaded();
  behind.answer = async () => ({ eventId: 9, rolloutId: 'payment-service-4-1f2e3d4c', changed: true });
  expect((await give('retry')).json()).toEqual({ eventId: 9, rolloutId: 'payment-service-4-1f2e3d4c' });
  expect((await give('pause')).json()).toEqual({ eventId: 9 });
});

test('a command without use now is 409 NOT_APPLICABLE with the way out', async () => {
  const { give, behind } = loaded();
  behind.answer = async () => ({
    status: 409,
    code: 'NOT_APPLICABLE',
    detail: 'not paused',
    hint: 'nothing to do',
  });
  const answer = await give('resume');
  expect(answer.statusCode).toBe(409);
  expect(answer.json()).toMatchObject({
    code: 'NOT_APPLICABLE',
    detail: 'not paused',
    hint: 'nothing to do',
  });
  expect(answer.json()).not.toHaveProperty('error');
});

test.each(['', ' ', 'a\u0007', 'ä', 'x'.repeat(65)])('an actor like %j is refused', async (actor) => {
  const { give, behind } = loaded();
  const answer = await give('pause', {}, { 'x-canary-actor': Buffer.from(actor).toString('latin1') });
  expect(answer.statusCode).toBe(400);
  expect(answer.json()).toMatchObject({ code: 'INVALID_HEADER' });
  expect(behind.submitted).toEqual([]);
});

test('the command line is told apart from other callers', async () => {
  const { give, behind } = loaded();
  await give('pause', {}, { 'user-agent': 'canary-cli/1.0.0' });
  expect(behind.submitted).toMatchObject([{ source: 'cli' }]);
});
