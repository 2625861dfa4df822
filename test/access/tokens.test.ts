import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  createTokenBook,
  mayChange,
  newToken,
  parseTokens,
  type Token,
  withoutToken,
  withToken,
} from '../../src/access/tokens.ts';

function aToken(name: string, over: Partial<Token> = {}): Token {
  return { name, role: 'deployer', sha256: newToken().sha256, ...over };
}

function tokens(text: string): readonly Token[] {
  const parsed = parseTokens(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

function fault(text: string): string {
  const parsed = parseTokens(text);
  return parsed.ok ? 'none' : parsed.error;
}

describe('a token', () => {
  test('holds 256 random bits and is kept as its SHA-256', () => {
    const { secret, sha256 } = newToken();
    expect(Buffer.from(secret.replace(/^canary_/, ''), 'base64url')).toHaveLength(32);
    expect(sha256).toBe(createHash('sha256').update(secret).digest('hex'));
    expect(newToken().secret).not.toBe(secret);
  });

  test('is found among many by its secret, and by nothing else', () => {
    const { secret, sha256 } = newToken();
    const mine = aToken('mine', { sha256 });
    const book = createTokenBook([aToken('a'), mine, aToken('b')]);
    expect(book.find(secret)).toBe(mine);
    for (const other of ['', secret.slice(0, -1), `${secret}x`, sha256, newToken().secret]) {
      expect(book.find(other)).toBeNull();
    }
  });

  test.each([
    [undefined, true],
    [['shop'], true],
    [['sh*'], true],
    [['*'], true],
    [['checkout', 'shop'], true],
    [['sho'], false],
    [['shop2', 'checkout*'], false],
  ])('with the list %j may change shop: %s', (canaries, expected) => {
    expect(mayChange(canaries === undefined ? {} : { canaries }, 'shop')).toBe(expected);
  });
});

describe('the tokens file', () => {
  test('grows and shrinks by one token, and keeps what people wrote beside the others', () => {
    const one = aToken('one', { canaries: ['shop', 'pay*'], expires: '2027-01-31T00:00:00Z' });
    const two = aToken('two', { role: 'admin', created: '2026-11-25T09:00:00Z' });
    const first = withToken('', one);
    expect(tokens(first)).toEqual([one]);
    const noted = first.replace('tokens:', '# Ask the platform team.\ntokens:\n  # of the shop’s pipeline');
    const both = withToken(noted, two);
    expect(tokens(both)).toEqual([one, two]);
    const left = withoutToken(both, 'two');
    expect(tokens(left)).toEqual([one]);
    expect(left).toContain('# Ask the platform team.');
    expect(left).toContain('# of the shop’s pipeline');
    expect(tokens(withToken(withoutToken(left, 'one'), two))).toEqual([two]);
  });

  test('may be written with an offset, and without tokens', () => {
    expect(tokens('tokens: []')).toEqual([]);
    const hash = 'a'.repeat(64);
    const text = `tokens: [{name: a, role: viewer, sha256: ${hash}, expires: "2027-01-31T00:00:00+01:00"}]`;
    expect(tokens(text)).toMatchObject([{ name: 'a' }]);
  });

  const good = `sha256: ${'a'.repeat(64)}`;
  test.each([
    ['', 'is empty'],
    ['# nothing\n', 'is empty'],
    ['tokens:\n\t- x', 'is no YAML: TAB_AS_INDENT in line 2'],
    ['[]', 'must be a mapping with "tokens"'],
    ['tokens: {}', 'tokens Invalid input'],
    ['token: []', 'tokens Invalid input'],
    ['tokens: []\nmore: 1', 'has unknown fields'],
    [`tokens: [{name: a, role: boss, ${good}}]`, 'tokens[0].role must be one of viewer, deployer'],
    [
      'tokens: [{name: a, role: viewer, sha256: canary_abc}]',
      'tokens[0].sha256 must be 64 hexadecimal digits',
    ],
    [`tokens: [{name: a b, role: viewer, ${good}}]`, 'tokens[0].name must be 1 to 64 letters'],
    [`tokens: [{name: a, role: viewer, ${good}, expires: soon}]`, 'tokens[0].expires must be a time such as'],
    [`tokens: [{name: a, role: viewer, ${good}, canaries: []}]`, 'tokens[0].canaries must name at least one'],
    [`tokens: [{name: a, role: viewer, ${good}, secret: x}]`, 'has unknown fields in tokens[0]'],
    [
      `tokens: [{name: a, role: viewer, ${good}}, {name: b, role: viewer, ${good}}]`,
      'holds the token b twice',
    ],
    [`tokens: &t [*t]`, 'must be a mapping'],
  ])('%j is refused with its reason', (text, reason) => {
    expect(fault(text)).toContain(reason);
  });

  test('what is wrong is said without what the file holds', () => {
    const secret = newToken().secret;
    for (const text of [
      `tokens: [{name: ${secret} x}]`,
      `tokens: [{sha256: ${secret}}]`,
      `tokens: "${secret}\n:`,
    ]) {
      expect(fault(text)).not.toBe('none');
      expect(fault(text)).not.toContain(secret);
    }
  });
});
