/** Which paths exist on which generation: state, health, the 410 gates and everything else. */
import { describe, expect, it } from 'vitest';
import type { Version } from '../../infra/dev-nacos/generation.ts';
import { call, DATA_ID, GROUP, publishV1, READ_ADMIN, READ_V1, start, V3_VERSIONS } from './calls.ts';
import { createVirtualClock } from './virtual-clock.ts';

const BY_NAME = `dataId=${DATA_ID}&group=${GROUP}`;

describe('state and health', () => {
  it.each<[Version, number, number]>([
    ['2.2.3', 404, 200],
    ['2.5.1', 404, 200],
    ['3.1', 200, 410],
    ['3.2', 200, 404],
  ])('on %s: v3 state %i, v1 state %i', async (version, v3, v1) => {
    const nacos = await start(version, { auth: { username: 'u', password: 'p' } });
    const modern = await call(nacos, 'GET /v3/admin/core/state');
    const old = await call(nacos, 'GET /v1/console/server/state');
    expect([modern.status, old.status]).toEqual([v3, v1]);
    const state = v3 === 200 ? JSON.parse(modern.body).data : JSON.parse(old.body);
    expect(state).toMatchObject({ version: expect.stringContaining(version), auth_enabled: 'true' });
    expect('standalone_mode' in state).toBe(version === '2.2.3');
    expect('startup_mode' in state).toBe(version !== '2.2.3');
  });

  it.each<[Version, Record<string, number>]>([
    ['2.2.3', { 'v1/console/health': 200, 'v2/console/health': 404, 'v3/admin/core/state': 404 }],
    ['2.5.1', { 'v1/console/health': 200, 'v2/console/health': 200, 'v3/admin/core/state': 404 }],
    ['3.1', { 'v1/console/health': 410, 'v2/console/health': 410, 'v3/admin/core/state': 200 }],
    ['3.2', { 'v1/console/health': 404, 'v2/console/health': 404, 'v3/admin/core/state': 200 }],
  ])('on %s: liveness and readiness are where they were', async (version, expected) => {
    const nacos = await start(version);
    for (const [path, status] of Object.entries(expected)) {
      for (const kind of ['liveness', 'readiness']) {
        const { status: found, body } = await call(nacos, `GET /${path}/${kind}`);
        expect(found).toBe(status);
        if (found === 200) {
          expect(body).toBe(path.startsWith('v1') ? 'OK' : '{"code":0,"message":"success","data":"ok"}');
        }
      }
    }
  });

  it.each<[Version, number]>([
    ['2.2.3', 404],
    ['2.5.1', 200],
    ['3.1', 200],
  ])('on %s: the actuator answers %i', async (version, status) => {
    expect((await call(await start(version), 'GET /actuator/health')).status).toBe(status);
  });

  it.each(V3_VERSIONS)('on %s: the root of the server port points at the console', async (version) => {
    expect((await call(await start(version), 'GET /')).body).toBe(
      'Nacos Console default port is 8080, and the path is /.',
    );
  });
});

describe('the gates of 3.1', () => {
  it('answer 410 with the measured bytes when the client API is off, login included', async () => {
    const nacos = await start('3.1', { clientApiEnabled: false, clock: createVirtualClock() });
    const { status, body } = await publishV1(nacos, '{}');
    expect(status).toBe(410);
    expect(body).toBe(
      `{"timestamp":"2026-11-23T08:05:45.001+00:00","status":410,"error":"Gone","message":"{\\"code\\":40000,\\"message\\":\\"Current API will be deprecated, please use API(s) \`POST \${contextPath:nacos}/v3/admin/cs/config\` instead, or set \`nacos.core.api.compatibility.client.enabled=true\` in application.properties.\\"}","path":"/nacos/v1/cs/configs"}`,
    );
    for (const what of [
      READ_V1,
      `DELETE /v1/cs/configs?${BY_NAME}`,
      'POST /v1/cs/configs/listener',
      'POST /v1/auth/login',
      'POST /v1/auth/users/login',
    ]) {
      expect((await call(nacos, what)).status).toBe(410);
    }
    expect((await call(nacos, READ_ADMIN)).status).toBe(404);
  });

  it.each([
    [`${READ_V1}&show=all`, 'console'],
    [`${READ_V1}&search=blur&pageNo=1&pageSize=1`, 'console'],
    [`${READ_V1}&beta=true`, 'console'],
    [`DELETE /v1/cs/configs?beta=true&${BY_NAME}`, 'console'],
    [`GET /v1/cs/configs/listener?${BY_NAME}`, 'console'],
    [`GET /v1/cs/history?search=accurate&${BY_NAME}`, 'console'],
    [`GET /v1/cs/history?${BY_NAME}&nid=1`, 'console'],
    ['GET /v2/cs/config', 'admin'],
    ['POST /v2/cs/config', 'admin'],
    ['DELETE /v2/cs/config', 'admin'],
    ['PUT /v1/ns/instance', 'admin'],
  ])('close %s by default, naming the %s switch', async (what, by) => {
    const { status, body } = await call(await start('3.1'), what);
    expect(status).toBe(410);
    const inner = JSON.parse(JSON.parse(body).message);
    expect(inner.code).toBe(40000);
    expect(inner.message).toContain(`nacos.core.api.compatibility.${by}.enabled=true`);
  });

  it('do not exist on 2.5.1', async () => {
    const nacos = await start('2.5.1', { clientApiEnabled: false });
    expect((await publishV1(nacos, '{}')).status).toBe(200);
  });
});

describe('3.2', () => {
  it.each([
    READ_V1,
    `POST /v1/cs/configs?${BY_NAME}&content=x`,
    'POST /v1/cs/configs/listener',
    'POST /v1/auth/login',
    'GET /v1/console/server/state',
    'GET /v2/cs/config',
  ])('has no endpoint %s', async (what) => {
    const { status, body, headers } = await call(await start('3.2'), what);
    const [method, path = ''] = what.split(' ');
    expect(status).toBe(404);
    expect(headers['content-type']).toBe('application/json;charset=UTF-8');
    expect(JSON.parse(body)).toMatchObject({
      status: 404,
      error: 'Not Found',
      message: `No endpoint ${method} /nacos${path.split('?')[0]}.`,
    });
  });
});

it('outside of the context path nothing speaks Nacos', async () => {
  const { status, headers } = await call(await start('3.1'), 'GET //v1/cs/configs');
  expect(status).toBe(404);
  expect(headers['content-type']).toContain('text/html');
});
