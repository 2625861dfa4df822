/** Beta variants: they hide the formal document from the addresses they name, and they can sleep. */
import { describe, expect, it } from 'vitest';
import { md5Of } from '../../infra/dev-nacos/documents.ts';
import type { DevNacos } from '../../infra/dev-nacos/server.ts';
import {
  call,
  DATA_ID,
  eventually,
  GROUP,
  publishAdmin,
  publishV1,
  READ_ADMIN,
  READ_CLIENT,
  READ_V1,
  start,
  V1_VERSIONS,
} from './calls.ts';
import { createVirtualClock } from './virtual-clock.ts';

const NAMED = { headers: { 'X-Forwarded-For': '10.0.0.1' } };
const BETA_IPS = ['10.0.0.1', '10.0.0.9'];

async function withBeta(version: (typeof V1_VERSIONS)[number]): Promise<DevNacos> {
  const nacos = await start(version, { clock: createVirtualClock() });
  nacos.put(DATA_ID, GROUP, 'F1');
  nacos.publishBeta(DATA_ID, GROUP, 'BETA', BETA_IPS);
  return nacos;
}

describe.each(V1_VERSIONS)('a beta on %s', (version) => {
  it('is served to the addresses it names, marked, and without the encryption header', async () => {
    const nacos = await withBeta(version);
    const beta = await call(nacos, READ_V1, NAMED);
    expect(beta).toMatchObject({
      status: 200,
      body: 'BETA',
      headers: { isbeta: 'true', 'content-md5': md5Of('BETA') },
    });
    expect(beta.headers).not.toHaveProperty('encrypted-data-key');
    expect((await call(nacos, READ_V1)).body).toBe('F1');
  });

  it('keeps hiding the formal document after a formal publish', async () => {
    const nacos = await withBeta(version);
    expect((await publishV1(nacos, 'F2')).body).toBe('true');
    expect((await call(nacos, READ_V1, NAMED)).body).toBe('BETA');
    expect((await call(nacos, READ_V1)).body).toBe('F2');
  });

  it('sleeps when the formal document is deleted and made again, and comes back with a restart', async () => {
    const nacos = await withBeta(version);
    nacos.delete(DATA_ID, GROUP);
    expect((await call(nacos, READ_V1, NAMED)).status).toBe(404);
    await publishV1(nacos, 'F2');
    expect((await call(nacos, READ_V1, NAMED)).body).toBe('F2');
    await nacos.restart();
    expect((await call(nacos, READ_V1, NAMED)).body).toBe('BETA');
    expect((await call(nacos, READ_V1)).body).toBe('F2');
  });

  it('ends when it is stopped', async () => {
    const nacos = await withBeta(version);
    nacos.stopBeta(DATA_ID, GROUP);
    expect((await call(nacos, READ_V1, NAMED)).body).toBe('F1');
  });

  it('wakes the listeners of the addresses it names', async () => {
    const nacos = await start(version);
    nacos.put(DATA_ID, GROUP, 'F1');
    const poll = call(nacos, 'POST /v1/cs/configs/listener', {
      form: { 'Listening-Configs': `${DATA_ID}\u0002${GROUP}\u0002${md5Of('F1')}\u0001` },
      headers: { ...NAMED.headers, 'Long-Pulling-Timeout': '30000' },
    });
    await eventually(() => nacos.listeners().length).toBe(1);
    nacos.publishBeta(DATA_ID, GROUP, 'BETA', BETA_IPS);
    expect((await poll).body).toContain(DATA_ID);
  });
});

describe('a beta through v3', () => {
  const query = (method: string) => `${method} /v3/admin/cs/config/beta?dataId=${DATA_ID}&groupName=${GROUP}`;

  it('is written by the betaIps header, found by the beta query, and not shown to administrators', async () => {
    const clock = createVirtualClock();
    const nacos = await start('3.1', { clock });
    await publishAdmin(nacos, 'F1');
    await publishAdmin(nacos, 'BETA', { headers: { betaIps: '10.0.0.1' } });
    expect(JSON.parse((await call(nacos, READ_ADMIN)).body).data.content).toBe('F1');
    const seen = JSON.parse((await call(nacos, READ_CLIENT, NAMED)).body).data;
    expect(seen).toMatchObject({ content: 'BETA', beta: true, md5: md5Of('BETA') });
    const found = JSON.parse((await call(nacos, query('GET'))).body);
    expect(found).toEqual({
      code: 0,
      message: 'success',
      data: {
        id: '1098876731785220097',
        namespaceId: 'public',
        groupName: GROUP,
        dataId: DATA_ID,
        md5: md5Of('BETA'),
        type: 'json',
        appName: null,
        createTime: 0,
        modifyTime: clock.now(),
        content: 'BETA',
        desc: null,
        encryptedDataKey: '',
        createUser: null,
        createIp: null,
        configTags: null,
        grayName: 'beta',
        grayRule: '{"type":"beta","version":"1.0.0","expr":"10.0.0.1","priority":2147483647}',
      },
    });
    expect(nacos.history(DATA_ID, GROUP).map(({ operation, variant }) => [operation, variant])).toEqual([
      ['I', 'beta'],
      ['I', null],
    ]);
  });

  it('is answered with 404 when there is none, and stopped with `true`', async () => {
    const nacos = await withBeta('3.1');
    expect((await call(nacos, query('DELETE'))).body).toBe('{"code":0,"message":"success","data":true}');
    expect(await call(nacos, query('GET'))).toMatchObject({
      status: 404,
      body: '{"code":20004,"message":"resource not found","data":"Config is not in beta."}',
    });
  });

  it('conflicts by its own md5', async () => {
    const nacos = await withBeta('3.1');
    const headers = { betaIps: '10.0.0.1', casMd5: md5Of('F1') };
    expect((await publishAdmin(nacos, 'BETA 2', { headers })).status).toBe(500);
  });
});

it('a beta on 2.2.3 leaves no history', async () => {
  const nacos = await withBeta('2.2.3');
  expect(nacos.history(DATA_ID, GROUP)).toHaveLength(1);
});
