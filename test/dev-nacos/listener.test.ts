/** Long polls, polls that must not hang, and the old short poll. */
import { describe, expect, it } from 'vitest';
import { md5Of } from '../../infra/dev-nacos/documents.ts';
import { MEASURED_LAG } from '../../infra/dev-nacos/dump.ts';
import type { DevNacos } from '../../infra/dev-nacos/server.ts';
import { type Called, call, DATA_ID, eventually, GROUP, start, V1_VERSIONS } from './calls.ts';
import { createVirtualClock } from './virtual-clock.ts';

const LISTEN = 'POST /v1/cs/configs/listener';
const LONG = { 'Long-Pulling-Timeout': '30000' };
const ABSENT = '';
const CHANGED = 'lp.json%02CANARY_GROUP%01\n';

function record(md5: string, dataId = DATA_ID, ...tenant: string[]): string {
  return `${[dataId, GROUP, md5, ...tenant].join('\u0002')}\u0001`;
}

function listen(
  nacos: DevNacos,
  records: string,
  headers: Record<string, string> = LONG,
  signal?: AbortSignal,
): Promise<Called> {
  const form = { 'Listening-Configs': records };
  return call(nacos, LISTEN, { form, headers, ...(signal ? { signal } : {}) });
}

function held(nacos: DevNacos, count: number) {
  return eventually(() => nacos.listeners().length).toBe(count);
}

describe.each(V1_VERSIONS)('the listener of %s', (version) => {
  it('answers at once when the md5 differs, with caching headers', async () => {
    const nacos = await start(version);
    nacos.put(DATA_ID, GROUP, 'one');
    expect(await listen(nacos, record(ABSENT))).toMatchObject({
      status: 200,
      body: CHANGED,
      headers: { pragma: 'no-cache', 'cache-control': 'no-cache,no-store' },
    });
  });

  it.each([
    ['30000', 29_500],
    ['5000', 10_000],
  ])('holds a time-out of %s for %i ms and ends empty', async (timeout, holdMs) => {
    const clock = createVirtualClock();
    const nacos = await start(version, { clock });
    const poll = listen(nacos, record(ABSENT), { 'Long-Pulling-Timeout': timeout });
    await held(nacos, 1);
    clock.advance(holdMs - 1);
    expect(nacos.listeners()).toHaveLength(1);
    clock.advance(1);
    expect(await poll).toMatchObject({ status: 200, body: '' });
    expect(nacos.listeners()).toHaveLength(0);
  });

  it('wakes with the one changed key when the dump makes the change visible', async () => {
    const clock = createVirtualClock();
    const nacos = await start(version, { clock, dumpLag: { ...MEASURED_LAG, tailShare: 0 } });
    const poll = listen(nacos, record(ABSENT, 'other.json') + record(ABSENT));
    await held(nacos, 2);
    nacos.put(DATA_ID, GROUP, 'one');
    clock.advance(99);
    expect(nacos.listeners()).toHaveLength(2);
    clock.advance(1);
    expect((await poll).body).toBe(CHANGED);
  });

  it('wakes on a deletion and stays asleep when the same content is written again', async () => {
    const nacos = await start(version);
    nacos.put(DATA_ID, GROUP, 'one');
    const poll = listen(nacos, record(md5Of('one')));
    await held(nacos, 1);
    nacos.put(DATA_ID, GROUP, 'one');
    expect(nacos.listeners()).toEqual([
      { dataId: DATA_ID, group: GROUP, tenant: '', ip: '127.0.0.1', md5: md5Of('one') },
    ]);
    nacos.delete(DATA_ID, GROUP);
    expect((await poll).body).toBe(CHANGED);
  });

  it('echoes the namespace as the client spelled it', async () => {
    const nacos = await start(version);
    nacos.put(DATA_ID, GROUP, 'one', 'team-a');
    expect((await listen(nacos, record(ABSENT, DATA_ID, 'team-a'))).body).toBe(
      'lp.json%02CANARY_GROUP%02team-a%01\n',
    );
  });

  it('does not hang when told so', async () => {
    const nacos = await start(version);
    const headers = { ...LONG, 'Long-Pulling-Timeout-No-Hangup': 'true' };
    expect(await listen(nacos, record(ABSENT), headers)).toMatchObject({ status: 200, body: '' });
    nacos.put(DATA_ID, GROUP, 'one');
    expect((await listen(nacos, record(ABSENT), headers)).body).toBe(CHANGED);
  });

  it('answers a short poll in its headers, with an empty body', async () => {
    const nacos = await start(version);
    nacos.put(DATA_ID, GROUP, 'one');
    expect(await listen(nacos, record(ABSENT), {})).toMatchObject({
      status: 200,
      body: '',
      headers: {
        'probe-modify-response': 'lp.json:CANARY_GROUP;',
        'probe-modify-response-new': 'lp.json%02CANARY_GROUP%01',
      },
    });
  });

  it('accepts records that were encoded twice', async () => {
    const nacos = await start(version);
    nacos.put(DATA_ID, GROUP, 'one');
    expect((await listen(nacos, encodeURIComponent(record(ABSENT)))).body).toBe(CHANGED);
  });

  it.each([
    ['a record of one word', 'lp.json\u0001'],
    ['a record of too many words', `${record('a', 'b', 'c', 'd')}`],
    ['a broken escape', '%zz'],
    ['more than 10,000 records', record(ABSENT).repeat(10_001)],
  ])('answers %s with 500', async (_, records) => {
    const refused = await listen(await start(version), records);
    expect(refused.status).toBe(500);
    expect(JSON.parse(refused.body).message).toBe(
      version === '3.1'
        ? 'Handle API Compatibility failed, please see log for detail.'
        : 'invalid probeModify',
    );
  });

  it('answers an empty or absent field with 400', async () => {
    const nacos = await start(version);
    for (const form of [{ 'Listening-Configs': '' }, { other: 'x' }]) {
      const refused = await call(nacos, LISTEN, { form, headers: LONG });
      expect(refused).toMatchObject({ status: 400, body: 'caused: invalid probeModify;' });
    }
  });

  it('forgets a client that hangs up', async () => {
    const nacos = await start(version);
    const gone = new AbortController();
    const poll = listen(nacos, record(ABSENT), LONG, gone.signal);
    await held(nacos, 1);
    gone.abort();
    await expect(poll).rejects.toThrow();
    await held(nacos, 0);
  });
});

describe('the listener query', () => {
  it.each([
    ['2.5.1', `GET /v1/cs/configs/listener?dataId=${DATA_ID}&group=${GROUP}`],
    ['3.1', `GET /v3/admin/cs/config/listener?dataId=${DATA_ID}&groupName=${GROUP}`],
  ] as const)('of %s shows one md5 for each address', async (version, query) => {
    const clock = createVirtualClock();
    const nacos = await start(version, { clock });
    nacos.put(DATA_ID, GROUP, 'one');
    const md5 = md5Of('one');
    const polls = ['10.0.0.1', '10.0.0.1', '10.0.0.2'].map((address) =>
      listen(nacos, record(md5), { ...LONG, 'X-Forwarded-For': address }),
    );
    await held(nacos, 3);
    const listeners = { '10.0.0.1': md5, '10.0.0.2': md5 };
    const { body } = await call(nacos, query);
    expect(JSON.parse(body)).toEqual(
      version === '3.1'
        ? { code: 0, message: 'success', data: { queryType: 'config', listenersStatus: listeners } }
        : { collectStatus: 200, lisentersGroupkeyStatus: listeners },
    );
    clock.advance(30_000);
    await Promise.all(polls);
  });
});
