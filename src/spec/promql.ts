/** The grammar side of PromQL: whether a text parses, and selectors as structure instead of text. */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { err, ok, type Result } from '../lib/result.ts';

/** Why a text is not what it should be. `offset` is an index into it, at most its length. */
export interface PromqlProblem {
  readonly offset: number;
  /** A clause without a subject, e.g. `unexpected ")"`. */
  readonly detail: string;
}

export type MatchOp = '=' | '!=' | '=~' | '!~';

export interface Matcher {
  readonly label: string;
  readonly op: MatchOp;
  /** Unescaped. */
  readonly value: string;
}

/** `metric{label="value",…}`: one metric, no range, no offset. */
export interface Selector {
  readonly metric: string;
  /** In the order written, without the metric's name. */
  readonly matchers: readonly Matcher[];
}

/** Null when `text` is PromQL that can give numbers at one moment; else the first problem in it. */
export function checkPromql(text: string): PromqlProblem | null {
  const { topNode } = parser.parse(text);
  const syntax = syntaxProblem(text, topNode);
  if (syntax !== null) return syntax;
  const outermost = withoutParens(expressionOf(topNode));
  if (outermost === null) return null;
  if (outermost.name === 'StringLiteral') return { offset: outermost.from, detail: 'a string is no number' };
  if (outermost.name === 'MatrixSelector' || outermost.name === 'SubqueryExpr') {
    return {
      offset: outermost.from,
      detail: 'a range is no number: wrap it in rate() or another function of ranges',
    };
  }
  return null;
}

/**
 * The structure of a plain selector such as `http_requests_total{job="api",code=~"5.."}`. A metric may also be
 * named by `__name__="…"` or a quoted name. Everything else (functions, ranges, offsets, several metrics) is a problem.
 */
export function parseSelector(text: string): Result<Selector, PromqlProblem> {
  const { topNode } = parser.parse(text);
  const syntax = syntaxProblem(text, topNode);
  if (syntax !== null) return err(syntax);
  const node = expressionOf(topNode);
  if (node?.name !== 'VectorSelector') {
    return err({
      offset: node?.from ?? 0,
      detail: 'only a plain selector is allowed, such as requests_total{job="api"}',
    });
  }
  const textOf = ({ from, to }: SyntaxNode) => text.slice(from, to);
  const names = node.getChildren('Identifier').map(textOf);
  const matchers: Matcher[] = [];
  for (const child of childrenOf(node.getChild('LabelMatchers'))) {
    if (child.name === 'QuotedLabelName') {
      names.push(unquoted(textOf(child)));
      continue;
    }
    const [label, op, value] = childrenOf(child).map(textOf);
    if (label === undefined || value === undefined || !isMatchOp(op)) continue;
    const matcher = {
      label: child.name === 'QuotedLabelMatcher' ? unquoted(label) : label,
      op,
      value: unquoted(value),
    };
    if (matcher.label === '__name__' && op === '=') names.push(matcher.value);
    else matchers.push(matcher);
  }
  const [metric, ...others] = names;
  if (metric === undefined || metric === '' || matchers.some(({ label }) => label === '__name__')) {
    return err({ offset: node.from, detail: 'the selector must name its metric' });
  }
  if (others.length > 0) return err({ offset: node.from, detail: 'the selector names its metric twice' });
  return ok({ metric, matchers });
}

/**
 * Whether the histogram that a selector names is a native one, whose series are whole histograms. Those of a classic one
 * are its buckets, and end in `_bucket` (Prometheus documentation, "Exposition formats" and "Native histograms").
 */
export function isNativeHistogram({ metric }: Selector): boolean {
  return !metric.endsWith('_bucket');
}

/** Words that cannot stand as a bare metric name, in any case. */
const KEYWORDS = /^(?:inf|nan|bool|ignoring|on|group_left|group_right|offset)$/i;

/** The selector as PromQL, in one way of writing. Names outside of the classic alphabet are quoted (Prometheus 3). */
export function printSelector({ metric, matchers }: Selector): string {
  const parts = matchers.map(printMatcher);
  const isBare = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(metric) && !KEYWORDS.test(metric);
  if (!isBare) return `{${[quotePromql(metric), ...parts].join(',')}}`;
  return parts.length === 0 ? metric : `${metric}{${parts.join(',')}}`;
}

/** A selector of several metrics, told apart by a matcher on `__name__`. */
export function printMatchers(matchers: readonly Matcher[]): string {
  return `{${matchers.map(printMatcher).join(',')}}`;
}

function printMatcher({ label, op, value }: Matcher): string {
  return `${labelName(label)}${op}${quotePromql(value)}`;
}

/** A PromQL string literal whose value is `value`. */
export function quotePromql(value: string): string {
  return `"${escapePromql(value)}"`;
}

/**
 * `value` as the contents of a PromQL string, safe between any of its three quotes: quotes become `\u....` escapes,
 * because `\'` is an error inside of double quotes, and nothing is an escape inside of backquotes.
 */
