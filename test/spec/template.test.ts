import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkPromql } from '../../src/spec/promql.ts';
import { originOf, PLACEHOLDERS, placeholders, renderQuery } from '../../src/spec/template.ts';

const VALUES = {
  service: 'payments',
  version: 'v2',
  canary: 'v2',
  stable: 'v1',
  window: '1m',
  name: 'pay',
};

describe('renderQuery', () => {
  test('fills in every placeholder, with or without blanks in the braces', () => {
    const query = '{{service}} {{ version }} {{canary}} {{stable }} {{window}} {{\tname}}';
    expect(renderQuery(query, VALUES)).toBe('payments v2 v2 v1 1m pay');
  });

  test('leaves a template without placeholders as it is', () => {
    expect(renderQuery('sum(rate(x{a="}}"}[1m]))', VALUES)).toBe('sum(rate(x{a="}}"}[1m]))');
  });

  test('throws on a placeholder that nobody defined', () => {
    expect(() => renderQuery('x{a="{{zone}}"}', VALUES)).toThrow('unknown placeholder {{zone}}');
  });

  test('does not fill in what a value brings along', () => {
    expect(renderQuery('{{version}}', { ...VALUES, version: '{{stable}}' })).toBe('{{stable}}');
  });

  test('keeps any value inside of the string that it stands in', () => {
    const value = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(value, fc.constantFrom('"', "'", '`'), (version, quote) => {
        const query = `up{version=${quote}{{version}}${quote}}`;
        expect(checkPromql(renderQuery(query, { ...VALUES, version }))).toBeNull();
      }),
    );
  });
});

describe('placeholders', () => {
  test('gives every use with its place, known or not, closed or not', () => {
    expect(placeholders('{{service}} {{ zone }}{{}} }} {{stable')).toEqual([
      { name: 'service', offset: 0 },
      { name: 'zone', offset: 12 },
      { name: '', offset: 22 },
      { name: null, offset: 30 },
    ]);
  });
});

describe('originOf', () => {
  test('leads each index of the rendered text back to the template', () => {
    const query = 'x{s="{{service}}"} y';
    const rendered = renderQuery(query, VALUES);
    expect(originOf(query, VALUES, rendered.indexOf('y', 10))).toBe(query.indexOf(' y') + 1);
    expect(originOf(query, VALUES, rendered.indexOf('payments') + 3)).toBe(query.indexOf('{{'));
    expect(originOf(query, VALUES, rendered.length)).toBe(query.length);
  });

  test('never leaves the template and never goes back', () => {
    const piece = fc.oneof(
      fc.constantFrom(...PLACEHOLDERS.map((name) => `{{${name}}}`)),
      fc.constantFrom('a', ' ', '}}'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const query = pieces.join('');
        let last = 0;
        for (let offset = 0; offset <= renderQuery(query, VALUES).length; offset += 1) {
          const origin = originOf(query, VALUES, offset);
          expect(origin).toBeGreaterThanOrEqual(last);
          expect(origin).toBeLessThanOrEqual(query.length);
          last = origin;
        }
      }),
    );
  });
});
