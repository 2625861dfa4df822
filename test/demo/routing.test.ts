import { describe, expect, test } from 'vitest';
import { positionOf, readSplit, type Split, versionFor } from '../../infra/demo/routing.ts';
import { ruleDocument } from './documents.ts';

const USERS = Array.from({ length: 2_000 }, (_, index) => `user-${index}`);

function canaryUsers(split: Split): Set<string> {
  return new Set(USERS.filter((user) => versionFor(split, 'v1', 'checkout', user) === split.canaryVersion));
}

describe('a rule document', () => {
  test('gives the pair and the weight of its first weight rule', () => {
    expect(readSplit(ruleDocument({ canaryWeight: 25 }))).toEqual({
      canaryVersion: 'v2',
      canaryWeight: 25,
      stableVersion: 'v1',
    });
  });

  test('may hold rules of other types and fields of others', () => {
    const document = JSON.parse(ruleDocument({ canaryWeight: 25 }));
    document.rules.unshift({ type: 'header', condition: { name: 'x-beta' } });
    document.owner = 'somebody';
    expect(readSplit(JSON.stringify(document))?.canaryWeight).toBe(25);
  });

  test('that is disabled gives the canary nobody', () => {
    expect(readSplit(ruleDocument({ canaryWeight: 25, enabled: false }))?.canaryWeight).toBe(0);
  });

  test.each([
    ['absent', null],
    ['empty', ''],
    ['cut off', '{"serviceName":"checkout","rules":[{"type"'],
    ['a list', '[]'],
    ['without rules', '{"serviceName":"checkout","enabled":true}'],
    ['with rules that are no list', '{"rules":{"type":"weight"}}'],
    ['without a weight rule', '{"rules":[{"type":"header","condition":{}}, null]}'],
    ['without a condition', '{"rules":[{"type":"weight"}]}'],
    ['with a weight below 0', ruleDocument({ canaryWeight: -1 })],
    ['with a weight above 100', ruleDocument({ canaryWeight: 101 })],
    ['with a weight in quotes', ruleDocument({ canaryWeight: '25' })],
    ['without a canary', ruleDocument({ canaryVersion: '' })],
    ['without a stable version', ruleDocument({ stableVersion: undefined })],
  ])('that is %s is no rule', (_, content) => {
    expect(readSplit(content)).toBeNull();
  });
});

describe('the choice of a version', () => {
  test('without a rule is the fallback for everybody', () => {
    expect(new Set(USERS.map((user) => versionFor(null, 'v0', 'checkout', user)))).toEqual(new Set(['v0']));
  });

  test('at 0 is stable and at 100 the canary, for everybody', () => {
    const pair = { canaryVersion: 'v2', stableVersion: 'v1' };
    expect(canaryUsers({ ...pair, canaryWeight: 0 }).size).toBe(0);
    expect(canaryUsers({ ...pair, canaryWeight: 100 }).size).toBe(USERS.length);
  });

  test('never takes the canary from a user when the weight rises', () => {
    const pair = { canaryVersion: 'v2', stableVersion: 'v1' };
    const few = canaryUsers({ ...pair, canaryWeight: 5 });
    const more = canaryUsers({ ...pair, canaryWeight: 25 });
    expect(few.size).toBeGreaterThan(0);
    expect([...few].filter((user) => !more.has(user))).toEqual([]);
  });

  test('is the same for one user each time, and independent between services', () => {
    expect(positionOf('checkout', 'user-1')).toBe(positionOf('checkout', 'user-1'));
    const both = USERS.filter(
      (user) => positionOf('checkout', user) < 50 && positionOf('payment', user) < 50,
    );
    expect(both.length / USERS.length).toBeCloseTo(0.25, 1);
  });
});
