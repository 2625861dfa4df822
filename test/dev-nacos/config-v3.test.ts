/** The bytes of the v3 client read and the v3 Admin API. */
import { describe, expect, it } from 'vitest';
import { md5Of } from '../../infra/dev-nacos/documents.ts';
import {
  call,
  DATA_ID,
  GROUP,
  publishAdmin,
  READ_ADMIN,
  READ_CLIENT,
  start,
  V1_VERSIONS,
  V3_VERSIONS,
} from './calls.ts';
import { createVirtualClock } from './virtual-clock.ts';

const CONTENT = '{"weight":5}';
const MD5 = md5Of(CONTENT);
const NAMED = `dataId=${DATA_ID}&groupName=${GROUP}`;
const NOW = Date.UTC(2026, 10, 23, 8, 5, 45, 1);
const ID = '1098876731785220096';
const METADATA = { appName: 'app', desc: 'hello', configTags: 't1,t2', srcUser: 'canary' };

describe.each(V3_VERSIONS)('v3 on %s', (version) => {
  it('gives clients a whole gRPC response object', async () => {
    const nacos = await start(version, { clock: createVirtualClock() });
    expect((await publishAdmin(nacos, CONTENT)).body).toBe('{"code":0,"message":"success","data":true}');
    const read = await call(nacos, READ_CLIENT);
    expect(read.headers['content-type']).toBe('application/json;charset=UTF-8');
    expect(read).toMatchObject({
      status: 200,
      body: `{"code":0,"message":"success","data":{"resultCode":200,"errorCode":0,"message":null,"requestId":null,"content":${JSON.stringify(CONTENT)},"encryptedDataKey":"","contentType":"json","md5":"${MD5}","lastModified":${NOW},"tag":null,"beta":false,"success":true}}`,
    });
  });

  it('gives administrators the stored document', async () => {
    const nacos = await start(version, { clock: createVirtualClock() });
    await publishAdmin(nacos, CONTENT, { form: METADATA });
    expect(await call(nacos, READ_ADMIN)).toMatchObject({
      status: 200,
      body: `{"code":0,"message":"success","data":{"id":"${ID}","namespaceId":"public","groupName":"CANARY_GROUP","dataId":"lp.json","md5":"${MD5}","type":"json","appName":"app","createTime":${NOW},"modifyTime":${NOW},"content":${JSON.stringify(CONTENT)},"desc":"hello","encryptedDataKey":"","createUser":"canary","createIp":"127.0.0.1","configTags":"t1,t2"}}`,
    });
  });

  it('clears a description that is not sent again and keeps application and tags', async () => {
    const nacos = await start(version);
    await publishAdmin(nacos, CONTENT, { form: METADATA });
    await publishAdmin(nacos, '{"weight":25}');
    const { data } = JSON.parse((await call(nacos, READ_ADMIN)).body);
    expect(data).toMatchObject({ desc: null, appName: 'app', configTags: 't1,t2', type: 'json' });
  });

  it('says 200 to a client and 404 to an administrator who read an absent document', async () => {
    const nacos = await start(version);
    expect(await call(nacos, READ_CLIENT)).toMatchObject({
      status: 200,
      body: '{"code":20004,"message":"resource not found","data":null}',
    });
    expect(await call(nacos, READ_ADMIN)).toMatchObject({
      status: 404,
      body: '{"code":20004,"message":"resource not found","data":"Config not exist, please publish Config first."}',
    });
  });

  it('deletes with `true`, also when there is nothing to delete', async () => {
    const nacos = await start(version);
    nacos.put(DATA_ID, GROUP, CONTENT);
    for (const _ of ['present', 'absent']) {
      const deleted = await call(nacos, `DELETE /v3/admin/cs/config?${NAMED}`);
      expect(deleted).toMatchObject({ status: 200, body: '{"code":0,"message":"success","data":true}' });
      expect(nacos.get(DATA_ID, GROUP)).toBeUndefined();
    }
  });

  it('answers a failed compare-and-set with code 20005', async () => {
    const nacos = await start(version);
    nacos.put(DATA_ID, GROUP, 'old');
    const headers = { casMd5: md5Of('other') };
    expect(await publishAdmin(nacos, 'new', { headers })).toMatchObject({
      status: 500,
      body: '{"code":20005,"message":"resource conflict","data":"Cas publish fail, server md5 may have changed."}',
    });
    expect(nacos.get(DATA_ID, GROUP)?.content).toBe('old');
    expect((await publishAdmin(nacos, 'new', { form: { casMd5: md5Of('other') } })).status).toBe(200);
    expect((await publishAdmin(nacos, 'newer', { headers: { casMd5: md5Of('new') } })).status).toBe(200);
  });

  it('takes an empty namespace and `public` for the same', async () => {
    const nacos = await start(version);
    await publishAdmin(nacos, CONTENT, { form: { namespaceId: '' } });
    for (const namespace of ['', '&namespaceId=', '&namespaceId=public']) {
      expect((await call(nacos, READ_ADMIN + namespace)).status).toBe(200);
    }
    expect((await call(nacos, `${READ_ADMIN}&namespaceId=team-a`)).status).toBe(404);
  });

  it.each([
    ['dataId', `GET /v3/admin/cs/config?groupName=${GROUP}`],
    ['groupName', `GET /v3/admin/cs/config?dataId=${DATA_ID}`],
    ['nid', `GET /v3/admin/cs/history?${NAMED}`],
  ])('tells an administrator that %s is missing with code 10000', async (name, what) => {
    expect(await call(await start(version), what)).toMatchObject({
      status: 400,
      body: `{"code":10000,"message":"parameter missing","data":"Required parameter '${name}' type String is not present"}`,
    });
  });

  it('tells a client that a parameter is missing in plain text', async () => {
    expect(await call(await start(version), `GET /v3/client/cs/config?groupName=${GROUP}`)).toMatchObject({
      status: 400,
      headers: { 'content-type': 'text/plain;charset=UTF-8' },
      body: "caused: Required parameter 'dataId' type String is not present;",
    });
  });

  it('refuses blank contents, overlong descriptions, bad names and forms over 2 MiB', async () => {
    const nacos = await start(version);
    expect(await publishAdmin(nacos, ' ')).toMatchObject({
      status: 400,
      body: `{"code":10000,"message":"parameter missing","data":"Required parameter 'content' type String is not present"}`,
    });
    expect(await publishAdmin(nacos, CONTENT, { form: { desc: 'd'.repeat(129) } })).toMatchObject({
      status: 400,
      body: '{"code":20002,"message":"parameter validate error","data":"too long desc, over 128"}',
    });
    const badName = await publishAdmin(nacos, CONTENT, { form: { dataId: 'a b' } });
    expect(badName).toMatchObject({
      status: 400,
      body: "Param 'dataId' is illegal, illegal characters should not appear in the param.\r\n",
    });
    expect(badName.headers).not.toHaveProperty('content-type');
    const tooLarge = await publishAdmin(nacos, 'x'.repeat(2_100_000));
    expect(tooLarge.status).toBe(400);
    expect(JSON.parse(tooLarge.body)).toMatchObject({ code: 10000 });
  });

  it('lists documents by pattern, without contents and times', async () => {
    const nacos = await start(version, { clock: createVirtualClock() });
    nacos.put(DATA_ID, GROUP, CONTENT);
    nacos.put('other.json', GROUP, CONTENT);
    nacos.put(DATA_ID, 'ELSEWHERE', CONTENT);
    const list = `GET /v3/admin/cs/config/list?groupName=${GROUP}&pageNo=1&pageSize=10`;
    expect((await call(nacos, `${list}&search=blur&dataId=lp.*`)).body).toBe(
      `{"code":0,"message":"success","data":{"totalCount":1,"pageNumber":1,"pagesAvailable":1,"pageItems":[{"id":"${ID}","namespaceId":"public","groupName":"CANARY_GROUP","dataId":"lp.json","md5":"${MD5}","type":"json","appName":null,"createTime":0,"modifyTime":0}]}}`,
    );
    expect((await call(nacos, `${list}&dataId=lp.*`)).status).toBe(400);
    const paged = await call(nacos, list.replace('pageSize=10', 'pageSize=1'));
    expect(JSON.parse(paged.body).data).toMatchObject({ totalCount: 2, pagesAvailable: 2 });
    expect((await call(nacos, list.replace('pageNo=1', 'pageNo=0'))).status).toBe(400);
  });

  it('keeps history: lists without contents, details with the old content of an update', async () => {
    const clock = createVirtualClock();
    const nacos = await start(version, { clock });
    await publishAdmin(nacos, 'one', { form: { desc: 'first', srcUser: 'canary' } });
    clock.advance(1_000);
    await publishAdmin(nacos, 'two');
    await call(nacos, `DELETE /v3/admin/cs/config?${NAMED}`);
    const list = JSON.parse((await call(nacos, `GET /v3/admin/cs/history/list?${NAMED}`)).body);
    const rows = list.data.pageItems;
    expect(rows.map((row: { opType: string }) => row.opType)).toEqual([
      'D         ',
      'U         ',
      'I         ',
    ]);
    expect(JSON.stringify(rows[1])).toBe(
      `{"id":"2","namespaceId":"public","groupName":"CANARY_GROUP","dataId":"lp.json","md5":null,"type":null,"appName":null,"createTime":1273017600000,"modifyTime":${NOW + 1_000},"srcIp":"127.0.0.1","srcUser":null,"opType":"U         ","publishType":"formal"}`,
    );
    const detail = await call(nacos, `GET /v3/admin/cs/history?${NAMED}&nid=2`);
    expect(detail.body).toBe(
      `{"code":0,"message":"success","data":{"id":"2","namespaceId":"public","groupName":"CANARY_GROUP","dataId":"lp.json","md5":"${md5Of('one')}","type":null,"appName":null,"createTime":1273017600000,"modifyTime":${NOW + 1_000},"srcIp":"127.0.0.1","srcUser":null,"opType":"U         ","publishType":"formal","content":"one","encryptedDataKey":"","grayName":null,"extInfo":"{\\"type\\":\\"json\\",\\"src_user\\":\\"canary\\",\\"c_desc\\":\\"first\\"}"}}`,
    );
    expect((await call(nacos, `GET /v3/admin/cs/history?${NAMED}&nid=99`)).status).toBe(404);
    const foreign = `GET /v3/admin/cs/history?dataId=other.json&groupName=${GROUP}&nid=2`;
    expect((await call(nacos, foreign)).status).toBe(403);
  });

  it('has no endpoint for metadata alone', async () => {
    const { status, body } = await call(await start(version), 'PUT /v3/admin/cs/config/metadata');
    expect(status).toBe(404);
    expect(JSON.parse(body).message).toBe('No endpoint PUT /nacos/v3/admin/cs/config/metadata.');
  });
});

it.each(V1_VERSIONS.filter((version) => version !== '3.1'))('v3 does not exist on %s', async (version) => {
  const nacos = await start(version);
  nacos.put(DATA_ID, GROUP, CONTENT);
  for (const what of [READ_ADMIN, READ_CLIENT, 'GET /v3/admin/core/state', 'POST /v3/auth/user/login']) {
    const { status, body } = await call(nacos, what);
    expect(status).toBe(404);
    expect(JSON.parse(body).message).toBe('No message available');
  }
});
