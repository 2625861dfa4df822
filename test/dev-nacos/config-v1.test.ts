/** The bytes of the v1 config API, per generation. */
import { describe, expect, it } from 'vitest';
import { md5Of } from '../../infra/dev-nacos/documents.ts';
import type { Version } from '../../infra/dev-nacos/generation.ts';
import { call, DATA_ID, GROUP, publishV1, READ_V1, start, V1_VERSIONS } from './calls.ts';
import { createVirtualClock } from './virtual-clock.ts';

const CONTENT = '{"weight":5,"näme":"ü"}';
const BY_NAME = `dataId=${DATA_ID}&group=${GROUP}`;

describe.each(V1_VERSIONS)('v1 on %s', (version) => {
  it('serves the raw content with md5, type and caching headers', async () => {
    const nacos = await start(version, { clock: createVirtualClock() });
    expect(await publishV1(nacos, CONTENT)).toMatchObject({ status: 200, body: 'true' });
    const read = await call(nacos, READ_V1);
    expect(read).toMatchObject({
      status: 200,
      body: CONTENT,
      headers: {
        'config-type': 'json',
        'content-md5': md5Of(CONTENT),
        pragma: 'no-cache',
        expires: 'Thu, 01 Jan 1970 00:00:00 GMT',
        'cache-control': 'no-cache,no-store',
        'last-modified': 'Mon, 23 Nov 2026 08:05:45 GMT',
        'transfer-encoding': 'chunked',
      },
    });
    const isOldest = version === '2.2.3';
    expect(read.headers['content-type']).toBe(
      isOldest ? 'application/json;charset=UTF-8' : 'text/plain;charset=UTF-8',
    );
    expect(read.headers['encrypted-data-key']).toBe(isOldest ? undefined : '');
    expect(read.headers).not.toHaveProperty('isbeta');
  });

  it('answers an absent document with 22 bytes of text under a JSON label', async () => {
    const read = await call(await start(version), READ_V1);
    expect(read).toMatchObject({
      status: 404,
      body: 'config data not exist\n',
      headers: { 'content-type': 'application/json;charset=UTF-8' },
    });
    expect(Buffer.byteLength(read.body)).toBe(22);
  });

  it('deletes with `true`, also when there is nothing to delete', async () => {
    const nacos = await start(version);
    nacos.put(DATA_ID, GROUP, CONTENT);
    for (const _ of ['present', 'absent']) {
      const deleted = await call(nacos, `DELETE /v1/cs/configs?${BY_NAME}`);
      expect(deleted).toMatchObject({ status: 200, body: 'true' });
      expect(nacos.get(DATA_ID, GROUP)).toBeUndefined();
    }
  });

  it('answers an unknown endpoint with the Spring error object', async () => {
    const nacos = await start(version, { clock: createVirtualClock() });
    const { status, body, headers } = await call(nacos, 'GET /v1/nope');
    expect(status).toBe(404);
    expect(headers['content-type']).toBe('application/json;charset=UTF-8');
    const message = version === '3.1' ? 'No endpoint GET /nacos/v1/nope.' : 'No message available';
    expect(body).toBe(
      `{"timestamp":"2026-11-23T08:05:45.001+00:00","status":404,"error":"Not Found","message":"${message}","path":"/nacos/v1/nope"}`,
    );
  });

  it('stores an unknown or absent type as text and clears the description', async () => {
    const nacos = await start(version);
    await publishV1(nacos, CONTENT, { form: { desc: 'why', appName: 'app', config_tags: 'a,b' } });
    expect(nacos.get(DATA_ID, GROUP)).toMatchObject({ type: 'json', desc: 'why' });
    await publishV1(nacos, CONTENT, { form: { type: 'nonsense' } });
    const kept = { type: 'text', desc: null, appName: 'app', configTags: 'a,b' };
    expect(nacos.get(DATA_ID, GROUP)).toMatchObject(kept);
    await publishV1(nacos, CONTENT, { form: { appName: '' } });
    expect(nacos.get(DATA_ID, GROUP)).toMatchObject({ type: 'json', appName: '' });
  });

  it('accepts parameters in the query of a POST and ignores casMd5 as a form field', async () => {
    const nacos = await start(version);
    const published = await call(nacos, `POST /v1/cs/configs?${BY_NAME}&content=one&type=text`);
    expect(published.body).toBe('true');
    expect(await publishV1(nacos, 'two', { form: { casMd5: md5Of('other') } })).toMatchObject({
      body: 'true',
    });
    expect(nacos.get(DATA_ID, GROUP)?.content).toBe('two');
  });

  it('takes just under 2 MiB of form data and says beyond it that dataId is missing', async () => {
    const nacos = await start(version);
    const fitting = 'x'.repeat(2_096_952);
    expect((await publishV1(nacos, fitting)).body).toBe('true');
    expect((await call(nacos, READ_V1)).body).toBe(fitting);
    const refused = await publishV1(nacos, 'x'.repeat(2_100_000));
    expect(refused.status).toBe(version === '3.1' ? 400 : 500);
    expect(refused.body).toContain("'dataId'");
    expect(refused.body).toContain('not present');
  });

  it('resets the connection of an 11 MB body', async () => {
    const nacos = await start(version);
    await expect(publishV1(nacos, 'x'.repeat(11_000_000))).rejects.toMatchObject({
      code: expect.stringMatching(/ECONNRESET|EPIPE/),
    });
  });

  it('refuses tag variants, which it does not model, with a sentence', async () => {
    const refused = await publishV1(await start(version), CONTENT, { form: { tag: 'blue' } });
    expect(refused).toMatchObject({ status: 501, body: expect.stringContaining('not modelled') });
  });
});

