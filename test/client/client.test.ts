import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type DevNacos, type DevNacosOptions, startDevNacos } from '../../infra/dev-nacos/server.ts';
import {
  type CanaryClient,
  type CanaryClientEvent,
  type CanaryClientOptions,
  createCanaryClient,
} from '../../src/client/client.ts';
import { createVirtualClock } from '../dev-nacos/virtual-clock.ts';
import { ruleDocument } from '../fleet/documents.ts';

const DOCUMENT = ['canary-rules.checkout.json', 'CANARY_GROUP'] as const;
const SERVERS = ['2.2.3', '2.5.1', '3.1', '3.2'] as const;

async function startNacos(options: Partial<DevNacosOptions> = {}): Promise<DevNacos> {
  const nacos = await startDevNacos({ version: '3.1', dumpLag: 'none', ...options });
  onTestFinished(() => nacos.close());
  return nacos;
}

interface Listening extends CanaryClient {
  readonly events: CanaryClientEvent[];
  /** The weight followed, null without a rule. */
  weight(): number | null;
}

function listen(options: Partial<CanaryClientOptions> & Pick<CanaryClientOptions, 'nacos'>): Listening {
  const events: CanaryClientEvent[] = [];
  const client = createCanaryClient({
    services: { checkout: { fallback: 'v0' } },
    pollMs: 20,
    onEvent: (event) => events.push(event),
    ...options,
  });
  onTestFinished(() => client.close());
  return { ...client, events, weight: () => client.state('checkout').rule?.canaryWeight ?? null };
}

function soon(assertion: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(assertion, { timeout: 20_000, interval: 10 });
}

describe.each(SERVERS)('beside Nacos %s a client', (version) => {
  test('follows a document that comes, changes, breaks and goes', async () => {
    const nacos = await startNacos({ version });
    const client = listen({ nacos: nacos.url });
    expect(await client.ready).toBe(true);
    expect(client.state('checkout')).toMatchObject({ rule: null, source: 'nacos', fallback: 'v0' });
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 5 }));
    await soon(() => expect(client.weight()).toBe(5));
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 100 }));
    await soon(() => expect(client.weight()).toBe(100));
    expect(client.choose('checkout', { headers: {} })).toEqual({ version: 'v2', because: 'weight' });
    nacos.put(...DOCUMENT, '{"rules":');
    await soon(() => expect(client.weight()).toBeNull());
    expect(client.choose('checkout', { headers: {} })).toEqual({ version: 'v0', because: 'default' });
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 25 }));
    await soon(() => expect(client.weight()).toBe(25));
    nacos.delete(...DOCUMENT);
    await soon(() => expect(client.state('checkout').reason).toBe('there is no rule document'));
  });

  test('keeps its last rule while Nacos is away, and follows again when it is back', async () => {
    const nacos = await startNacos({ version });
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 25 }));
    const client = listen({ nacos: nacos.url });
    await client.ready;
    expect(client.isConnected()).toBe(true);
    await nacos.faults.refuse();
    await soon(() => expect(client.isConnected()).toBe(false));
    expect(client.weight()).toBe(25);
    expect(client.events.filter(({ type }) => type === 'nacosLost')).toHaveLength(1);
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 0 }));
    await nacos.faults.accept();
    await soon(() => expect(client.weight()).toBe(0));
    await soon(() => expect(client.events.map(({ type }) => type)).toContain('nacosBack'));
    expect(client.isConnected()).toBe(true);
  });
});

describe.each(SERVERS)('beside Nacos %s a client of two services', (version) => {
  test('hears of one while the other cannot be read, and of that one once it can', async () => {
    const nacos = await startNacos({ version });
    const [checkout, search] = [DOCUMENT, ['canary-rules.search.json', 'CANARY_GROUP']] as const;
    nacos.put(...checkout, ruleDocument({ canaryWeight: 25 }));
    nacos.put(...search, ruleDocument({ canaryWeight: 5 }));
    const refusal = nacos.faults.inject({ fault: 'status', status: 403, on: 'read', dataId: search[0] });
    const client = listen({ nacos: nacos.url, services: { checkout: {}, search: {} } });
    const searchWeight = () => client.state('search').rule?.canaryWeight;
    await soon(() => expect(client.weight()).toBe(25));
    await soon(() => expect(client.events.map(({ type }) => type)).toContain('nacosLost'));
    nacos.put(...checkout, ruleDocument({ canaryWeight: 0 }));
    await soon(() => expect(client.weight()).toBe(0));
    expect(client.isConnected()).toBe(false);
    refusal.remove();
    await soon(() => expect(searchWeight()).toBe(5));
    await soon(() => expect(client.isConnected()).toBe(true));
    nacos.put(...search, ruleDocument({ canaryWeight: 50 }));
    await soon(() => expect(searchWeight()).toBe(50));
  });
});

