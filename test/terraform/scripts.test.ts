/** The shell scripts that the modules run in containers, run here by the machine's own shell. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeNacos, startFakeNacos } from './fake-nacos-users.ts';
import { type Ended, FOLDER, find, run, skipped } from './tools.ts';

const SYNC = join(FOLDER, 'modules/volume_files/sync.sh');
const USERS = join(FOLDER, 'modules/nacos/users.sh');

const curl = await find('curl');
const noCurl =
  curl === null ? skipped('the script that makes the users of Nacos', 'curl is not on PATH') : null;
const shellcheck = await find('shellcheck');
const noShellcheck =
  shellcheck === null
    ? skipped('shellcheck of the scripts for containers', 'shellcheck is not on PATH')
    : null;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scripts-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test.skipIf(noShellcheck !== null)('shellcheck finds nothing', async () => {
  expect((await run(shellcheck ?? 'shellcheck', [SYNC, USERS])).said).toBe('');
});

describe('sync.sh', () => {
  const source = () => join(folder, 'incoming');
  const target = () => join(folder, 'volume');

  async function put(files: Record<string, string>): Promise<Ended> {
    await rm(source(), { recursive: true, force: true });
    await mkdir(source());
    for (const [name, content] of Object.entries(files)) await writeFile(join(source(), name), content);
    return run('sh', [SYNC, source(), target()]);
  }

  async function held(): Promise<Record<string, string>> {
    const names = await readdir(target());
    const entries = names
      .sort()
      .map(async (name) => [name, await readFile(join(target(), name), 'utf8')] as const);
    return Object.fromEntries(await Promise.all(entries));
  }

  test('makes the volume hold exactly the given files', async () => {
    expect(await put({ 'a.json': 'one', 'b c.json': 'two' })).toMatchObject({ code: 0 });
    expect(await held()).toEqual({ 'a.json': 'one', 'b c.json': 'two' });
  });

  test('replaces what changed, keeps what did not and removes what is gone', async () => {
    await put({ 'a.json': 'one', 'b.json': 'two' });
    const { said } = await put({ 'a.json': 'uno', 'c.json': 'three' });
    expect(await held()).toEqual({ 'a.json': 'uno', 'c.json': 'three' });
    expect(said.trim().split('\n')).toEqual(['put a.json', 'put c.json', 'removed b.json']);
  });

  test('run twice changes nothing', async () => {
    await put({ 'a.json': 'one' });
    expect(await run('sh', [SYNC, source(), target()])).toMatchObject({ code: 0 });
    expect(await held()).toEqual({ 'a.json': 'one' });
  });

  test('empties the volume when nothing is given, and when not even the folder is there', async () => {
    await put({ 'a.json': 'one' });
    expect(await put({})).toMatchObject({ code: 0 });
    expect(await held()).toEqual({});
    await put({ 'a.json': 'one' });
    await rm(source(), { recursive: true });
    expect(await run('sh', [SYNC, source(), target()])).toMatchObject({ code: 0 });
    expect(await held()).toEqual({});
  });

  test('removes the half file of a run that was killed', async () => {
    await put({ 'a.json': 'one' });
    await writeFile(join(target(), '.b.json.new'), 'ha');
    await put({ 'a.json': 'one' });
    expect(await held()).toEqual({ 'a.json': 'one' });
  });

  test('leaves files that whoever runs the reader may read and nobody writes', async () => {
    await put({ 'a.json': 'one' });
    expect((await stat(join(target(), 'a.json'))).mode & 0o777).toBe(0o444);
  });
});

describe.skipIf(noCurl !== null)('users.sh', () => {
  const PASSWORDS = { admin: "it's 100% & secret", canary: 'rules+all=', fleet: 'only reads' };
  let nacos: FakeNacos | null = null;
  afterEach(async () => {
    await nacos?.stop();
    nacos = null;
  });

  async function start(api: 'v1' | 'v3', users?: Record<string, string>): Promise<FakeNacos> {
    nacos = await startFakeNacos(api, users);
    const passwords = join(folder, 'passwords');
    await mkdir(passwords, { recursive: true });
    for (const [name, password] of Object.entries(PASSWORDS))
      await writeFile(join(passwords, name), password);
    return nacos;
  }

  function makeUsers(server: FakeNacos, api: string, more: Record<string, string> = {}): Promise<Ended> {
    const env = {
      ...process.env,
      NACOS_URL: server.url,
      NACOS_API: api,
      TRIES: '6',
      PAUSE_SECONDS: '0',
      ...more,
    };
    return run('sh', [USERS, join(folder, 'passwords')], { env });
  }

  test.each(['v1', 'v3'] as const)('makes the administrator and both users by %s', async (api) => {
    const server = await start(api);
    const ended = await makeUsers(server, api);
    expect(ended).toMatchObject({
      code: 0,
      stdout: 'canary may log in and read\nfleet may log in and read\n',
    });
    expect(Object.fromEntries(server.passwords)).toEqual({
      nacos: PASSWORDS.admin,
      canary: PASSWORDS.canary,
      fleet: PASSWORDS.fleet,
    });
    expect(server.permissions).toEqual([
      { role: 'canary', resource: ':CANARY_GROUP:*', action: 'rw' },
      { role: 'fleet', resource: ':*:*', action: 'r' },
    ]);
  });

  test('run twice changes nothing', async () => {
    const server = await start('v3');
    await makeUsers(server, 'v3');
    const before = JSON.stringify([[...server.passwords], [...server.roles], server.permissions]);
    expect(await makeUsers(server, 'v3')).toMatchObject({ code: 0 });
    expect(JSON.stringify([[...server.passwords], [...server.roles], server.permissions])).toBe(before);
  });

  test('says so when the administrator has another password', async () => {
    const server = await start('v3', { nacos: 'from earlier' });
    const { code, said } = await makeUsers(server, 'v3');
    expect(code).toBe(1);
    expect(said).toMatch(/already has one with another password/);
    expect([...server.passwords.keys()]).toEqual(['nacos']);
  });

  test('says so when a user has another password', async () => {
    const server = await start('v1', { fleet: 'from earlier' });
    const { code, said } = await makeUsers(server, 'v1');
    expect(code).toBe(1);
    expect(said).toMatch(/the user fleet cannot log in and read/);
  });

  test('refuses an API that it does not know', async () => {
    expect(await makeUsers(await start('v3'), 'v2')).toMatchObject({ code: 2 });
  });

  test('puts no password and no token on a command line, and prints none', async () => {
    const server = await start('v3');
    const bin = join(folder, 'bin');
    const seen = join(folder, 'seen');
    await mkdir(bin);
    await writeFile(join(bin, 'curl'), `#!/bin/sh\nprintf '%s\\n' "$@" >> '${seen}'\nexec '${curl}' "$@"\n`);
    await chmod(join(bin, 'curl'), 0o755);
    const { code, said } = await makeUsers(server, 'v3', { PATH: `${bin}:${process.env['PATH']}` });
    expect(code).toBe(0);
    const shown = said + (await readFile(seen, 'utf8'));
    expect(shown).toContain('/v3/auth/user/login');
    for (const secret of [...Object.values(PASSWORDS), 'token-of-']) expect(shown).not.toContain(secret);
  });
});