describe('compare-and-set on v1', () => {
  const wrong = { casMd5: md5Of('something else') };

  it.each([
    ['2.2.3', 200, 'true', 'new'],
    ['2.5.1', 500, 'caused: Cas publish fail, server md5 may have changed.;', 'old'],
    ['3.1', 500, 'false', 'old'],
  ] as const)('of a changed document answers on %s with %i %s', async (version, status, body, after) => {
    const nacos = await start(version);
    nacos.put(DATA_ID, GROUP, 'old');
    expect(await publishV1(nacos, 'new', { headers: wrong })).toMatchObject({ status, body });
    expect(nacos.get(DATA_ID, GROUP)?.content).toBe(after);
  });

  it.each(V1_VERSIONS)('on %s inserts an absent document whatever md5 is expected', async (version) => {
    const nacos = await start(version);
    expect((await publishV1(nacos, 'new', { headers: wrong })).body).toBe('true');
    expect(nacos.get(DATA_ID, GROUP)?.content).toBe('new');
  });

  it.each(['2.5.1', '3.1'] as const)(
    'on %s follows a matching md5, ignores blanks and refuses capitals',
    async (version) => {
      const nacos = await start(version);
      nacos.put(DATA_ID, GROUP, 'old');
      const capitals = { casMd5: md5Of('old').toUpperCase() };
      expect((await publishV1(nacos, 'new', { headers: capitals })).status).toBe(500);
      expect((await publishV1(nacos, 'new', { headers: { casMd5: md5Of('old') } })).body).toBe('true');
      expect((await publishV1(nacos, 'new', { headers: { casMd5: md5Of('new') } })).body).toBe('true');
      expect((await publishV1(nacos, 'newer', { headers: { casMd5: '   ' } })).body).toBe('true');
    },
  );

  it('compares with the database, so back-to-back writes succeed before any of them is readable', async () => {
    const nacos = await start('2.5.1', { clock: createVirtualClock(), dumpLag: 'measured' });
    let last = 'start';
    nacos.put(DATA_ID, GROUP, last);
    for (let round = 0; round < 30; round += 1) {
      const headers = { casMd5: md5Of(last) };
      last = `round ${round}`;
      expect((await publishV1(nacos, last, { headers })).body).toBe('true');
    }
    expect((await call(nacos, READ_V1)).status).toBe(404);
  });
});

describe('the namespace `public` on v1', () => {
  const inPublic = `${BY_NAME}&tenant=public`;

  it.each([
    ['2.2.3', { stored: 'literal', readsBack: 404, seesPublic: 200, deletes: 'literal' }],
    ['2.5.1', { stored: 'public', readsBack: 404, seesPublic: 404, deletes: 'literal' }],
    ['3.1', { stored: 'public', readsBack: 200, seesPublic: 200, deletes: 'public' }],
  ] as const)('on %s behaves as measured', async (version, expected) => {
    const published = await start(version);
    await publishV1(published, CONTENT, { form: { tenant: 'public' } });
    const isInPublic = published.get(DATA_ID, GROUP) !== undefined;
    expect(isInPublic).toBe(expected.stored === 'public');
    expect((await call(published, `GET /v1/cs/configs?${inPublic}`)).status).toBe(expected.readsBack);

    const seeded = await start(version);
    seeded.put(DATA_ID, GROUP, CONTENT);
    expect((await call(seeded, `GET /v1/cs/configs?${inPublic}`)).status).toBe(expected.seesPublic);
    expect((await call(seeded, `DELETE /v1/cs/configs?${inPublic}`)).body).toBe('true');
    expect(seeded.get(DATA_ID, GROUP) === undefined).toBe(expected.deletes === 'public');
  });

  it.each([
    ['2.2.3', 200],
    ['2.5.1', 404],
    ['3.1', 404],
  ] as const)('spelled `null` reads on %s with %i', async (version, status) => {
    const nacos = await start(version);
    nacos.put(DATA_ID, GROUP, CONTENT);
    expect((await call(nacos, `GET /v1/cs/configs?${BY_NAME}&tenant=null`)).status).toBe(status);
  });

  it.each([
    ['2.2.3', 200, 200],
    ['2.5.1', 404, 200],
    ['3.1', 404, 200],
  ] as const)(
    'is not what a GET with `namespaceId` on %s looks at (%i), and an empty one is public',
    async (version, status, empty) => {
      const nacos = await start(version);
      nacos.put(DATA_ID, GROUP, CONTENT);
      expect((await call(nacos, `GET /v1/cs/configs?${BY_NAME}&namespaceId=nope`)).status).toBe(status);
      const preferring = `GET /v1/cs/configs?${BY_NAME}&namespaceId=&tenant=${version === '2.2.3' ? '' : 'nope'}`;
      expect((await call(nacos, preferring)).status).toBe(empty);
    },
  );

  it.each(V1_VERSIONS)(
    'is where a POST with `namespaceId` writes on %s, whatever it says',
    async (version) => {
      const nacos = await start(version);
      await publishV1(nacos, CONTENT, { form: { namespaceId: 'weird' } });
      expect(nacos.get(DATA_ID, GROUP)?.content).toBe(CONTENT);
    },
  );

  it.each(V1_VERSIONS)('is apart from other namespaces on %s, which need not exist', async (version) => {
    const nacos = await start(version);
    await publishV1(nacos, CONTENT, { form: { tenant: 'team-a' } });
    expect(nacos.get(DATA_ID, GROUP)).toBeUndefined();
    expect(nacos.get(DATA_ID, GROUP, 'team-a')?.content).toBe(CONTENT);
    expect((await call(nacos, `GET /v1/cs/configs?${BY_NAME}&tenant=team-a`)).body).toBe(CONTENT);
  });
});

