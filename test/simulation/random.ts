/** Everything that a simulation leaves to chance, from one seed. */
import { seededRandom } from '../../infra/dev-nacos/seeded-random.ts';

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  chance(probability: number): boolean;
  /** Uniform in [min, max). */
  between(min: number, max: number): number;
  /** A whole number from min to max, both included. */
  whole(min: number, max: number): number;
  pick<T>(choices: readonly T[]): T;
  /** One of the choices, each as likely as its weight says. */
  weighted<T>(choices: readonly (readonly [choice: T, weight: number])[]): T;
  /** Time to the next of events that come at random, `mean` apart. */
  exponential(mean: number): number;
  /** Successes in `trials` draws: exact for few expected ones, else by the normal approximation. */
  binomial(trials: number, probability: number): number;
}

const EXACT_BELOW = 30;

export function createRandom(seed: number): Random {
  const next = seededRandom(seed);

  function weighted<T>(choices: readonly (readonly [T, number])[]): T {
    let left = next() * choices.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [choice, weight] of choices) {
      left -= weight;
      if (left < 0) return choice;
    }
    return choices.at(-1)![0];
  }

  /** Jumps from success to success: the gaps of a binomial are geometric. */
  function countJumps(trials: number, probability: number): number {
    const logMiss = Math.log1p(-probability);
    let successes = 0;
    for (let at = jump(logMiss); at <= trials; at += jump(logMiss)) successes += 1;
    return successes;
  }

  function jump(logMiss: number): number {
    return Math.floor(Math.log(1 - next()) / logMiss) + 1;
  }

  function normal(): number {
    return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  }

  return {
    next,
    chance: (probability) => next() < probability,
    between: (min, max) => min + (max - min) * next(),
    whole: (min, max) => min + Math.floor((max - min + 1) * next()),
    pick: (choices) => choices[Math.floor(next() * choices.length)]!,
    weighted,
    exponential: (mean) => -mean * Math.log(1 - next()),
    binomial(trials, probability) {
      if (trials <= 0 || probability <= 0) return 0;
      if (probability >= 1) return trials;
      if (trials * probability < EXACT_BELOW) return countJumps(trials, probability);
      const deviation = Math.sqrt(trials * probability * (1 - probability));
      const drawn = Math.round(trials * probability + deviation * normal());
      return Math.min(trials, Math.max(0, drawn));
    },
  };
}