describe('a client', () => {
  test('keeps to an API that reads one document while a proxy answers 404 for another', async () => {
    const nacos = await startNacos({ version: '2.5.1' });
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 25 }));
    nacos.faults.inject({ fault: 'notFound', by: 'proxy', on: 'read', dataId: 'canary-rules.search.json' });
    const client = listen({ nacos: nacos.url, services: { checkout: {}, search: {} } });
    await soon(() => expect(client.weight()).toBe(25));
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 0 }));
    await soon(() => expect(client.weight()).toBe(0));
    expect(nacos.requests.filter(({ path }) => path.includes('/v3/'))).toEqual([]);
  });

  test('does not take the 404 of a proxy for a document that was deleted', async () => {
    const nacos = await startNacos({ version: '2.5.1' });
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 25 }));
    const client = listen({ nacos: nacos.url });
    await client.ready;
    nacos.faults.inject({ fault: 'notFound', by: 'proxy' });
    nacos.faults.dropPolls();
    await soon(() => expect(client.isConnected()).toBe(false));
    expect(client.weight()).toBe(25);
    nacos.faults.clear();
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 50 }));
    await soon(() => expect(client.weight()).toBe(50));
  });

  test('logs in, and again when its token is refused, without a secret in an event', async () => {
    const account = { username: 'fleet', password: 'p-Secret-77' };
    const clock = createVirtualClock();
    const nacos = await startNacos({ version: '2.5.1', auth: account, clock });
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 5 }));
    let password = 'wrong-Secret-78';
    const client = listen({ nacos: nacos.url, username: 'fleet', password: () => password });
    await soon(() => expect(client.events.map(({ type }) => type)).toContain('nacosLost'));
    password = account.password;
    await soon(() => expect(client.weight()).toBe(5));
    clock.advance(6 * 3_600_000);
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 25 }));
    await soon(() => expect(client.weight()).toBe(25));
    expect(client.events.filter(({ type }) => type === 'nacosLost')).toHaveLength(1);
    expect(JSON.stringify(client.events)).not.toMatch(/Secret/);
    expect(nacos.requests.every(({ path }) => !path.includes('Secret'))).toBe(true);
  });

  test('asks the next server of a cluster when one is away', async () => {
    const away = await startNacos();
    await away.faults.refuse();
    const nacos = await startNacos();
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 5 }));
    const client = listen({ nacos: [away.url, nacos.url] });
    expect(await client.ready).toBe(true);
    expect(client.weight()).toBe(5);
  });

  test('follows a beta variant that Nacos has for its address, and says so', async () => {
    const nacos = await startNacos({ version: '2.5.1' });
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 5 }));
    nacos.publishBeta(...DOCUMENT, ruleDocument({ canaryWeight: 50 }), ['127.0.0.1']);
    const client = listen({ nacos: nacos.url });
    await client.ready;
    expect(client.state('checkout')).toMatchObject({ isBeta: true, rule: { canaryWeight: 50 } });
    nacos.stopBeta(...DOCUMENT);
    await soon(() =>
      expect(client.state('checkout')).toMatchObject({ isBeta: false, rule: { canaryWeight: 5 } }),
    );
  });

  test('falls back to what was live last where no fallback is named: after a promotion, the canary', async () => {
    const nacos = await startNacos();
    const promoted = { ...JSON.parse(ruleDocument({ canaryWeight: 100 })), managedBy: { promoted: true } };
    nacos.put(...DOCUMENT, JSON.stringify(promoted));
    const client = listen({ nacos: nacos.url, services: { checkout: {} } });
    await client.ready;
    nacos.delete(...DOCUMENT);
    await soon(() => expect(client.weight()).toBeNull());
    expect(client.choose('checkout', { headers: {} }).version).toBe('v2');
  });

  test.each([
    ['deleted', null],
    ['malformed', '{"rules":'],
  ])('gives what is live where its fallback has gone and the document is %s', async (_, content) => {
    const nacos = await startNacos();
    const promoted = { ...JSON.parse(ruleDocument({ canaryWeight: 100 })), managedBy: { promoted: true } };
    nacos.put(...DOCUMENT, JSON.stringify(promoted));
    const client = listen({ nacos: nacos.url, services: { checkout: { fallback: 'v1' } } });
    await client.ready;
    if (content === null) nacos.delete(...DOCUMENT);
    else nacos.put(...DOCUMENT, content);
    await soon(() => expect(client.weight()).toBeNull());
    const choice = (...running: string[]) =>
      client.choose('checkout', { headers: {} }, (version) => running.includes(version));
    expect(choice('v1', 'v2')).toEqual({ version: 'v1', because: 'default' });
    expect(choice('v2')).toEqual({ version: 'v2', because: 'default' });
    expect(choice('v9')).toEqual({ version: null, because: 'default' });
  });

  test('keeps each user on one version, and lets a request ask for one where that is allowed', async () => {
    const nacos = await startNacos();
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 50 }));
    const client = listen({
      nacos: nacos.url,
      sticky: { header: 'x-user-id' },
      override: { cookie: 'version' },
    });
    await client.ready;
    const versions = Array.from({ length: 200 }, (_, index) => {
      const request = { headers: { 'x-user-id': `user-${index}` } };
      const [one, other] = [client.choose('checkout', request), client.choose('checkout', request)];
      expect(one).toEqual(other);
      return one.version;
    });
    expect(new Set(versions)).toEqual(new Set(['v1', 'v2']));
    const asked = client.choose('checkout', { headers: { 'x-user-id': 'user-1', cookie: 'version=canary' } });
    expect(asked).toEqual({ version: 'v2', because: 'override' });
  });

  test('starts by what it kept while Nacos is away, but not by a beta or a deleted rule', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'canary-client-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const snapshot = join(folder, 'rules.json');
    const nacos = await startNacos({ version: '2.5.1' });
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 25 }));
    const first = listen({ nacos: nacos.url, snapshot });
    await first.ready;
    nacos.publishBeta(...DOCUMENT, ruleDocument({ canaryWeight: 99 }), ['127.0.0.1']);
    await soon(() => expect(first.weight()).toBe(99));
    await first.close();
    await nacos.faults.refuse();

    const second = listen({ nacos: nacos.url, snapshot, readyWithinMs: 50 });
    expect(await second.ready).toBe(false);
    expect(second.state('checkout')).toMatchObject({ source: 'snapshot', rule: { canaryWeight: 25 } });
    nacos.stopBeta(...DOCUMENT);
    nacos.delete(...DOCUMENT);
    await nacos.faults.accept();
    await soon(() => expect(second.state('checkout')).toMatchObject({ source: 'nacos', rule: null }));
    await second.close();
    expect(JSON.parse(await readFile(snapshot, 'utf8'))).toEqual({});
  });

  test('starts with a damaged snapshot, and one that cannot be written, as without one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'canary-client-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const nacos = await startNacos();
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 25 }));
    await writeFile(join(folder, 'rules.json'), '{"canary-rules.checkout.json":');
    const damaged = listen({ nacos: nacos.url, snapshot: join(folder, 'rules.json') });
    expect(await damaged.ready).toBe(true);
    const unwritable = listen({ nacos: nacos.url, snapshot: join(folder, 'none', 'rules.json') });
    expect(await unwritable.ready).toBe(true);
    await soon(() => expect(unwritable.events.map(({ type }) => type)).toContain('snapshotProblem'));
    expect([damaged.weight(), unwritable.weight()]).toEqual([25, 25]);
  });

  test('ends at once when it is closed, and chooses on by its last rule', async () => {
    const nacos = await startNacos();
    nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 100 }));
    const client = listen({ nacos: nacos.url });
    await client.ready;
    await client.close();
    expect(client.choose('checkout', { headers: {} }).version).toBe('v2');
  });

  test('refuses options that cannot work, and a service that was not named', () => {
    expect(() => listen({ nacos: 'nacos:8848' })).not.toThrow();
    expect(() => listen({ nacos: 'nacos' })).toThrow('nacos is an address as http://');
    const secret = { nacos: 'http://fleet:p-Secret-77@127.0.0.1:1/nacos' };
    expect(() => listen(secret)).toThrow(
      /^give username and password as options, not in an address of nacos$/,
    );
    expect(() => listen({ nacos: [] })).toThrow('nacos is an address as http://');
    expect(() => listen({ nacos: 'http://x/nacos', services: {} })).toThrow('at least one service');
    const same = { a: { dataId: 'd' }, b: { dataId: 'd' } };
    expect(() => listen({ nacos: 'http://x/nacos', services: same })).toThrow('same dataId');
    const client = listen({ nacos: 'http://127.0.0.1:1/nacos' });
    expect(() => client.choose('payment', { headers: {} })).toThrow('"payment" is not among the services');
  });
});
