/** Diagnostics as text for a terminal: place, severity, code, sentence, and the line that is meant. */
import { alignColumns, indent, plural } from '../lib/text.ts';
import type { Diagnostic } from './diagnostic.ts';

/** Longest piece of a source line that is shown. */
const MAX_EXCERPT = 120;

/**
 * One block per diagnostic and a closing line with the counts, ending in a newline. `sources` holds the text of
 * each file by its name in the diagnostics; without it a diagnostic is shown without its line. `checked` says what
 * the counts are of.
 */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string> = new Map(),
  checked: string | null = null,
): string {
  const heads = alignColumns(
    diagnostics.map(({ file, line, column, severity, code, detail }) => [
      `${visible(file)}:${line}:${column}`,
      severity,
      code,
      visible(detail),
    ]),
  );
  const blocks = diagnostics.map((diagnostic, index) => {
    const source = sources.get(diagnostic.file);
    const excerpt = source === undefined ? '' : excerptOf(source, diagnostic);
    return `${heads[index]}\n${excerpt}`;
  });
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const counts = `${plural(errors, 'error')}, ${plural(diagnostics.length - errors, 'warning')}`;
  return `${blocks.join('')}${checked === null ? '' : `${checked}: `}${counts}\n`;
}

function excerptOf(source: string, { line, column }: Diagnostic): string {
  const lines = source.split(/\r?\n/);
  const text = lines[line - 1];
  if (text === undefined || text.trim() === '') return '';
  const start = column - 1 < MAX_EXCERPT ? 0 : column - 1 - MAX_EXCERPT / 2;
  const width = String(line).length;
  const shown = (index: number) => {
    const content = visible(lines[index] ?? '')
      .slice(start, start + MAX_EXCERPT)
      .trimEnd();
    return `${String(index + 1).padStart(width)} │ ${content}`.trimEnd();
  };
  // A word, or a quoted text; at least one mark, also behind the end of the line.
  const marked =
    /^(?:"[^"]*"?|'[^']*'?|[^\s:,[\]{}]+|.)/u.exec(text.slice(column - 1, start + MAX_EXCERPT))?.[0] ?? ' ';
  const caret = `${' '.repeat(width)} │ ${' '.repeat(column - 1 - start)}${'^'.repeat(marked.length)}`;
  const before = line > 1 && (lines[line - 2] ?? '').trim() !== '' ? [shown(line - 2)] : [];
  return `${indent([...before, shown(line - 1), caret].join('\n'), 3)}\n`;
}

/** Control characters would move the cursor, or more; a tab becomes one blank, so that columns stay. */
function visible(text: string): string {
  return text.replaceAll('\t', ' ').replace(/\p{Cc}/gu, '\uFFFD');
}
