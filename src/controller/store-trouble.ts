/** What people are told of the Canaries whose decisions the store does not take. */
import type { Diagnostic } from '../spec/diagnostic.ts';
import type { Entry } from './memory.ts';

/** One diagnostic for each Canary whose last decision is not saved. */
export function storeDiagnostics(entries: Iterable<Entry>): Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const { name, spec, storeTrouble } of entries) {
    if (storeTrouble === null) continue;
    const { code, message } = storeTrouble;
    const detail = `nothing rises until its decisions can be saved: ${message}`;
    found.push({
      severity: 'error',
      file: spec.file,
      line: spec.line,
      column: 1,
      code,
      detail,
      canary: name,
    });
  }
  return found;
}
