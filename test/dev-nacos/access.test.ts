/** Login, tokens and refusals, per generation. */
import { describe, expect, it } from 'vitest';
import type { Version } from '../../infra/dev-nacos/generation.ts';
import type { DevNacos } from '../../infra/dev-nacos/server.ts';
import {
  call,
  DATA_ID,
  GROUP,
  publishAdmin,
  publishV1,
  READ_ADMIN,
  READ_CLIENT,
  READ_V1,
  start,
} from './calls.ts';
import { createVirtualClock } from './virtual-clock.ts';

const ACCOUNT = { username: 'nacos', password: 's3cret&+' };
const V1_LOGIN = 'POST /v1/auth/login';
const V1_USERS_LOGIN = 'POST /v1/auth/users/login';
const V3_LOGIN = 'POST /v3/auth/user/login';

async function tokenOf(nacos: DevNacos, path: string): Promise<string> {
  return JSON.parse((await call(nacos, path, { form: ACCOUNT })).body).accessToken;
}

describe('login', () => {
  it.each<[Version, string, number]>([
    ['2.2.3', V1_LOGIN, 200],
    ['2.2.3', V1_USERS_LOGIN, 200],
    ['2.2.3', V3_LOGIN, 404],
    ['2.5.1', V1_USERS_LOGIN, 200],
    ['3.1', V1_LOGIN, 200],
    ['3.1', V1_USERS_LOGIN, 200],
    ['3.1', V3_LOGIN, 200],
    ['3.2', V1_LOGIN, 404],
    ['3.2', V3_LOGIN, 200],
  ])('on %s by %s answers %i', async (version, path, status) => {
    const nacos = await start(version, { auth: ACCOUNT });
    const answer = await call(nacos, path, { form: ACCOUNT });
    expect(answer.status).toBe(status);
    if (status !== 200) return;
    const { accessToken } = JSON.parse(answer.body);
    expect(answer.body).toBe(
      `{"accessToken":"${accessToken}","tokenTtl":18000,"globalAdmin":true,"username":"nacos"}`,
    );
    expect(answer.headers.authorization).toBe(`Bearer ${accessToken}`);
  });

  it('accepts the credentials in the query string too', async () => {
    const nacos = await start('2.5.1', { auth: ACCOUNT });
    const query = new URLSearchParams(ACCOUNT).toString();
    expect((await call(nacos, `${V1_LOGIN}?${query}`)).status).toBe(200);
  });

  const text = (body: string) => ({ body });
  const spring = (message: string) => ({ body: expect.stringContaining(`"message":"${message}"`) });
  const swallowed = 'Handle API Compatibility failed, please see log for detail.';
  it.each([
    ['2.5.1', V1_LOGIN, 'nacos', 403, text('user not found!')],
    ['2.5.1', V1_LOGIN, 'nobody', 500, text('caused: User nobody not found;')],
    ['3.1', V3_LOGIN, 'nacos', 500, spring('No message available')],
    ['3.1', V3_LOGIN, 'nobody', 403, spring('Access Denied')],
    ['3.1', V1_LOGIN, 'nacos', 500, spring(swallowed)],
    ['3.1', V1_USERS_LOGIN, 'nobody', 500, spring(swallowed)],
  ] as const)(
    'on %s by %s fails for %s and a wrong password with %i',
    async (version, path, username, status, answer) => {
      const nacos = await start(version, { auth: ACCOUNT });
      const refused = await call(nacos, path, { form: { username, password: 'wrong' } });
      expect(refused).toMatchObject({ status, ...answer });
    },
  );

  it('finds no user on a server without access control', async () => {
    const refused = await call(await start('2.5.1'), V1_LOGIN, { form: ACCOUNT });
    expect(refused.status).toBe(500);
  });
});

