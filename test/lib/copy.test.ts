import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copyOf } from '../../src/lib/copy.ts';

describe('a copy', () => {
  it('equals every JSON value, and shares no part of it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const copy = copyOf(value);
        expect(copy).toEqual(value);
        for (const [part, copied] of pairs(value, copy)) expect(copied).not.toBe(part);
      }),
    );
  });

  it('keeps a field that is named as the prototype is', () => {
    const value = JSON.parse('{"__proto__": {"revision": "v1"}}');
    const copy = copyOf(value);
    expect(JSON.stringify(copy)).toBe(JSON.stringify(value));
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  });
});

/** Every object and array of `value` beside its copy. */
function pairs(value: unknown, copy: unknown): [object, unknown][] {
  if (typeof value !== 'object' || value === null) return [];
  const copies = Object.entries(copy as object);
  return [[value, copy], ...Object.entries(value).flatMap(([, part], at) => pairs(part, copies[at]?.[1]))];
}
