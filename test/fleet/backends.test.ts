import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type StartedProcess, startProcess } from '../../infra/demo/processes.ts';
import { type DevNacos, startDevNacos } from '../../infra/dev-nacos/server.ts';
import { backendsOf } from '../../infra/fleet/backends.ts';
import { ruleDocument } from './documents.ts';

const FLEET = resolve(import.meta.dirname, '../../infra/fleet');
const ACCOUNT = { username: 'fleet', password: 'only-read' };

let home: string;
let file: string;
let nacos: DevNacos;
let gateway: StartedProcess;
const started: StartedProcess[] = [];

async function start(script: string, args: readonly string[]): Promise<StartedProcess> {
  const process = await startProcess({
    name: script,
    args: [join(FLEET, script), ...args],
    logFile: join(home, `${script}.log`),
    ready: /listening on (\S+)/,
    readyWithinMs: 20_000,
    onDeath: () => {},
  });
  started.push(process);
  return process;
}

/** Replaces the file as a whole, as a deployment does. */
async function deploy(fallback: string, versions: Record<string, readonly string[]>): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify({ service: 'checkout', fallback, versions, comment: 1 }));
  await rename(`${file}.new`, file);
}

async function answer(headers: Record<string, string> = {}) {
  const response = await fetch(`${gateway.address}/any/path`, { headers });
  const body = (await response.json()) as { version?: string };
  return { status: response.status, version: body.version, served: response.headers.get('x-served-version') };
}

const addresses: Record<string, string> = {};

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'fleet-backends-'));
  file = join(home, 'backends.json');
  nacos = await startDevNacos({ version: '2.5.1', dumpLag: 'none', auth: ACCOUNT });
  nacos.put('canary-rules.checkout.json', 'CANARY_GROUP', ruleDocument({ canaryWeight: 100 }));
  for (const version of ['v1', 'v2']) {
    const flags = ['--service', 'checkout', '--version', version, '--latency-ms', '0'];
    addresses[version] = (await start('service.ts', flags)).address;
  }
  await writeFile(join(home, 'password'), `${ACCOUNT.password}\n`);
  await deploy('v1', { v1: [addresses['v1']!], v2: [addresses['v2']!] });
  // As Terraform's `app_service` starts it.
  vi.stubEnv('SERVICE', 'checkout');
  vi.stubEnv('PORT', '0');
  vi.stubEnv('NACOS_URL', nacos.url);
  vi.stubEnv('NACOS_USERNAME', ACCOUNT.username);
  vi.stubEnv('NACOS_PASSWORD_FILE', join(home, 'password'));
  vi.stubEnv('BACKENDS_FILE', file);
  gateway = await start('gateway.ts', ['--override-header', 'x-canary']);
  vi.unstubAllEnvs();
});

afterEach(async () => {
  await deploy('v1', { v1: [addresses['v1']!], v2: [addresses['v2']!] });
});

afterAll(async () => {
  await Promise.all(started.map((each) => each.stop()));
  await nacos?.close();
  await rm(home, { recursive: true, force: true });
});

function soon(assertion: () => Promise<void>): Promise<void> {
  return vi.waitFor(assertion, { timeout: 20_000, interval: 50 });
}

test('a gateway that is started as Terraform starts it logs in, and hands every path on by the rule', async () => {
  expect(await answer()).toEqual({ status: 200, version: 'v2', served: 'v2' });
  expect(await answer({ 'x-canary': 'stable' })).toMatchObject({ version: 'v1' });
});

test('it follows its file: a version that goes has its users sent to stable, and comes back', async () => {
  await deploy('v1', { v1: [addresses['v1']!] });
  await soon(async () => expect(await answer()).toMatchObject({ status: 200, version: 'v1' }));
  await deploy('v1', { v1: [addresses['v1']!], v2: [addresses['v2']!] });
  await soon(async () => expect(await answer()).toMatchObject({ version: 'v2' }));
});

test('a file that cannot be used changes nothing, and is reported', async () => {
  await deploy('v9', { v1: [addresses['v1']!] });
  const log = () => readFile(join(home, 'gateway.ts.log'), 'utf8');
  await soon(async () => expect(await log()).toContain('fallback is not among the versions'));
  expect(await answer()).toMatchObject({ version: 'v2' });
});

test('without an instance that may be used the answer is 503', async () => {
  await deploy('v1', { v1: [] });
  await soon(async () => expect(await answer()).toMatchObject({ status: 503 }));
});

test('health is its own, and says whether Nacos answers', async () => {
  const response = await fetch(`${gateway.address}/-/healthz`);
  expect(await response.json()).toEqual({ status: 'ok', nacos: true });
});

test('flags name several instances of a version and several services; the first version is the fallback', () => {
  expect(backendsOf(['a=v1@http://h:1', 'a=v1@http://h:2', 'a=v2@http://h:3', 'b=v7@http://h:4'])).toEqual([
    { service: 'a', fallback: 'v1', versions: { v1: ['http://h:1', 'http://h:2'], v2: ['http://h:3'] } },
    { service: 'b', fallback: 'v7', versions: { v7: ['http://h:4'] } },
  ]);
  expect(() => backendsOf(['a:v1@http://h:1'])).toThrow('SERVICE=VERSION@URL');
});
