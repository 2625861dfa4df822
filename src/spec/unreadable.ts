/** What stands in for a file that could not be read. */
import type { ParsedFile } from './canary.ts';

/** One error at the head of `file`; `reason` is half a sentence. */
export function unreadableFile(file: string, reason: string): ParsedFile {
  const detail = `the file cannot be read (${reason}): correct that, or remove the file`;
  return {
    specs: [],
    diagnostics: [{ severity: 'error', file, line: 1, column: 1, code: 'SPEC_UNREADABLE', detail }],
  };
}
