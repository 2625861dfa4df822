import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startDevNacos } from '../../infra/dev-nacos/server.ts';
import { withToken } from '../../src/access/tokens.ts';
import type { Check } from '../../src/cli/commands/doctor.ts';
import { runProcess } from '../cli/run.ts';
import { selfSigned } from '../traffic/certificate.ts';
import { aWorld, type World } from './world.ts';

interface Examined {
  readonly code: number;
  /** State and detail by part; of several checks of one part, the last. */
  readonly checks: Readonly<Record<string, string>>;
  readonly states: readonly string[];
  readonly talk: string;
}

async function examine(world: World, args: readonly string[] = []): Promise<Examined> {
  const settings = ['--canaries', join(world.dir, 'canaries'), '--db', world.db];
  const providers = ['--nacos', world.nacos.url, '--prometheus', world.prometheus.url];
  const { code, out, talk } = await runProcess(['doctor', '-o', 'json', ...settings, ...providers, ...args]);
  const { checks } = JSON.parse(out) as { checks: readonly Check[] };
  return {
    code,
    talk,
    checks: Object.fromEntries(checks.map(({ part, state, detail }) => [part, `${state}: ${detail}`])),
    states: checks.map(({ state }) => state),
  };
}

test('beside a daemon that leads, everything is good and named', { timeout: 120_000 }, async ({
  onTestFinished,
}) => {
  const world = await aWorld(onTestFinished);
  world.declare('v2');
  const daemon = world.start();
  await daemon.logged({ type: 'WeightVerified' });
  const { code, checks, talk } = await examine(world);
  expect([code, talk]).toEqual([0, '']);
  expect(checks).toMatchObject({
    files: expect.stringMatching(/^good: 1 Canary in /),
    nacos: expect.stringMatching(/^good: http.*Nacos 2\.5\.1, v1 API, compare-and-set/),
    writes: expect.stringMatching(/^good: Nacos itself refuses/),
    prometheus: expect.stringContaining(`good: ${world.prometheus.url} answers`),
    store: expect.stringMatching(/^good: .*sound, 1 Canary, up to event [1-9]/),
    lease: expect.stringMatching(new RegExp(`^good: held by .*/${daemon.pid}, epoch 1`)),
  });
});

test('before the first start it makes nothing, and a Nacos that ignores compare-and-set is a doubt', async ({
  onTestFinished,
}) => {
  const world = await aWorld(onTestFinished, { version: '2.2.3' });
  world.declare('v2');
  const { code, checks } = await examine(world);
  expect(code).toBe(0);
  expect(checks).toMatchObject({
    writes: expect.stringMatching(/^doubt: each write is compared by a read/),
    store: `good: ${world.db} is made at the first start`,
  });
  expect([world.db, `${world.db}.lock`].map((file) => existsSync(file))).toEqual([false, false]);
});

test('what is away, closed to us or damaged is bad, with the reason and without the secret', async ({
  onTestFinished,
}) => {
  const world = await aWorld(onTestFinished);
  writeFileSync(world.db, 'this is no database'.repeat(1_000));
  writeFileSync(join(world.dir, 'password'), 'hunter-2');
  mkdirSync(join(world.dir, 'canaries'), { recursive: true });
  writeFileSync(join(world.dir, 'canaries/broken.yaml'), 'apiVersion: canary/v1\nkind: Canary\n');
  const account = { username: 'canary', password: 'another' };
  const closed = await startDevNacos({ version: '3.1', auth: account });
  onTestFinished(() => closed.close());
  const config = join(world.dir, 'settings.yaml');
  writeFileSync(
    config,
    `nacosUsername: canary\nnacosPasswordFile: ${join(world.dir, 'password')}\nnacosApi: v3\n`,
  );
  const away = ['--prometheus', 'http://127.0.0.1:1', '--nacos', closed.url, '--config', config];
  const { code, checks, states, talk } = await examine(world, away);
  expect(code).toBe(1);
  // That nobody needs a token is as it should be on loopback, and a clock that cannot be compared is no fault of it.
  expect(states.filter((state) => state !== 'bad')).toEqual(['good', 'doubt']);
  expect(checks['clock']).toBe('doubt: not compared: the query to Prometheus failed');
  expect(checks['tokens']).toMatch(/^good: none/);
  expect(checks).toMatchObject({
    files: expect.stringContaining('canary lint'),
    nacos: expect.stringContaining('NACOS_'),
    prometheus: expect.stringContaining('http://127.0.0.1:1'),
    store: expect.stringContaining('not a database'),
  });
  expect(JSON.stringify(checks) + talk).not.toContain('hunter-2');
});

test('tokens that are over and a certificate that ends are told', async ({ onTestFinished }) => {
  const world = await aWorld(onTestFinished);
  const write = (name: string, text: string) => {
    writeFileSync(join(world.dir, name), text);
    return join(world.dir, name);
  };
  const none = await examine(world, ['--listen', '0.0.0.0:0']);
  expect(none.checks['tokens']).toMatch(/^doubt: none: reads are open/);
  const { cert, key } = selfSigned('localhost', true);
  const old = {
    name: 'ci',
    role: 'viewer',
    sha256: 'a'.repeat(64),
    expires: '2020-01-01T00:00:00Z',
  } as const;
  const tls = ['--tls-cert', write('cert', cert), '--tls-key', write('key', key)];
  const { checks } = await examine(world, ['--tokens', write('tokens', withToken('', old)), ...tls]);
  expect(checks).toMatchObject({
    tokens: `doubt: 1 token in ${join(world.dir, 'tokens')}; over: ci`,
    tls: expect.stringMatching(/^good: .*cert ends in \d+d/),
  });
});

test('settings that cannot work end with 78, as those of serve', async ({ onTestFinished }) => {
  const world = await aWorld(onTestFinished);
  const { code, talk } = await runProcess(['doctor', '--db', world.db, '--tick', 'soon']);
  expect(code).toBe(78);
  expect(talk).toContain('tick');
});