describe('bad requests on v1', () => {
  const illegal = "Param 'dataId' is illegal, illegal characters should not appear in the param.\r\n";

  it.each([
    ['2.2.3', 500, 'caused: invalid dataId : a b;'],
    ['2.5.1', 400, illegal],
    ['3.1', 400, illegal],
  ] as const)('with a bad name get on %s %i', async (version, status, body) => {
    const nacos = await start(version);
    const refused = await publishV1(nacos, CONTENT, { form: { dataId: 'a b' } });
    expect(refused).toMatchObject({ status, body });
    if (version !== '2.2.3') expect(refused.headers).not.toHaveProperty('content-type');
  });

  it.each([
    ['dataId', 'd'.repeat(257), "Param 'dataId' is illegal, the param length should not exceed 256.\r\n"],
    ['group', 'g'.repeat(129), "Param 'group' is illegal, the param length should not exceed 128.\r\n"],
    [
      'tenant',
      't'.repeat(65),
      "Param 'namespaceId/tenant' is illegal, the param length should not exceed 64.\r\n",
    ],
  ])('with an overlong %s are refused since 2.3 and accepted before', async (name, value, body) => {
    const strict = await publishV1(await start('2.5.1'), CONTENT, { form: { [name]: value } });
    expect(strict).toMatchObject({ status: 400, body });
    expect((await publishV1(await start('2.2.3'), CONTENT, { form: { [name]: value } })).body).toBe('true');
  });

  it.each([
    ['2.2.3', 200],
    ['2.5.1', 400],
    ['3.1', 400],
  ] as const)('with a name outside ASCII get on %s %i', async (version, status) => {
    const published = await publishV1(await start(version), CONTENT, { form: { dataId: '规则.json' } });
    expect(published.status).toBe(status);
  });

  it.each([
    ['2.2.3', 500],
    ['2.5.1', 400],
    ['3.1', 400],
  ] as const)('with a blank content get on %s %i', async (version, status) => {
    const refused = await publishV1(await start(version), '');
    expect(refused).toMatchObject({ status, body: 'caused: content is blank : ;' });
  });

  const required =
    "caused: Required request parameter 'dataId' for method parameter type String is not present;";
  it.each([
    ['2.2.3', required],
    ['2.5.1', required],
  ] as const)('without a dataId get on %s 500 as text', async (version, body) => {
    const nacos = await start(version);
    expect(await call(nacos, `GET /v1/cs/configs?group=${GROUP}`)).toMatchObject({ status: 500, body });
  });

  it('without a dataId get on 3.1 400 as a Spring error', async () => {
    const refused = await call(await start('3.1'), `GET /v1/cs/configs?group=${GROUP}`);
    expect(refused.status).toBe(400);
    expect(JSON.parse(refused.body)).toMatchObject({
      error: 'Bad Request',
      message: "Required parameter 'dataId' is not present.",
    });
  });

  it.each<[Version, number, string]>([
    ['2.2.3', 500, 'caused: too long desc, over 128;'],
    ['2.5.1', 400, 'caused: too long desc, over 128;'],
    ['3.1', 400, 'false'],
  ])('with an overlong description get on %s %i %s', async (version, status, body) => {
    const refused = await publishV1(await start(version), CONTENT, { form: { desc: 'd'.repeat(129) } });
    expect(refused).toMatchObject({ status, body });
  });

  it.each<[Version, number, string]>([
    ['2.5.1', 400, 'caused: too much config_tags, over 5;'],
    ['3.1', 400, 'false'],
  ])('with six tags get on %s %i %s', async (version, status, body) => {
    const refused = await publishV1(await start(version), CONTENT, { form: { config_tags: 'a,b,c,d,e,f' } });
    expect(refused).toMatchObject({ status, body });
  });
});
