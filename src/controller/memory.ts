/** What the controller holds in memory of each Canary: its declaration, its last decided state, what is not saved yet. */
import type { Command } from '../core/observation.ts';
import type { CanaryState, Explanation } from '../core/rollout.ts';
import type { Spec } from '../spec/canary.ts';
import type { Save } from '../store/store.ts';

export interface Entry {
  readonly name: string;
  /** The last valid declaration. */
  spec: Spec;
  file: 'present' | 'missing' | 'gone';
  /** Null: never decided about. */
  state: CanaryState | null;
  explanation: Explanation | null;
  /** Monotonic time of the last decision of this process; null: none yet. */
  decidedAt: number | null;
  nextCheckAt: number;
  commands: Command[];
  /** Decisions in force that the store could not take yet, oldest first. */
  unsaved: Save[];
}

export interface Memory {
  get(name: string): Entry | null;
  entries(): Iterable<Entry>;
  names(): string[];
  put(entry: Entry): void;
  remove(name: string): void;
}

export function createMemory(): Memory {
  const byName = new Map<string, Entry>();
  return {
    get: (name) => byName.get(name) ?? null,
    entries: () => byName.values(),
    names: () => [...byName.keys()].sort(),
    put: (entry) => byName.set(entry.name, entry),
    remove: (name) => byName.delete(name),
  };
}

export function newEntry(spec: Spec, state: CanaryState | null, nextCheckAt: number): Entry {
  return {
    name: spec.canary.name,
    spec,
    file: 'present',
    state,
    explanation: null,
    decidedAt: null,
    nextCheckAt,
    commands: [],
    unsaved: [],
  };
}
