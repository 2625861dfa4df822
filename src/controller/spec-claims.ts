/** Who may use which name and traffic document, when not only files but also running Canaries hold claims. */
import type { ParsedFile, Spec } from '../spec/canary.ts';
import type { Diagnostic } from '../spec/diagnostic.ts';
import { lintDirectory } from '../spec/directory.ts';
import { resolveTemplates } from '../spec/shared-analysis.ts';
import type { CompleteScan } from './spec-files.ts';

export interface Claims {
  /** Declarations of the files that may come into force, by name. */
  readonly valid: ReadonlyMap<string, Spec>;
  /** Names in force whose file is there but says nothing valid about them: their last form goes on. */
  readonly kept: ReadonlySet<string>;
  readonly diagnostics: readonly Diagnostic[];
  /** Files with an error. */
  readonly invalidFiles: number;
}

/**
 * Settles the claims of a scan. What is in force and has no valid declaration any more (its file is broken, was
 * edited into a conflict, or is gone but its rollout not yet ended) keeps its traffic document until it is forgotten.
 */
export function settleClaims(scan: CompleteScan, inForce: ReadonlyMap<string, Spec>): Claims {
  const running = [...inForce.values()];
  let linted = lintDirectory(resolveTemplates(scan.files, running, scan.unread), running);
  for (;;) {
    const valid = byName(linted);
    const standing = running.filter(({ canary }) => !valid.has(canary.name));
    if (standing.length === 0) return claimsOf(linted, valid, standing, scan);
    const [, ...next] = lintDirectory([{ specs: standing, diagnostics: [] }, ...linted], running);
    // Each round can only refuse more: a refused edit leaves its last form standing, which has claims of its own.
    if (byName(next).size === valid.size) return claimsOf(next, valid, standing, scan);
    linted = next;
  }
}

function claimsOf(
  linted: readonly ParsedFile[],
  valid: ReadonlyMap<string, Spec>,
  standing: readonly Spec[],
  { present, unread }: CompleteScan,
): Claims {
  const diagnostics = linted.flatMap((file) => file.diagnostics);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const broken = new Set(errors.map(({ file }) => file));
  const named = new Set(errors.map(({ canary }) => canary));
  const isKept = ({ canary, file }: Spec) =>
    named.has(canary.name) || (present.has(file) && (broken.has(file) || unread.has(file)));
  return {
    valid,
    kept: new Set(standing.filter(isKept).map(({ canary }) => canary.name)),
    diagnostics,
    invalidFiles: broken.size,
  };
}

function byName(files: readonly ParsedFile[]): Map<string, Spec> {
  return new Map(files.flatMap(({ specs }) => specs).map((spec) => [spec.canary.name, spec]));
}
