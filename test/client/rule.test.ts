import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readRule } from '../../src/client/rule.ts';
import { parseRule, renderRule } from '../../src/core/rule.ts';
import { ruleDocument } from '../fleet/documents.ts';

const RULE = { canaryVersion: 'v2', stableVersion: 'v1', isEnabled: true, isPromoted: false };

describe('a rule document', () => {
  test('gives the pair and the weight of its first weight rule', () => {
    const rule = { ...RULE, canaryWeight: 25 };
    expect(readRule(ruleDocument({ canaryWeight: 25 }))).toEqual({ kind: 'rule', rule });
  });

  test('may hold rules of other types and fields of others', () => {
    const document = JSON.parse(ruleDocument({ canaryWeight: 25 }));
    document.rules.unshift({ type: 'header', condition: { name: 'x-beta' } });
    document.owner = 'somebody';
    expect(readRule(JSON.stringify(document))).toMatchObject({ rule: { canaryWeight: 25 } });
  });

  test('that is disabled gives the canary nobody', () => {
    const disabled = readRule(ruleDocument({ canaryWeight: 25, enabled: false }));
    expect(disabled).toMatchObject({ rule: { canaryWeight: 0, isEnabled: false } });
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
  ])('that is %s is no rule, and says why', (_, content) => {
    expect(readRule(content)).toEqual({ kind: 'none', reason: expect.stringMatching(/\w+ \w+/) });
  });
});

/** Mostly what is asked for, so that documents come close to being right. */
function mostly<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 9, arbitrary }, { weight: 1, arbitrary: fc.anything() });
}

const condition = fc.record({
  canaryVersion: mostly(fc.string()),
  canaryWeight: mostly(fc.double({ min: -1, max: 101 })),
  stableVersion: mostly(fc.string()),
});
const rule = fc.record({ type: mostly(fc.constant('weight')), condition: mostly(condition) });
const document = fc.record(
  {
    rules: mostly(fc.array(mostly(rule), { minLength: 1 })),
    enabled: mostly(fc.boolean()),
    managedBy: mostly(fc.record({ promoted: mostly(fc.boolean()) })),
  },
  { requiredKeys: ['rules'] },
);
const anything = fc.oneof(fc.constant(null), fc.string({ unit: 'binary' }), fc.json(), {
  weight: 7,
  arbitrary: mostly(document).map(text),
});

/** Values that JSON cannot hold are left to `fc.string`. */
function text(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
}

test('no document whatever makes reading throw, and what is read can be followed', () => {
  let rules = 0;
  fc.assert(
    fc.property(anything, (content) => {
      const reading = readRule(content);
      if (reading.kind === 'none') {
        expect(reading.reason).not.toBe('');
        return;
      }
      rules += 1;
      const { canaryVersion, stableVersion, canaryWeight, isEnabled } = reading.rule;
      expect([canaryVersion.length, stableVersion.length]).not.toContain(0);
      expect(canaryWeight).toBeGreaterThanOrEqual(0);
      expect(canaryWeight).toBeLessThanOrEqual(isEnabled ? 100 : 0);
    }),
    { numRuns: 2_000 },
  );
  expect(rules).toBeGreaterThan(100);
});

test('what the controller writes is read as it was meant', () => {
  const names = fc.string({ minLength: 1 });
  fc.assert(
    fc.property(
      names,
      names,
      fc.integer({ min: 0, max: 100 }),
      fc.boolean(),
      fc.boolean(),
      fc.option(fc.json(), { nil: null }),
      (canaryVersion, stableVersion, canaryWeight, enabled, promoted, base) => {
        const managedBy = { controller: 'c', rolloutId: 'r', step: 0, operation: 'o', epoch: 1, promoted };
        const rule = { canaryVersion, stableVersion, canaryWeight, enabled, managedBy };
        const written = renderRule(base, 'shop', rule, 0);
        const weight = enabled ? canaryWeight : 0;
        const meant = { canaryVersion, stableVersion, canaryWeight: weight };
        expect(parseRule(written).ok).toBe(true);
        expect(readRule(written)).toEqual({
          kind: 'rule',
          rule: { ...meant, isEnabled: enabled, isPromoted: promoted },
        });
      },
    ),
  );
});
