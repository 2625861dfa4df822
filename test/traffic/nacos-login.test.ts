/** Login, renewal and refusal; and that nothing secret ever shows. */
import { describe, expect, it } from 'vitest';
import { VERSIONS } from '../../infra/dev-nacos/generation.ts';
import type { DevNacos } from '../../infra/dev-nacos/server.ts';
import { createSecrets, excerpt } from '../../src/traffic/nacos/redact.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import {
  ACCOUNT,
  bodyOf,
  collectLog,
  DATA_ID,
  eventually,
  GROUP,
  publish,
  read,
  routerTo,
  startNacos,
  startStub,
  TARGET,
} from './setup.ts';

const LOGIN = /\/auth\/(users?\/)?login$/;

function logins(nacos: DevNacos): string[] {
  return nacos.requests.map(({ path }) => path).filter((path) => LOGIN.test(path));
}

describe.each(VERSIONS)('with access control on %s', (version) => {
  it('one login serves many calls at once and later', async () => {
    const nacos = await startNacos(version, { auth: ACCOUNT });
    const router = routerTo(nacos.url, ACCOUNT);
    const kinds = await Promise.all(Array.from({ length: 50 }, async () => (await read(router)).kind));
    expect(new Set(kinds)).toEqual(new Set(['absent']));
    expect(await publish(router, '{}', 'absent')).toMatchObject({ result: 'accepted' });
    expect(logins(nacos)).toHaveLength(1);
  });

  it('user name, password and token are in no URL', async () => {
    const nacos = await startNacos(version, { auth: ACCOUNT });
    const router = routerTo(nacos.url, ACCOUNT);
    await read(router);
    await publish(router, '{}');
    await router.beta(TARGET, new AbortController().signal);
    for (const { path } of nacos.requests) {
      expect(decodeURIComponent(path)).not.toMatch(/deployer|S3cret|accessToken|password|username/);
    }
  });

  it('the token is renewed between 80 and 90 percent of its life', async () => {
    const clock = createVirtualClock();
    const nacos = await startNacos(version, { auth: ACCOUNT, tokenTtlSeconds: 100, clock });
    const router = routerTo(nacos.url, { ...ACCOUNT, clock });
    await read(router);
    clock.advance(79_000);
    await read(router);
    expect(logins(nacos)).toHaveLength(1);
    clock.advance(11_000);
    expect(await read(router)).toMatchObject({ kind: 'absent' });
    expect(logins(nacos)).toHaveLength(2);
  });

  it('a token that the server forgot costs one more login, not a failure', async () => {
    const clock = createVirtualClock();
    const nacos = await startNacos(version, { auth: ACCOUNT });
    const router = routerTo(nacos.url, { ...ACCOUNT, clock });
    await read(router);
    clock.advance(60_000);
    nacos.faults.inject({ fault: 'status', status: 403, on: 'write', times: 1 });
    expect(await publish(router, '{}', 'absent')).toMatchObject({ result: 'accepted' });
    expect(logins(nacos)).toHaveLength(2);
  });
});

