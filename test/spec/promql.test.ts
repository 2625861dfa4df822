import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkPromql,
  escapePromql,
  type MatchOp,
  parseSelector,
  printSelector,
  quotePromql,
  stringSpans,
} from '../../src/spec/promql.ts';

describe('checkPromql', () => {
  test.each([
    'up',
    'sum(rate(http_requests_total{job="api",code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))',
    '(rate(x[1m]) > 1) or vector(0)',
    "process_cpu_seconds:rate1m{job='api'}",
    'x{a=`raw \\d`}',
    'x{a="\\u00e9\\\\d\\n\\x41\\101"}',
    '# a comment\nup',
    '1 + 2',
    'max_over_time(rate(x[1m])[5m:30s])',
  ])('accepts %s', (text) => {
    expect(checkPromql(text)).toBeNull();
  });

  test.each([
    ['', 0, 'it ends too early'],
    ['rate(x[1m]', 10, 'it ends too early'],
    ['up ==  ', 5, 'it ends too early'],
    ['foo bar', 4, 'unexpected "bar"'],
    ['x{a="b" c="d"}', 8, 'unexpected "c"'],
    ['1 + foo(x)', 4, '"foo" is not a PromQL function'],
    ['x{code=~"5\\d"}', 10, 'unknown escape "\\d" in a string (a backslash is written \\\\)'],
    ['x{a="\\xff"}', 5, 'unknown escape "\\x" in a string (a backslash is written \\\\)'],
    ['x{a="\\\'"}', 5, 'unknown escape "\\\'" in a string (a backslash is written \\\\)'],
    ['"abc', 0, 'the string is not closed'],
    ['"abc"', 0, 'a string is no number'],
    ['(x[5m])', 1, 'a range is no number: wrap it in rate() or another function of ranges'],
    ['rate(x[5m])[10m:1m]', 0, 'a range is no number: wrap it in rate() or another function of ranges'],
  ])('refuses %j at its place', (text, offset, detail) => {
    expect(checkPromql(text)).toEqual({ offset, detail });
  });

  test('never throws and gives an offset within the text', () => {
    fc.assert(
      fc.property(promqlLike(), (text) => {
        const problem = checkPromql(text);
        if (problem === null) return;
        expect(problem.offset).toBeGreaterThanOrEqual(0);
        expect(problem.offset).toBeLessThanOrEqual(text.length);
        expect(problem.detail).not.toBe('');
      }),
    );
  });
});

describe('parseSelector', () => {
  test('gives metric and matchers in the order written', () => {
    expect(parseSelector(`http_requests_total{job="a\\"b", code!~'4..',x!="",path=\`\\d\`}`)).toEqual({
      ok: true,
      value: {
        metric: 'http_requests_total',
        matchers: [
          { label: 'job', op: '=', value: 'a"b' },
          { label: 'code', op: '!~', value: '4..' },
          { label: 'x', op: '!=', value: '' },
          { label: 'path', op: '=', value: '\\d' },
        ],
      },
    });
  });

  test.each([
    ['up', 'up'],
    ['up{}', 'up'],
    ['{__name__="up"}', 'up'],
    ['{"http.requests"}', 'http.requests'],
    ['# which\nup', 'up'],
  ])('finds the metric of %s', (text, metric) => {
    expect(parseSelector(text)).toEqual({ ok: true, value: { metric, matchers: [] } });
  });

  test.each([
    ['sum(up)', 0, 'only a plain selector is allowed, such as requests_total{job="api"}'],
    ['up[5m]', 0, 'only a plain selector is allowed, such as requests_total{job="api"}'],
    ['up offset 5m', 0, 'only a plain selector is allowed, such as requests_total{job="api"}'],
    ['{job="api"}', 0, 'the selector must name its metric'],
    ['{__name__=~"a.*"}', 0, 'the selector must name its metric'],
    ['up{__name__!="a"}', 0, 'the selector must name its metric'],
    ['up{__name__="down"}', 0, 'the selector names its metric twice'],
    ['up{job="api"', 12, 'it ends too early'],
    ['up{job=api}', 7, 'unexpected "api"'],
  ])('refuses %s', (text, offset, detail) => {
    expect(parseSelector(text)).toEqual({ ok: false, error: { offset, detail } });
  });
});

describe('printSelector', () => {
  test('quotes names outside of the classic alphabet', () => {
    const matchers = [{ label: 'k8s.pod', op: '=', value: 'x' }] as const;
    expect(printSelector({ metric: 'http.requests', matchers })).toBe('{"http.requests","k8s.pod"="x"}');
  });

  test('gives back what parseSelector read, whatever the values hold', () => {
    // The published parser looks keywords up in a plain object, so it stumbles over these two inherited names.
    const inherited = ['__proto__', 'constructor'];
    const name = fc
      .oneof(
        fc.constantFrom('up', 'a:b', 'http.requests', 'on', 'Inf'),
        fc.string({ minLength: 1, unit: 'grapheme' }),
      )
      .filter((text) => !inherited.includes(text));
    const label = name.filter((text) => text !== '__name__');
    const op = fc.constantFrom<MatchOp>('=', '!=', '=~', '!~');
    const matcher = fc.record({ label, op, value: fc.string({ unit: 'grapheme' }) });
    fc.assert(
      fc.property(name, fc.array(matcher, { maxLength: 4 }), (metric, matchers) => {
        const text = printSelector({ metric, matchers });
        expect(parseSelector(text)).toEqual({ ok: true, value: { metric, matchers } });
        expect(checkPromql(text)).toBeNull();
      }),
    );
  });
});

describe('escapePromql', () => {
  test('keeps any value inside of each of the three quotes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.constantFrom('"', "'", '`'), (value, quote) => {
        const text = `up{a=${quote}${escapePromql(value)}${quote}}`;
        expect(checkPromql(text)).toBeNull();
        expect(stringSpans(text)).toEqual([{ from: 5, to: text.length - 1 }]);
      }),
    );
  });

  test('writes the escapes that the server knows', () => {
    expect(quotePromql('a"b\'c\\d\n')).toBe('"a\\u0022b\\u0027c\\\\d\\u000a"');
  });
});

/** Texts that look enough like PromQL to get deep into the parser. */
function promqlLike(): fc.Arbitrary<string> {
  const token = fc.constantFrom(
    'up',
    'rate(',
    'sum by (',
    '{',
    '}',
    '[',
    ']',
    '5m',
    ')',
    '"x"',
    '"\\',
    '`',
    '=',
    '=~',
    ' ',
    ',',
    '#',
    '\n',
    'é',
    '1e',
    '(',
  );
  return fc.oneof(
    fc.array(token, { maxLength: 20 }).map((tokens) => tokens.join('')),
    fc.string({ unit: 'grapheme' }),
  );
}
