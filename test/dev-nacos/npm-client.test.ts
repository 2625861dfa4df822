/** The official `nacos` package works against the development server as it does against real ones. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataClient } from 'nacos';
import { afterEach, describe, expect, it } from 'vitest';
import type { DevNacos } from '../../infra/dev-nacos/server.ts';
import { DATA_ID, eventually, GROUP, start, V1_VERSIONS } from './calls.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

const JSON_TYPE = { unit: 'CURRENT_UNIT', type: 'json' } as const;

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function connect(nacos: DevNacos, namespace = ''): Promise<DataClient> {
  const cacheDir = await mkdtemp(join(tmpdir(), 'dev-nacos-client-'));
  cleanups.push(() => rm(cacheDir, { recursive: true, force: true }));
  const serverAddr = `127.0.0.1:${nacos.port}`;
  const client = new DataClient({ serverAddr, namespace, cacheDir, requestTimeout: 2_000 });
  client.on('error', () => undefined);
  return client;
}

/** Closes a client whose poll is held: the poll must end well, or the package throws an unhandled error. */
async function closeListening(client: DataClient, nacos: DevNacos, clock: VirtualClock): Promise<void> {
  await eventually(() => nacos.listeners().length).toBeGreaterThan(0);
  client.close();
  clock.advance(30_000);
  await eventually(() => nacos.listeners().length).toBe(0);
}

describe.each(V1_VERSIONS)('the npm client on %s', (version) => {
  it('reads, publishes and removes', async () => {
    const nacos = await start(version);
    const client = await connect(nacos);
    const read = () => client.getConfig(DATA_ID, GROUP, undefined);
    expect(await read()).toBeNull();
    expect(await client.publishSingle(DATA_ID, GROUP, '{"weight":5}', JSON_TYPE)).toBe(true);
    expect(await read()).toBe('{"weight":5}');
    expect(nacos.get(DATA_ID, GROUP)?.type).toBe('json');
    expect(await client.remove(DATA_ID, GROUP, undefined)).toBe(true);
    expect(await read()).toBeNull();
    client.close();
  });

  it('hears of every change and of the deletion', async () => {
    const clock = createVirtualClock();
    const nacos = await start(version, { clock, dumpLag: 'measured' });
    const client = await connect(nacos);
    const heard: (string | null)[] = [];
    client.subscribe({ dataId: DATA_ID, group: GROUP }, (content: string | null) => heard.push(content));
    for (const content of ['one', 'two', null]) {
      await eventually(() => nacos.listeners().length).toBe(1);
      if (content === null) nacos.delete(DATA_ID, GROUP);
      else nacos.put(DATA_ID, GROUP, content);
      const count = heard.length;
      clock.advance(1_100);
      await eventually(() => heard.length).toBe(count + 1);
    }
    expect(heard).toEqual([null, 'one', 'two', null]);
    await closeListening(client, nacos, clock);
  });

  it('hears of changes in its namespace', async () => {
    const clock = createVirtualClock();
    const nacos = await start(version, { clock });
    const client = await connect(nacos, 'team-a');
    const heard: (string | null)[] = [];
    client.subscribe({ dataId: DATA_ID, group: GROUP }, (content: string | null) => heard.push(content));
    await eventually(() => nacos.listeners().length).toBe(1);
    nacos.put(DATA_ID, GROUP, 'elsewhere');
    nacos.put(DATA_ID, GROUP, 'here', 'team-a');
    await eventually(() => heard).toEqual([null, 'here']);
    await closeListening(client, nacos, clock);
  });
});

describe('the npm client', () => {
  it('believes that it published to 3.2, where its API is gone', async () => {
    const nacos = await start('3.2');
    const client = await connect(nacos);
    expect(await client.publishSingle(DATA_ID, GROUP, '{}', JSON_TYPE)).toBe(true);
    expect(nacos.get(DATA_ID, GROUP)).toBeUndefined();
    client.close();
  });

  it('logs in with parameters on a server with access control', async () => {
    const nacos = await start('2.5.1', { auth: { username: 'u', password: 'p' } });
    const cacheDir = await mkdtemp(join(tmpdir(), 'dev-nacos-client-'));
    cleanups.push(() => rm(cacheDir, { recursive: true, force: true }));
    const serverAddr = `127.0.0.1:${nacos.port}`;
    const client = new DataClient({
      serverAddr,
      cacheDir,
      username: 'u',
      password: 'p',
      requestTimeout: 2_000,
    });
    client.on('error', () => undefined);
    expect(await client.publishSingle(DATA_ID, GROUP, '{}', JSON_TYPE)).toBe(true);
    expect(nacos.history(DATA_ID, GROUP)).toMatchObject([{ user: 'u' }]);
    client.close();
  });
});
