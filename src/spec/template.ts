/** `{{placeholder}}` in PromQL: strict, with values escaped as the contents of PromQL strings. */
import { escapePromql } from './promql.ts';

export const PLACEHOLDERS = ['service', 'version', 'canary', 'stable', 'window', 'name'] as const;

export type Placeholder = (typeof PLACEHOLDERS)[number];

/**
 * service: `spec.service`. version: the revision of the arm that is asked. canary, stable: the two revisions.
 * window: a duration. name: `metadata.name`.
 */
export type TemplateValues = Readonly<Record<Placeholder, string>>;

/** One `{{…}}` as written. */
export interface PlaceholderUse {
  /** What stands between the braces, trimmed; null when the braces are never closed. */
  readonly name: string | null;
  /** Index of the first brace. */
  readonly offset: number;
}

/** A stretch of a template: literal text, or a placeholder with its braces. */
interface Piece {
  readonly offset: number;
  readonly text: string;
  readonly name: string | null;
}

/** Every `{{…}}` of a template, in order, known or not. */
export function placeholders(template: string): readonly PlaceholderUse[] {
  const uses: PlaceholderUse[] = [];
  for (const { name, text, offset } of piecesOf(template)) {
    const unclosed = name === null ? text.indexOf('{{') : -1;
    if (name !== null) uses.push({ name, offset });
    else if (unclosed >= 0) uses.push({ name: null, offset: offset + unclosed });
  }
  return uses;
}

export function isPlaceholder(name: string | null): name is Placeholder {
  return (PLACEHOLDERS as readonly (string | null)[]).includes(name);
}

/**
 * The template with its values filled in, each escaped as the contents of a PromQL string.
 * An unknown placeholder throws: lint refuses such a document, so only a bug can bring one here.
 */
export function renderQuery(template: string, values: TemplateValues): string {
  return piecesOf(template)
    .map((piece) => render(piece, values))
    .join('');
}

/** The index in the template that the index `offset` of the rendered text comes from (the braces, for a value). */
export function originOf(template: string, values: TemplateValues, offset: number): number {
  let rendered = 0;
  for (const piece of piecesOf(template)) {
    const { length } = render(piece, values);
    if (offset < rendered + length) return piece.offset + (piece.name === null ? offset - rendered : 0);
    rendered += length;
  }
  return template.length;
}

function render({ name, text }: Piece, values: TemplateValues): string {
  if (name === null) return text;
  if (!isPlaceholder(name)) throw new Error(`unknown placeholder ${text}`);
  return escapePromql(values[name]);
}

function piecesOf(template: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of template.matchAll(/\{\{\s*([^{}]*?)\s*\}\}/g)) {
    if (match.index > end) pieces.push({ offset: end, text: template.slice(end, match.index), name: null });
    pieces.push({ offset: match.index, text: match[0], name: match[1] ?? '' });
    end = match.index + match[0].length;
  }
  if (end < template.length) pieces.push({ offset: end, text: template.slice(end), name: null });
  return pieces;
}
