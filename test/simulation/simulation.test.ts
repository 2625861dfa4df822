import { describe, expect, test } from 'vitest';
import { violationText } from './report.ts';
import { runWorld } from './world.ts';

/** Seeds that between them met every dialect of Nacos, takeovers, writes lost and hands in the documents. */
const SEEDS = [1, 2, 3, 4];
const CHAOS_TICKS = 800;

describe('the whole controller in worlds that break', () => {
  test.each(SEEDS)('keeps every promise and comes to rest with seed %i', async (seed) => {
    const world = await runWorld({ seed, chaosTicks: CHAOS_TICKS });
    expect(violationText(world)).toBe('');
    expect(world.ticks).toBeGreaterThanOrEqual(CHAOS_TICKS);
    expect(world.tally['event StepStarted']).toBeGreaterThan(0);
  });

  test('lives the same life again with the same seed', async () => {
    const first = await runWorld({ seed: 7, chaosTicks: 300 });
    const second = await runWorld({ seed: 7, chaosTicks: 300 });
    expect(second).toEqual(first);
    const other = await runWorld({ seed: 8, chaosTicks: 300 });
    expect(other.hash).not.toBe(first.hash);
  });
});
