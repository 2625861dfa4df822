/** What the schema found wrong, as sentences for the people who wrote the file. */
import type { z } from 'zod';
import { closest, didYouMean } from '../lib/text.ts';
import { isMapping, valueAt } from './draft.ts';
import { type Finding, fieldName, type Path, wrongField, wrongValue } from './finding.ts';
import { canaryJsonSchema, templateJsonSchema } from './json-schema.ts';

export type DocumentKind = 'Canary' | 'AnalysisTemplate';

/** What is known of a document beside its schema. */
export interface Written extends Text {
  readonly kind: DocumentKind;
}

interface Text {
  /** The document as plain values. */
  readonly values: unknown;
  /** The text of a scalar as it stands in the file, e.g. `1.10` for the number 1.1. */
  readonly textAt: (path: Path) => string | null;
}

/** What a document can hold. */
export interface DocumentShape {
  /** "a Canary" */
  readonly noun: string;
  readonly root: Branch;
}

/** The parts of a JSON Schema that lead to field names. */
export interface Branch {
  readonly properties?: Readonly<Record<string, Branch>>;
  readonly items?: Branch;
}

/** One finding for each mistake: a misspelled field is not also a missing one. */
export function findingsOf(error: z.ZodError, written: Written): readonly Finding[] {
  return findingsIn(error, written, SHAPES[written.kind]);
}

/** The same of a document of any shape. */
export function findingsIn(error: z.ZodError, text: Text, shape: DocumentShape): readonly Finding[] {
  const unknown: Finding[] = [];
  const others: Finding[] = [];
  const misspelled = new Set<string>();
  for (const issue of error.issues) {
    const path = issue.path.filter((key) => typeof key !== 'symbol');
    if (issue.code !== 'unrecognized_keys') {
      others.push(describe(issue, path, text));
      continue;
    }
    for (const key of issue.keys) {
      const meant = closest(key, fieldsAt(shape, path));
      if (meant !== null) misspelled.add(fieldName([...path, meant]));
      unknown.push(unknownField(shape, [...path, key], meant));
    }
  }
  const isMisspelled = ({ code, path }: Finding) =>
    code === 'SPEC_REQUIRED' && misspelled.has(fieldName(path));
  return [...unknown, ...others.filter((finding) => !isMisspelled(finding))];
}

function unknownField(shape: DocumentShape, path: Path, meant: string | null): Finding {
  const key = path.at(-1);
  const elsewhere = allFields(shape).find((field) => field.at(-1) === key);
  const around = fieldsAt(shape, path.slice(0, -1));
  const hint =
    meant !== null
      ? `Did you mean ${meant}?`
      : elsewhere !== undefined
        ? `Did you mean ${writtenOut(elsewhere)}?`
        : `Known here: ${around.join(', ')}.`;
  return wrongField('SPEC_UNKNOWN_FIELD', path, `${fieldName(path)} is no field of ${shape.noun}. ${hint}`);
}

function missing(path: Path): Finding {
  return wrongField('SPEC_REQUIRED', path, `${fieldName(path)} is required.`);
}

function describe(issue: z.core.$ZodIssue, path: Path, { values, textAt }: Text): Finding {
  const name = fieldName(path);
  const value = valueAt(values, path);
  if (value === undefined) return missing(path);
  if (value === null) {
    return wrongField('SPEC_TYPE', path, `${name} is empty: give it a value or leave the field out.`);
  }
  switch (issue.code) {
    case 'invalid_value': {
      const allowed = issue.values.map(String);
      const choice = allowed.length === 1 ? `"${allowed[0]}"` : `one of ${allowed.join(', ')}`;
      const near = typeof value === 'string' && allowed.length > 1 ? didYouMean(value, allowed) : '';
      return wrongValue('SPEC_VALUE', path, `${name} must be ${choice}, found ${found(value)}.${near}`);
    }
    case 'invalid_type':
      return wrongValue('SPEC_TYPE', path, wrongType(name, issue.expected, value, textAt(path)));
    case 'invalid_union':
      return wrongValue(
        'SPEC_DURATION',
        path,
        `${name} must be a duration with a unit, such as 30s, found ${found(value)}.`,
      );
    case 'too_small':
    case 'too_big':
      return wrongValue('SPEC_RANGE', path, `${name} ${limit(issue, value)}.`);
    case 'custom': {
      const code = issue.params?.['isRange'] === true ? 'SPEC_RANGE' : 'SPEC_DURATION';
      return wrongValue(code, path, `${name} ${issue.message}, found ${found(value)}.`);
    }
    default:
      return wrongValue('SPEC_FORMAT', path, `${name} ${issue.message}, found ${found(value)}.`);
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

function wrongType(name: string, expected: string, value: unknown, text: string | null): string {
  const wanted = TYPE_NAMES[expected] ?? expected;
  if (expected === 'string' && text !== null)
    return `${name} must be text, found ${text}. Put it in quotes: "${text}".`;
  return `${name} must be ${wanted}, found ${found(value)}.`;
}

function found(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (isMapping(value)) return 'a mapping';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** Texts and lists have no smallest size but one: not to be empty. */
function limit(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig, value: unknown): string {
  const isSmall = issue.code === 'too_small';
  const bound = String(isSmall ? issue.minimum : issue.maximum);
  if (typeof value !== 'number' && isSmall) return 'must not be empty';
  if (typeof value === 'string') return `must have at most ${bound} characters, found ${value.length}`;
  const inclusive = isSmall ? 'at least' : 'at most';
  const exclusive = isSmall ? 'greater than' : 'less than';
  return `must be ${issue.inclusive === false ? exclusive : inclusive} ${bound}, found ${found(value)}`;
}

const SHAPES: Readonly<Record<DocumentKind, DocumentShape>> = {
  Canary: { noun: 'a Canary', root: canaryJsonSchema() },
  AnalysisTemplate: { noun: 'an AnalysisTemplate', root: templateJsonSchema() },
};

function fieldsAt({ root }: DocumentShape, path: Path): string[] {
  let branch: Branch | undefined = root;
  for (const key of path) branch = typeof key === 'number' ? branch?.items : branch?.properties?.[key];
  return Object.keys(branch?.properties ?? {});
}

/** Every field of the document, outermost first; 0 stands for any index. */
function allFields({ root }: DocumentShape): Path[] {
  const fields: Path[] = [];
  const pending: { branch: Branch; path: Path }[] = [{ branch: root, path: [] }];
  for (const { branch, path } of pending) {
    if (branch.items !== undefined) pending.push({ branch: branch.items, path: [...path, 0] });
    for (const [key, inner] of Object.entries(branch.properties ?? {})) {
      fields.push([...path, key]);
      pending.push({ branch: inner, path: [...path, key] });
    }
  }
  return fields;
}

function writtenOut(path: Path): string {
  return fieldName(path).replaceAll('[0]', '[]');
}
