/**
 * The declarations that are in force: what the last scan found valid, and the last valid form of what it did not.
 * Every tick scans the configured path: a watcher misses symlink swaps and directory renames.
 */
import type { Clock } from '../lib/clock.ts';
import type { ParsedFile, Spec } from '../spec/canary.ts';
import type { Diagnostic } from '../spec/diagnostic.ts';
import { parseFile } from '../spec/parse.ts';
import { SCHEMA_HASH } from '../spec/schema-hash.ts';
import { type Store, StoreError } from '../store/store.ts';
import { createRemovals, type FileStatus } from './removals.ts';
import { type Claims, settleClaims } from './spec-claims.ts';
import { type CompleteScan, createSpecFiles, type Parse, type ScanReason } from './spec-files.ts';
import { watchDirectory } from './spec-watch.ts';

export interface SpecIndex {
  /** Scans now and reports what changed since the last scan. One scan runs at a time. */
  rescan(reason: ScanReason): Promise<Changes>;
  /** Drops a Canary whose removal was carried out; a file that still declares it counts as new at the next scan. */
  forget(name: string): void;
  /** Stores what the store does not hold yet; for the leader only. After a StoreError all of it is still to be stored. */
  save(): void;
  /** Calls `onHint` when the directory may have changed; ends with `close`. */
  watch(onHint: () => void): void;
  close(): Promise<void>;
  /** Every declaration in force, in name order. */
  specs(): readonly Spec[];
  diagnostics(): readonly Diagnostic[];
  /** Set while so much is missing at once that nothing is deleted. */
  massDeletion(): string | null;
  counts(): { readonly valid: number; readonly invalid: number; readonly kept: number };
}

export interface Changes {
  readonly changed: readonly { readonly spec: Spec; readonly file: FileStatus }[];
  /** A file was being written: scan again soon. */
  readonly settling: boolean;
  /** Newly true: so much vanished that nothing is deleted. */
  readonly massDeletion: string | null;
  /** Diagnostics that were not there at the last scan. */
  readonly fresh: readonly Diagnostic[];
}

/** What became of the last scan, without which every scan is worked through in full. */
interface Settled {
  readonly files: readonly ParsedFile[];
  readonly claims: Claims;
  /** A file was being read or a removal is under way: time alone may change something. */
  readonly isOpen: boolean;
}

