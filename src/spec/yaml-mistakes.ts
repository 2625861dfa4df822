/** Mistakes in the YAML itself, before it is known to be a Canary. */
import { type Alias, type Document, isAlias, isScalar, type Scalar, visit, type YAMLError } from 'yaml';
import type { SpecCode } from './codes.ts';

export interface YamlMistake {
  readonly severity: 'error';
  readonly code: SpecCode;
  readonly detail: string;
  /** Index into the file. */
  readonly offset: number;
}

/**
 * The mistakes behind a parser's errors; `text` is the whole file. One mistake makes the parser stumble several
 * times: behind a tab everything is in doubt, and of several errors at one place the first is the cause.
 */
export function syntaxMistakes(errors: readonly YAMLError[], text: string): readonly YamlMistake[] {
  const tabs = errors.filter(({ code }) => code === 'TAB_AS_INDENT');
  const causes = tabs.length > 0 ? tabs : errors;
  const first = new Map<number, YamlMistake>();
  for (const error of causes) {
    const offset = error.pos[0];
    if (!first.has(offset)) first.set(offset, { severity: 'error', ...describe(error, text), offset });
  }
  return [...first.values()];
}

function describe(error: YAMLError, text: string): Pick<YamlMistake, 'code' | 'detail'> {
  const [from, to] = error.pos;
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return { code: 'SPEC_TAB', detail: 'YAML is indented by spaces, but here is a tab: replace it.' };
    case 'TAG_RESOLVE_FAILED':
      return {
        code: 'SPEC_YAML',
        detail: `The tag ${text.slice(from, to)} is unknown: remove it, or put the value in quotes.`,
      };
    default:
      return { code: 'SPEC_YAML', detail: SENTENCES[error.code] ?? sentenceOf(error.message) };
  }
}

const SENTENCES: Readonly<Record<string, string>> = {
  NON_STRING_KEY: 'A key must be text: put it in quotes if it begins with { or [.',
  BAD_SCALAR_START: 'A value that begins with this character must be put in quotes.',
  BLOCK_AS_IMPLICIT_KEY: 'A value with ": " in it must be put in quotes.',
  DUPLICATE_KEY: 'This key is there twice: keep one.',
  MULTIPLE_DOCS: 'The file may hold one document only: remove what begins with this ---.',
  RESOURCE_EXHAUSTION: 'The document is nested too deeply.',
};

/** The beginning of a quoted piece, escapes whole, and the rest of one that is too long. */
const LONG_QUOTE = /"((?:[^"\\]|\\.){60})(?:[^"\\]|\\.)+"/gu;

function sentenceOf(whole: string): string {
  const message = whole.replace(LONG_QUOTE, '"$1…"');
  const closing = /end with a ([\]}])/.exec(message)?.[1];
  if (closing === ']') return 'A list that began with [ is not closed: add ].';
  if (closing === '}') return 'A mapping that began with { is not closed: add }.';
  return `This is not YAML: ${message.charAt(0).toLowerCase()}${message.slice(1).replace(/\.$/, '')}.`;
}

/**
 * Keys that a mapping has twice. The parser's own check compares each key with every other, which takes a minute for
 * a megabyte of keys.
 */
export function duplicateKeys(document: Document.Parsed): readonly YamlMistake[] {
  const mistakes: YamlMistake[] = [];
  visit(document, {
    Map(_key, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) mistakes.push(duplicate(key, map === document.contents));
        seen.add(key.value);
      }
    },
  });
  return mistakes;
}

function duplicate({ value, range }: Scalar, isTopLevel: boolean): YamlMistake {
  const hint = isTopLevel ? ' Several Canaries in one file are separated by a line with ---.' : '';
  return {
    severity: 'error',
    code: 'SPEC_DUPLICATE_KEY',
    detail: `The key ${String(value)} is there twice: keep one.${hint}`,
    offset: range?.[0] ?? 0,
  };
}

/** Aliases in one document; looking one up takes time that grows with the document. */
const MAX_ALIASES = 100;

/** Aliases without an anchor before them, and the first one too many. */
export function aliasMistakes(document: Document.Parsed): readonly YamlMistake[] {
  const mistakes: YamlMistake[] = [];
  const anchors = new Set<string>();
  let count = 0;
  const wrong = (alias: Alias, detail: string) =>
    mistakes.push({ severity: 'error', code: 'SPEC_ALIAS', detail, offset: alias.range?.[0] ?? 0 });
  visit(document, {
    Node(_key, node) {
      if (!isAlias(node)) {
        if (node.anchor !== undefined) anchors.add(node.anchor);
        return;
      }
      count += 1;
      if (count === MAX_ALIASES + 1)
        wrong(node, `A document may have ${MAX_ALIASES} aliases: write the values out.`);
      if (anchors.has(node.source)) return;
      wrong(
        node,
        `There is no anchor &${node.source} before the alias *${node.source}: quote the text if it is none.`,
      );
    },
  });
  return mistakes;
}
