import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { md5, parseRule, renderRule, shareOf } from '../../src/core/rule.ts';
import { aDocument, OURS } from './desk.ts';

const rule = { canaryVersion: 'v2', canaryWeight: 25, stableVersion: 'v1', enabled: true, managedBy: OURS };
const AT = Date.UTC(2026, 0, 1, 12);

describe('the rule document', () => {
  it('is complete in itself, with the article’s fields and our block', () => {
    expect(JSON.parse(renderRule(null, 'shop', rule, AT))).toEqual({
      serviceName: 'shop',
      rules: [{ type: 'weight', condition: { canaryVersion: 'v2', canaryWeight: 25, stableVersion: 'v1' } }],
      enabled: true,
      lastModified: '2026-01-01T12:00:00Z',
      managedBy: OURS,
    });
  });

  it('reads back what was written', () => {
    expect(parseRule(renderRule(null, 'shop', rule, AT))).toEqual({ ok: true, value: rule });
  });

  it('reads the article’s plain document', () => {
    expect(parseRule(aDocument({ canaryWeight: 5 }))).toMatchObject({
      ok: true,
      value: { canaryWeight: 5, enabled: true, managedBy: null },
    });
  });

  it('keeps every field, rule and order that is not ours', () => {
    const base = JSON.stringify({
      owner: 'team',
      rules: [
        { type: 'header', condition: { name: 'x' } },
        {
          note: 'mine',
          type: 'weight',
          condition: { sticky: true, canaryWeight: 1, canaryVersion: 'a', stableVersion: 'b' },
        },
        { type: 'weight', condition: { canaryWeight: 99, canaryVersion: 'z', stableVersion: 'y' } },
      ],
      enabled: false,
      zone: { a: [1, 2] },
    });
    const text = renderRule(base, 'shop', rule, AT);
    const next = JSON.parse(text);
    expect(Object.keys(next)).toEqual([
      'owner',
      'rules',
      'enabled',
      'zone',
      'serviceName',
      'lastModified',
      'managedBy',
    ]);
    expect(next.rules[0]).toEqual({ type: 'header', condition: { name: 'x' } });
    expect(next.rules[1]).toMatchObject({ note: 'mine', condition: { sticky: true, canaryWeight: 25 } });
    expect(next.rules[2].condition.canaryWeight).toBe(99);
    expect(parseRule(text)).toMatchObject({ ok: true, value: { canaryWeight: 25 } });
  });

  it('is byte-stable: laid over itself it does not change', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue()), (other, fields) => {
        const base = JSON.stringify({ ...fields, rules: [other] });
        const once = renderRule(base, 'shop', rule, AT);
        expect(renderRule(once, 'shop', rule, AT)).toBe(once);
        expect(md5(renderRule(base, 'shop', rule, AT))).toBe(md5(once));
      }),
    );
  });

  it('puts our rule first where there was none', () => {
    const base = JSON.stringify({ rules: [{ type: 'header' }] });
    expect(
      JSON.parse(renderRule(base, 'shop', rule, AT)).rules.map(({ type }: { type: string }) => type),
    ).toEqual(['weight', 'header']);
  });

  it.each([
    ['no JSON', 'rules:'],
    ['no object', '[]'],
    ['null', 'null'],
    ['no rules', '{}'],
    ['no weight rule', '{"rules":[{"type":"header"}]}'],
    ['no condition', '{"rules":[{"type":"weight"}]}'],
    [
      'a number as version',
      '{"rules":[{"type":"weight","condition":{"canaryVersion":2,"canaryWeight":5,"stableVersion":"v1"}}]}',
    ],
    ['no weight', '{"rules":[{"type":"weight","condition":{"canaryVersion":"v2","stableVersion":"v1"}}]}'],
    ['a weight above 100', aDocument({ canaryWeight: 101 })],
    ['a weight below 0', aDocument({ canaryWeight: -1 })],
  ])('with %s is an error that says what is missing, and is written over whole', (_what, text) => {
    const parsed = parseRule(text);
    expect(parsed).toMatchObject({ ok: false, error: expect.stringMatching(/document|canary|must be/) });
    expect(parseRule(renderRule(text, 'shop', rule, AT))).toEqual({ ok: true, value: rule });
  });

  it('gives a share to its own canary version only, and none while it is disabled', () => {
    expect(shareOf(rule, 'v2')).toBe(25);
    expect(shareOf(rule, 'v3')).toBe(0);
    expect(shareOf({ ...rule, enabled: false }, 'v2')).toBe(0);
  });

  it('has the MD5 of its UTF-8 bytes, lower-case', () => {
    expect(md5('é')).toBe('66ddcd97cfdeabb2f6fb8a999b4bc76f');
    expect(md5('')).toBe('d41d8cd98f00b204e9800998ecf8427e');
  });
});
