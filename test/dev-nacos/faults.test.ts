/** Faults on purpose, by the program and over HTTP. */
import { describe, expect, it } from 'vitest';
import {
  call,
  DATA_ID,
  eventually,
  GROUP,
  outcome,
  publishAdmin,
  publishV1,
  READ_ADMIN,
  READ_CLIENT,
  READ_V1,
  start,
} from './calls.ts';
import { createVirtualClock } from './virtual-clock.ts';

describe('a fault rule', () => {
  it.each([
    [403, '"message":"Code: 403, Message: authorization failed!."'],
    [409, 'requested file is being modified, please try later.\n'],
    [410, 'Current API will be deprecated'],
    [500, 'caused: injected fault;'],
    [503, 'server is busy'],
    [429, 'injected fault'],
  ])('answers status %i in the words of Nacos', async (status, words) => {
    const nacos = await start('3.1');
    nacos.faults.inject({ fault: 'status', status, on: 'read' });
    expect(await call(nacos, READ_V1)).toMatchObject({ status, body: expect.stringContaining(words) });
    expect((await publishV1(nacos, '{}')).body).toBe('true');
  });

  it('wraps a 500 on v3 and speaks plainly on 2.x', async () => {
    const modern = await start('3.1');
    modern.faults.inject({ fault: 'status', status: 500 });
    expect(JSON.parse((await call(modern, READ_ADMIN)).body)).toMatchObject({ code: 30000 });
    const old = await start('2.5.1');
    old.faults.inject({ fault: 'status', status: 403 });
    expect(JSON.parse((await call(old, READ_V1)).body).message).toBe('authorization failed!');
  });

  it('says a lying 200 `false`, or a yes, and writes nothing', async () => {
    const nacos = await start('3.1');
    const lie = nacos.faults.inject({ fault: 'answerFalse' });
    expect(await publishV1(nacos, 'one')).toMatchObject({ status: 200, body: 'false' });
    expect((await publishAdmin(nacos, 'one')).body).toBe('{"code":0,"message":"success","data":false}');
    lie.remove();
    nacos.faults.inject({ fault: 'ignoreWrite' });
    expect(await publishV1(nacos, 'one')).toMatchObject({ status: 200, body: 'true' });
    expect((await publishAdmin(nacos, 'one')).body).toBe('{"code":0,"message":"success","data":true}');
    expect(nacos.get(DATA_ID, GROUP)).toBeUndefined();
    expect(lie.hits()).toBe(2);
    expect((await call(nacos, READ_V1)).status).toBe(404);
  });

  it('ends after the number of requests it was given', async () => {
    const nacos = await start('2.5.1');
    const rule = nacos.faults.inject({ fault: 'status', status: 503, on: 'write', times: 2 });
    const statuses = [];
    for (const content of ['one', 'two', 'three']) statuses.push((await publishV1(nacos, content)).status);
    expect(statuses).toEqual([503, 503, 200]);
    expect(rule.hits()).toBe(2);
    expect(nacos.faults.list()).toEqual([]);
  });

  it('chooses by method, path and document', async () => {
    const nacos = await start('3.1');
    nacos.put(DATA_ID, GROUP, 'one');
    nacos.put('other.json', GROUP, 'two');
    nacos.faults.inject({ fault: 'status', status: 500, method: 'get', path: '/v1', dataId: DATA_ID });
    expect((await call(nacos, READ_V1)).status).toBe(500);
    expect((await call(nacos, READ_CLIENT)).status).toBe(200);
    expect((await call(nacos, READ_V1.replace(DATA_ID, 'other.json'))).status).toBe(200);
    expect((await publishV1(nacos, 'three')).status).toBe(200);
    nacos.faults.clear();
    expect((await call(nacos, READ_V1)).status).toBe(200);
  });

  it('drops the connection before or after the work', async () => {
    const nacos = await start('2.5.1');
    const before = nacos.faults.inject({ fault: 'drop', on: 'write' });
    expect(await outcome(publishV1(nacos, 'one'))).toBe('ECONNRESET');
    expect(nacos.get(DATA_ID, GROUP)).toBeUndefined();
    before.remove();
    nacos.faults.inject({ fault: 'drop', on: 'write', when: 'after' });
    expect(await outcome(publishV1(nacos, 'two'))).toBe('ECONNRESET');
    expect(nacos.get(DATA_ID, GROUP)?.content).toBe('two');
  });

  it('answers 404 as a proxy or as Spring', async () => {
    const nacos = await start('2.5.1');
    const proxy = nacos.faults.inject({ fault: 'notFound' });
    expect((await call(nacos, READ_V1)).headers['content-type']).toContain('text/html');
    proxy.remove();
    nacos.faults.inject({ fault: 'notFound', by: 'spring' });
    expect(JSON.parse((await call(nacos, READ_V1)).body)).toMatchObject({ message: 'No message available' });
  });

  it('delays the work, which is done even though the client gave up', async () => {
    const clock = createVirtualClock();
    const nacos = await start('2.5.1', { clock });
    const delay = nacos.faults.inject({ fault: 'delay', ms: 5_000, on: 'write' });
    const stored = new Promise((resolve) => nacos.onPublish(resolve));
    const impatient = new AbortController();
    const publishing = call(nacos, `POST /v1/cs/configs?dataId=${DATA_ID}&group=${GROUP}&content=late`, {
      signal: impatient.signal,
    });
    await eventually(() => delay.hits()).toBe(1);
    impatient.abort();
    await expect(publishing).rejects.toThrow();
    expect(nacos.get(DATA_ID, GROUP)).toBeUndefined();
    clock.advance(5_000);
    expect(await stored).toMatchObject({ content: 'late', by: 'http', tenant: '' });
    expect(nacos.get(DATA_ID, GROUP)?.content).toBe('late');
  });

  it('that delays does not outlive a restart', async () => {
    const clock = createVirtualClock();
    const nacos = await start('2.5.1', { clock });
    const delay = nacos.faults.inject({ fault: 'delay', ms: 5_000, times: 1 });
    const lost = outcome(publishV1(nacos, 'lost'));
    await eventually(() => delay.hits()).toBe(1);
    await nacos.restart();
    expect(await lost).toBe('ECONNRESET');
    clock.advance(5_000);
    expect((await call(nacos, READ_V1)).status).toBe(404);
  });
});

