import { describe, expect, test } from 'vitest';
import { type Labels, readMatchers } from '../../src/spec/match.ts';
import { parseSelector } from '../../src/spec/promql.ts';

function matches(selector: string, labels: Labels): boolean {
  const parsed = parseSelector(selector);
  if (!parsed.ok) throw new Error(parsed.error.detail);
  const test = readMatchers(parsed.value.matchers);
  if (!test.ok) throw new Error(test.error);
  return test.value(labels);
}

function problem(pattern: string): string | null {
  const test = readMatchers([{ label: 'code', op: '=~', value: pattern }]);
  return test.ok ? null : test.error;
}

describe('matchers in code', () => {
  test.each<[string, Labels, boolean]>([
    ['r{code="500"}', { code: '500' }, true],
    ['r{code="500"}', { code: '5000' }, false],
    ['r{code!="500"}', { code: '200' }, true],
    ['r{code!="500"}', {}, true],
    ['r{code="",a="b"}', { a: 'b' }, true],
    ['r{code=~"5.."}', { code: '503' }, true],
    ['r{code=~"5.."}', { code: '5003' }, false],
    ['r{code=~"5.."}', { code: '1503' }, false],
    ['r{code!~"2..|3.."}', { code: '404' }, true],
    ['r{code!~"2..|3.."}', { code: '302' }, false],
    ['r{code!~"2.."}', {}, true],
    ['r{code=~".*"}', {}, true],
    ['r{code=~".+"}', {}, false],
    ['r{code=~"5..",method="GET"}', { code: '500', method: 'POST' }, false],
    ['r{code=~"5..",method="GET"}', { code: '500', method: 'GET' }, true],
    ['r', {}, true],
  ])('%s applied to %j is %s', (selector, labels, expected) => {
    expect(matches(selector, labels)).toBe(expected);
  });

  test.each([
    '5..',
    '5[0-9]{2}',
    '(?:4|5)\\d\\d',
    '(4|5)..(x)?',
    '(?i)internal.*error',
    '[^2-3].*',
    '[\\w-]+',
    'a\\.b\\-c\\_d',
    '{x}',
    '[[{]',
    '^5..$',
    'UNAVAILABLE|INTERNAL|DEADLINE_EXCEEDED',
    '.*a.*|.*b.*|.*c.*|.*d.*',
  ])('the pattern %s is applied', (pattern) => {
    expect(problem(pattern)).toBeNull();
  });

  test.each([
    ['(?=5)..', 'the group (?='],
    ['(?P<name>5)..', 'the group (?P'],
    ['(?<name>5)..', 'the group (?<'],
    ['5(?i)x', 'the group (?i'],
    ['[[:digit:]]+', 'a named class'],
    ['[]5]', 'a class that begins with ]'],
    ['[5', 'a class without its end'],
    ['\\p{L}', 'the escape \\p'],
    ['(5)\\1', 'the escape \\1'],
    ['\\bx', 'the escape \\b'],
    ['x\\', 'the escape \\'],
    ['[a-\\d]', 'a range with \\d'],
    ['[\\d-x]', 'a range with \\d'],
    ['(5.)+', 'a repeated group'],
    ['(?:a|b){2}', 'a repeated group'],
    ['.*a.*b.*c.*', 'more than 3 repetitions of open number'],
    ['*', 'a regular expression that cannot be read'],
    ['5**', 'a regular expression that cannot be read'],
    ['(5', 'a regular expression that cannot be read'],
  ])('the pattern %s is said to have %s', (pattern, detail) => {
    expect(problem(pattern)).toBe(`the matcher code=~${JSON.stringify(pattern)} has ${detail}`);
  });
});
