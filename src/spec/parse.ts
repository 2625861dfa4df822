/** From the text of a file to its Canaries and to everything that is wrong with them, all at once, each with its place. */
import { type Document, isMap, isScalar, parseAllDocuments } from 'yaml';
import type { Canary, ParsedFile, Spec } from './canary.ts';
import { canonicalJson, sha256 } from './canonical.ts';
import type { SpecCode } from './codes.ts';
import type { Diagnostic } from './diagnostic.ts';
import { draftOf, isMapping } from './draft.ts';
import { type Finding, wrongValue } from './finding.ts';
import { findingsOf, type Written } from './issues.ts';
import { lintDocument } from './lint.ts';
import { offsetOf, offsetOfField, type Place, placesIn, scalarTextAt } from './place.ts';
import { resolve } from './resolve.ts';
import { CanaryDocument } from './schema.ts';
import { aliasMistakes, duplicateKeys, syntaxMistakes } from './yaml-mistakes.ts';

/** Larger files are no declarations: reading one would only stop the program for a while. */
const MAX_BYTES = 1024 * 1024;

/** Diagnostics of one document. More help no one, and a megabyte of nonsense would give megabytes of them. */
const MAX_SHOWN = 200;

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
  const documents = parseAllDocuments(text, {
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false,
    logLevel: 'silent',
  });
  const filled = [...documents].filter((document) => !isBlank(document));
  if (filled.length === 0) {
    return whole('SPEC_EMPTY', 'The file holds no Canary: write one, or remove the file.');
  }
  const placeOf = placesIn(text);
  const parsed = filled.map((document) => parseDocument({ text, file, placeOf, document }));
  return {
    specs: parsed.flatMap(({ spec }) => (spec === null ? [] : [spec])),
    diagnostics: parsed.flatMap(({ diagnostics }) => diagnostics).sort(byPlace),
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
  readonly spec: Spec | null;
  readonly diagnostics: readonly Diagnostic[];
}

function parseDocument(source: Source): ParsedDocument {
  const { document, text } = source;
  const mistakes = [
    ...syntaxMistakes([...document.errors, ...document.warnings], text),
    ...duplicateKeys(document),
    ...aliasMistakes(document),
  ];
  if (mistakes.length > 0) {
    return { spec: null, diagnostics: diagnosticsOf(source, mistakes, ({ offset }) => offset) };
  }
  const values = plainValues(document);
  const { canary, findings } = values.ok
    ? read({ values: values.value, textAt: (path) => scalarTextAt(document, path) })
    : { canary: null, findings: [values.finding] };
  const diagnostics = diagnosticsOf(source, findings, (finding) => offsetOf(finding, document, text));
  return { spec: canary === null ? null : specOf(canary, source), diagnostics };
}

/** What is wrong, with its place; of very much only the first part, and one that counts the rest. */
function diagnosticsOf<T extends Pick<Finding, 'severity' | 'code' | 'detail'>>(
  { document, file, placeOf }: Source,
  found: readonly T[],
  offsetOf: (one: T) => number,
): readonly Diagnostic[] {
  const name = nameIn(document);
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
    ...(name === null ? {} : { canary: name }),
  });
  const shown = found.slice(0, MAX_SHOWN).map((one) => at(offsetOf(one), one.code, one.detail, one.severity));
  if (found.length <= MAX_SHOWN) return shown;
  const rest = `${found.length - MAX_SHOWN} more mistakes of this document are not shown.`;
  return [...shown, at(document.range[0], 'SPEC_TOO_MANY', rest, 'error')];
}

function specOf(canary: Canary, { file, document, placeOf }: Source): Spec {
  const start = offsetOfField(document, ['spec', 'revision']) ?? offsetOfField(document, []) ?? 0;
  return { canary, file, line: placeOf(start).line, hash: sha256(canonicalJson(canary)) };
}

/** Schema and lint over a document. */
function read(written: Written): { readonly canary: Canary | null; readonly findings: readonly Finding[] } {
  const { values: input } = written;
  const foreign = foreignKind(input);
  if (foreign !== null) return { canary: null, findings: [foreign] };
  const parsed = CanaryDocument.safeParse(input);
  const draft = parsed.success ? parsed.data : draftOf(CanaryDocument, input);
  const findings = [
    ...(parsed.success ? [] : findingsOf(parsed.error, written)),
    ...(draft === undefined ? [] : lintDocument(draft, input)),
  ];
  const isValid = !findings.some(({ severity }) => severity === 'error');
  return { canary: parsed.success && isValid ? resolve(parsed.data) : null, findings };
}

/** What belongs to another program is named as such, instead of by everything that it lacks to be a Canary. */
function foreignKind(input: unknown): Finding | null {
  const wanted = 'a document here begins with apiVersion: canary/v1 and kind: Canary';
  if (!isMapping(input)) return wrongValue('SPEC_NOT_CANARY', [], `This is no Canary: ${wanted}.`);
  const { apiVersion = 'canary/v1', kind = 'Canary' } = input;
  const isOurs =
    apiVersion === 'canary/v1' || (kind === 'Canary' && String(apiVersion).startsWith('canary/'));
  if (isOurs && !(input['apiVersion'] === undefined && input['kind'] === undefined)) return null;
  const detail = isOurs ? 'This is no Canary' : `This is ${oneLine(apiVersion)} ${oneLine(kind)}`;
  return wrongValue('SPEC_NOT_CANARY', isOurs ? [] : ['apiVersion'], `${detail}: ${wanted}.`);
}

function oneLine(value: unknown): string {
  return String(value).replace(/\s+/g, ' ').slice(0, 80);
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

function byPlace(a: Diagnostic, b: Diagnostic): number {
  return a.line - b.line || a.column - b.column;
}
