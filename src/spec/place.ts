/** Where in the text of a file a field stands. */
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Scalar } from 'yaml';
import type { Finding, Path } from './finding.ts';

/** Both count from 1; columns in UTF-16 units. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Gives the place of each index of `text`; one behind the end counts as the end. */
export function placesIn(text: string): (offset: number) => Place {
  const starts = [0];
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1)) starts.push(end + 1);
  return (offset) => {
    const within = Math.min(offset, text.length);
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= within) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: within - (starts[low] ?? 0) + 1 };
  };
}

/** The index in `text` that a finding is about. A field that is not there stands for the nearest one around it. */
export function offsetOf(finding: Finding, document: Document.Parsed, text: string): number {
  const { key, value } = nodesAt(document, finding.path);
  const start = (node: Node | null) => node?.range?.[0] ?? document.range[0];
  if (finding.on === 'key' || value === null || isEmpty(value)) return start(key ?? value);
  if (finding.offset === undefined || !isScalar(value)) return start(value);
  return offsetInScalar(value, finding.offset, text) ?? start(value);
}

/** The index of a field's name, or of an element's start; null when the document has no such field. */
export function offsetOfField(document: Document.Parsed, path: Path): number | null {
  const { key, value, isWhole } = nodesAt(document, path);
  return isWhole ? ((key ?? value)?.range?.[0] ?? null) : null;
}

/** A scalar as it stands in the file, without quotes; null for anything else. */
export function scalarTextAt(document: Document.Parsed, path: Path): string | null {
  const { value } = nodesAt(document, path);
  return isScalar(value) && value.source !== undefined ? value.source : null;
}

interface Nodes {
  /** The field's name; null for elements of lists and for the root. */
  readonly key: Node | null;
  readonly value: Node | null;
  /** False: the path leads further than the document. */
  readonly isWhole: boolean;
}

function nodesAt(document: Document.Parsed, path: Path): Nodes {
  let key: Node | null = null;
  let value = document.contents as Node | null;
  for (const step of path) {
    const inside: Node | null | undefined = isAlias(value) ? value.resolve(document) : value;
    if (isSeq<Node>(inside) && typeof step === 'number') {
      const element = inside.items[step];
      if (element === undefined) return { key, value, isWhole: false };
      [key, value] = [null, element];
      continue;
    }
    const pair = isMap<Node, Node | null>(inside)
      ? inside.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step))
      : undefined;
    if (pair === undefined) return { key, value, isWhole: false };
    [key, value] = [pair.key, pair.value];
  }
  return { key, value, isWhole: true };
}

/** A key with nothing behind it: the value's place is the end of the line, where there is nothing to see. */
function isEmpty(node: Node): boolean {
  return isScalar(node) && node.value === null && node.source === '';
}

/** The index in the file of an index of a scalar's value, where the two run in parallel; else null. */
function offsetInScalar(scalar: Scalar, offset: number, text: string): number | null {
  const { range, value, type } = scalar;
  if (!range || typeof value !== 'string') return null;
  const source = text.slice(range[0], range[1]);
  if (type === 'BLOCK_LITERAL') {
    const inBlock = offsetInBlock(source, value, offset);
    return inBlock === null ? null : range[0] + inBlock;
  }
  const start = source.indexOf(value);
  return start < 0 ? null : range[0] + start + offset;
}

/** `source` begins with the `|`; each line of `value` stands on a line of its own behind it, indented. */
function offsetInBlock(source: string, value: string, offset: number): number | null {
  const before = value.slice(0, offset).split('\n');
  const line = value.split('\n')[before.length - 1] ?? '';
  const sourceLines = source.split('\n');
  const sourceLine = sourceLines[before.length]?.replace(/\r$/, '');
  if (sourceLine === undefined || !sourceLine.endsWith(line)) return null;
  const lineStart = sourceLines.slice(0, before.length).join('\n').length + 1;
  return lineStart + sourceLine.length - line.length + (before.at(-1) ?? '').length;
}
