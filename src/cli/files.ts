/** Canary files from disk, for the commands that work without a server. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { err, ok, type Result } from '../lib/result.ts';
import type { ParsedFile, Spec } from '../spec/canary.ts';
import type { Diagnostic } from '../spec/diagnostic.ts';
import { lintDirectory } from '../spec/directory.ts';
import { parseFile } from '../spec/parse.ts';
import { unreadableFile } from '../spec/unreadable.ts';

/** The names that the daemon reads too: no dot-names, no editor's backups. */
const SPEC_NAME = /^[^.#].*\.ya?ml$/;

export interface ReadSpecs {
  readonly specs: readonly Spec[];
  readonly diagnostics: readonly Diagnostic[];
  /** Text by file, for excerpts. */
  readonly sources: ReadonlyMap<string, string>;
}

/**
 * Reads files, and of directories the Canary files in them (not in folders below). All of them together are checked
 * as one directory. The error is a sentence about the first path that cannot be read.
 */
export function readSpecs(paths: readonly string[]): Result<ReadSpecs, string> {
  const sources = new Map<string, string>();
  const unreadable: ParsedFile[] = [];
  const read = (file: string, path: string) => {
    try {
      sources.set(file, readFileSync(file, 'utf8'));
    } catch (error) {
      // A file that was named is what was asked for; one among many must not hide the others.
      if (file === path) throw error;
      unreadable.push(unreadableFile(file, error instanceof Error ? error.message : String(error)));
    }
  };
  for (const path of paths) {
    try {
      for (const file of filesAt(path)) read(file, path);
    } catch (error) {
      return err(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (sources.size + unreadable.length === 0) return err(`there is no .yaml file in ${paths.join(', ')}`);
  const parsed = [...sources].map(([file, text]) => parseFile(text, file));
  const files = lintDirectory([...parsed, ...unreadable]);
  return ok({
    specs: files.flatMap(({ specs }) => specs),
    diagnostics: files.flatMap(({ diagnostics }) => diagnostics),
    sources,
  });
}

function filesAt(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => SPEC_NAME.test(name))
    .sort()
    .map((name) => join(path, name));
}
