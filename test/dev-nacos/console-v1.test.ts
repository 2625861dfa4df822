/** The v1 queries of 2.x servers: show=all, search, history, beta and listeners. */
import { describe, expect, it } from 'vitest';
import { md5Of } from '../../infra/dev-nacos/documents.ts';
import { call, DATA_ID, GROUP, publishV1, READ_V1, start } from './calls.ts';
import { createVirtualClock } from './virtual-clock.ts';

const BY_NAME = `dataId=${DATA_ID}&group=${GROUP}`;
const NOW = Date.UTC(2026, 10, 23, 8, 5, 45, 1);
const ID = '1098876731785220096';

describe.each(['2.2.3', '2.5.1'] as const)('queries of %s', (version) => {
  it('show the whole stored document, fresh whatever the dump has', async () => {
    const nacos = await start(version, { clock: createVirtualClock(), dumpLag: 'measured' });
    await publishV1(nacos, 'one', { form: { src_user: 'canary', appName: 'app', desc: 'why' } });
    expect((await call(nacos, READ_V1)).status).toBe(404);
    expect(await call(nacos, `${READ_V1}&show=all`)).toMatchObject({
      status: 200,
      body: `{"id":"${ID}","dataId":"lp.json","group":"CANARY_GROUP","content":"one","md5":"${md5Of('one')}","encryptedDataKey":"","tenant":"","appName":"app","type":"json","createTime":${NOW},"modifyTime":${NOW},"createUser":"canary","createIp":"127.0.0.1","desc":"why","use":null,"effect":null,"schema":null,"configTags":null}`,
    });
    const absent = await call(nacos, `GET /v1/cs/configs?dataId=none&group=${GROUP}&show=all`);
    expect(absent).toMatchObject({ status: 200, body: '' });
  });

  it('search by exact name and by pattern', async () => {
    const nacos = await start(version);
    nacos.put('a.json', GROUP, 'one');
    nacos.put('b.json', GROUP, 'two');
    nacos.put('b.json', GROUP, 'other namespace', 'team-a');
    const search = async (how: string, dataId: string) => {
      const page = `&pageNo=1&pageSize=10&dataId=${dataId}&group=${GROUP}`;
      return JSON.parse((await call(nacos, `GET /v1/cs/configs?search=${how}${page}`)).body);
    };
    expect(await search('accurate', 'b.json')).toMatchObject({
      totalCount: 1,
      pageItems: [{ content: 'two' }],
    });
    expect(await search('blur', '*.json')).toMatchObject({ totalCount: 2, pagesAvailable: 1, pageNumber: 1 });
  });

  it('list history without contents and detail it by nid', async () => {
    const nacos = await start(version, { clock: createVirtualClock() });
    await publishV1(nacos, 'one');
    await publishV1(nacos, 'two');
    const variants =
      version === '2.2.3'
        ? ''
        : '"publishType":"formal","grayName":null,"extInfo":"{\\"type\\":\\"json\\"}",';
    const row = (md5: string, content: string, key: string) =>
      `{"id":"2","lastId":-1,"dataId":"lp.json","group":"CANARY_GROUP","tenant":"","appName":null,"md5":${md5},"content":${content},"srcIp":"127.0.0.1","srcUser":null,"opType":"U         ",${variants}"createdTime":"2010-05-05T00:00:00.000+00:00","lastModifiedTime":"2026-11-23T08:05:45.001+00:00","encryptedDataKey":${key}}`;
    const list = await call(nacos, `GET /v1/cs/history?search=accurate&${BY_NAME}&pageNo=1&pageSize=1`);
    expect(list.body).toBe(
      `{"totalCount":2,"pageNumber":1,"pagesAvailable":2,"pageItems":[${row('null', 'null', 'null')}]}`,
    );
    const detail = await call(nacos, `GET /v1/cs/history?${BY_NAME}&nid=2`);
    expect(detail.body).toBe(row(`"${md5Of('one')}"`, '"one"', '""'));
    expect(await call(nacos, `GET /v1/cs/history?${BY_NAME}&nid=77`)).toMatchObject({
      status: 200,
      body: '',
    });
    expect((await call(nacos, `GET /v1/cs/history?dataId=x&group=${GROUP}&nid=2`)).status).toBe(403);
  });

  it('tell and stop a beta variant', async () => {
    const nacos = await start(version);
    const query = `${READ_V1}&beta=true`;
    expect((await call(nacos, query)).body).toBe('{"code":200,"message":"query beta ok","data":null}');
    await publishV1(nacos, 'BETA', { headers: { betaIps: '10.0.0.1,10.0.0.2' } });
    expect(JSON.parse((await call(nacos, query)).body)).toMatchObject({
      code: 200,
      data: { content: 'BETA', md5: md5Of('BETA'), betaIps: '10.0.0.1,10.0.0.2' },
    });
    expect((await call(nacos, `DELETE /v1/cs/configs?beta=true&${BY_NAME}`)).body).toBe(
      '{"code":200,"message":"stop beta ok","data":true}',
    );
    expect(JSON.parse((await call(nacos, query)).body).data).toBeNull();
  });
});
