import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { visits } from '../../infra/demo/population.ts';
import { type StartedProcess, startProcess } from '../../infra/demo/processes.ts';
import { countSplits, type Sample, type Served } from '../../infra/demo/splits.ts';
import { type DevNacos, startDevNacos } from '../../infra/dev-nacos/server.ts';
import type { ServiceState } from '../../src/client/client.ts';
import { ruleDocument } from './documents.ts';

const SCRIPTS = resolve(import.meta.dirname, '../../infra/fleet');
const SERVICE = 'checkout';

let home: string;
let nacos: DevNacos;
let gateway: StartedProcess;
const instances: Record<string, StartedProcess> = {};
const deaths: string[] = [];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'fleet-gateway-'));
  nacos = await startDevNacos({ version: '3.1', port: 0, dumpLag: 'none' });
  const start = (name: 'gateway' | 'service', args: readonly string[]) =>
    startProcess({
      name,
      args: [join(SCRIPTS, `${name}.ts`), ...args],
      logFile: join(home, `${name}.log`),
      ready: /listening on (\S+)/,
      readyWithinMs: 20_000,
      onDeath: (reason) => deaths.push(`${name}: ${reason}`),
    });
  for (const version of ['v1', 'v2']) {
    const flags = ['--service', SERVICE, '--version', version, '--latency-ms', '0'];
    instances[version] = await start('service', flags);
  }
  const backends = Object.entries(instances).flatMap(([version, { address }]) => [
    '--backend',
    `${SERVICE}=${version}@${address}`,
  ]);
  gateway = await start('gateway', ['--nacos', nacos.url, ...backends]);
});

afterAll(async () => {
  await Promise.all([gateway, ...Object.values(instances)].map((started) => started?.stop()));
  await nacos?.close();
  await rm(home, { recursive: true, force: true });
});

async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  return (await response.json()) as T;
}

async function routeStatus(): Promise<Pick<Sample, 'split' | 'since'>> {
  const status = await getJson<Record<string, ServiceState>>(`${gateway.address}/-/status`);
  const { rule, since } = status[SERVICE]!;
  return { split: rule, since };
}

const DOCUMENT = [`canary-rules.${SERVICE}.json`, 'CANARY_GROUP'] as const;

/** Puts a document where the gateway listens, and waits until it follows it. */
async function publish(content: string, weight: number | undefined): Promise<void> {
  nacos.put(...DOCUMENT, content);
  await followed(weight);
}

async function remove(): Promise<void> {
  nacos.delete(...DOCUMENT);
  await followed(undefined);
}

function followed(weight: number | undefined): Promise<void> {
  return vi.waitFor(async () => expect((await routeStatus()).split?.canaryWeight).toBe(weight), {
    timeout: 20_000,
    interval: 20,
  });
}

async function servedBy(): Promise<Record<string, Served>> {
  const entries = Object.entries(instances).map(async ([version, { address }]) => {
    return [version, await getJson<Served>(`${address}/-/served`)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

async function send(count: number): Promise<void> {
  const users = visits(3);
  const worker = async (share: number) => {
    for (let sent = 0; sent < share; sent += 1) {
      const response = await fetch(`${gateway.address}/${SERVICE}/`, { headers: { 'x-user-id': users() } });
      expect(response.status).toBe(200);
      await response.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: 10 }, () => worker(count / 10)));
}

/** How many of `count` requests each version received. */
async function received(count: number): Promise<Record<string, number>> {
  const before = await servedBy();
  await send(count);
  const after = await servedBy();
  return Object.fromEntries(
    Object.entries(after).map(([version, { total }]) => [version, total - before[version]!.total]),
  );
}

test('without a document everybody gets the version named first', async () => {
  expect((await routeStatus()).split).toBeNull();
  expect(await received(100)).toEqual({ v1: 100, v2: 0 });
});

test.each([0, 25, 100])('a weight of %i percent shows at the instances', async (weight) => {
  onTestFinished(remove);
  await publish(ruleDocument({ canaryWeight: weight }), weight);
  const take = async (at: number): Promise<Sample> => ({
    at,
    served: await servedBy(),
    ...(await routeStatus()),
  });
  const later = (await routeStatus()).since + 1_000;
  const first = await take(later);
  await send(1_000);
  const last = await take(later + 1);
  const splits = countSplits([first, last], 'v2', [{ at: later, weight }]);
  expect(splits).toMatchObject([{ weight, requests: 1_000, fits: true }]);
});

test('each user keeps the version that the hash gives, request after request', async () => {
  onTestFinished(remove);
  await publish(ruleDocument({ canaryWeight: 50 }), 50);
  const versions = new Map<string, Set<string>>();
  for (let request = 0; request < 120; request += 1) {
    const userId = `user-${request % 20}`;
    const response = await fetch(`${gateway.address}/${SERVICE}/`, { headers: { 'x-user-id': userId } });
    const { version } = (await response.json()) as { version: string };
    versions.set(userId, (versions.get(userId) ?? new Set()).add(version));
  }
  expect([...versions.values()].every((seen) => seen.size === 1)).toBe(true);
  expect(new Set([...versions.values()].flatMap((seen) => [...seen]))).toEqual(new Set(['v1', 'v2']));
});

test('a change of the document is followed without a restart', async () => {
  onTestFinished(remove);
  await publish(ruleDocument({ canaryWeight: 100 }), 100);
  expect(await received(50)).toEqual({ v1: 0, v2: 50 });
  await publish(ruleDocument({ canaryWeight: 0 }), 0);
  expect(await received(50)).toEqual({ v1: 50, v2: 0 });
});

test('a malformed document sends everybody to stable, and the next good one counts again', async () => {
  onTestFinished(remove);
  await publish(ruleDocument({ canaryWeight: 100 }), 100);
  await publish('{"rules":[', undefined);
  expect(await received(50)).toEqual({ v1: 50, v2: 0 });
  await publish(ruleDocument({ canaryWeight: 100 }), 100);
  expect(await received(50)).toEqual({ v1: 0, v2: 50 });
});

test('a removed document sends everybody to stable', async () => {
  await publish(ruleDocument({ canaryWeight: 100 }), 100);
  await remove();
  expect(await received(50)).toEqual({ v1: 50, v2: 0 });
});

test('a rule that names a version nobody runs sends its users to stable', async () => {
  onTestFinished(remove);
  await publish(ruleDocument({ canaryWeight: 100, canaryVersion: 'v9' }), 100);
  expect(await received(50)).toEqual({ v1: 50, v2: 0 });
});

test('a service that nobody runs is not found', async () => {
  const response = await fetch(`${gateway.address}/nowhere/`);
  expect(response.status).toBe(404);
  await response.arrayBuffer();
});

test('no process died on the way', () => {
  expect(deaths).toEqual([]);
});
