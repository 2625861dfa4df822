/** What must never come of using the official SDK: port 7777, stale snapshots, files at home, polls, chatter. */
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { VERSIONS } from '../../infra/dev-nacos/generation.ts';
import { lookFromAProcess } from '../contract/look.ts';
import { ACCOUNT, DATA_ID, eventually, GROUP, publish, read, routerTo, startNacos, TARGET } from './setup.ts';

const SDK_PORT = 7777;

afterEach(() => {
  vi.restoreAllMocks();
});

async function listenerOn(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

describe('the Nacos SDK inside the router', () => {
  it('opens no port in a process that only runs the router, and lets it end', async () => {
    const nacos = await startNacos('2.5.1', { auth: ACCOUNT });
    const look = await lookFromAProcess({ urls: [nacos.url], api: 'auto', ...ACCOUNT }, TARGET);
    expect(look.reading.kind).toBe('absent');
    expect(look.meanwhile.filter((name) => name === 'TCPServerWrap')).toEqual([]);
    expect(look.after).toEqual(look.before);
  });

  it('would be caught opening one: a listening process shows it', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    expect(process.getActiveResourcesInfo()).toContain('TCPServerWrap');
  });

  it('does not listen on port 7777, nor look for anyone there', async () => {
    const wasTaken = await listenerOn(SDK_PORT);
    const nacos = await startNacos('2.5.1');
    const router = routerTo(nacos.url);
    await publish(router, '{}', 'absent');
    await read(router);
    expect(await listenerOn(SDK_PORT)).toBe(wasTaken);
    expect(nacos.get(DATA_ID, GROUP)?.content).toBe('{}');
  });

  it('keeps two routers of one process apart', async () => {
    const one = await startNacos('2.5.1');
    const two = await startNacos('2.5.1');
    const toOne = routerTo(one.url);
    const toTwo = routerTo(two.url);
    await Promise.all([publish(toOne, '{"at":1}', 'absent'), publish(toTwo, '{"at":2}', 'absent')]);
    expect(one.get(DATA_ID, GROUP)?.content).toBe('{"at":1}');
    expect(two.get(DATA_ID, GROUP)?.content).toBe('{"at":2}');
  });

  it.each(VERSIONS)('never shows an earlier reading on %s when a later one fails', async (version) => {
    const nacos = await startNacos(version);
    const router = routerTo(nacos.url);
    nacos.put(DATA_ID, GROUP, '{"weight":5}');
    expect(await read(router)).toMatchObject({ kind: 'document' });
    nacos.faults.inject({ fault: 'status', status: 500, method: 'GET' });
    expect(await read(router)).toMatchObject({ kind: 'unreadable', code: 'NACOS_FAILED' });
    nacos.faults.clear();
    nacos.delete(DATA_ID, GROUP);
    expect(await read(router)).toMatchObject({ kind: 'absent' });
    nacos.faults.inject({ fault: 'status', status: 403, method: 'GET' });
    expect(await read(router)).toMatchObject({ kind: 'unreadable', code: 'NACOS_FORBIDDEN' });
  });

  it('leaves no file in the home directory or among the temporary ones', async () => {
    const home = await mkdtemp(join(tmpdir(), 'router-home-'));
    onTestFinished(() => rm(home, { recursive: true, force: true }));
    const nacos = await startNacos('2.5.1');
    nacos.put(DATA_ID, GROUP, '{"weight":5}');
    const environment = { HOME: home, USERPROFILE: home, TMPDIR: home };
    const look = await lookFromAProcess({ urls: [nacos.url], api: 'auto' }, TARGET, environment);
    expect(look.reading.kind).toBe('document');
    expect(await readdir(home)).toEqual([]);
  });

  it('never polls, and prints nothing when everything fails', async () => {
    const printed = [vi.spyOn(console, 'error'), vi.spyOn(console, 'log'), vi.spyOn(console, 'warn')];
    const nacos = await startNacos('2.5.1', { auth: ACCOUNT });
    const router = routerTo(nacos.url, ACCOUNT);
    await read(router);
    nacos.faults.inject({ fault: 'status', status: 500 });
    await read(router);
    await publish(router, '{}');
    await nacos.faults.refuse();
    await read(router);
    await router.close();
    expect(printed.flatMap((spy) => spy.mock.calls)).toEqual([]);
    expect(nacos.requests.filter(({ path }) => path.includes('listener'))).toEqual([]);
  });

  it('tells of each call apart, however many are under way', async () => {
    const nacos = await startNacos('3.1');
    const router = routerTo(nacos.url);
    const names = Array.from({ length: 200 }, (_, index) => `canary-rules.shop-${index}.json`);
    for (const [index, name] of names.entries()) {
      if (index % 2 === 0) nacos.put(name, GROUP, `{"index":${index}}`);
    }
    const readings = await Promise.all(names.map((dataId) => read(router, { ...TARGET, dataId })));
    const contents = readings.map((reading) =>
      reading.kind === 'document' ? reading.content : reading.kind,
    );
    expect(contents).toEqual(names.map((_, index) => (index % 2 === 0 ? `{"index":${index}}` : 'absent')));
  });

  it('works on the namespace of each target', async () => {
    const nacos = await startNacos('2.5.1');
    const router = routerTo(nacos.url);
    const team = { ...TARGET, namespace: 'team-a' };
    await router.publish(team, 'operation.1', '{"team":"a"}', { expectMd5: 'absent' }, AbortSignal.any([]));
    expect(await read(router)).toMatchObject({ kind: 'absent' });
    expect(await read(router, team)).toMatchObject({ kind: 'document', content: '{"team":"a"}' });
    expect(nacos.get(DATA_ID, GROUP, 'team-a')?.content).toBe('{"team":"a"}');
  });
});

describe('what a publish says besides the content', () => {
  it.each(VERSIONS)('on %s is the type, and nothing that would clear what others set', async (version) => {
    const nacos = await startNacos(version);
    const router = routerTo(nacos.url);
    const posts = () => nacos.requests.filter(({ method }) => method === 'POST');
    await publish(router, '{"weight":5}', 'absent');
    await eventually(() => nacos.get(DATA_ID, GROUP)?.type).toBe('json');
    expect(nacos.get(DATA_ID, GROUP)).toMatchObject({ appName: null, desc: null, configTags: null });
    expect(posts().map(({ path }) => path)).not.toContainEqual(expect.stringContaining('?'));
  });
});
