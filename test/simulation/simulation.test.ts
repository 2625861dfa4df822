import { describe, expect, test } from 'vitest';
import { violationText } from './report.ts';
import { runWorld } from './world.ts';

/** One of each kind of world, with ruined databases, takeovers, names that come back and hands in the documents. */
const SEEDS = [
  [29, 'Nacos 3, API v3'],
  [18, 'Nacos 2.5, API v1'],
  [17, 'Nacos 2.2, no compare-and-set'],
  [44, 'rule files'],
] as const;
const CHAOS_TICKS = 800;

describe('the whole controller in worlds that break', () => {
  test.each(SEEDS)('keeps every promise and comes to rest with seed %i: %s', async (seed, kind) => {
    const world = await runWorld({ seed, chaosTicks: CHAOS_TICKS });
    expect(violationText(world)).toBe('');
    expect(world.ticks).toBeGreaterThanOrEqual(CHAOS_TICKS);
    expect(world.tally['event StepStarted']).toBeGreaterThan(0);
    expect(world.tally).toHaveProperty([`world of ${kind}`]);
  });

  test('lives the same life again with the same seed', async () => {
    const first = await runWorld({ seed: 7, chaosTicks: 300 });
    const second = await runWorld({ seed: 7, chaosTicks: 300 });
    expect(second).toEqual(first);
    const other = await runWorld({ seed: 8, chaosTicks: 300 });
    expect(other.hash).not.toBe(first.hash);
  });
});
