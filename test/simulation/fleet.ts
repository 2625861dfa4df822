/** The files: their Canaries, their edits, and the index of them that each daemon scans. */
import type { Changes, SpecIndex } from '../../src/controller/specs.ts';
import type { Canary, Spec } from '../../src/spec/canary.ts';
import { canonicalJson, sha256 } from '../../src/spec/canonical.ts';
import { drawCanary, drawTruth } from './draw-canary.ts';
import type { Random } from './random.ts';
import type { Truth } from './traffic.ts';

export type FileState = 'present' | 'missing' | 'gone' | 'forgotten';

interface File {
  spec: Spec;
  state: FileState;
  /** Grows with every change. */
  version: number;
  /** Revisions named so far. */
  revisions: number;
}

export interface Fleet {
  /** Canaries that have a file, or had one that is not forgotten yet. */
  names(): readonly string[];
  /** Every name there ever was. */
  everyName(): readonly string[];
  file(name: string): { readonly spec: Spec; readonly state: FileState };
  /** The declaration with this hash, as it once was. */
  byHash(hash: string): Spec | null;
  rps(name: string): number;
  edit(name: string, change: (canary: Canary) => Canary): void;
  move(name: string, state: 'present' | 'missing' | 'gone'): void;
  /** The database was lost: nobody knows any more of Canaries whose file is away. */
  lost(): void;
  /** Puts files in place of forgotten ones, some under the same names; returns what was done, in words. */
  replace(): readonly string[];
  /** Makes up the next revision of a Canary, and how it really behaves. */
  nextRevision(name: string): { readonly revision: string; readonly truth: Truth };
  /** The index of one daemon. */
  index(): SpecIndex;
}

const NAMES = ['cart', 'shop', 'search', 'login', 'pay', 'mail'] as const;

export function createFleet(
  random: Random,
  isOfFiles: boolean,
  tell: (name: string, revision: string, truth: Truth) => void,
): Fleet {
  const files = new Map<string, File>();
  const rates = new Map<string, number>();
  const hashes = new Map<string, Spec>();

  function put(canary: Canary, file: Omit<File, 'spec' | 'version'>, version: number): void {
    const spec: Spec = {
      canary,
      file: `${canary.name}.yaml`,
      line: 1,
      hash: sha256(canonicalJson(canary)),
    };
    hashes.set(spec.hash, spec);
    files.set(canary.name, { ...file, spec, version });
  }

  function find(name: string): File {
    return files.get(name)!;
  }

  function move(name: string, state: FileState): void {
    const file = find(name);
    files.set(name, { ...file, state, version: file.version + 1 });
  }

  function add(): void {
    const name = `${random.pick(NAMES)}-${files.size + 1}`;
    rates.set(name, random.whole(30, 300));
    put(drawCanary(random, name, isOfFiles), { state: 'present', revisions: 1 }, 1);
  }

  /** A forgotten name again, as its file was or with another strategy; its document is as it was left. */
  function revive(name: string): void {
    const { spec, revisions, version } = find(name);
    const { strategy } = random.chance(0.5) ? spec.canary : drawCanary(random, name, isOfFiles);
    put({ ...spec.canary, strategy }, { state: 'present', revisions }, version + 1);
  }

  function replaceOne(forgotten: readonly string[]): string {
    if (forgotten.length === 0 || random.chance(0.5)) {
      add();
      return 'file new';
    }
    revive(random.pick(forgotten));
    return 'file of a forgotten name';
  }

  const isForgotten = (name: string) => find(name).state === 'forgotten';
  const names = () => [...files.keys()].filter((name) => !isForgotten(name));
  const size = random.whole(3, 6);
  for (let some = 0; some < size; some += 1) add();

  return {
    names,
    everyName: () => [...files.keys()],
    replace() {
      const done: string[] = [];
      while (names().length < size) done.push(replaceOne([...files.keys()].filter(isForgotten)));
      return done;
    },
    file: find,
    byHash: (hash) => hashes.get(hash) ?? null,
    rps: (name) => rates.get(name) ?? 0,
    edit(name, change) {
      const file = find(name);
      put(change(file.spec.canary), file, file.version + 1);
    },
    move,
    lost() {
      for (const [name, { state }] of files) if (state !== 'present') move(name, 'forgotten');
    },
    nextRevision(name) {
      const file = find(name);
      const revisions = file.revisions + 1;
      files.set(name, { ...file, revisions });
      const revision = `v${revisions}`;
      const truth = drawTruth(random, file.spec.canary);
      tell(name, revision, truth);
      return { revision, truth };
    },
    index: () => indexOf(files, move),
  };
}

function indexOf(
  files: ReadonlyMap<string, File>,
  move: (name: string, state: FileState) => void,
): SpecIndex {
  const seen = new Map<string, number>();
  /** Names that this process knows of; it may learn late that another one forgot some. */
  const known = new Set([...files.keys()].filter((name) => files.get(name)?.state !== 'forgotten'));

  function scan(): Changes['changed'] {
    return [...files].flatMap(([name, { spec, state, version }]) => {
      if (state === 'present') known.add(name);
      if (!known.has(name) || seen.get(name) === version) return [];
      seen.set(name, version);
      return [{ spec, file: state === 'forgotten' ? 'gone' : state }];
    });
  }

  return {
    rescan: () => Promise.resolve({ changed: scan(), settling: false, massDeletion: null, fresh: [] }),
    forget(name) {
      seen.delete(name);
      known.delete(name);
      if (files.get(name)?.state !== 'present') move(name, 'forgotten');
    },
    save() {},
    watch() {},
    close: () => Promise.resolve(),
    specs: () => [...known].flatMap((name) => files.get(name)?.spec ?? []),
    diagnostics: () => [],
    massDeletion: () => null,
    counts: () => ({ valid: files.size, invalid: 0, kept: 0 }),
  };
}
