/** A page that a reader works through: its files to write and its commands, in order, with what they should print. */

/** The commands of one block, and what the page shows after it. */
export interface Commands {
  /** As the reader types them. */
  readonly lines: readonly string[];
  /** Lines that one of them must print, whatever their numbers. */
  readonly shown: readonly string[];
}

export type Act =
  | { readonly kind: 'write'; readonly path: string; readonly content: string }
  | ({ readonly kind: 'run' } & Commands);

/** Every fenced block of a page as acts. A file's path stands in the words before its block. */
export function actsOf(page: string): Act[] {
  const acts: Act[] = [];
  let words = '';
  for (const part of page.split(/^(```\w+\n[\s\S]*?^```)$/m)) {
    const [, language, content = ''] = /^```(\w+)\n([\s\S]*?)^```$/m.exec(part) ?? [];
    if (language === undefined) words = part;
    if (language === 'yaml') acts.push({ kind: 'write', path: pathIn(words), content });
    if (language === 'sh')
      acts.push({ kind: 'run', lines: linesOf(content.replaceAll('\\\n', ' ')), shown: [] });
    if (language === 'text') {
      const last = acts.pop();
      if (last?.kind !== 'run' || last.shown.length > 0) throw new Error(`nothing printed this: ${content}`);
      acts.push({ ...last, shown: linesOf(content) });
    }
  }
  return acts;
}

function pathIn(words: string): string {
  const path = [...words.matchAll(/to `(~\/[^`]+)`/g)].at(-1)?.[1];
  if (path === undefined) throw new Error(`no file is named before a block: ${words.slice(-200)}`);
  return path;
}

function linesOf(block: string): string[] {
  return block.split('\n').filter((line) => line.trim() !== '');
}

/**
 * A line without what differs from run to run: numbers, times, names of rollouts, which bounds an interval has, and how
 * wide the columns are.
 */
export function shapeOf(line: string): string {
  return line
    .replaceAll(/[▓░]+/g, '▒')
    .replaceAll(/(?<!\bv)\d[\w.:]*/g, '#')
    .replaceAll(/#(?:-[0-9a-f#]+)+/g, '#')
    .replaceAll(/(gap -?# %), (?:between -?# % and -?# %|at (?:least|most) -?# %)/g, '$1')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