export function escapePromql(value: string): string {
  return value.replace(/[\\"'`\p{Cc}]/gu, (char) =>
    char === '\\' ? '\\\\' : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Whether the whole of `text` is `… or vector(…)`, so that it gives a value where there are no series at all. */
export function isFilled(text: string): boolean {
  const outermost = withoutParens(expressionOf(parser.parse(text).topNode));
  if (outermost?.name !== 'BinaryExpr' || outermost.getChild('Or') === null) return false;
  return withoutParens(outermost.lastChild)?.getChild('FunctionIdentifier')?.firstChild?.name === 'Vector';
}

/** The span [from, to) of every string literal in `text`, quotes included. */
export function stringSpans(text: string): readonly { readonly from: number; readonly to: number }[] {
  const spans: { from: number; to: number }[] = [];
  parser.parse(text).iterate({
    enter({ name, from, to }) {
      if (name === 'StringLiteral') spans.push({ from, to });
    },
  });
  return spans;
}

function syntaxProblem(text: string, top: SyntaxNode): PromqlProblem | null {
  const cursor = top.cursor();
  do {
    if (cursor.type.isError) return unexpected(text, cursor.from);
    if (cursor.name === 'StringLiteral') {
      const value = unquote(text.slice(cursor.from, cursor.to));
      if (!value.ok) return { offset: cursor.from + value.error.offset, detail: value.error.detail };
    }
  } while (cursor.next());
  return null;
}

function unexpected(text: string, from: number): PromqlProblem {
  const token = /\s*([A-Za-z0-9_:.]+|.)/suy;
  token.lastIndex = from;
  const found = token.exec(text)?.[1];
  if (found === undefined || found.trim() === '')
    return { offset: text.trimEnd().length, detail: 'it ends too early' };
  const offset = token.lastIndex - found.length;
  const before = /([A-Za-z_][A-Za-z0-9_:]*)\s*$/.exec(text.slice(0, offset));
  if (found === '(' && before?.[1] !== undefined) {
    return { offset: before.index, detail: `"${before[1]}" is not a PromQL function` };
  }
  return { offset, detail: `unexpected "${found}"` };
}

function expressionOf(top: SyntaxNode): SyntaxNode | null {
  return childrenOf(top).find(({ name }) => name !== 'LineComment') ?? null;
}

function withoutParens(node: SyntaxNode | null): SyntaxNode | null {
  let inner = node;
  while (inner?.name === 'ParenExpr') inner = expressionOf(inner);
  return inner;
}

function childrenOf(node: SyntaxNode | null): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node?.firstChild ?? null; child !== null; child = child.nextSibling) children.push(child);
  return children;
}

function isMatchOp(text: string | undefined): text is MatchOp {
  return text === '=' || text === '!=' || text === '=~' || text === '!~';
}

function labelName(label: string): string {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label) ? label : quotePromql(label);
}

/** For literals that `syntaxProblem` has already let pass. */
function unquoted(literal: string): string {
  const value = unquote(literal);
  if (!value.ok) throw new Error(`unchecked string literal: ${literal}`);
  return value.value;
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
};

/**
 * The value of a string literal. Escapes are those of Go, backquoted strings have none (Prometheus documentation,
 * "String literals"); the lezer grammar accepts any escape, the server does not.
 */
function unquote(literal: string): Result<string, PromqlProblem> {
  const quote = literal[0] ?? '';
  if (literal.length < 2 || !literal.endsWith(quote))
    return err({ offset: 0, detail: 'the string is not closed' });
  const body = literal.slice(1, -1);
  if (quote === '`') return ok(body);
  let value = '';
  for (let index = 0; index < body.length; index += 1) {
    if (body[index] !== '\\') {
      value += body[index];
      continue;
    }
    const read = readEscape(body.slice(index + 1, index + 10), quote);
    if (read === null) {
      return err({
        offset: index + 1,
        detail: `unknown escape "\\${body[index + 1] ?? ''}" in a string (a backslash is written \\\\)`,
      });
    }
    value += read.value;
    index += read.length;
  }
  return ok(value);
}

function readEscape(rest: string, quote: string): { value: string; length: number } | null {
  const first = rest[0] ?? '';
  const simple = first === quote ? quote : SIMPLE_ESCAPES[first];
  if (simple !== undefined) return { value: simple, length: 1 };
  const match = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/.exec(rest);
  if (match === null) return null;
  const [whole, byte, short, long, octal] = match;
  const code =
    octal === undefined ? Number.parseInt(byte ?? short ?? long ?? '', 16) : Number.parseInt(octal, 8);
  // Bytes above 0x7f are parts of UTF-8 sequences in Go, and halves of surrogate pairs are no characters.
  const isByte = byte !== undefined || octal !== undefined;
  if ((isByte && code > 0x7f) || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff) return null;
  return { value: String.fromCodePoint(code), length: whole.length };
}