describe('a token', () => {
  it('that expired while the clocks disagreed is replaced in the middle of a call', async () => {
    const clock = createVirtualClock();
    const serverClock = createVirtualClock();
    const nacos = await startNacos('3.1', { auth: ACCOUNT, tokenTtlSeconds: 100, clock: serverClock });
    const router = routerTo(nacos.url, { ...ACCOUNT, clock });
    await read(router);
    clock.advance(10_000);
    serverClock.advance(101_000);
    expect(await read(router)).toMatchObject({ kind: 'absent' });
    expect(logins(nacos)).toHaveLength(2);
  });

  it('is used on while its renewal fails, until it expires', async () => {
    const clock = createVirtualClock();
    const nacos = await startNacos('3.1', { auth: ACCOUNT, tokenTtlSeconds: 100, clock });
    const router = routerTo(nacos.url, { ...ACCOUNT, clock });
    await read(router);
    nacos.faults.inject({ fault: 'status', status: 500, on: 'login' });
    clock.advance(95_000);
    expect(await read(router)).toMatchObject({ kind: 'absent' });
    clock.advance(10_000);
    expect(await read(router)).toMatchObject({ kind: 'unreadable', code: 'NACOS_AUTH' });
  });

  it('that is fresh and refused means that the user has no right: no second login, no second attempt', async () => {
    const clock = createVirtualClock();
    const nacos = await startNacos('3.1', { auth: ACCOUNT });
    const router = routerTo(nacos.url, { ...ACCOUNT, clock });
    nacos.faults.inject({ fault: 'status', status: 403, path: '/v3/admin/cs' });
    for (let call = 0; call < 100; call += 1) {
      expect(await read(router)).toMatchObject({ kind: 'unreadable', code: 'NACOS_FORBIDDEN' });
    }
    expect(logins(nacos)).toHaveLength(1);
    expect(nacos.requests.filter(({ path }) => path.includes('/cs/config?'))).toHaveLength(100);
  });

  it('of the fullest age leads to one new login for all callers together', async () => {
    const clock = createVirtualClock();
    const nacos = await startNacos('3.1', { auth: ACCOUNT, tokenTtlSeconds: 100, clock });
    const router = routerTo(nacos.url, { ...ACCOUNT, clock });
    await read(router);
    clock.advance(120_000);
    await Promise.all(Array.from({ length: 30 }, () => read(router)));
    expect(logins(nacos)).toHaveLength(2);
  });
});

describe('a wrong password', () => {
  it.each(VERSIONS)('on %s is denied and is not tried over and over', async (version) => {
    const clock = createVirtualClock();
    const nacos = await startNacos(version, { auth: ACCOUNT });
    const router = routerTo(nacos.url, { ...ACCOUNT, password: 'wr0ng-password', clock });
    for (let second = 0; second < 60; second += 1) {
      const report = await publish(router, '{}');
      expect(report).toMatchObject({ result: 'denied', code: 'NACOS_AUTH' });
      expect(report.detail).toContain('CANARY_NACOS_PASSWORD');
      await Promise.all(Array.from({ length: 20 }, () => read(router)));
      clock.advance(1_000);
    }
    expect(logins(nacos).length).toBeGreaterThanOrEqual(12);
    expect(logins(nacos).length).toBeLessThanOrEqual(30);
    expect(router.isUp()).toBe(true);
  });

  it('answered with a 500 is said to be possibly the reason', async () => {
    const nacos = await startNacos('3.1', { auth: ACCOUNT });
    const reading = await read(routerTo(nacos.url, { ...ACCOUNT, password: 'wr0ng-password' }));
    expect(reading).toMatchObject({ detail: expect.stringContaining('bad credentials') });
  });

  it('that the server will know only in a moment works then', async () => {
    const clock = createVirtualClock();
    const nacos = await startNacos('2.5.1', { auth: ACCOUNT });
    const router = routerTo(nacos.url, { ...ACCOUNT, clock });
    const fault = nacos.faults.inject({ fault: 'status', status: 500, on: 'login' });
    expect(await read(router)).toMatchObject({ code: 'NACOS_AUTH' });
    fault.remove();
    clock.advance(5_000);
    expect(await read(router)).toMatchObject({ kind: 'absent' });
  });
});

