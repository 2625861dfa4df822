/** What a directory would change: its files against what runs. Pure. */
import { formatDuration } from '../lib/duration.ts';
import type { Analysis, Canary, JudgeName, Spec } from '../spec/canary.ts';
import type { Diagnostic } from '../spec/diagnostic.ts';
import { diffSpecs, type FieldChange, targetKey } from '../spec/edit.ts';
import type { CanaryView } from '../view/schemas.ts';

/** start: a rollout begins. change: something else happens. blocked: the file asks for what will not happen. */
export type PlanKind = 'start' | 'change' | 'blocked' | 'unchanged';

export interface PlanEntry {
  readonly canary: string;
  readonly kind: PlanKind;
  /** One sentence each. */
  readonly notes: readonly string[];
  readonly changes: readonly FieldChange[];
  /** Which judge each metric has in the rollouts that begin with this file, in its order; none without a file. */
  readonly judges: readonly { readonly metric: string; readonly judge: JudgeName }[];
  /** What such a rollout may spend of the error budget; null where it may spend any amount. */
  readonly budget: PlannedBudget | null;
}

export interface PlannedBudget {
  readonly share: number;
  /** As the file writes it, e.g. "30d". */
  readonly window: string;
  /** Each of them has a budget of its own. */
  readonly metrics: readonly { readonly metric: string; readonly objective: number }[];
}

/** One Canary as it runs. */
export interface Running {
  readonly view: CanaryView;
  /** Its declaration, where the file says something else. */
  readonly canary: Canary | null;
}

/** An entry for each Canary of the directory, of its broken files, and of what runs without a file there; by name. */
export function planOf(
  specs: readonly Spec[],
  diagnostics: readonly Diagnostic[],
  running: ReadonlyMap<string, Running>,
): PlanEntry[] {
  const entries = specs.map((spec) => planSpec(spec, running.get(spec.canary.name)));
  const planned = new Set(entries.map(({ canary }) => canary));
  for (const [name, faults] of faultsByName(diagnostics)) {
    // A declaration with an error gives no Canary: beside a valid one of the name, it is another claimant's.
    const isClaimed = planned.has(name);
    planned.add(name);
    const [{ file } = { file: '' }] = faults;
    entries.push(planBroken(isClaimed ? `${name} (${file})` : name, faults, !isClaimed && running.has(name)));
  }
  for (const [name, { view }] of running) if (!planned.has(name)) entries.push(planRemoved(name, view));
  return entries.sort((a, b) => (a.canary < b.canary ? -1 : 1));
}

function faultsByName(diagnostics: readonly Diagnostic[]): Map<string, Diagnostic[]> {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  return Map.groupBy(errors, ({ canary, file }) => canary ?? file);
}

function planBroken(canary: string, faults: readonly Diagnostic[], isRunning: boolean): PlanEntry {
  const notes = faults.map(
    ({ file, line, column, code, detail }) => `${file}:${line}:${column} ${code} ${detail}`,
  );
  const kept = isRunning ? ['its last valid form keeps running'] : [];
  return { canary, kind: 'blocked', notes: [...notes, ...kept], changes: [], judges: [], budget: null };
}

function planRemoved(canary: string, view: CanaryView): PlanEntry {
  const note = isUnderWay(view)
    ? 'its file is gone: the rollout under way is cancelled as onDelete says, then it is forgotten'
    : 'its file is gone: it is forgotten, the live weights stay as they are';
  return { canary, kind: 'change', notes: [note], changes: [], judges: [], budget: null };
}

function planSpec(spec: Spec, running: Running | undefined): PlanEntry {
  const { name, analysis } = spec.canary;
  const measured = analysis.metrics.filter(({ source }) => source.kind !== 'external');
  const judges = measured.map((metric) => ({ metric: metric.name, judge: metric.judge }));
  const begun = { judges, budget: budgetOf(analysis) };
  if (running === undefined) return { canary: name, ...planNew(spec), changes: [], ...begun };
  const { view, canary: before } = running;
  const changes = view.specHash === spec.hash ? [] : diffSpecs(before, spec.canary);
  const verdict = planRevision(spec, view) ?? planTarget(spec, before, view);
  if (verdict !== null) return { canary: name, ...verdict, changes, ...begun };
  return { canary: name, kind: changes.length > 0 ? 'change' : 'unchanged', notes: [], changes, ...begun };
}

function budgetOf({ rolloutBudget, metrics }: Analysis): PlannedBudget | null {
  if (rolloutBudget === undefined) return null;
  const spending = metrics.flatMap(({ name, judge, dryRun, objective }) =>
    judge === 'sequential' && !dryRun && objective !== undefined ? [{ metric: name, objective }] : [],
  );
  return { share: rolloutBudget.share, window: formatDuration(rolloutBudget.windowMs), metrics: spending };
}

type Verdict = Pick<PlanEntry, 'kind' | 'notes'>;

function planNew({ canary: { revision, stableRevision } }: Spec): Verdict {
  if (revision === null) {
    return { kind: 'change', notes: ['new; only `canary start` gives it a revision'] };
  }
  if (revision === stableRevision) {
    return { kind: 'change', notes: [`new; ${revision} is declared live`] };
  }
  return {
    kind: 'start',
    notes: [`new; would start ${revision} unless the live rule says that it is stable already`],
  };
}

/** Null: the file's revision asks for nothing new. */
function planRevision({ canary }: Spec, view: CanaryView): Verdict | null {
  const { revision, suspend, strategy } = canary;
  const { stableRevision, canaryRevision, phase } = view;
  const runs = isUnderWay(view);
  if (revision === null || (runs && revision === canaryRevision)) return null;
  if (revision === stableRevision) {
    if (!runs) return null;
    return { kind: 'change', notes: [`${canaryRevision} is reverted: weight 0 at once, outcome Reverted`] };
  }
  if (view.failedRevisions.includes(revision)) {
    return {
      kind: 'blocked',
      notes: [`${revision} failed before: \`canary retry ${canary.name}\` tries it again`],
    };
  }
  const waits = suspend ? ['suspend: true holds it in Waiting'] : [];
  if (runs) {
    const onChange = strategy.onRevisionChange;
    const reasons = {
      restart: `would start ${revision}: ${canaryRevision} (${phase}) goes back to weight 0 first`,
      queue: `${revision} is queued until the rollout of ${canaryRevision} (${phase}) ended`,
      reject: `onRevisionChange: reject refuses ${revision} while ${canaryRevision} is under way (${phase})`,
    };
    const kinds = { restart: 'start', queue: 'change', reject: 'blocked' } as const;
    return { kind: kinds[onChange], notes: [reasons[onChange], ...waits] };
  }
  if (stableRevision === null) {
    return {
      kind: 'blocked',
      notes: ['nothing is known about the stable revision: set spec.stableRevision'],
    };
  }
  const weight = strategy.steps[0]?.weight ?? 0;
  const note = `would start ${revision} (${stableRevision} is live), first weight ${weight} %`;
  return { kind: 'start', notes: [note, ...waits] };
}

function planTarget(spec: Spec, before: Canary | null, view: CanaryView): Verdict | null {
  if (before === null || !isUnderWay(view)) return null;
  if (targetKey(before.target) === targetKey(spec.canary.target)) return null;
  return { kind: 'blocked', notes: ['spec.traffic changes its document only while no rollout is under way'] };
}

/** A rollout moves, or holds, a part of the traffic. */
export function isUnderWay({ canaryRevision, phase }: CanaryView): boolean {
  return canaryRevision !== null && phase !== 'RolledBack';
}
