/** Canary files from disk, for the commands that work without a server. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { err, ok, type Result } from '../lib/result.ts';
import type { AnalysisTemplate, ParsedFile, Spec } from '../spec/canary.ts';
import type { Diagnostic } from '../spec/diagnostic.ts';
import { lintDirectory } from '../spec/directory.ts';
import { parseFile } from '../spec/parse.ts';
import { resolveTemplates } from '../spec/shared-analysis.ts';
import { unreadableFile } from '../spec/unreadable.ts';

/** The names that the daemon reads too: no dot-names, no editor's backups. */
const SPEC_NAME = /^[^.#].*\.ya?ml$/;

export interface ReadSpecs {
  readonly specs: readonly Spec[];
  /** The AnalysisTemplates that were read, and the Canaries among `specs` that use them. */
  readonly templates: readonly TemplateUse[];
  readonly diagnostics: readonly Diagnostic[];
  /** Text by file, for excerpts. */
  readonly sources: ReadonlyMap<string, string>;
}

export interface TemplateUse {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly users: readonly string[];
}

/**
 * Reads files, and of directories the Canary files in them (not in folders below). All of them together are checked
 * as one directory; a file that is named may use the templates of the directory it lies in. The error is a sentence about the first path that cannot be read.
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
  const templates = neighbors(paths, sources, parsed);
  const files = lintDirectory(
    resolveTemplates([...parsed, ...unreadable, { specs: [], templates, diagnostics: [] }]),
  );
  const specs = files.flatMap((file) => file.specs);
  return ok({
    specs,
    templates: files.flatMap((file) => file.templates ?? []).map((template) => useOf(template, specs)),
    diagnostics: files.flatMap(({ diagnostics }) => diagnostics),
    sources,
  });
}

/** Templates beside the files that were named, as far as these use them and do not bring them along. */
function neighbors(
  paths: readonly string[],
  sources: ReadonlyMap<string, string>,
  parsed: readonly ParsedFile[],
): readonly AnalysisTemplate[] {
  const brought = new Set(parsed.flatMap(({ templates = [] }) => templates.map(({ name }) => name)));
  const users = parsed.flatMap((file) => file.users ?? []);
  const wanted = new Set(users.map(({ template }) => template).filter((name) => !brought.has(name)));
  if (wanted.size === 0) return [];
  const folders = new Set(paths.filter((path) => sources.has(path)).map((path) => dirname(path)));
  const beside = [...folders].flatMap(filesAt).filter((file) => !sources.has(file));
  return beside.flatMap(templatesIn).filter(({ name }) => wanted.has(name));
}

/** A file that was not asked for and cannot be read has no templates; that its users lack them is said. */
function templatesIn(file: string): readonly AnalysisTemplate[] {
  try {
    return parseFile(readFileSync(file, 'utf8'), file).templates ?? [];
  } catch {
    return [];
  }
}

function useOf({ name, file, line }: AnalysisTemplate, specs: readonly Spec[]): TemplateUse {
  const users = specs.filter(({ template }) => template?.name === name).map(({ canary }) => canary.name);
  return { name, file, line, users: users.sort() };
}

function filesAt(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => SPEC_NAME.test(name))
    .sort()
    .map((name) => join(path, name));
}
