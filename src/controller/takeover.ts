/** Beginning to lead: memory is loaded afresh, because another process may have led in between. */
import type { CanaryState } from '../core/rollout.ts';
import { activeRollout } from '../core/turn.ts';
import type { Spec } from '../spec/canary.ts';
import type { Journal } from '../store/journal.ts';
import type { Save, Store } from '../store/store.ts';
import { type Entry, knowSignals, type Memory, newEntry } from './memory.ts';

/** A Canary at rest is looked at this often, spread by its name. */
const IDLE_MS = 60_000;

/**
 * Replaces every entry by a new one with what the store and the emergency journal know, so that a run still in hand
 * from an earlier leadership can tell that it is out of date. Throws a StoreError before anything was replaced.
 */
export function loadAfresh(
  memory: Memory,
  store: Pick<Store, 'index' | 'signals'>,
  journal: Journal,
  specs: readonly Spec[],
  now: number,
): void {
  const index = store.index();
  const signals = store.signals();
  const kept = journalled(journal);
  for (const spec of specs) {
    const before = memory.get(spec.canary.name);
    memory.put(newEntry(spec, before?.file ?? 'present', now));
  }
  for (const entry of memory.entries()) {
    entry.isLoaded = true;
    knowSignals(entry, signals.get(entry.name) ?? []);
  }
  for (const { canary, state, nextCheckAt, commands } of index) {
    const entry = memory.get(canary);
    if (entry === null) continue;
    entry.state = state;
    entry.unsaved = (kept.get(canary) ?? []).filter((save) => isNewer(save, state));
    const taken = new Set(entry.unsaved.flatMap(({ consumed }) => consumed));
    entry.commands = commands.filter(({ id }) => !taken.has(id));
    const newest = entry.unsaved.at(-1);
    if (newest !== undefined) entry.state = newest.state;
    entry.journalled = placeOf(newest?.state ?? null);
    entry.nextCheckAt = isPressing(entry, state) ? now : inItsTime(entry, state, nextCheckAt, now);
  }
}

/** What is kept in the journal already is not kept there twice. */
function placeOf(state: CanaryState | null): Entry['journalled'] {
  return state === null ? null : { operation: state.intent?.operation ?? '', decision: state.seq.decision };
}

/** By the count of decisions: the wall clock may have gone back between the two. */
function isNewer({ state }: Save, stored: CanaryState): boolean {
  return state !== null && state.seq.decision > stored.seq.decision;
}

/** Something is under way, or happened since it was last decided about. */
function isPressing(entry: Entry, state: CanaryState): boolean {
  const { spec, file, commands, signals, unsaved } = entry;
  const isOpen = state.intent !== null || state.ending !== null || state.phase === 'Initializing';
  const isChanged = state.specHash !== spec.hash || file !== 'present';
  return isOpen || isChanged || commands.length > 0 || signals.size > 0 || unsaved.length > 0;
}

/**
 * The time that was planned, but a rollout is looked at within its interval: the wall clock may have gone back. A
 * Canary at rest that is overdue comes at the next of the times, a minute apart, that are its own: after a long night
 * they do not all come at once.
 */
function inItsTime({ spec }: Entry, state: CanaryState, at: number, now: number): number {
  if (activeRollout(state) !== null) {
    const { intervalMs } = spec.canary.analysis;
    return Math.min(Math.max(at, now), now + Math.min(intervalMs, IDLE_MS));
  }
  const over = (at - now) % IDLE_MS;
  return now + (over < 0 ? over + IDLE_MS : over);
}

/** What the journal kept of a run without a database: the decisions of each Canary, oldest first. */
function journalled(journal: Journal): Map<string, Save[]> {
  const saves = new Map<string, Save[]>();
  for (const kept of journal.entries()) {
    if (isSave(kept)) saves.set(kept.canary, [...(saves.get(kept.canary) ?? []), kept]);
  }
  return saves;
}

/** Whole entries were checked by their sum; what else stands in the file is of another version. */
function isSave(kept: unknown): kept is Save {
  return typeof kept === 'object' && kept !== null && 'canary' in kept && 'explanation' in kept;
}
