/** The rules between the files of a directory: names are unique, and each traffic document has one owner. */
import type { ParsedFile, Spec } from './canary.ts';
import type { SpecCode } from './codes.ts';
import type { Diagnostic } from './diagnostic.ts';
import { targetKey } from './edit.ts';

/**
 * The same files in the same order, where of two claimants of one name or one traffic document the second has lost
 * its spec and got an error. First is what runs already (by name and file; the ones whose traffic document stayed the
 * same before those that now name another), then the order of file names, then of documents in a file. What runs from a file that is broken now goes on, so it keeps its claims too.
 */
export function lintDirectory(
  files: readonly ParsedFile[],
  running: readonly Spec[] = [],
): readonly ParsedFile[] {
  const declared = files.flatMap(({ specs }) => specs);
  const claimants = inOrderOfClaims(declared, running);
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
  return files.map(({ specs, diagnostics, ...rest }) => ({
    ...rest,
    specs: specs.filter((spec) => !refused.has(spec)),
    diagnostics: [...diagnostics, ...specs.flatMap((spec) => refused.get(spec) ?? [])],
  }));
}

function inOrderOfClaims(declared: readonly Spec[], running: readonly Spec[]): readonly Spec[] {
  const targets = new Map(running.map((spec) => [identity(spec), targetKey(spec.canary.target)]));
  const ranked = declared.map((spec) => {
    const target = targets.get(identity(spec));
    const rank = target === undefined ? 2 : target === targetKey(spec.canary.target) ? 0 : 1;
    return { spec, rank };
  });
  ranked.sort((a, b) => a.rank - b.rank || byText(a.spec.file, b.spec.file));
  return ranked.map(({ spec }) => spec);
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
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
