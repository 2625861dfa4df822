import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/simulation/random.ts';
import {
  binomial,
  geometric,
  logFactorial,
  multinomial,
  poisson,
} from '../../src/core/simulation/samplers.ts';
import { normalCdf } from './world.ts';

const DRAWS = 40_000;

/** Pearson's statistic of draws against a mass function, over cells of at least 20 expected ones; and its size. */
function deviation(
  draw: () => number,
  mass: (k: number) => number,
  most: number,
): { statistic: number; cells: number } {
  const counts = new Map<number, number>();
  for (let n = 0; n < DRAWS; n += 1) {
    const k = draw();
    counts.set(k, (counts.get(k) ?? 0) + 1);
  }
  let statistic = 0;
  let cells = 0;
  let [seen, expected, left] = [0, 0, DRAWS];
  for (let k = 0; k <= most; k += 1) {
    seen += counts.get(k) ?? 0;
    expected += DRAWS * mass(k);
    left -= DRAWS * mass(k);
    if (expected < 20 || left < 20) continue;
    statistic += (seen - expected) ** 2 / expected;
    cells += 1;
    [seen, expected] = [0, 0];
  }
  return { statistic, cells };
}

/** Five standard deviations above the mean of chi-squared: a right sampler never gets there, a wrong one far beyond. */
function expectGood({ statistic, cells }: { statistic: number; cells: number }): void {
  expect(cells).toBeGreaterThan(3);
  expect(statistic).toBeLessThan(cells + 5 * Math.sqrt(2 * cells));
}

const binomialMass = (n: number, p: number) => (k: number) =>
  k > n
    ? 0
    : Math.exp(
        logFactorial(n) - logFactorial(k) - logFactorial(n - k) + k * Math.log(p) + (n - k) * Math.log1p(-p),
      );
const poissonMass = (mean: number) => (k: number) => Math.exp(k * Math.log(mean) - mean - logFactorial(k));

describe('the samplers', () => {
  it.each([
    [37, 0.01],
    [712, 0.001],
    [40, 0.3],
    [375, 0.05],
    [7_000, 0.011],
    [50, 0.9],
  ])('draw a binomial of %d trials at %d', (n, p) => {
    const random = createRandom(1, `binomial ${n} ${p}`, 0);
    // Few expected ones fall into few cells.
    const result = deviation(() => binomial(random, n, p), binomialMass(n, p), n);
    if (n * p < 2) expect(result.statistic).toBeLessThan(result.cells + 5 * Math.sqrt(2 * result.cells));
    else expectGood(result);
  });

  it.each([0.3, 3.75, 12, 375, 7_125])('draw a Poisson count of mean %d', (mean) => {
    const random = createRandom(1, `poisson ${mean}`, 0);
    const result = deviation(
      () => poisson(random, mean),
      poissonMass(mean),
      Math.ceil(mean + 10 * Math.sqrt(mean) + 10),
    );
    if (mean < 1) expect(result.statistic).toBeLessThan(result.cells + 5 * Math.sqrt(2 * result.cells));
    else expectGood(result);
  });

  it('draw a geometric size of mean 3', () => {
    const random = createRandom(1, 'geometric', 0);
    expectGood(
      deviation(
        () => geometric(random, 3),
        (k) => (k === 0 ? 0 : (1 / 3) * (2 / 3) ** (k - 1)),
        60,
      ),
    );
    expect(geometric(random, 1)).toBe(1);
  });

  it('distribute every trial over the classes', () => {
    const random = createRandom(1, 'multinomial', 0);
    const shares = [0.5, 0, 0.3, 0.2];
    const sums = [0, 0, 0, 0];
    for (let n = 0; n < 1_000; n += 1) {
      const counts = multinomial(random, 40, shares);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(40);
      counts.forEach((count, at) => {
        sums[at]! += count;
      });
    }
    expect(sums[1]).toBe(0);
    shares.forEach((share, at) => {
      expect(Math.abs(sums[at]! - 40_000 * share)).toBeLessThan(
        5 * Math.sqrt(40_000 * share * (1 - share)) + 1,
      );
    });
  });

  it('give nothing for nothing and everything for certain', () => {
    const random = createRandom(1, 'edges', 0);
    expect([
      poisson(random, 0),
      binomial(random, 0, 0.5),
      binomial(random, 9, 0),
      binomial(random, 9, 1),
    ]).toEqual([0, 0, 0, 9]);
  });

  it('draw the same from the same seed, and other numbers from another stream', () => {
    const drawn = (seed: number, stream: string, run: number) => {
      const random = createRandom(seed, stream, run);
      return [random.next(), random.next(), random.normal()];
    };
    expect(drawn(1, 'a', 0)).toEqual(drawn(1, 'a', 0));
    const others = [drawn(1, 'a', 0), drawn(2, 'a', 0), drawn(1, 'b', 0), drawn(1, 'a', 1)];
    expect(new Set(others.flat()).size).toBe(12);
  });
});

describe('the normal distribution', () => {
  it('is that of the tables', () => {
    expect(normalCdf(0)).toBe(0.5);
    expect(normalCdf(1.959963984540054)).toBeCloseTo(0.975, 14);
    expect(normalCdf(-2.3263478740408408)).toBeCloseTo(0.01, 14);
    expect(normalCdf(-5) / 2.8665157187919391e-7).toBeCloseTo(1, 12);
    expect(normalCdf(2.9999999999)).toBeCloseTo(normalCdf(3), 11);
  });
});
