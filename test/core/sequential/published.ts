/**
 * Formulas of others for tests that hold at all times at once, written from their papers: what the judge is held against.
 *
 * [H] Howard, Ramdas, McAuliffe, Sekhon: Time-uniform, nonparametric, nonasymptotic confidence sequences (2021), with
 *     the values that its package confseq gives. [Q] Howard, Ramdas: Sequential estimation of quantiles (2022).
 * [G] GrowthBook's documentation of its sequential test.
 */
import { logGamma } from '../../../src/core/sequential/log-gamma.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Where `rises`, which is below 0 at `low`, becomes 0. */
function root(rises: (x: number) => number, low: number, high: number): number {
  let [below, above] = [low, high];
  for (let round = 0; round < 100; round += 1) {
    const middle = (below + above) / 2;
    if (rises(middle) < 0) below = middle;
    else above = middle;
  }
  return (below + above) / 2;
}

/** What makes a mixture tightest at variance `best` [H]. */
export function bestRho(best: number, alpha: number, sides: 1 | 2): number {
  const log = 2 * Math.log(1 / (sides === 1 ? 2 * alpha : alpha));
  return best / (log + Math.log(1 + log));
}

/** ln of the wealth at sum `s` of centered observations with variance `v`, bets spread as a normal law [H]. */
export function logNormalMixture(s: number, v: number, rho: number, sides: 1 | 2): number {
  const both = 0.5 * Math.log(rho / (v + rho)) + s ** 2 / (2 * (v + rho));
  return sides === 2 ? both : both + Math.LN2 + Math.log(normal(s / Math.sqrt(v + rho)));
}

