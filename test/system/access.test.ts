import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect, test } from 'vitest';
import { runProcess } from '../cli/run.ts';
import { type Certificate, selfSigned } from '../traffic/certificate.ts';
import { aWorld, type Cleanup, ended, until } from './world.ts';

/** A daemon with tokens and TLS, and a way to be each of its callers. */
async function secured(cleanup: Cleanup) {
  const world = await aWorld(cleanup);
  const place = (name: string) => join(world.dir, name);
  const tokens = place('tokens.yaml');
  const manage = (...argv: string[]) => runProcess(['token', ...argv], { CANARY_TOKENS: tokens });
  async function create(role: string, ...more: string[]): Promise<void> {
    const { out } = await manage('create', role, '--role', role, ...more);
    writeFileSync(place(role), out);
  }
  function present({ cert, key }: Certificate): void {
    for (const [name, text] of [['tls.crt', cert] as const, ['tls.key', key] as const]) {
      writeFileSync(place(`${name}.next`), text);
      renameSync(place(`${name}.next`), place(name));
    }
  }
  const certificate = selfSigned('localhost', true);
  present(certificate);
  writeFileSync(place('ca.pem'), certificate.cert);
  for (const role of ['viewer', 'deployer', 'operator']) await create(role);
  const tls = ['--tls-cert', place('tls.crt'), '--tls-key', place('tls.key')];
  const daemon = world.start(['--tokens', tokens, ...tls]);
  const url = await daemon.url();
  const as = (role: string | null, ...argv: string[]) =>
    runProcess(argv, {
      CANARY_SERVER: url,
      CANARY_SERVER_CA: place('ca.pem'),
      ...(role === null ? {} : { CANARY_TOKEN_FILE: place(role) }),
    });
  return { world, daemon, url: new URL(url), tokens, certificate, manage, create, present, as };
}

/** Whether the server shows a certificate of this authority. */
function shows(url: URL, ca: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: url.hostname, port: Number(url.port), ca });
    const settle = (isShown: boolean) => () => {
      socket.destroy();
      resolve(isShown);
    };
    socket.once('secureConnect', settle(true));
    socket.once('error', settle(false));
  });
}

test('roles are kept, and every command is an event with its actor, address, role and request', {
  timeout: 120_000,
}, async ({ onTestFinished }) => {
  const { world, daemon, url, as } = await secured(onTestFinished);
  expect(url.protocol).toBe('https:');
  expect(await daemon.logged({ msg: 'canary controller starts' })).toMatchObject({
    settings: { tokens: join(world.dir, 'tokens.yaml'), tls: join(world.dir, 'tls.crt') },
  });
  world.setErrors(1);
  world.declare('v2');
  await daemon.logged(ended('RolledBack'));
  const nobody = await as(null, 'list');
  expect([nobody.code, nobody.talk]).toEqual([1, expect.stringContaining('TOKEN_MISSING')]);
  expect((await as('viewer', 'list')).code).toBe(0);
  const refused = await as('deployer', 'retry', 'shop', '--reason', 'once more');
  expect([refused.code, refused.talk]).toEqual([1, expect.stringContaining('ROLE_TOO_LOW')]);
  expect((await as('operator', 'retry', 'shop', '--reason', 'once more')).code).toBe(0);
  const events = await as('viewer', 'events', '-o', 'json', '--canary', 'shop', '--limit', '500');
  const received = JSON.parse(events.out).items.filter(
    ({ type }: { type: string }) => type === 'CommandReceived',
  );
  expect(received).toMatchObject([
    {
      actor: 'operator',
      facts: { verb: 'retry', reason: 'once more', address: '127.0.0.1', role: 'operator', source: 'cli' },
    },
  ]);
  const { requestId } = received[0].facts;
  await daemon.logged({ msg: 'a change was asked for', requestId, actor: 'operator', status: 202 });
  await daemon.logged({ msg: 'a change was asked for', code: 'ROLE_TOO_LOW', actor: 'deployer' });
});

test('without tokens the log says what stands open', async ({ onTestFinished }) => {
  const world = await aWorld(onTestFinished);
  const reachable = world.start(['--listen', '0.0.0.0:0']);
  const open = 'there is no tokens file: reads are open, and changes are taken from this machine only';
  expect(await reachable.logged({ msg: open })).toMatchObject({ level: 'warn', host: '0.0.0.0' });
});

test('tokens and certificate are taken in while it runs, and a broken file leaves the last good one in force', {
  timeout: 120_000,
}, async ({ onTestFinished }) => {
  const { daemon, url, tokens, certificate, manage, create, present, as } = await secured(onTestFinished);
  await create('approver', '--expires', '1h');
  await manage('revoke', 'deployer');
  await until(async () => (await as('deployer', 'list')).talk.includes('TOKEN_UNKNOWN'));
  expect((await as('approver', 'list')).code).toBe(0);

  writeFileSync(tokens, 'tokens: [{name: viewer');
  await daemon.logged({ level: 'error', what: 'tokens' });
  const list = await as('viewer', 'list', '-o', 'json');
  expect(list.code).toBe(0);
  expect(JSON.parse(list.out).diagnostics).toMatchObject([{ code: 'SETTINGS_FILE', file: tokens }]);

  const renewed = selfSigned('localhost', true);
  expect(await shows(url, certificate.cert)).toBe(true);
  present(renewed);
  daemon.kill('SIGHUP');
  await daemon.logged({ msg: 'a settings file changed and is in force', what: 'certificate' });
  expect([await shows(url, certificate.cert), await shows(url, renewed.cert)]).toEqual([false, true]);
  daemon.kill('SIGTERM');
  expect(await daemon.ended).toBe(0);
});
