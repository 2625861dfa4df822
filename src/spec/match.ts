/** Label matchers applied in code: to exactly the series to which Prometheus would apply them, or not at all. */
import { err, ok, type Result } from '../lib/result.ts';
import type { Matcher } from './promql.ts';

export type Labels = Readonly<Record<string, string>>;

/**
 * Whether labels satisfy all of `matchers`; a label that is absent has an empty value. The error is a clause that names
 * the matcher and what in it cannot be applied in code.
 */
export function readMatchers(matchers: readonly Matcher[]): Result<(labels: Labels) => boolean, string> {
  const tests: ((labels: Labels) => boolean)[] = [];
  for (const matcher of matchers) {
    const test = readMatcher(matcher);
    if (!test.ok) return test;
    tests.push(test.value);
  }
  return ok((labels) => tests.every((test) => test(labels)));
}

function readMatcher({ label, op, value }: Matcher): Result<(labels: Labels) => boolean, string> {
  const of = (labels: Labels) => labels[label] ?? '';
  if (op === '=') return ok((labels) => of(labels) === value);
  if (op === '!=') return ok((labels) => of(labels) !== value);
  const pattern = readPattern(value);
  if (!pattern.ok) return err(`the matcher ${label}${op}${JSON.stringify(value)} has ${pattern.error}`);
  return ok((labels) => pattern.value.test(of(labels)) === (op === '=~'));
}

/** Repetitions of open number in one alternative: this engine goes back and tries again, RE2 does not. */
const MOST_REPETITIONS = 3;

/** Escapes that mean the same here as in RE2, where classes are those of ASCII. */
const CLASS_ESCAPES: Readonly<Record<string, string>> = { d: '0-9', w: '0-9A-Za-z_', s: '\\t\\n\\f\\r ' };
const OPPOSITE_ESCAPES: Readonly<Record<string, string>> = { D: 'd', W: 'w', S: 's' };
const CHARACTER_ESCAPES = 'tnrfv';

/**
 * A pattern of RE2, which Prometheus anchors at both ends, as a regular expression; `.` matches line breaks as in its version 3.
 * Supported is what people write in selectors and what means the same in both: characters, `.`, classes, alternatives,
 * groups, repetitions, and `(?i)` in front. A group may be optional but not repeated, and an alternative holds at most
 * three repetitions of open number, so that no label can make the search explode.
 */
function readPattern(pattern: string): Result<RegExp, string> {
  const flags = /^\(\?([is]+)\)/.exec(pattern);
  const ignoresCase = flags?.[1]?.includes('i') ?? false;
  const body = translate(pattern.slice(flags?.[0].length ?? 0));
  if (!body.ok) return body;
  try {
    return ok(new RegExp(`^(?:${body.value})$`, ignoresCase ? 'isu' : 'su'));
  } catch {
    return err('a regular expression that cannot be read');
  }
}

function translate(pattern: string): Result<string, string> {
  let out = '';
  let depth = 0;
  let repetitions = 0;
  for (let at = 0; at < pattern.length; ) {
    const rest = pattern.slice(at);
    const token = readToken(rest);
    if (!token.ok) return token;
    const { length, text, kind } = token.value;
    if (kind === 'open') depth += 1;
    if (kind === 'close') depth -= 1;
    if (kind === 'close' && /^\)(?:[*+]|\{\d)/.test(rest)) return err('a repeated group');
    if (kind === 'repeat') repetitions += 1;
    if (kind === 'or' && depth === 0) repetitions = 0;
    if (repetitions > MOST_REPETITIONS)
      return err(`more than ${MOST_REPETITIONS} repetitions of open number`);
    out += text;
    at += length;
  }
  return ok(out);
}

interface Token {
  /** Characters of the pattern that it takes. */
  readonly length: number;
  /** What stands for it in a regular expression with the flag u. */
  readonly text: string;
  readonly kind: 'plain' | 'open' | 'close' | 'or' | 'repeat';
}

function readToken(rest: string): Result<Token, string> {
  const first = String.fromCodePoint(rest.codePointAt(0) ?? 0);
  const plain = (length: number, text: string) => ok({ length, text, kind: 'plain' } as const);
  if (first === '\\') {
    const escaped = readEscape(rest[1] ?? '');
    return escaped.ok ? plain(2, escaped.value) : escaped;
  }
  if (first === '[') return readClass(rest);
  if (first === '(') {
    if (rest.startsWith('(?:')) return ok({ length: 3, text: '(?:', kind: 'open' });
    return rest.startsWith('(?')
      ? err(`the group ${rest.slice(0, 3)}`)
      : ok({ length: 1, text: '(?:', kind: 'open' });
  }
  if (first === ')') return ok({ length: 1, text: ')', kind: 'close' });
  if (first === '|') return ok({ length: 1, text: '|', kind: 'or' });
  if (first === '*' || first === '+') return ok({ length: 1, text: first, kind: 'repeat' });
  const counted = /^\{\d+(,\d*)?\}/.exec(rest);
  if (counted !== null) {
    return ok({
      length: counted[0].length,
      text: counted[0],
      kind: counted[1] === undefined ? 'plain' : 'repeat',
    });
  }
  return plain(first.length, '{}]/'.includes(first) ? `\\${first}` : first);
}

/** An escape outside of a class. */
function readEscape(letter: string): Result<string, string> {
  const opposite = OPPOSITE_ESCAPES[letter];
  if (opposite !== undefined) return ok(`[^${CLASS_ESCAPES[opposite]}]`);
  const inside = readEscapeInClass(letter);
  if (!inside.ok) return inside;
  return ok(letter in CLASS_ESCAPES ? `[${inside.value}]` : letter === '-' ? '-' : inside.value);
}

function readEscapeInClass(letter: string): Result<string, string> {
  const known = CLASS_ESCAPES[letter];
  if (known !== undefined) return ok(known);
  if (letter !== '' && CHARACTER_ESCAPES.includes(letter)) return ok(`\\${letter}`);
  if (/^[\^$\\.*+?()[\]{}|/-]$/.test(letter)) return ok(`\\${letter}`);
  return /^[!-/:-@[-`{-~]$/.test(letter) ? ok(letter) : err(`the escape \\${letter}`);
}

function readClass(rest: string): Result<Token, string> {
  const isNegated = rest.startsWith('[^');
  let text = isNegated ? '[^' : '[';
  let at = text.length;
  if (rest[at] === ']') return err('a class that begins with ]');
  for (; at < rest.length && rest[at] !== ']'; at += 1) {
    const char = rest[at] ?? '';
    if (char === '[' && rest[at + 1] === ':') return err('a named class');
    if (char === '\\') {
      const letter = rest[at + 1] ?? '';
      const escaped = readEscapeInClass(letter);
      if (!escaped.ok) return escaped;
      const isRange = text.endsWith('-') || (rest[at + 2] === '-' && rest[at + 3] !== ']');
      if (letter in CLASS_ESCAPES && isRange) return err(`a range with \\${letter}`);
      text += escaped.value;
      at += 1;
    } else text += char === '[' ? '\\[' : char;
  }
  if (rest[at] !== ']') return err('a class without its end');
  return ok({ length: at + 1, text: `${text}]`, kind: 'plain' });
}
