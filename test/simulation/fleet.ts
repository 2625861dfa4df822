/** The files: Canaries drawn from the seed, their edits, and the index of them that each daemon scans. */
import type { Changes, SpecIndex } from '../../src/controller/specs.ts';
import type { Canary, Metric, Spec } from '../../src/spec/canary.ts';
import { canonicalJson, sha256 } from '../../src/spec/canonical.ts';
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

export const FIRST_REVISION = 'v1';

const NAMES = ['cart', 'shop', 'search', 'login', 'pay', 'mail'] as const;

const STEPS = [
  [5, 25, 50, 100],
  [10, 100],
  [1, 10, 30, 60, 100],
  [20, 40, 100],
  [100],
  [25, 75, 100],
] as const;

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

/** What a revision is like that the metrics of this Canary can tell. */
function drawTruth(random: Random, canary: Canary): Truth {
  const measuresLatency = canary.analysis.metrics.some(({ source }) => source.kind === 'latency');
  const lasts = canary.strategy.steps.filter(({ weight }) => weight < 100).map(({ weight }) => weight / 100);
  const later = lasts.length === 0 ? 0 : random.pick(lasts);
  return random.weighted<Truth>([
    [{ kind: 'healthy' }, 45],
    [{ kind: 'broken', from: 0 }, 15],
    [{ kind: 'broken', from: later }, 15],
    [{ kind: 'slow' }, measuresLatency ? 10 : 0],
    [{ kind: 'silent', from: 0 }, 8],
    [{ kind: 'silent', from: later }, 7],
  ]);
}

function drawCanary(random: Random, name: string, isOfFiles: boolean): Canary {
  const intervalMs = random.pick([5_000, 10_000, 15_000, 30_000]);
  const isGits = random.chance(0.8);
  return {
    name,
    labels: {},
    service: name,
    revision: isGits ? FIRST_REVISION : null,
    stableRevision: FIRST_REVISION,
    suspend: false,
    target: isOfFiles
      ? { kind: 'file', path: name }
      : { kind: 'nacos', namespace: '', group: 'CANARY_GROUP', dataId: name },
    settleMs: random.pick([0, 10_000, 30_000]),
    verifyTimeoutMs: random.pick([10_000, 30_000]),
    onDrift: random.weighted([
      ['correct', 3],
      ['pause', 1],
      ['adopt', 1],
    ] as const),
    strategy: {
      steps: drawSteps(random),
      ready: null,
      onRevisionChange: random.weighted([
        ['restart', 3],
        ['queue', 1],
        ['reject', 1],
      ] as const),
      onFailure: random.chance(0.85) ? 'rollback' : 'pause',
      onDelete: random.chance(0.7) ? 'rollback' : 'retain',
      progressDeadlineMs: 600_000,
    },
    analysis: {
      skip: false,
      intervalMs,
      versionLabel: 'version',
      onNoData: random.pick(['hold', 'pause', 'rollback'] as const),
      noDataGraceMs: random.pick([60_000, 180_000]),
      onError: random.weighted([
        ['hold', 1],
        ['pause', 3],
        ['rollback', 1],
      ] as const),
      errorLimit: 4,
      onInconclusive: 'pause',
      metrics: drawMetrics(random, name, intervalMs),
    },
  };
}

export function drawSteps(random: Random): Canary['strategy']['steps'] {
  return random.pick(STEPS).map((weight) => ({
    weight,
    bakeMs: random.pick([15_000, 60_000, 120_000]),
    approval: weight < 100 && random.chance(0.1),
  }));
}

function drawMetrics(random: Random, name: string, intervalMs: number): readonly Metric[] {
  const critical = random.chance(0.5);
  const errors: Metric = {
    name: 'error-rate',
    source: {
      kind: 'ratio',
      bad: `http_requests_total{job="${name}",code=~"5.."}`,
      total: `http_requests_total{job="${name}"}`,
      minRequests: 10,
    },
    bounds: { maxDelta: 0.05 },
    windowMs: random.pick([20_000, 60_000]),
    forMs: random.chance(0.7) ? 3 * intervalMs : null,
    failureLimit: null,
    critical,
    dryRun: false,
    judge: 'threshold',
  };
  const limited: Metric = errors.forMs === null ? { ...errors, failureLimit: random.whole(0, 3) } : errors;
  const latency: Metric = {
    ...errors,
    name: 'latency',
    source: { kind: 'latency', histogram: `latency{job="${name}"}`, quantile: 0.99, minRequests: 10 },
    bounds: random.chance(0.5) ? { max: 1 } : { maxRatio: 2 },
    forMs: 3 * intervalMs,
    failureLimit: null,
    critical: random.chance(0.3),
  };
  return random.chance(0.5) ? [limited, latency] : [limited];
}
