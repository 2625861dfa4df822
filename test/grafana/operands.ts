/** What a rule looks at before it compares: vectors that a healthy world has too, where a rule itself is silent. */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

const COMPARISONS = new Set(['Eql', 'Neq', 'Gtr', 'Lss', 'Gte', 'Lte']);
const SETS = new Set(['And', 'Or', 'Unless']);

/**
 * The vectors of an alert's expression: both sides of and, or and unless; of a comparison its left side, and its right
 * one where that is no number; what absent() wants to be there. A comparison inside of an aggregation is taken out of it.
 */
export function operandsOf(expr: string): readonly string[] {
  const { topNode } = parser.parse(expr);
  if (topNode.firstChild === null) throw new Error(`no expression: ${expr}`);
  // What was long ago is asked as of now: the demo is two minutes old.
  return [...new Set(partsOf(expr, topNode.firstChild).map((part) => part.replaceAll(/ offset \w+/g, '')))];
}

function partsOf(text: string, node: SyntaxNode): string[] {
  const { left, operator, right } = sidesOf(node);
  if (SETS.has(operator)) return [left, right].flatMap((side) => partsOf(text, side));
  if (COMPARISONS.has(operator)) {
    return [left, right].flatMap((side) => (isNumber(text, side) ? [] : partsOf(text, side)));
  }
  if (node.name === 'ParenExpr') return childrenOf(node).flatMap((child) => partsOf(text, child));
  const absent = /^absent\(([\s\S]+)\)$/.exec(text.slice(node.from, node.to).trim())?.[1];
  return absent === undefined ? [uncompared(text, node).trim()] : [...operandsOf(absent)];
}

/** The text of a node, with the left side in place of each comparison with a number. */
function uncompared(text: string, node: SyntaxNode): string {
  const { left, operator, right } = sidesOf(node);
  if (COMPARISONS.has(operator) && isNumber(text, right)) return uncompared(text, left);
  let written = '';
  let at = node.from;
  for (const child of childrenOf(node)) {
    written += text.slice(at, child.from) + uncompared(text, child);
    at = child.to;
  }
  return written + text.slice(at, node.to);
}

function sidesOf(node: SyntaxNode) {
  const children = node.name === 'BinaryExpr' ? childrenOf(node) : [];
  const operator = children[1]?.name ?? '';
  return { left: children[0] ?? node, operator, right: children.at(-1) ?? node };
}

function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) children.push(child);
  return children;
}

/** No vector: arithmetic of numbers, such as 14 * 86400. */
function isNumber(text: string, { from, to }: SyntaxNode): boolean {
  return /^[\d\s.*+/()-]+$/.test(text.slice(from, to));
}
