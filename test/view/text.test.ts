import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  alignColumns,
  clockTime,
  closest,
  compactNumber,
  didYouMean,
  indent,
  percent,
  plural,
  relativeTime,
  roughDuration,
} from '../../src/lib/text.ts';

const NOW = Date.UTC(2026, 10, 23, 14, 0);

test('columns are as wide as their widest cell and no line ends in blanks', () => {
  expect(
    alignColumns([
      ['NAME', 'PHASE'],
      ['a', '✓ Stable', 'x'],
      ['long-name', ''],
    ]),
  ).toEqual(['NAME       PHASE', 'a          ✓ Stable  x', 'long-name']);
});

test('every cell begins in the column of its header', () => {
  const cell = fc.stringMatching(/^[a-z▓✓]{1,9}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell, cell), { minLength: 1 }), (rows) => {
      const lines = alignColumns(rows).map((line) => [...line]);
      const width = Math.max(...rows.map(([first]) => [...first].length)) + 2;
      return lines.every((line, index) => {
        const second = [...(rows[index]?.[1] ?? '')];
        return line.slice(width, width + second.length).join('') === second.join('');
      });
    }),
  );
});

test.each([
  [1, 'error', '1 error'],
  [0, 'error', '0 errors'],
  [2, 'error', '2 errors'],
])('%i %s is "%s"', (count, noun, text) => expect(plural(count, noun)).toBe(text));

test.each([
  [0.0021, '0.21 %'],
  [0.5, '50 %'],
  [0, '0 %'],
])('the share %d is %s', (share, text) => expect(percent(share)).toBe(text));

test.each([
  [0.123456, '0.123'],
  [12345.6, '12346'],
  [-0.5, '-0.5'],
  [Number.POSITIVE_INFINITY, 'Infinity'],
])('the number %d is shown as %s', (value, text) => expect(compactNumber(value)).toBe(text));

test.each([
  [0, '0s'],
  [61_000, '1m1s'],
  [3_723_000, '1h2m'],
  [90_061_000, '1d1h'],
])('%i ms are roughly %s', (ms, text) => expect(roughDuration(ms)).toBe(text));

test('relative times say which way', () => {
  expect(relativeTime(NOW - 660_000, NOW)).toBe('11m ago');
  expect(relativeTime(NOW + 30_000, NOW)).toBe('in 30s');
  expect(relativeTime(NOW + 999, NOW)).toBe('now');
});

test('a time of another UTC day has its date', () => {
  expect(clockTime(NOW, NOW)).toBe('14:00:00Z');
  expect(clockTime(NOW - 86_400_000, NOW)).toBe('2026-11-22 14:00:00Z');
});

test('indentation leaves empty lines empty', () => {
  expect(indent('a\n\nb', 2)).toBe('  a\n\n  b');
});

test('a slip finds the word that was meant, anything else finds nothing', () => {
  expect(closest('promoted', ['Promoted', 'RolledBack'])).toBe('Promoted');
  expect(didYouMean('reson', ['reason', 'force'])).toBe(' Did you mean reason?');
  expect(didYouMean('zzz', ['reason', 'force'])).toBe('');
});
