import { describe, expect, test } from 'vitest';
import { POPULATION, visits } from '../../infra/demo/population.ts';
import { RELEASES, STEPS } from '../../infra/demo/releases.ts';
import { positionOf } from '../../src/client/choose.ts';

function take(count: number, next: () => string): string[] {
  return Array.from({ length: count }, next);
}

describe("the load's users", () => {
  test('all come exactly once a round, in another order each round', () => {
    const next = visits(1);
    const first = take(POPULATION, next);
    const second = take(POPULATION, next);
    expect(new Set(first).size).toBe(POPULATION);
    expect(new Set(second)).toEqual(new Set(first));
    expect(second).not.toEqual(first);
  });

  test('come in the same order for the same seed, and in another for another', () => {
    expect(take(100, visits(7))).toEqual(take(100, visits(7)));
    expect(take(100, visits(8))).not.toEqual(take(100, visits(7)));
  });

  test.each(RELEASES)('of $service fall on the canary in the proportion of every weight', ({ service }) => {
    const positions = take(POPULATION, visits(1)).map((user) => positionOf(service, user));
    for (const weight of STEPS) {
      const share = positions.filter((position) => position < weight).length / POPULATION;
      // Two standard deviations of a fair draw of the whole population.
      const play = 2 * Math.sqrt(((weight / 100) * (1 - weight / 100)) / POPULATION);
      expect(Math.abs(share - weight / 100)).toBeLessThanOrEqual(play);
    }
  });
});
