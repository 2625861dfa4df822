/** What the controller holds in memory of each Canary: its declaration, its last decided state, what is not saved yet. */

import type { Explanation } from '../core/decision.ts';
import type { Command, Signal } from '../core/observation.ts';
import type { CanaryState } from '../core/rollout.ts';
import type { Spec } from '../spec/canary.ts';
import type { Save, StoreError } from '../store/store.ts';
import type { FileStatus } from './removals.ts';

export interface Entry {
  readonly name: string;
  /** The last valid declaration. */
  spec: Spec;
  file: FileStatus;
  /** False: the store may know more of it than this process, which has to ask before it decides. */
  isLoaded: boolean;
  /** Null: never decided about, or forgotten. */
  state: CanaryState | null;
  /** Null: no decision of this process yet; the store may know an older one. */
  explanation: Explanation | null;
  /** Monotonic time of the last decision of this process that is in force; null: none yet. */
  decidedAt: number | null;
  /** Monotonic time of the last decision of this process that was saved; null: none yet. */
  savedAt: number | null;
  /** Wall time, Unix ms. */
  nextCheckAt: number;
  /** Monotonic time at which the next run is planned; null: whenever something happens. */
  dueAt: number | null;
  commands: Command[];
  /** Alerts that fire, by id. */
  readonly signals: Map<string, Signal>;
  /** Counts what was told of its alerts, and how much of that was decided about. */
  heard: number;
  heeded: number;
  /** Ends the look in hand, if there is one, so that the next run can take what has come. */
  interrupt: () => void;
  /** Decisions in force that the store could not take yet, oldest first. */
  unsaved: Save[];
  /** Why the store did not take the last decision; null: it did. */
  storeTrouble: StoreError | null;
  /** The last lowering that was kept in the emergency journal, and the count of its decision. */
  journalled: { readonly operation: string; readonly decision: number } | null;
}

export interface Memory {
  get(name: string): Entry | null;
  entries(): Iterable<Entry>;
  /** In order. */
  names(): readonly string[];
  put(entry: Entry): void;
  remove(name: string): void;
}

export function createMemory(): Memory {
  const byName = new Map<string, Entry>();
  let names: readonly string[] | null = null;
  return {
    get: (name) => byName.get(name) ?? null,
    entries: () => byName.values(),
    names() {
      names ??= [...byName.keys()].sort();
      return names;
    },
    put(entry) {
      if (!byName.has(entry.name)) names = null;
      byName.set(entry.name, entry);
    },
    remove(name) {
      if (byName.delete(name)) names = null;
    },
  };
}

/** A Canary that nothing was decided about yet. */
export function newEntry(spec: Spec, file: FileStatus, now: number): Entry {
  return {
    name: spec.canary.name,
    spec,
    file,
    isLoaded: false,
    state: null,
    explanation: null,
    decidedAt: null,
    savedAt: null,
    nextCheckAt: now,
    dueAt: null,
    commands: [],
    signals: new Map(),
    heard: 0,
    heeded: 0,
    interrupt: () => {},
    unsaved: [],
    storeTrouble: null,
    journalled: null,
  };
}

/** Replaces what is known of its alerts by what the store knows. */
export function knowSignals({ signals }: Entry, firing: readonly Signal[]): void {
  signals.clear();
  for (const signal of firing) signals.set(signal.id, signal);
}
