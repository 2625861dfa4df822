/** From the text of a file to its Canaries and to everything that is wrong with them, all at once, each with its place. */
import { type Document, isMap, isScalar, parseAllDocuments } from 'yaml';
import { plural } from '../lib/text.ts';
import type { AnalysisTemplate, Canary, ParsedFile, Spec, TemplateUser } from './canary.ts';
import { canonicalJson, sha256 } from './canonical.ts';
import type { SpecCode } from './codes.ts';
import type { Diagnostic } from './diagnostic.ts';
import { isMapping } from './draft.ts';
import { type Finding, type Path, wrongValue } from './finding.ts';
import { offsetOf, offsetOfField, type Place, placesIn, scalarTextAt } from './place.ts';
import { isTemplate, readCanary, readTemplate, readUser, templateNameIn } from './read.ts';
import { aliasMistakes, duplicateKeys, syntaxMistakes } from './yaml-mistakes.ts';

/** Larger files are no declarations: reading one would only stop the program for a while. */
const MAX_BYTES = 1024 * 1024;

/** Diagnostics of one document. More help no one, and a megabyte of nonsense would give megabytes of them. */
const MAX_SHOWN = 200;

/** Syntax mistakes of one document: behind the first ones the parser guesses, most of all where the file is no YAML. */
const MAX_SYNTAX_SHOWN = 5;

const PARSE_OPTIONS = {
  prettyErrors: false,
  stringKeys: true,
  uniqueKeys: false,
  logLevel: 'silent',
} as const;

/** Values that aliases may expand to; a few lines could stand for gigabytes otherwise. */
const MAX_EXPANSION = 100;

/**
 * Reads one file that may hold several documents. A document with an error gives no spec; the others do. Never
 * throws, whatever the text. Names and traffic targets are compared between files by `lintDirectory`.
 */
export function parseFile(text: string, file: string): ParsedFile {
  const whole = (code: SpecCode, detail: string): ParsedFile => ({
    specs: [],
    diagnostics: [{ severity: 'error', file, line: 1, column: 1, code, detail }],
  });
  if (Buffer.byteLength(text) > MAX_BYTES) {
    return whole(
      'SPEC_TOO_LARGE',
      'The file is larger than 1 MiB, which no set of Canaries needs: split it.',
    );
  }
  const documents = parseAllDocuments(text, PARSE_OPTIONS);
  const filled = [...documents].filter((document) => !isBlank(document));
  if (filled.length === 0) {
    return whole('SPEC_EMPTY', 'The file holds no Canary: write one, or remove the file.');
  }
  const placeOf = placesIn(text);
  const parsed = filled.map((document) => parseDocument({ text, file, placeOf, document }));
  const templates = parsed.flatMap(({ template }) => template ?? []);
  const users = parsed.flatMap(({ user }) => user ?? []);
  return {
    specs: parsed.flatMap(({ spec }) => spec ?? []),
    ...(templates.length > 0 ? { templates } : {}),
    ...(users.length > 0 ? { users } : {}),
    diagnostics: parsed.flatMap(({ diagnostics }) => diagnostics).sort(byPlace),
  };
}

/**
 * A Canary put together with its template. Null: there is no such template, and `problem` says so; what else is
 * wrong with the Canary is said with it. Places are those of the user's file.
 */
export function parseUser(
  user: TemplateUser,
  template: AnalysisTemplate | null,
  problem: string,
): { readonly spec: Spec | null; readonly diagnostics: readonly Diagnostic[] } {
  const known = template === null ? null : readUser(user, template, problem, () => null);
  if (template !== null && known?.canary && known.findings.length === 0) {
    return { spec: userSpec(user, template, known.canary, known.earlier), diagnostics: [] };
  }
  const [document] = parseAllDocuments(user.text, PARSE_OPTIONS);
  if (document === undefined || !('range' in document)) throw new Error('a document that was read is gone');
  const places = placesIn(user.text);
  const placeOf = (offset: number) => {
    const { line, column } = places(offset);
    return { line: line + user.firstLine - 1, column };
  };
  const source: Source = { text: user.text, file: user.file, placeOf, document };
  // Afresh from the text: stored as JSON, values such as .inf are no longer what was written.
  const values = plainValues(document);
  const written = values.ok && isMapping(values.value) ? { ...user, values: values.value } : user;
  const { canary, earlier, findings } = readUser(written, template, problem, (path) =>
    scalarTextAt(document, path),
  );
  return {
    spec: canary === null || template === null ? null : userSpec(user, template, canary, earlier),
    diagnostics: diagnosticsOf(source, findings, (finding) => offsetOf(finding, document, user.text)),
  };
}

/** One document and what it stands in. */
interface Source {
  readonly text: string;
  readonly file: string;
  readonly placeOf: (offset: number) => Place;
  readonly document: Document.Parsed;
}

interface ParsedDocument {
  readonly spec?: Spec | null;
  readonly template?: AnalysisTemplate | null;
  readonly user?: TemplateUser;
  readonly diagnostics: readonly Diagnostic[];
}

