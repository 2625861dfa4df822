/** The operator's side of the development server: edits without HTTP, history, hooks and closing. */
import { describe, expect, it } from 'vitest';
import { VERSIONS } from '../../infra/dev-nacos/generation.ts';
import { startDevNacos } from '../../infra/dev-nacos/server.ts';
import { call, DATA_ID, eventually, GROUP, outcome, publishV1, start } from './calls.ts';
import { createVirtualClock } from './virtual-clock.ts';

describe('an operator', () => {
  it.each(VERSIONS)(
    'on %s edits and deletes in any namespace, public under both its names',
    async (version) => {
      const nacos = await start(version);
      nacos.put(DATA_ID, GROUP, 'one', 'public');
      nacos.put(DATA_ID, GROUP, 'other', 'team-a');
      expect(nacos.get(DATA_ID, GROUP, '')).toMatchObject({ content: 'one', user: 'operator', type: 'json' });
      nacos.delete(DATA_ID, GROUP);
      expect(nacos.get(DATA_ID, GROUP, 'public')).toBeUndefined();
      expect(nacos.get(DATA_ID, GROUP, 'team-a')?.content).toBe('other');
      expect(nacos.history(DATA_ID, GROUP).map(({ operation }) => operation)).toEqual(['D', 'I']);
      expect(nacos.requests).toEqual([]);
    },
  );

  it('keeps type, description and application of the document that he edits', async () => {
    const nacos = await start('2.5.1');
    await publishV1(nacos, 'one', { form: { type: 'yaml', desc: 'why', appName: 'app' } });
    nacos.put(DATA_ID, GROUP, 'two');
    expect(nacos.get(DATA_ID, GROUP)).toMatchObject({ type: 'yaml', desc: 'why', appName: 'app' });
  });

  it('finds the newest thousand rows of history, and no more', async () => {
    const nacos = await start('3.1');
    for (let edit = 0; edit <= 1_000; edit += 1) nacos.put(DATA_ID, GROUP, `edit ${edit}`);
    const rows = nacos.history(DATA_ID, GROUP);
    expect(rows).toHaveLength(1_000);
    expect(rows.at(-1)?.operation).toBe('U');
    const oldest = `GET /v3/admin/cs/history?dataId=${DATA_ID}&groupName=${GROUP}&nid=1`;
    expect((await call(nacos, oldest)).status).toBe(404);
  });
});

it('a hook hears of stored publishes, by whom they were, until it is taken away', async () => {
  const clock = createVirtualClock();
  const nacos = await start('3.1', { clock });
  const heard: unknown[] = [];
  const end = nacos.onPublish(({ content, by, isBeta, tenant, at }) =>
    heard.push({ content, by, isBeta, tenant, at }),
  );
  const at = clock.now();
  await publishV1(nacos, 'one');
  nacos.put(DATA_ID, GROUP, 'two', 'team-a');
  nacos.publishBeta(DATA_ID, GROUP, 'three', ['10.0.0.1']);
  await publishV1(nacos, 'lost', { headers: { casMd5: 'f'.repeat(32) } });
  end();
  nacos.put(DATA_ID, GROUP, 'unheard');
  expect(heard).toEqual([
    { content: 'one', by: 'http', isBeta: false, tenant: '', at },
    { content: 'two', by: 'operator', isBeta: false, tenant: 'team-a', at },
    { content: 'three', by: 'operator', isBeta: true, tenant: '', at },
  ]);
});

it('a closed server cuts its polls, frees its port and leaves no timer behind', async () => {
  const clock = createVirtualClock();
  const nacos = await start('2.5.1', { clock, dumpLag: 'measured' });
  nacos.put('other.json', GROUP, 'still to be dumped');
  const poll = outcome(
    call(nacos, 'POST /v1/cs/configs/listener', {
      form: { 'Listening-Configs': `${DATA_ID}\u0002${GROUP}\u0002\u0001` },
      headers: { 'Long-Pulling-Timeout': '30000' },
    }),
  );
  await eventually(() => nacos.listeners().length).toBe(1);
  await nacos.close();
  expect(await poll).toBe('ECONNRESET');
  expect(nacos.listeners()).toEqual([]);
  expect(clock.pending()).toBe(0);
  const next = await startDevNacos({ version: '3.1', port: nacos.port });
  await next.close();
  await expect(startDevNacos({ version: '3.1', port: 1, host: '203.0.113.1' })).rejects.toThrow();
});
