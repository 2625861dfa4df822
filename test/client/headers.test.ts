import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { valueFrom } from '../../src/client/headers.ts';

describe('what a choice depends on', () => {
  test('is a header first and a cookie else', () => {
    const source = { header: 'X-User-Id', cookie: 'uid' };
    expect(valueFrom(source, { 'x-user-id': 'ann', cookie: 'uid=bob' })).toBe('ann');
    expect(valueFrom(source, { 'x-user-id': '', cookie: 'a=1; uid=bob; b=2' })).toBe('bob');
    expect(valueFrom(source, { 'x-user-id': ['ann', 'eve'] })).toBe('ann');
  });

  test('is nothing where no source is named or it has no value', () => {
    expect(valueFrom(undefined, { 'x-user-id': 'ann' })).toBeNull();
    expect(valueFrom({}, { 'x-user-id': 'ann', cookie: 'uid=bob' })).toBeNull();
    expect(valueFrom({ cookie: 'uid' }, { cookie: 'xuid=ann; uid=' })).toBeNull();
  });

  test('is found without a throw in any header', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (cookie) => {
        const value = valueFrom({ cookie: 'uid' }, { cookie });
        if (value !== null) expect(cookie).toContain(value);
      }),
    );
  });
});