describe('a server in trouble', () => {
  it('refuses connections until it is told to accept them again, on the same port', async () => {
    const nacos = await start('3.1');
    nacos.put(DATA_ID, GROUP, 'one');
    await nacos.faults.refuse();
    expect(await outcome(call(nacos, READ_V1))).toBe('ECONNREFUSED');
    await nacos.faults.accept();
    expect((await call(nacos, READ_V1)).body).toBe('one');
  });

  it('refuses connections for a time', async () => {
    const clock = createVirtualClock();
    const nacos = await start('3.1', { clock });
    await nacos.faults.refuse(3_000);
    clock.advance(2_999);
    expect(await outcome(call(nacos, READ_V1))).toBe('ECONNREFUSED');
    clock.advance(1);
    await eventually(() => outcome(call(nacos, READ_V1))).toBe(404);
  });

  it('drops the long polls it holds', async () => {
    const nacos = await start('2.5.1');
    const poll = call(nacos, 'POST /v1/cs/configs/listener', {
      form: { 'Listening-Configs': `${DATA_ID}\u0002${GROUP}\u0002\u0001` },
      headers: { 'Long-Pulling-Timeout': '30000' },
    });
    const ended = outcome(poll);
    await eventually(() => nacos.listeners().length).toBe(1);
    expect(nacos.faults.dropPolls()).toBe(1);
    expect(await ended).toBe('ECONNRESET');
  });

  it('restarts with everything it stored, history included', async () => {
    const clock = createVirtualClock();
    const nacos = await start('3.1', { clock, dumpLag: 'measured' });
    await publishV1(nacos, 'one');
    await nacos.restart();
    expect((await call(nacos, READ_V1)).body).toBe('one');
    expect(nacos.history(DATA_ID, GROUP)).toHaveLength(1);
  });
});

