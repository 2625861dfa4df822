import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { SETTINGS } from '../../src/settings.ts';
import { canarySchemaText } from '../../src/spec/json-schema.ts';
import { anEvent } from '../support/saves.ts';
import { NOW } from '../view/states.ts';
import { MAIN, NOBODY, runProcess, scene } from './run.ts';

const VERSION: string = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
).version;

function directory(files: Readonly<Record<string, string>> = {}): string {
  const dir = mkdtempSync(join(tmpdir(), 'canary-cli-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content);
  return dir;
}

test('the server is named by its variable, data goes to stdout and talk to stderr', async () => {
  const at = await scene();
  const list = await runProcess(['list', '-o', 'json'], { CANARY_SERVER: at.url });
  expect([list.code, list.talk]).toEqual([0, '']);
  expect(JSON.parse(list.out).items).toMatchObject([{ name: 'payment-service' }]);
  const unknown = await runProcess(['get', 'nobody', '--server', at.url], { CANARY_SERVER: NOBODY });
  expect([unknown.code, unknown.out]).toEqual([1, '']);
  expect(unknown.talk).toContain('NOT_FOUND');
});

test('without a server it ends with 4', async () => {
  const { code, out, talk } = await runProcess(['list'], { CANARY_SERVER: NOBODY });
  expect([code, out]).toEqual([4, '']);
  expect(talk).toContain('does not answer');
});

test('a usage error is 2, on stderr', async () => {
  const { code, out, talk } = await runProcess(['lits']);
  expect([code, out]).toEqual([2, '']);
  expect(talk).toContain('Did you mean list?');
});

test('help is data and ends with 0', async () => {
  const { code, out, talk } = await runProcess(['--help']);
  expect([code, talk]).toEqual([0, '']);
  const commands = ['serve', 'lint', 'plan', 'list', 'get', 'explain', 'history', 'events', 'start', 'pause'];
  const more = [
    'resume',
    'approve',
    'abort',
    'retry',
    'promote',
    'undo',
    'forget',
    'wait',
    'schema',
    'version',
  ];
  for (const command of [...commands, ...more]) expect(out).toMatch(new RegExp(`^ {2}${command} `, 'm'));
});

test('version prints the version of the package', async () => {
  expect((await runProcess(['version'])).out).toBe(`canary ${VERSION} (Node.js ${process.versions.node})\n`);
  expect((await runProcess(['--version'])).out).toBe(`${VERSION}\n`);
});

test('schema prints the schema of the repository, byte for byte', async () => {
  expect((await runProcess(['schema'])).out).toBe(canarySchemaText());
});

const VALID = `apiVersion: canary/v1
kind: Canary
metadata: {name: shop}
spec:
  revision: v2
  strategy:
    steps: [{setWeight: 5, bake: 5m}, {setWeight: 100, bake: 5m}]
  analysis: {skip: true}
`;

test('lint ends with 0 on warnings and 1 on errors, with the place of each', async () => {
  const dir = directory({
    'good.yaml': VALID,
    'bad.yaml': VALID.replace('5,', '500,').replace('shop', 'bad'),
  });
  const good = await runProcess(['lint', join(dir, 'good.yaml')]);
  expect([good.code, good.talk]).toEqual([0, '']);
  expect(good.out).toContain('\n1 Canary in 1 file: 0 errors, 1 warning');
  const both = await runProcess(['lint', dir]);
  expect(both.code).toBe(1);
  expect(both.out).toContain(`${join(dir, 'bad.yaml')}:7:25`);
  expect(both.out).toContain('\n2 Canaries in 2 files: ');
  const json = await runProcess(['lint', dir, '-o', 'json']);
  expect(JSON.parse(json.out)).toMatchObject({
    files: [join(dir, 'bad.yaml'), join(dir, 'good.yaml')],
    canaries: ['shop'],
    diagnostics: expect.any(Array),
  });
});

test('lint compares the files it is given: the second owner of a name is an error', async () => {
  const dir = directory({ 'a.yaml': VALID, 'b.yaml': VALID });
  const { code, out } = await runProcess(['lint', join(dir, 'a.yaml'), join(dir, 'b.yaml')]);
  expect(code).toBe(1);
  expect(out).toContain('SPEC_DUPLICATE_NAME');
});

test('lint of what cannot be read is 1', async () => {
  const { code, talk } = await runProcess(['lint', '/nowhere/at/all.yaml']);
  expect(code).toBe(1);
  expect(talk).toContain('/nowhere/at/all.yaml cannot be read');
});

test.each<[string, string[], Record<string, string>, string]>([
  ['a flag that does not exist yet', ['--shards', 'x'], {}, "unknown option '--shards'"],
  ['a variable that does not exist yet', ['--canaries', 'x'], { CANARY_SHARDS: 'x' }, 'CANARY_SHARDS'],
  ['an address that is none', ['--canaries', 'x', '--listen', '5001'], {}, '--listen must be HOST:PORT'],
  ['a checkout without a directory', [], {}, '--canaries DIR is needed in a checkout'],
  ['a tokens file that is not there', ['--canaries', 'x', '--tokens', '/nowhere'], {}, '--tokens: /nowhere'],
  ['a certificate without a key', ['--canaries', 'x', '--tls-cert', MAIN], {}, 'belong together'],
  ['a settings file that is not there', ['--config', '/nowhere.yaml'], {}, '/nowhere.yaml cannot be read'],
])('serve with %s ends with 78 and one line', async (_, flags, env, message) => {
  const { code, out, talk } = await runProcess(['serve', ...flags], env);
  expect([code, out]).toEqual([78, '']);
  expect(talk).toContain(message);
  expect(talk.trimEnd().split('\n')).toHaveLength(1);
});

test('serve --help lists every setting with its variable', async () => {
  const { code, out } = await runProcess(['serve', '--help']);
  expect(code).toBe(0);
  for (const { env } of SETTINGS) expect(out).toContain(env);
});

test('a reader that goes away ends the command without a word', async () => {
  const at = await scene();
  const event = { ...anEvent('SpecChanged', { message: 'x'.repeat(900) }), canary: 'payment-service' };
  at.store.appendEvents(
    Array.from({ length: 1000 }, () => event),
    NOW,
  );
  const child = spawn(process.execPath, [MAIN, 'events', '--limit', '1000', '--server', at.url], { env: {} });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [talk, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  expect([code, talk]).toEqual([0, '']);
});
