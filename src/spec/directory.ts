/** The rules between the files of a directory: names are unique, and each traffic document has one owner. */
import type { ParsedFile, Spec } from './canary.ts';
import type { SpecCode } from './codes.ts';
import type { Diagnostic } from './diagnostic.ts';
import { targetKey } from './edit.ts';

/**
 * The same files in the same order, where of two claimants of one name or one traffic document the second has lost
 * its spec and got an error. First is what runs already (by name and file), then the order of file names, then of
 * documents in a file. What runs from a file that is broken now goes on, so it keeps its claims too.
 */
export function lintDirectory(
  files: readonly ParsedFile[],
  running: readonly Spec[] = [],
): readonly ParsedFile[] {
  const incumbents = new Set(running.map(identity));
  const declared = files.flatMap(({ specs }) => specs);
  const claimants = [...declared].sort((a, b) => {
    const byRunning = Number(incumbents.has(identity(b))) - Number(incumbents.has(identity(a)));
    return byRunning || (a.file < b.file ? -1 : a.file > b.file ? 1 : 0);
  });
  const kept = keptForms(files, running, new Set(declared.map(identity)));
  const names = new Map(kept.map((spec) => [spec.canary.name, spec]));
  const targets = new Map(kept.map((spec) => [targetKey(spec.canary.target), spec]));
  const refused = new Map<Spec, Diagnostic>();
  for (const spec of claimants) {
    const { name, target } = spec.canary;
    const namesake = names.get(name);
    const owner = targets.get(targetKey(target));
    if (namesake !== undefined) {
      const detail = `The name ${name} belongs to ${placeOf(namesake)}: choose another metadata.name.`;
      refused.set(spec, refusal(spec, 'SPEC_DUPLICATE_NAME', detail));
    } else if (owner !== undefined) {
      const detail = `The traffic document ${targetKey(target)} belongs to ${owner.canary.name} (${placeOf(owner)}): set another under spec.traffic.`;
      refused.set(spec, refusal(spec, 'SPEC_DUPLICATE_TARGET', detail));
    } else {
      names.set(name, spec);
      targets.set(targetKey(target), spec);
    }
  }
  if (refused.size === 0) return files;
  return files.map(({ specs, diagnostics }) => ({
    specs: specs.filter((spec) => !refused.has(spec)),
    diagnostics: [...diagnostics, ...specs.flatMap((spec) => refused.get(spec) ?? [])],
  }));
}

function keptForms(
  files: readonly ParsedFile[],
  running: readonly Spec[],
  declared: ReadonlySet<string>,
): readonly Spec[] {
  const errors = files
    .flatMap(({ diagnostics }) => diagnostics)
    .filter(({ severity }) => severity === 'error');
  const broken = new Set(errors.map(({ file }) => file));
  return running.filter((spec) => broken.has(spec.file) && !declared.has(identity(spec)));
}

function identity({ canary, file }: Spec): string {
  return `${canary.name}\n${file}`;
}

function placeOf({ file, line }: Spec): string {
  return `${file}:${line}`;
}

function refusal({ canary, file, line }: Spec, code: SpecCode, detail: string): Diagnostic {
  return { severity: 'error', file, line, column: 1, code, detail, canary: canary.name };
}