describe('faults over HTTP', () => {
  const add = (rule: object) => ({ body: JSON.stringify(rule) });
  const FAULTS = '//__dev/faults';

  it('are added, listed with their hits, removed one by one and cleared', async () => {
    const nacos = await start('2.5.1');
    const rule = { fault: 'status', status: 503, on: 'read' };
    const added = await call(nacos, `POST ${FAULTS}`, add(rule));
    expect(added.status).toBe(201);
    await call(nacos, `POST ${FAULTS}`, add({ fault: 'delay', ms: 0, on: 'login' }));
    expect((await call(nacos, READ_V1)).status).toBe(503);
    const listed = JSON.parse((await call(nacos, `GET ${FAULTS}`)).body);
    expect(listed).toEqual([
      { id: '1', ...rule, hits: 1 },
      { id: '2', fault: 'delay', ms: 0, on: 'login', hits: 0 },
    ]);
    expect((await call(nacos, `DELETE ${FAULTS}/1`)).status).toBe(200);
    expect((await call(nacos, READ_V1)).status).toBe(404);
    expect((await call(nacos, `DELETE ${FAULTS}`)).status).toBe(200);
    expect(nacos.faults.list()).toEqual([]);
    expect((await call(nacos, `DELETE ${FAULTS}/9`)).status).toBe(404);
  });

  it.each([
    ['no JSON', '{'],
    ['an unknown kind', '{"fault":"dely"}'],
    ['a misspelled filter', '{"fault":"drop","pth":"/v1"}'],
    ['an impossible status', '{"fault":"status","status":200}'],
    ['a refusal without an end', '{"fault":"refuse"}'],
  ])('refuse %s with the reasons', async (_, body) => {
    const nacos = await start('2.5.1');
    const refused = await call(nacos, `POST ${FAULTS}`, { body });
    expect(refused.status).toBe(400);
    expect(JSON.parse(refused.body).reasons).not.toBe('');
    expect(nacos.faults.list()).toEqual([]);
  });

  it('make the server refuse, restart and drop polls', async () => {
    const clock = createVirtualClock();
    const nacos = await start('2.5.1', { clock });
    nacos.publishBeta(DATA_ID, GROUP, 'BETA', ['127.0.0.1']);
    const poll = outcome(
      call(nacos, 'POST /v1/cs/configs/listener', {
        form: { 'Listening-Configs': `x\u0002${GROUP}\u0002\u0001` },
        headers: { 'Long-Pulling-Timeout': '30000' },
      }),
    );
    await eventually(() => nacos.listeners().length).toBe(1);
    expect((await call(nacos, `POST ${FAULTS}`, add({ fault: 'dropPolls' }))).status).toBe(202);
    expect(await poll).toBe('ECONNRESET');
    expect((await call(nacos, `POST ${FAULTS}`, add({ fault: 'refuse', ms: 1_000 }))).status).toBe(202);
    await eventually(() => outcome(call(nacos, READ_V1))).toBe('ECONNREFUSED');
    clock.advance(1_000);
    await eventually(() => outcome(call(nacos, READ_V1))).toBe(200);
    expect((await call(nacos, `POST ${FAULTS}`, add({ fault: 'restart' }))).status).toBe(202);
    await eventually(() => outcome(call(nacos, READ_V1))).toBe(200);
  });
});

it('every request is recorded with its URL and headers, and without its body', async () => {
  const nacos = await start('2.5.1');
  await call(nacos, 'GET /v1/nope?password=p', { headers: { 'X-Mark': 'm' } });
  await publishV1(nacos, 'one');
  expect(nacos.requests).toMatchObject([
    { method: 'GET', path: '/nacos/v1/nope?password=p', headers: { 'x-mark': 'm' } },
    { method: 'POST', path: '/nacos/v1/cs/configs' },
  ]);
  expect(JSON.stringify(nacos.requests)).not.toContain('content=one');
});
