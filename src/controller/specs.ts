/**
 * The declarations that are in force: what the last scan found valid, and the last valid form of what it did not.
 * chokidar is a hint: it misses symlink swaps and directory renames, so every tick scans the configured path too.
 */
import { basename } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import type { Clock } from '../lib/clock.ts';
import type { ParsedFile, Spec } from '../spec/canary.ts';
import type { Diagnostic } from '../spec/diagnostic.ts';
import { lintDirectory } from '../spec/directory.ts';
import { parseFile } from '../spec/parse.ts';
import { SCHEMA_HASH } from '../spec/schema-hash.ts';
import type { Store } from '../store/store.ts';
import { createRemovals, type FileStatus } from './removals.ts';
import { createSpecFiles } from './spec-files.ts';

export interface SpecIndex {
  /** Scans now and reports what changed since the last scan. One scan runs at a time. */
  rescan(): Promise<Changes>;
  /** Drops a Canary whose removal was carried out. */
  forget(name: string): void;
  /** Calls `onHint` when the watcher saw something; closes with `close`. */
  watch(onHint: () => void): void;
  close(): Promise<void>;
  /** Every declaration in force, by name. */
  specs(): readonly Spec[];
  diagnostics(): readonly Diagnostic[];
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

const DEBOUNCE_MS = 100;

export function createSpecIndex(directory: string, store: Store, clock: Clock): SpecIndex {
  const files = createSpecFiles(directory, cachedParser(store));
  const removals = createRemovals();
  let inForce = new Map(store.specs().map((spec) => [spec.canary.name, spec]));
  const statuses = new Map<string, FileStatus>();
  let diagnostics: readonly Diagnostic[] = [];
  let massDeletion: string | null = null;
  let counts = { valid: 0, invalid: 0, kept: 0 };
  let watcher: FSWatcher | null = null;
  let cancelHint = () => {};
  let scanning: Promise<Changes> = Promise.resolve(noChanges());

  async function scan(): Promise<Changes> {
    const found = await files.scan();
    if (found.kind === 'unreadable') {
      const detail = `${directory} cannot be read: ${found.detail}; nothing is changed or deleted`;
      return report([directoryDiagnostic(directory, detail)], [], found.settling, null);
    }
    const linted = lintDirectory(found.files);
    const valid = new Map(linted.flatMap((file) => file.specs).map((spec) => [spec.canary.name, spec]));
    const kept = keptForms(linted, valid, found.present);
    const verdict = removals.judge([...inForce.keys()], new Set([...valid.keys(), ...kept]), clock.now());
    const changed = takeOver(valid, verdict.status);
    const wrong = linted.flatMap((file) => file.diagnostics);
    counts = {
      valid: valid.size,
      invalid: linted.filter((file) => file.diagnostics.some(({ severity }) => severity === 'error')).length,
      kept: kept.length,
    };
    return report(wrong, changed, found.settling, verdict.massDeletion);
  }

  /** Names whose file is still there but no longer says anything valid about them: their last form goes on. */
  function keptForms(
    linted: readonly ParsedFile[],
    valid: ReadonlyMap<string, Spec>,
    present: ReadonlySet<string>,
  ): string[] {
    const broken = new Set(
      linted.flatMap(({ diagnostics: found }) =>
        found.filter(({ severity }) => severity === 'error').map(({ file }) => file),
      ),
    );
    return [...inForce.values()]
      .filter(({ canary, file }) => !valid.has(canary.name) && present.has(file) && broken.has(file))
      .map(({ canary }) => canary.name);
  }

  function takeOver(
    valid: ReadonlyMap<string, Spec>,
    status: (name: string) => FileStatus,
  ): Changes['changed'] {
    const next = new Map([...inForce, ...valid]);
    const changed: { spec: Spec; file: FileStatus }[] = [];
    const written: Spec[] = [];
    for (const [name, spec] of next) {
      const before = inForce.get(name);
      const isNew =
        before === undefined ||
        before.hash !== spec.hash ||
        before.file !== spec.file ||
        before.line !== spec.line;
      if (isNew) written.push(spec);
      const file = status(name);
      if (isNew || statuses.get(name) !== file) changed.push({ spec, file });
      statuses.set(name, file);
    }
    if (written.length > 0) store.putSpecs(written, []);
    inForce = next;
    return changed;
  }

  function report(
    wrong: readonly Diagnostic[],
    changed: Changes['changed'],
    settling: boolean,
    mass: string | null,
  ): Changes {
    const all = mass === null ? wrong : [...wrong, directoryDiagnostic(directory, mass)];
    const before = new Set(diagnostics.map(identity));
    const fresh = all.filter((diagnostic) => !before.has(identity(diagnostic)));
    const isNewMass = mass !== null && massDeletion === null;
    diagnostics = all;
    massDeletion = mass;
    return { changed, settling, massDeletion: isNewMass ? mass : null, fresh };
  }

  return {
    rescan() {
      scanning = scanning.then(scan, scan);
      return scanning;
    },
    forget(name) {
      inForce.delete(name);
      statuses.delete(name);
      store.putSpecs([], [name]);
    },
    watch(onHint) {
      watcher = watch(directory, { depth: 0, ignoreInitial: true, ignored: isHidden });
      watcher.on('all', () => {
        cancelHint();
        cancelHint = clock.after(DEBOUNCE_MS, onHint);
      });
      // The watch is a hint: where it fails (no inotify handles left, directory gone) the tick scans all the same.
      watcher.on('error', () => {});
    },
    async close() {
      cancelHint();
      await watcher?.close();
      await scanning.catch(() => {});
    },
    specs: () => [...inForce.values()],
    diagnostics: () => diagnostics,
    counts: () => counts,
  };
}

/** Swap files and the like; a directory reached through dot-names is fine. */
function isHidden(path: string): boolean {
  const name = basename(path);
  return name.startsWith('.') && name !== '.' && name !== '..' && /\.(swp|swx|tmp|ya?ml)/.test(name);
}

function cachedParser(store: Store): (text: string, file: string, contentHash: string) => ParsedFile {
  return (text, file, contentHash) => {
    const key = `${file}:${contentHash}`;
    const cached = store.cachedParse(key, SCHEMA_HASH);
    if (cached !== null) return JSON.parse(cached) as ParsedFile;
    const parsed = parseFile(text, file);
    store.cacheParse(key, SCHEMA_HASH, JSON.stringify(parsed));
    return parsed;
  };
}

function directoryDiagnostic(directory: string, detail: string): Diagnostic {
  return { severity: 'error', file: directory, line: 1, column: 1, code: 'SPEC_DIRECTORY', detail };
}

function identity({ file, line, column, code, detail }: Diagnostic): string {
  return `${file}:${line}:${column}:${code}:${detail}`;
}

function noChanges(): Changes {
  return { changed: [], settling: false, massDeletion: null, fresh: [] };
}