/** The normal distribution function, by its series: for |x| below 6. */
function normal(x: number): number {
  let [sum, term] = [x, x];
  for (let k = 1; k < 200; k += 1) {
    term *= x ** 2 / (2 * k + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/** ln of the integral of t^(a-1) (1-t)^(b-1) from 0 to `x`. */
function logIncompleteBeta(a: number, b: number, x: number): number {
  const whole = logGamma(a) + logGamma(b) - logGamma(a + b);
  if (x === 1) return whole;
  const front = a * Math.log(x) + b * Math.log1p(-x);
  // The continued fraction is fast on this side of the mean only; the other side is what is left of the whole.
  if (x < (a + 1) / (a + b + 2)) return front - Math.log(a) + Math.log(betaFraction(a, b, x));
  const rest = front - Math.log(b) + Math.log(betaFraction(b, a, 1 - x));
  return whole + Math.log1p(-Math.exp(rest - whole));
}

/** The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz' method. */
function betaFraction(a: number, b: number, x: number): number {
  let [c, d] = [1, 1 / (1 - ((a + b) * x) / (a + 1))];
  let product = d;
  for (let m = 1; m < 1_000; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    for (const step of [even, odd]) {
      d = 1 / (1 + step * d);
      c = 1 + step / c;
      product *= c * d;
    }
  }
  return product;
}

/** Observations from -`g` to `h` about their mean; the mixture is tightest at variance `best`. */
export interface Bounded {
  readonly g: number;
  readonly h: number;
  readonly best: number;
  readonly alpha: number;
  readonly sides: 1 | 2;
}

/** As `logNormalMixture`, bets spread as a beta law over bounded observations [H]. */
export function logBetaBinomial(s: number, v: number, { g, h, best, alpha, sides }: Bounded): number {
  const r = Math.max(bestRho(best, alpha, sides) - g * h, 1e-3 * g * h);
  const x = sides === 1 ? h / (g + h) : 1;
  const [down, up] = [(v - g * s) / (g * (g + h)), (v + h * s) / (h * (g + h))];
  const [first, second] = [r / (g * (g + h)), r / (h * (g + h))];
  return (
    (v / (g * h)) * Math.log(g + h) -
    up * Math.log(g) -
    down * Math.log(h) +
    logIncompleteBeta(first + down, second + up, x) -
    logIncompleteBeta(first, second, x)
  );
}

/** The sum at which the odds of a mixture reach 1 to `alpha`. */
export function boundOf(logWealth: (s: number) => number, alpha: number, most: number): number {
  return root((s) => logWealth(s) + Math.log(alpha), 0, most);
}

/** The means that `successes` of `trials` leave possible, tightest at `best` trials: the beta mixture turned round. */
export function bernoulliInterval(successes: number, trials: number, alpha: number, best: number): Interval {
  const mean = successes / trials;
  const odds = (p: number) => {
    const [g, h] = [p, 1 - p];
    const v = p * (1 - p);
    const bounded = { g, h, best: best * v, alpha, sides: 2 } as const;
    return logBetaBinomial(successes - trials * p, trials * v, bounded) + Math.log(alpha);
  };
  const edge = 1e-9;
  return {
    low: successes === 0 || odds(edge) < 0 ? 0 : root((p) => -odds(p), edge, mean),
    high: successes === trials || odds(1 - edge) < 0 ? 1 : root(odds, Math.max(mean, edge), 1 - edge),
  };
}

const ZETA = 3.1055472779775815; // Riemann's zeta function of 1.4

/** How far the count below the `p`-quantile is ever from p * t, by double stitching [Q]. */
export function quantileBound(p: number, t: number, alpha: number, best: number): number {
  const [delta, s, eta] = [0.5, 1.4, 2];
  const m = Math.max(t, best);
  const logit = Math.log(p / (1 - p));
  const shifted = 1 / (1 + Math.exp(-(logit + 2 * delta * Math.sqrt((best * eta) / m))));
  const r = p >= 0.5 ? p : Math.min(0.5, shifted);
  const v = r * (1 - r);
  const j = (Math.sqrt(m / best) * Math.abs(logit)) / (2 * delta) + 1;
  const l =
    s * Math.log(Math.log((eta * m) / best)) +
    s * Math.log(j) +
    Math.log((2 * ZETA * (2 * ZETA + 1)) / (alpha * Math.log(eta) ** s));
  const k1 = (eta ** 0.25 + eta ** -0.25) / Math.SQRT2;
  const c = (((Math.sqrt(eta) + 1) / 2) * (1 - 2 * p) * l) / 3;
  return delta * Math.sqrt((eta * m * v) / best) + Math.sqrt(k1 ** 2 * v * m * l + c ** 2) + c;
}

/**
 * The p-value, whenever one looks, of two ascending samples having the same `p`-quantile: the place of that quantile
 * which both together speak least against, each by the beta mixture over its counts below it [Q].
 */
export function quantileTest(a: readonly number[], b: readonly number[], p: number, best: number): number {
  const [g, h] = [p, 1 - p];
  const bounded = { g, h, best: best * g * h, alpha: 0.05, sides: 2 } as const;
  const against = (arm: readonly number[], place: number) => {
    const below = arm.filter((one) => one < place).length;
    const atMost = arm.filter((one) => one <= place).length;
    const expected = p * arm.length;
    const s = Math.max(below - expected, 0) + Math.min(atMost - expected, 0);
    return logBetaBinomial(s, arm.length * g * h, bounded);
  };
  const least = Math.min(...[...a, ...b].map((place) => against(a, place) + against(b, place)));
  return Math.min(1, Math.exp(-least));
}

/** How far the empirical distribution is ever from the true one, at all quantiles at once, from `least` on [Q]. */
export function distributionBound(t: number, alpha: number, least: number): number {
  const a = 0.85;
  /** The least probability of ever being beyond the bound, over the free parameter of the proof. */
  const misses = (c: number) => {
    let found = Number.POSITIVE_INFINITY;
    for (let eta = 1.0005; eta < 2 * a ** 2; eta += 0.0005) {
      const gamma = Math.sqrt(2 / eta) * (a - Math.sqrt((2 * (eta - 1)) / c));
      if (gamma <= 1) continue;
      const miss = 4 * Math.exp(-(gamma ** 2) * c) * (1 + 1 / ((gamma ** 2 - 1) * Math.log(eta)));
      found = Math.min(found, miss);
    }
    return found;
  };
  const c = root((x) => alpha - misses(x), 1, 50);
  return a * Math.sqrt((Math.log(1 + Math.log(t / least)) + c) / t);
}

/** One arm: its count, sum and sum of squares. */
export interface Sums {
  readonly n: number;
  readonly sum: number;
  readonly squares: number;
}

/** B's mean minus A's, in the limit of many observations, tightest at `best` of them [G]. */
export function asymptoticInterval(a: Sums, b: Sums, alpha: number, best: number): Interval {
  const mean = ({ n, sum }: Sums) => sum / n;
  const variance = (arm: Sums) => (arm.squares - arm.sum ** 2 / arm.n) / (arm.n - 1) / arm.n;
  const n = a.n + b.n;
  const log = -2 * Math.log(2 * alpha);
  const square = (log + Math.log(log + 1)) / best;
  const stretch = n * square + 1;
  const half =
    Math.sqrt(variance(a) + variance(b)) *
    Math.sqrt(n) *
    Math.sqrt(((2 * stretch) / (n ** 2 * square)) * Math.log(1 + Math.sqrt(stretch) / (2 * alpha)));
  const estimate = mean(b) - mean(a);
  return { low: estimate - half, high: estimate + half };
}
