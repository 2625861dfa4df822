import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { binomialInterval } from '../../infra/demo/binomial.ts';
import { chooseVersion, positionOf, safeVersions } from '../../src/client/choose.ts';
import type { CanaryRule } from '../../src/client/rule.ts';

const USERS = Array.from({ length: 20_000 }, (_, index) => `user-${index}`);
const everything = () => true;

function ruleAt(canaryWeight: number, changes: Partial<CanaryRule> = {}): CanaryRule {
  const pair = { canaryVersion: 'v2', stableVersion: 'v1' };
  return { ...pair, canaryWeight, isEnabled: true, isPromoted: false, ...changes };
}

function versionOf(rule: CanaryRule | null, user: string, service = 'checkout'): string | null {
  const asking = { position: positionOf(service, user), override: null };
  return chooseVersion(rule, ['v0'], asking, everything).version;
}

function canaryUsers(weight: number): Set<string> {
  return new Set(USERS.filter((user) => versionOf(ruleAt(weight), user) === 'v2'));
}

describe('the split', () => {
  test.each([0, 1, 5, 12.5, 25, 50, 75, 99, 100])('at %d percent lies where an honest one lies', (weight) => {
    const { low, high } = binomialInterval(USERS.length, weight / 100, 0.999);
    const count = canaryUsers(weight).size;
    expect(count).toBeGreaterThanOrEqual(low);
    expect(count).toBeLessThanOrEqual(high);
  });

  test('never takes the canary from a user when the weight rises', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.double({ min: 0, max: 100, noNaN: true }),
        fc.double({ min: 0, max: 100, noNaN: true }),
        (user, one, other) => {
          const [few, many] = [Math.min(one, other), Math.max(one, other)];
          if (versionOf(ruleAt(few), user) === 'v2') expect(versionOf(ruleAt(many), user)).toBe('v2');
        },
      ),
    );
  });

  test('is the same for one user each time, and independent between services', () => {
    expect(positionOf('checkout', 'user-1')).toBe(positionOf('checkout', 'user-1'));
    const both = USERS.filter(
      (user) => positionOf('checkout', user) < 50 && positionOf('payment', user) < 50,
    );
    const { low, high } = binomialInterval(USERS.length, 0.25, 0.999);
    expect(both.length).toBeGreaterThanOrEqual(low);
    expect(both.length).toBeLessThanOrEqual(high);
  });

  test('stands where programs in other languages compute it too', () => {
    expect(positionOf('checkout', 'user-1')).toBeCloseTo(63.348695, 5);
    expect(positionOf('payment-service', 'Zoë')).toBeCloseTo(41.850259, 5);
  });
});

describe('the choice', () => {
  test('without a rule is the fallback for everybody', () => {
    const asking = { position: 0, override: 'canary' };
    expect(chooseVersion(null, ['v0'], asking, everything)).toEqual({ version: 'v0', because: 'default' });
    expect(chooseVersion(null, [], asking, everything).version).toBeNull();
  });

  test.each([
    ['canary', 0, 'v2'],
    ['v2', 0, 'v2'],
    ['stable', 100, 'v1'],
    ['v1', 100, 'v1'],
  ])('by the override "%s" does not ask for the weight', (override, weight, version) => {
    const choice = chooseVersion(ruleAt(weight), ['v0'], { position: 50, override }, everything);
    expect(choice).toEqual({ version, because: 'override' });
  });

  test('takes no other version by an override than those of the rule', () => {
    const choice = chooseVersion(ruleAt(0), ['v0'], { position: 50, override: 'v9' }, everything);
    expect(choice).toEqual({ version: 'v1', because: 'weight' });
  });

  test('gives a canary that is switched off to nobody, also when asked for it', () => {
    const disabled = ruleAt(0, { isEnabled: false });
    const choice = chooseVersion(disabled, ['v0'], { position: 0, override: 'canary' }, everything);
    expect(choice).toEqual({ version: 'v1', because: 'weight' });
  });

  test('never puts users of stable on the canary, whatever has no instances', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 99, noNaN: true }),
        fc.subarray(['v0', 'v1', 'v2']),
        fc.constantFrom(null, 'stable', 'v9'),
        fc.constantFrom(null, 'v0', 'v1'),
        (weight, available, override, fallback) => {
          const asking = { position: 99.5, override };
          const rule = ruleAt(weight);
          const choice = chooseVersion(rule, safeVersions(fallback, rule), asking, (version) =>
            available.includes(version),
          );
          expect(choice.version).not.toBe('v2');
          if (choice.version !== null) expect(available).toContain(choice.version);
          else expect(available).not.toContain('v1');
        },
      ),
    );
  });

  test('sends users of a canary without instances to stable', () => {
    const asking = { position: 0, override: null };
    const choice = chooseVersion(ruleAt(100), ['v0'], asking, (version) => version !== 'v2');
    expect(choice).toEqual({ version: 'v1', because: 'unavailable' });
  });
});
