import { describe, expect, it } from 'vitest';
import { companionsOf } from '../../src/controller/companions.ts';
import { createMemory, newEntry } from '../../src/controller/memory.ts';
import type { CanaryState } from '../../src/core/rollout.ts';
import { MOST_NAMES } from '../../src/metrics/plan.ts';
import { aRig, quickSpec } from './rig.ts';

/** The state of a Canary at its first step. */
async function progressing(): Promise<CanaryState> {
  const rig = await aRig({ specs: [quickSpec()] });
  rig.lead();
  await rig.run(15_000);
  const state = rig.controller.state('shop');
  if (state?.phase !== 'Progressing') throw new Error('not at its first step');
  return state;
}

const NOW = Date.UTC(2026, 10, 25);
const INTERVAL_MS = 10_000;

async function aMemory(count: number) {
  const state = await progressing();
  const memory = createMemory();
  for (let index = 0; index < count; index += 1) {
    const nextLookAt = NOW + index;
    const entry = newEntry(quickSpec(`shop-${index}`), 'present', nextLookAt);
    memory.put({ ...entry, state: { ...state, nextLookAt } });
  }
  const edit = (name: string, change: Partial<CanaryState>, nextCheckAt = NOW) => {
    const entry = memory.get(name);
    if (entry?.state == null) throw new Error(name);
    memory.put({ ...entry, nextCheckAt, state: { ...entry.state, ...change } });
  };
  return { memory, edit };
}

const everyone = () => true;

describe('who is looked at together with a Canary whose time has come', () => {
  it('are those whose looks are due within a tenth of the interval, the earliest first', async () => {
    const { memory, edit } = await aMemory(5);
    edit('shop-1', { nextLookAt: NOW + INTERVAL_MS / 10 }, NOW + INTERVAL_MS / 10);
    edit('shop-2', { nextLookAt: NOW + INTERVAL_MS / 10 + 1 }, NOW + INTERVAL_MS / 10 + 1);
    expect(companionsOf('shop-0', memory, NOW, everyone)).toEqual(['shop-3', 'shop-4', 'shop-1']);
  });

  it('are not those that rest, wait, go back or look at another pace, nor those in hand', async () => {
    const { memory, edit } = await aMemory(6);
    edit('shop-1', { rollout: null });
    edit('shop-2', { ending: { outcome: 'Aborted', reason: '', since: NOW, tries: 0, alarmed: false } });
    const slow = newEntry(quickSpec('shop-3', { analysis: { intervalMs: 5_000 } }), 'present', NOW);
    memory.put({ ...slow, state: memory.get('shop-3')?.state ?? null });
    expect(companionsOf('shop-0', memory, NOW, (name) => name !== 'shop-4')).toEqual(['shop-5']);
  });

  it('are as many as one query holds', async () => {
    const { memory } = await aMemory(450);
    expect(companionsOf('shop-0', memory, NOW, everyone)).toHaveLength(MOST_NAMES - 1);
  });

  it('are nobody for a Canary at rest', async () => {
    const { memory, edit } = await aMemory(3);
    edit('shop-0', { rollout: null });
    expect(companionsOf('shop-0', memory, NOW, everyone)).toEqual([]);
  });
});

describe('a fleet that is looked at', () => {
  it('costs one query of the metrics for those that fall due within a tenth of the interval', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `shop-${index}`);
    const rig = await aRig({ specs: names.map((name) => quickSpec(name)) });
    rig.lead();
    await rig.run(30_000);
    const instants = new Set<number>();
    const { length } = rig.answers.times;
    await rig.run(INTERVAL_MS);
    for (const at of rig.answers.times.slice(length)) instants.add(at);
    expect(rig.answers.times.length - length).toBeGreaterThanOrEqual(2 * names.length);
    expect(instants.size).toBeLessThanOrEqual(12);
  });
});