export function createSpecIndex(
  directory: string,
  store: Pick<Store, 'specs' | 'putSpecs' | 'cachedParse' | 'cacheParse'>,
  clock: Clock,
): SpecIndex {
  const parses = createParseCache(store);
  const files = createSpecFiles(directory, parses.parse, clock);
  const removals = createRemovals();
  const inForce = new Map(store.specs().map((spec) => [spec.canary.name, spec]));
  let sorted: readonly Spec[] | null = null;
  const statuses = new Map<string, FileStatus>();
  const unsaved = new Set<string>();
  let settled: Settled | null = null;
  let diagnostics: readonly Diagnostic[] = [];
  let massDeletion: string | null = null;
  let scanning: Promise<Changes> = Promise.resolve(noChanges());
  let unwatch = async () => {};

  async function scan(reason: ScanReason): Promise<Changes> {
    const found = await files.scan(reason);
    if (found.kind === 'unreadable') {
      settled = null;
      const detail = `${directory} cannot be read: ${found.detail}; nothing is changed or deleted`;
      return { ...noChanges(), ...report([directoryDiagnostic(detail)], null) };
    }
    const isSame = settled !== null && !settled.isOpen && settled.files === found.files && !found.settling;
    return isSame ? noChanges() : workThrough(found);
  }

  function workThrough(found: CompleteScan): Changes {
    const claims = settleClaims(found, inForce);
    const there = new Set([...claims.valid.keys(), ...claims.kept]);
    const absent = [...inForce.keys()].some((name) => !there.has(name));
    const verdict = removals.judge([...inForce.keys()], there, clock.monotonic());
    const changed = takeOver(claims.valid, verdict.status);
    settled = { files: found.files, claims, isOpen: absent || found.settling };
    return { changed, settling: found.settling, ...report(claims.diagnostics, verdict.massDeletion) };
  }

  /** Brings the valid declarations into force; returns what is new, moved, or has another file status now. */
  function takeOver(
    valid: ReadonlyMap<string, Spec>,
    status: (name: string) => FileStatus,
  ): Changes['changed'] {
    const changed: { spec: Spec; file: FileStatus }[] = [];
    for (const [name, spec] of new Map([...inForce, ...valid])) {
      const isNew = !isSameSpec(inForce.get(name), spec);
      const file = status(name);
      if (isNew) put(name, spec);
      if (isNew || statuses.get(name) !== file) changed.push({ spec, file });
      statuses.set(name, file);
    }
    return changed;
  }

  function put(name: string, spec: Spec): void {
    inForce.set(name, spec);
    unsaved.add(name);
    sorted = null;
  }

  /** Takes what is wrong now, and tells what of it is new. */
  function report(
    wrong: readonly Diagnostic[],
    mass: string | null,
  ): Pick<Changes, 'massDeletion' | 'fresh'> {
    const all = mass === null ? wrong : [...wrong, directoryDiagnostic(mass)];
    const before = new Set(diagnostics.map(identity));
    const fresh = all.filter((diagnostic) => !before.has(identity(diagnostic)));
    const isNewMass = mass !== null && massDeletion === null;
    diagnostics = all;
    massDeletion = mass;
    return { massDeletion: isNewMass ? mass : null, fresh };
  }

  function directoryDiagnostic(detail: string): Diagnostic {
    return { severity: 'error', file: directory, line: 1, column: 1, code: 'SPEC_DIRECTORY', detail };
  }

  return {
    rescan(reason) {
      const next = () => scan(reason);
      scanning = scanning.then(next, next);
      return scanning;
    },
    forget(name) {
      inForce.delete(name);
      statuses.delete(name);
      unsaved.add(name);
      sorted = null;
      settled = null;
    },
    save() {
      parses.save();
      if (unsaved.size === 0) return;
      const changed = [...unsaved].flatMap((name) => inForce.get(name) ?? []);
      const removed = [...unsaved].filter((name) => !inForce.has(name));
      store.putSpecs(changed, removed);
      unsaved.clear();
    },
    watch(onHint) {
      unwatch = watchDirectory(directory, clock, onHint);
    },
    async close() {
      await unwatch();
      await scanning.catch(() => {});
    },
    specs() {
      sorted ??= [...inForce.keys()].sort().flatMap((name) => inForce.get(name) ?? []);
      return sorted;
    },
    diagnostics: () => diagnostics,
    massDeletion: () => massDeletion,
    counts: () => ({
      valid: settled?.claims.valid.size ?? 0,
      invalid: settled?.claims.invalidFiles ?? 0,
      kept: settled?.claims.kept.size ?? 0,
    }),
  };
}

function isSameSpec(a: Spec | undefined, b: Spec): boolean {
  if (a === undefined || a.hash !== b.hash || a.file !== b.file || a.line !== b.line) return false;
  const [was, is] = [a.template, b.template];
  return was?.name === is?.name && was?.file === is?.file && was?.hash === is?.hash;
}

/** Parses are kept over restarts. A store that cannot be asked costs a parse, never a scan. */
function createParseCache(store: Pick<Store, 'cachedParse' | 'cacheParse'>): {
  readonly parse: Parse;
  save(): void;
} {
  const unsaved = new Map<string, { readonly key: string; readonly parsed: ParsedFile }>();

  function find(key: string): string | null {
    try {
      return store.cachedParse(key, SCHEMA_HASH);
    } catch (error) {
      if (error instanceof StoreError) return null;
      throw error;
    }
  }

  return {
    parse(text, file, contentHash) {
      const key = `${file}:${contentHash}`;
      const cached = find(key);
      if (cached !== null) return JSON.parse(cached) as ParsedFile;
      const parsed = parseFile(text, file);
      unsaved.set(file, { key, parsed });
      return parsed;
    },
    save() {
      for (const { key, parsed } of unsaved.values()) {
        store.cacheParse(key, SCHEMA_HASH, JSON.stringify(parsed));
      }
      unsaved.clear();
    },
  };
}

function identity({ file, line, column, code, detail }: Diagnostic): string {
  return `${file}:${line}:${column}:${code}:${detail}`;
}

function noChanges(): Changes {
  return { changed: [], settling: false, massDeletion: null, fresh: [] };
}
