/**
 * Exact samplers of counts, fast for any size. Below ten expected events by inversion, above by Hörmann's transformed
 * rejection: BTRS ("The generation of binomial random variates", 1993) and PTRS ("The transformed rejection method for
 * generating Poisson random variables", 1993).
 */
import type { Random } from './random.ts';

const LARGE = 10;
const SQUEEZE = 0.07;

/** Events of a Poisson process with `mean` expected ones. */
export function poisson(random: Random, mean: number): number {
  if (!(mean > 0)) return 0;
  return mean < LARGE ? fewEvents(random, mean) : manyEvents(random, mean);
}

/** Successes in `trials` draws. */
export function binomial(random: Random, trials: number, probability: number): number {
  if (trials <= 0 || !(probability > 0)) return 0;
  if (probability >= 1) return trials;
  if (probability > 0.5) return trials - binomial(random, trials, 1 - probability);
  return trials * probability < LARGE
    ? fewSuccesses(random, trials, probability)
    : manySuccesses(random, trials, probability);
}

/** A whole number from 1, geometric, of the given mean. */
export function geometric(random: Random, mean: number): number {
  if (mean <= 1) return 1;
  return 1 + Math.floor(Math.log(1 - random.next()) / Math.log1p(-1 / mean));
}

/** How `trials` fall into classes with these probabilities, which sum to 1. */
export function multinomial(random: Random, trials: number, probabilities: ArrayLike<number>): Float64Array {
  const counts = new Float64Array(probabilities.length);
  let left = trials;
  let rest = 1;
  for (let at = 0; at < probabilities.length && left > 0; at += 1) {
    const probability = probabilities[at] ?? 0;
    const isLast = at === probabilities.length - 1 || probability >= rest;
    const count = isLast ? left : binomial(random, left, probability / rest);
    counts[at] = count;
    left -= count;
    rest -= probability;
  }
  return counts;
}

function fewEvents(random: Random, mean: number): number {
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random.next(); product > limit; product *= random.next()) count += 1;
  return count;
}

/** Jumps from success to success: the gaps of a binomial are geometric. */
function fewSuccesses(random: Random, trials: number, probability: number): number {
  const logMiss = Math.log1p(-probability);
  const jump = () => Math.floor(Math.log(1 - random.next()) / logMiss) + 1;
  let count = 0;
  for (let at = jump(); at <= trials; at += jump()) count += 1;
  return count;
}

function manyEvents(random: Random, mean: number): number {
  const b = 0.931 + 2.53 * Math.sqrt(mean);
  const a = -0.059 + 0.02483 * b;
  const scale = 1.1239 + 1.1328 / (b - 3.4);
  const accepted = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const u = random.next() - 0.5;
    const v = random.next();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + mean + 0.43);
    if (us >= SQUEEZE && v <= accepted) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    const density = -mean + k * Math.log(mean) - logFactorial(k);
    if (Math.log((v * scale) / (a / (us * us) + b)) <= density) return k;
  }
}

function manySuccesses(random: Random, trials: number, probability: number): number {
  const deviation = Math.sqrt(trials * probability * (1 - probability));
  const b = 1.15 + 2.53 * deviation;
  const a = -0.0873 + 0.0248 * b + 0.01 * probability;
  const centre = trials * probability + 0.5;
  const accepted = 0.92 - 4.2 / b;
  const scale = (2.83 + 5.1 / b) * deviation;
  const logOdds = Math.log(probability / (1 - probability));
  const mode = Math.floor((trials + 1) * probability);
  const atMode = logFactorial(mode) + logFactorial(trials - mode);
  for (;;) {
    const u = random.next() - 0.5;
    const v = random.next();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + centre);
    if (us >= SQUEEZE && v <= accepted) return k;
    if (k < 0 || k > trials) continue;
    const density = atMode - logFactorial(k) - logFactorial(trials - k) + (k - mode) * logOdds;
    if (Math.log((v * scale) / (a / (us * us) + b)) <= density) return k;
  }
}

const SMALL_FACTORIALS = Float64Array.from({ length: 128 }, (_, n) => {
  let sum = 0;
  for (let factor = 2; factor <= n; factor += 1) sum += Math.log(factor);
  return sum;
});
const HALF_LOG_TAU = Math.log(2 * Math.PI) / 2;

/** ln n!, from a table or by Stirling's series to 1e-15. */
export function logFactorial(n: number): number {
  const known = SMALL_FACTORIALS[n];
  if (known !== undefined) return known;
  const x = n + 1;
  const square = x * x;
  return (x - 0.5) * Math.log(x) - x + HALF_LOG_TAU + (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / x;
}