function parseDocument(source: Source): ParsedDocument {
  const { document, text } = source;
  const syntax = syntaxMistakes([...document.errors, ...document.warnings], text);
  const mistakes = [...syntax, ...duplicateKeys(document), ...aliasMistakes(document)];
  if (mistakes.length > 0) {
    const most = syntax.length > MAX_SYNTAX_SHOWN ? MAX_SYNTAX_SHOWN : MAX_SHOWN;
    const restAt = mistakes[most]?.offset;
    return { diagnostics: diagnosticsOf(source, mistakes, ({ offset }) => offset, most, restAt) };
  }
  const values = plainValues(document);
  const placed = (findings: readonly Finding[]) =>
    diagnosticsOf(source, findings, (finding) => offsetOf(finding, document, text));
  if (!values.ok) return { diagnostics: placed([values.finding]) };
  const textAt = (path: Path) => scalarTextAt(document, path);
  if (isTemplate(values.value)) {
    const { template, findings } = readTemplate({ kind: 'AnalysisTemplate', values: values.value, textAt });
    return { template: template && templateOf(template, source), diagnostics: placed(findings) };
  }
  const user = userOf(values.value, source);
  if (user !== null) return { user, diagnostics: [] };
  const { canary, earlier, findings } = readCanary({ kind: 'Canary', values: values.value, textAt });
  return { spec: canary && specOf(canary, earlier, source), diagnostics: placed(findings) };
}

/** What is wrong, with its place; of more than `most` only so many, and one at `restAt` that counts the rest. */
function diagnosticsOf<T extends Pick<Finding, 'severity' | 'code' | 'detail'>>(
  { document, file, placeOf }: Source,
  found: readonly T[],
  offsetOf: (one: T) => number,
  most = MAX_SHOWN,
  restAt = document.range[0],
): readonly Diagnostic[] {
  const name = nameIn(document);
  const isShared = kindIn(document) === 'AnalysisTemplate';
  const owner = name === null ? {} : isShared ? { template: name } : { canary: name };
  const at = (
    offset: number,
    code: SpecCode,
    detail: string,
    severity: Diagnostic['severity'],
  ): Diagnostic => ({
    severity,
    file,
    ...placeOf(offset),
    code,
    detail,
    ...owner,
  });
  const shown = found.slice(0, most).map((one) => at(offsetOf(one), one.code, one.detail, one.severity));
  if (found.length <= most) return shown;
  const more = found.length - most;
  const rest = `${plural(more, 'more mistake')} of this document ${more === 1 ? 'is' : 'are'} not shown.`;
  return [...shown, at(restAt, 'SPEC_TOO_MANY', rest, 'error')];
}

function specOf(canary: Canary, earlier: Canary | null, { file, document, placeOf }: Source): Spec {
  const { line } = placeOf(revisionOffset(document));
  return { ...meaningOf(canary, earlier), file, line };
}

function meaningOf(canary: Canary, earlier: Canary | null): Pick<Spec, 'canary' | 'hash' | 'earlier'> {
  if (earlier === null) return { canary, hash: sha256(canonicalJson(canary)) };
  const { strategy, analysis } = earlier;
  const hash = sha256(canonicalJson(earlier));
  return {
    canary,
    hash: sha256(`${canonicalJson(canary)}\n${hash}`),
    earlier: { hash, steps: strategy.steps, metrics: analysis.metrics },
  };
}

function revisionOffset(document: Document.Parsed): number {
  return offsetOfField(document, ['spec', 'revision']) ?? offsetOfField(document, []) ?? 0;
}

function templateOf(
  { name, analysis }: Pick<AnalysisTemplate, 'name' | 'analysis'>,
  { file, document, placeOf }: Source,
): AnalysisTemplate {
  const { line } = placeOf(offsetOfField(document, ['metadata']) ?? 0);
  return { name, file, line, hash: sha256(canonicalJson(analysis)), analysis };
}

/** Null when the document names no template. What is wrong with it is found when the two are put together. */
function userOf(values: unknown, { text, file, document, placeOf }: Source): TemplateUser | null {
  const template = templateNameIn(values);
  if (template === null || !isMapping(values)) return null;
  // From the start of its line, so that columns stay.
  const start = text.lastIndexOf('\n', document.range[0] - 1) + 1;
  return {
    name: nameIn(document),
    template,
    file,
    line: placeOf(revisionOffset(document)).line,
    values,
    text: text.slice(start, document.range[2]),
    firstLine: placeOf(start).line,
  };
}

function userSpec(
  { file, line }: TemplateUser,
  template: AnalysisTemplate,
  canary: Canary,
  earlier: Canary | null,
): Spec {
  return { ...meaningOf(canary, earlier), file, line, template };
}

type PlainValues =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly finding: Finding };

function plainValues(document: Document): PlainValues {
  try {
    return { ok: true, value: document.toJS({ maxAliasCount: MAX_EXPANSION }) };
  } catch (error) {
    // The library throws these two for what no parser error tells before; anything else is a bug.
    if (error instanceof ReferenceError) {
      const detail = `The aliases expand to more than ${MAX_EXPANSION} values: write the values out.`;
      return { ok: false, finding: wrongValue('SPEC_ALIAS', [], detail) };
    }
    if (error instanceof Error && error.message.startsWith('Merge sources')) {
      const detail =
        'A merge key `<<`, as YAML 1.1 has it, needs a mapping or an alias of one: write the fields out.';
      return { ok: false, finding: wrongValue('SPEC_YAML', [], detail) };
    }
    throw error;
  }
}

/** A document without content: only comments, or nothing between two `---`. */
function isBlank({ contents, errors }: Document.Parsed): boolean {
  return errors.length === 0 && isScalar(contents) && contents.value === null && contents.source === '';
}

/** `metadata.name` where it can be read, also from a document that is broken elsewhere. */
function nameIn(document: Document.Parsed): string | null {
  if (!isMap(document.contents)) return null;
  const name = document.getIn(['metadata', 'name']);
  return typeof name === 'string' && name !== '' ? name : null;
}

function kindIn({ contents }: Document.Parsed): unknown {
  return isMap(contents) ? contents.get('kind') : undefined;
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  return a.line - b.line || a.column - b.column;
}
