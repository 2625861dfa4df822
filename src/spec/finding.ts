/** A diagnostic before its place in the text is known: it names a field instead. */
import type { SpecCode } from './codes.ts';
import type { Diagnostic } from './diagnostic.ts';

/** Keys and list indices from the document's root. */
export type Path = readonly (string | number)[];

export interface Finding {
  readonly severity: Diagnostic['severity'];
  readonly code: SpecCode;
  /** A field that is not there stands for the nearest one around it. */
  readonly path: Path;
  /** Whether the field's name or its value is wrong. */
  readonly on: 'key' | 'value';
  /** Index into the value, where that is a text. */
  readonly offset?: number;
  readonly detail: string;
}

/** An error in the value at `path`. */
export function wrongValue(code: SpecCode, path: Path, detail: string): Finding {
  return { severity: 'error', code, path, on: 'value', detail };
}

/** An error that lies in the field being there, or missing. */
export function wrongField(code: SpecCode, path: Path, detail: string): Finding {
  return { severity: 'error', code, path, on: 'key', detail };
}

/** An error at an index of the text at `path`. */
export function wrongText(code: SpecCode, path: Path, offset: number, detail: string): Finding {
  return { severity: 'error', code, path, on: 'value', offset, detail };
}

export function doubtful(code: SpecCode, path: Path, detail: string): Finding {
  return { severity: 'warning', code, path, on: 'key', detail };
}

/** The path as people write it: `spec.strategy.steps[1].setWeight`; a key with odd characters stands in quotes. */
export function fieldName(path: Path): string {
  return path.map(written).join('').replace(/^\./, '') || 'the document';
}

function written(key: string | number): string {
  if (typeof key === 'number') return `[${key}]`;
  return /^[\w./-]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