describe('access control', () => {
  it('on 2.5.1 guards reads, writes and the listener of v1', async () => {
    const nacos = await start('2.5.1', { auth: ACCOUNT, clock: createVirtualClock() });
    expect(await call(nacos, READ_V1)).toMatchObject({
      status: 403,
      body: '{"timestamp":"2026-11-23T08:05:45.001+00:00","status":403,"error":"Forbidden","message":"user not found!","path":"/nacos/v1/cs/configs"}',
    });
    expect((await publishV1(nacos, '{}')).status).toBe(403);
    expect((await call(nacos, 'POST /v1/cs/configs/listener')).status).toBe(403);
    expect(nacos.get(DATA_ID, GROUP)).toBeUndefined();
  });

  it('on 3.1 guards the Admin API and leaves v1 open, writes and garbage tokens included', async () => {
    const nacos = await start('3.1', { auth: ACCOUNT });
    expect((await publishAdmin(nacos, '{}')).status).toBe(403);
    const headers = { Authorization: 'Bearer garbage' };
    expect((await publishV1(nacos, '{"open":true}', { headers })).body).toBe('true');
    expect((await call(nacos, READ_V1)).body).toBe('{"open":true}');
    expect((await call(nacos, READ_CLIENT)).status).toBe(200);
  });

  const words: [string, string, string][] = [
    ['', 'user not found!', 'User not found! Please check user exist or password is right!'],
    ['garbage', 'token invalid!', 'token invalid!'],
    ['a.b.c', 'Invalid signature', 'Invalid signature'],
  ];
  it.each(words)('names the trouble with token "%s"', async (token, bare, wrapped) => {
    const headers = token === '' ? {} : { Authorization: `Bearer ${token}` };
    const old = await call(await start('2.5.1', { auth: ACCOUNT }), READ_V1, { headers });
    expect(JSON.parse(old.body).message).toBe(bare);
    const modern = await call(await start('3.1', { auth: ACCOUNT }), READ_ADMIN, { headers });
    expect(modern.status).toBe(403);
    expect(JSON.parse(modern.body).message).toBe(`Code: 401, Message: ${wrapped}.`);
  });

  it.each<[Version, string, string]>([
    ['2.5.1', V1_LOGIN, READ_V1],
    ['3.1', V3_LOGIN, READ_ADMIN],
    ['3.2', V3_LOGIN, READ_ADMIN],
  ])('on %s accepts every way to show credentials', async (version, login, read) => {
    const nacos = await start(version, { auth: ACCOUNT });
    nacos.put(DATA_ID, GROUP, '{}');
    const accessToken = await tokenOf(nacos, login);
    const withParams = (params: Record<string, string>) => `${read}&${new URLSearchParams(params)}`;
    const answers = [
      await call(nacos, read, { headers: { Authorization: `Bearer ${accessToken}` } }),
      await call(nacos, read, { headers: { accessToken } }),
      await call(nacos, withParams({ accessToken })),
      await call(nacos, read, { headers: ACCOUNT }),
      await call(nacos, withParams(ACCOUNT)),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  });

  it('lets tokens expire by the clock and honours new ones', async () => {
    const clock = createVirtualClock();
    const nacos = await start('3.1', { auth: ACCOUNT, clock, tokenTtlSeconds: 60 });
    nacos.put(DATA_ID, GROUP, '{}');
    const headers = { Authorization: `Bearer ${await tokenOf(nacos, V3_LOGIN)}` };
    clock.advance(59_999);
    expect((await call(nacos, READ_ADMIN, { headers })).status).toBe(200);
    clock.advance(1);
    const expired = await call(nacos, READ_ADMIN, { headers });
    expect(JSON.parse(expired.body)).toMatchObject({
      status: 403,
      error: 'Forbidden',
      message: 'Code: 401, Message: token expired!.',
      path: '/nacos/v3/admin/cs/config',
    });
    const fresh = { Authorization: `Bearer ${await tokenOf(nacos, V3_LOGIN)}` };
    expect((await call(nacos, READ_ADMIN, { headers: fresh })).status).toBe(200);
  });

  it('keeps tokens valid over a restart and records who wrote', async () => {
    const nacos = await start('3.1', { auth: ACCOUNT });
    const headers = { Authorization: `Bearer ${await tokenOf(nacos, V3_LOGIN)}` };
    await nacos.restart();
    expect((await publishAdmin(nacos, '{}', { headers })).status).toBe(200);
    expect(nacos.history(DATA_ID, GROUP)).toMatchObject([{ operation: 'I', user: 'nacos' }]);
  });
});
