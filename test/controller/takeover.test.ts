import { describe, expect, it } from 'vitest';
import { createMemory, newEntry } from '../../src/controller/memory.ts';
import { loadAfresh } from '../../src/controller/takeover.ts';
import type { Command } from '../../src/core/observation.ts';
import type { CanaryState } from '../../src/core/rollout.ts';
import { initialRollout, initialState } from '../../src/core/state.ts';
import type { Save, Store } from '../../src/store/store.ts';
import { aSave } from '../support/saves.ts';
import { quickSpec } from './rig.ts';

const NOW = Date.UTC(2026, 10, 23, 8, 0);
const NO_JOURNAL = { problem: null, append: () => false, entries: () => [], clear: () => true, close() {} };
const SPEC = quickSpec();

function aState(over: Partial<CanaryState> = {}): CanaryState {
  return {
    ...initialState(SPEC, NOW, 'boot'),
    phase: 'Stable',
    stable: 'v2',
    specHash: SPEC.hash,
    ...over,
  };
}

const noSignals = () => new Map();

interface Stored {
  readonly nextCheckAt: number;
  readonly state?: CanaryState;
  readonly commands?: readonly Command[];
}

/** In how many ms a stored Canary is due for the new leader. */
function dueIn({ nextCheckAt, state = aState(), commands = [] }: Stored): number {
  const memory = createMemory();
  memory.put(newEntry(SPEC, 'present', NOW));
  const index: Store['index'] = () => [{ canary: 'shop', nextCheckAt, state, commands }];
  loadAfresh(memory, { index, signals: noSignals }, NO_JOURNAL, [SPEC], NOW);
  return (memory.get('shop')?.nextCheckAt ?? Number.NaN) - NOW;
}

const ROLLOUT = initialRollout(SPEC.canary, {
  id: 'shop-1',
  revision: 'v2',
  stable: 'v1',
  by: 'git',
  now: NOW,
});
const ACTIVE = aState({ phase: 'Progressing', rollout: ROLLOUT });
const COMMAND = { id: 1, at: NOW, verb: 'start', actor: 'ops' } as Command;

describe('a new leader', () => {
  it('looks at what rests when its own time comes, also after a long night or a clock that went back', () => {
    expect(dueIn({ nextCheckAt: NOW + 20_000 })).toBe(20_000);
    expect(dueIn({ nextCheckAt: NOW - 3_600_000 + 20_000 })).toBe(20_000);
    expect(dueIn({ nextCheckAt: NOW + 3_600_000 + 20_000 })).toBe(20_000);
  });

  it('looks at a rollout when it was due, at the latest in an interval, also by a clock that went back', () => {
    expect(dueIn({ nextCheckAt: NOW + 4_000, state: ACTIVE })).toBe(4_000);
    expect(dueIn({ nextCheckAt: NOW - 20_000, state: ACTIVE })).toBe(0);
    expect(dueIn({ nextCheckAt: NOW + 3_600_000, state: ACTIVE })).toBe(SPEC.canary.analysis.intervalMs);
  });

  it.each([
    ['that was edited meanwhile', { state: aState({ specHash: 'old' }) }],
    ['with a command that waits', { commands: [COMMAND] }],
    ['that is not understood yet', { state: aState({ phase: 'Initializing' }) }],
    [
      'on its way to 0',
      {
        state: {
          ...ACTIVE,
          ending: { outcome: 'Aborted', reason: '', since: NOW, tries: 0, alarmed: false },
        },
      },
    ],
  ] as const)('looks at once at one %s', (_what, stored) => {
    expect(dueIn({ nextCheckAt: NOW + 20_000, ...stored })).toBe(0);
  });

  it('knows nothing any more of what another leader forgot', () => {
    const memory = createMemory();
    const entry = newEntry(SPEC, 'gone', NOW);
    entry.state = ACTIVE;
    memory.put(entry);
    loadAfresh(memory, { index: () => [], signals: noSignals }, NO_JOURNAL, [SPEC], NOW);
    expect(memory.get('shop')).not.toBe(entry);
    expect(memory.get('shop')).toMatchObject({ state: null, file: 'gone' });
  });

  it('takes over nothing when the store cannot be read', () => {
    const memory = createMemory();
    const entry = newEntry(SPEC, 'present', NOW);
    memory.put(entry);
    const index = () => {
      throw new Error('locked');
    };
    expect(() => loadAfresh(memory, { index, signals: noSignals }, NO_JOURNAL, [SPEC], NOW)).toThrow(
      'locked',
    );
    expect(memory.get('shop')).toBe(entry);
  });

  it('replays what the journal kept only where it is newer, whatever the wall clock said then', () => {
    const seq = (decision: number) => ({ rollout: 1, operation: 1, decision });
    const kept = (decision: number, decidedAt: number) =>
      aSave('shop', { state: aState({ seq: seq(decision), decidedAt, reason: 'from the journal' }) });
    const takenOver = (save: Save) => {
      const memory = createMemory();
      const state = aState({ seq: seq(5), decidedAt: NOW - 60_000, reason: 'from the store' });
      const index: Store['index'] = () => [{ canary: 'shop', nextCheckAt: NOW, state, commands: [] }];
      loadAfresh(
        memory,
        { index, signals: noSignals },
        { ...NO_JOURNAL, entries: () => [save] },
        [SPEC],
        NOW,
      );
      return memory.get('shop')?.state?.reason;
    };
    expect(takenOver(kept(6, NOW - 3_600_000))).toBe('from the journal');
    expect(takenOver(kept(4, NOW)), 'decided before the clock was set back').toBe('from the store');
  });

  it('takes no command again that a decision in the journal has taken', () => {
    const memory = createMemory();
    const state = aState({ seq: { rollout: 1, operation: 1, decision: 5 } });
    const aborted = aState({ seq: { rollout: 1, operation: 2, decision: 6 } });
    const save = aSave('shop', { state: aborted, consumed: [1] });
    const later: Command = { ...COMMAND, id: 2 };
    const index: Store['index'] = () => [
      { canary: 'shop', nextCheckAt: NOW, state, commands: [COMMAND, later] },
    ];
    const journal = { ...NO_JOURNAL, entries: () => [save] };
    loadAfresh(memory, { index, signals: noSignals }, journal, [SPEC], NOW);
    expect(memory.get('shop')?.commands).toEqual([later]);
  });
});
