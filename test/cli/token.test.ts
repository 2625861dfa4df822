import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createTokenBook, parseTokens, type Token } from '../../src/access/tokens.ts';
import { NOW } from '../view/states.ts';
import { begin, type Ran, runProcess } from './run.ts';

interface Desk {
  readonly dir: string;
  readonly path: string;
  token(...argv: readonly string[]): Promise<Ran>;
  /** What the file holds. */
  tokens(): readonly Token[];
}

function desk(): Desk {
  const dir = mkdtempSync(join(tmpdir(), 'canary-token-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'tokens.yaml');
  return {
    dir,
    path,
    token: (...argv) => begin(null, ['token', ...argv, '--tokens', path]).ended,
    tokens() {
      const parsed = parseTokens(readFileSync(path, 'utf8'));
      if (!parsed.ok) throw new Error(parsed.error);
      return parsed.value;
    },
  };
}

const modeOf = (path: string) => statSync(path).mode & 0o777;

test('a token is printed once and kept as a hash, in a file that only its owner reads', async () => {
  const { dir, path, token, tokens } = desk();
  const { code, out, talk } = await token('create', 'ci', '--role', 'deployer');
  expect([code, out]).toEqual([0, expect.stringMatching(/^canary_[\w-]{43}$/)]);
  expect(talk).toContain('shown only now');
  expect(talk).not.toContain(out);
  expect(readFileSync(path, 'utf8')).not.toContain(out);
  expect(createTokenBook(tokens()).find(out)).toMatchObject({ name: 'ci', role: 'deployer' });
  expect([modeOf(path), readdirSync(dir)]).toEqual([0o600, ['tokens.yaml']]);
});

test('a list of Canaries and an end are kept with it', async () => {
  const { token, tokens } = desk();
  await token('create', 'a', '--role', 'viewer', '--canary', 'shop', '--canary', 'pay*', '--expires', '90d');
  await token('create', 'b', '--role', 'admin', '--expires', '2027-01-31');
  await token('create', 'c', '--role', 'admin', '--expires', '2027-01-31T10:00:00+01:00');
  expect(tokens()).toMatchObject([
    { name: 'a', canaries: ['shop', 'pay*'], created: new Date(NOW).toISOString().replace('.000', '') },
    { name: 'b', expires: '2027-01-31T00:00:00Z' },
    { name: 'c', expires: '2027-01-31T09:00:00Z' },
  ]);
  expect(Date.parse(tokens()[0]?.expires ?? '')).toBe(NOW + 90 * 86_400_000);
});

test('the list shows who may do what, and no hash', async () => {
  const { token, tokens } = desk();
  await token('create', 'ci', '--role', 'deployer', '--canary', 'shop', '--expires', '1h');
  await token('create', 'ana', '--role', 'operator');
  const { code, out } = await token('list');
  expect(code).toBe(0);
  expect(out.split('\n')).toEqual([
    expect.stringMatching(/^NAME +ROLE +CANARIES +CREATED +EXPIRES$/),
    expect.stringMatching(/^ci +deployer +shop +20\S+ +20\S+$/),
    expect.stringMatching(/^ana +operator +all +20\S+ +never$/),
  ]);
  const json = await token('list', '-o', 'json');
  expect(JSON.parse(json.out).tokens).toMatchObject([{ name: 'ci', expired: false }, { canaries: null }]);
  for (const { sha256 } of tokens()) expect(out + json.out).not.toContain(sha256);
});

test('a revoked token is gone, and its name is free again', async () => {
  const { token, tokens } = desk();
  await token('create', 'ci', '--role', 'deployer');
  await token('create', 'ana', '--role', 'operator');
  const twice = await token('create', 'ci', '--role', 'viewer');
  expect([twice.code, twice.out]).toEqual([1, '']);
  expect(twice.talk).toContain('has a token ci already');
  const { code, out } = await token('revoke', 'ci');
  expect([code, out, tokens().map(({ name }) => name)]).toEqual([0, 'ci', ['ana']]);
  const unknown = await token('revoke', 'anna');
  expect([unknown.code, unknown.talk]).toEqual([1, expect.stringContaining('Did you mean ana?')]);
  expect((await token('create', 'ci', '--role', 'viewer')).code).toBe(0);
});

test.each([
  ['no role', ['create', 'ci'], '--role'],
  ['a role that there is not', ['create', 'ci', '--role', 'boss'], 'Allowed choices are viewer'],
  ['a name that no log could show', ['create', 'a b', '--role', 'viewer'], 'the name must be 1 to 64'],
  ['a list that cannot match', ['create', 'ci', '--role', 'viewer', '--canary', 'a*b'], 'name of a Canary'],
  [
    'an end that is none',
    ['create', 'ci', '--role', 'viewer', '--expires', 'soon'],
    'a duration such as 90d',
  ],
  [
    'an end that is over',
    ['create', 'ci', '--role', 'viewer', '--expires', '2020-01-01'],
    'lies in the past',
  ],
])('%s is an error of usage, and no file is made', async (_, argv, message) => {
  const { dir, token } = desk();
  const { code, out, talk } = await token(...argv);
  expect([code, out, readdirSync(dir)]).toEqual([2, '', []]);
  expect(talk).toContain(message);
});

test('the file is named by a flag or by the variable of the controller', async () => {
  const { path } = desk();
  const nameless = await begin(null, ['token', 'list']).ended;
  expect([nameless.code, nameless.talk]).toEqual([2, expect.stringContaining('CANARY_TOKENS')]);
  const argv = ['token', 'create', 'ci', '--role', 'viewer'];
  expect((await begin(null, argv, { env: { CANARY_TOKENS: path } }).ended).code).toBe(0);
});

test('a file that is broken, or that another command writes, is left alone', async () => {
  const { path, token } = desk();
  writeFileSync(path, 'tokens: [{name: ci}]');
  for (const argv of [['list'], ['revoke', 'ci'], ['create', 'ana', '--role', 'viewer']]) {
    const { code, talk } = await token(...argv);
    expect([code, talk]).toEqual([1, expect.stringContaining('tokens[0].role')]);
  }
  writeFileSync(`${path}.new`, '');
  const { code, talk } = await token('create', 'ana', '--role', 'viewer');
  expect([code, talk]).toEqual([1, expect.stringContaining(`${path}.new is there`)]);
  expect(readFileSync(path, 'utf8')).toBe('tokens: [{name: ci}]');
});

test('a file that a group reads stays so, for nobody else, and a link stays a link', async () => {
  const { dir, path, token, tokens } = desk();
  writeFileSync(join(dir, 'real'), 'tokens: []\n', { mode: 0o644 });
  symlinkSync('real', path);
  expect((await token('create', 'ci', '--role', 'viewer')).code).toBe(0);
  expect([modeOf(join(dir, 'real')), tokens().length]).toEqual([0o640, 1]);
  expect(readdirSync(dir).sort()).toEqual(['real', 'tokens.yaml']);
});

test('as a process it prints the token to standard output and the rest to standard error', async () => {
  const { path, tokens } = desk();
  const { code, out, talk } = await runProcess(['token', 'create', 'ci', '--role', 'viewer'], {
    CANARY_TOKENS: path,
  });
  expect([code, out]).toEqual([0, expect.stringMatching(/^canary_[\w-]{43}\n$/)]);
  expect(talk).toContain('shown only now');
  expect(createTokenBook(tokens()).find(out.trim())).toMatchObject({ name: 'ci' });
});