describe('a login', () => {
  it('takes the next known path where the first is switched off', async () => {
    const nacos = await startNacos('2.5.1', { auth: ACCOUNT });
    nacos.faults.inject({ fault: 'status', status: 410, path: '/v1/auth/login' });
    expect(await read(routerTo(nacos.url, ACCOUNT))).toMatchObject({ kind: 'absent' });
    expect(logins(nacos)).toEqual(['/nacos/v1/auth/login', '/nacos/v1/auth/users/login']);
  });

  it('without any known path says so', async () => {
    const nacos = await startNacos('3.2', { auth: ACCOUNT });
    nacos.faults.inject({ fault: 'notFound', by: 'spring', on: 'login' });
    const reading = await read(routerTo(nacos.url, ACCOUNT));
    expect(reading).toMatchObject({ code: 'NACOS_AUTH', detail: expect.stringContaining('login paths') });
  });

  it('that a proxy cannot pass on is an outage, not a refusal', async () => {
    const nacos = await startNacos('3.2', { auth: ACCOUNT });
    nacos.faults.inject({ fault: 'status', status: 503, on: 'login' });
    expect(await read(routerTo(nacos.url, ACCOUNT))).toMatchObject({ code: 'NACOS_UNAVAILABLE' });
  });

  it('is not made at all without credentials', async () => {
    const nacos = await startNacos('2.5.1');
    nacos.put(DATA_ID, GROUP, '{}');
    const router = routerTo(nacos.url);
    expect(await read(router)).toMatchObject({ kind: 'document' });
    expect(logins(nacos)).toEqual([]);
    expect(nacos.requests.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
  });

  it('needs user name and password together', () => {
    expect(() => routerTo('http://127.0.0.1:1/nacos', { username: 'nacos' })).toThrow('go together');
  });
});

describe('secrets', () => {
  /** A broken proxy that shows everyone what it got, whatever it is asked, once it has let the probe through. */
  async function startEcho(status: number) {
    return startStub(async (request, response) => {
      const body = await bodyOf(request);
      const { url = '' } = request;
      if (url.endsWith('/v3/admin/core/state')) {
        response.end('{"code":0,"message":"success","data":{"version":"3.1.0"}}');
      } else if (LOGIN.test(url) && status !== 401) {
        response.end(JSON.stringify({ accessToken: 'opaque-T0ken-of-ours', tokenTtl: 18_000 }));
      } else {
        const shown = { message: body.slice(0, 80), data: `got ${request.headers.authorization}` };
        response.writeHead(status).end(JSON.stringify(shown));
      }
    });
  }

  it.each([200, 400, 401, 403, 404, 409, 410, 500, 503])('are masked in what a %i shows', async (status) => {
    const clock = createVirtualClock();
    const log = collectLog();
    const router = routerTo(await startEcho(status), { ...ACCOUNT, clock, log });
    const told: unknown[] = [];
    for (let call = 0; call < 3; call += 1) {
      told.push(await read(router), await publish(router, '{"secret":1}', 'absent'));
      clock.advance(60_000);
    }
    const everything = JSON.stringify([told, log.lines, router.facts()]);
    expect(everything).not.toContain('S3cret');
    expect(everything).not.toContain('T0ken');
    expect(everything).toContain('***');
    expect(told).toContainEqual(expect.objectContaining({ code: expect.stringMatching(/^NACOS_/) }));
  });

  it('are masked in every spelling in which they travel', () => {
    const { redact, add, forget } = createSecrets();
    add(ACCOUNT.password);
    const { password } = ACCOUNT;
    const spellings = [
      password,
      encodeURIComponent(password),
      new URLSearchParams({ password }).toString(),
      JSON.stringify({ password }),
      Buffer.from(password).toString('base64'),
      'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJuYWNvcyJ9.signature_-1',
    ];
    for (const spelling of spellings) {
      expect(redact(`<${spelling}>`)).not.toMatch(/S3cret|UzNjcmV0|eyJ/);
    }
    expect(redact('nothing secret')).toBe('nothing secret');
    forget(password);
    expect(redact(password)).toBe(password);
  });

  it('an excerpt of a foreign text is short, on one line and never empty', () => {
    const { redact } = createSecrets();
    expect(excerpt('a\n\tb', redact)).toBe('"a b"');
    expect(excerpt(' ', redact)).toBe('an empty answer');
    expect(excerpt('x'.repeat(5_000), redact).length).toBeLessThan(200);
  });
});

it('a caller who gives up during a login leaves the login to the others', async () => {
  const clock = createVirtualClock();
  const nacos = await startNacos('3.1', { auth: ACCOUNT });
  const router = routerTo(nacos.url, { ...ACCOUNT, clock });
  const fault = nacos.faults.inject({ fault: 'delay', ms: 20, on: 'login' });
  const caller = new AbortController();
  const leaving = router.read(TARGET, caller.signal);
  const staying = read(router);
  await eventually(fault.hits).toBe(1);
  caller.abort();
  expect(await leaving).toMatchObject({ kind: 'unreadable', code: 'NACOS_ABORTED' });
  expect(await staying).toMatchObject({ kind: 'absent' });
  expect(logins(nacos)).toHaveLength(1);
});
