/** Brent's root finder: where a function changes its sign. */

const MAX_STEPS = 1_000;

export interface Bracket {
  readonly low: number;
  readonly high: number;
  /** Value of the function at `low` and at `high`; of opposite signs, or one of them 0. */
  readonly atLow: number;
  readonly atHigh: number;
}

/**
 * A point where `f` changes its sign, to within `tolerance` of the unit of its argument; null when 1,000 steps do not
 * find it. A jump over zero counts as a change of sign: the answer is then one of its sides.
 *
 * Brent, Algorithms for Minimization without Derivatives (1973), chapter 4: inverse quadratic interpolation and secant
 * steps, bisection where they gain too little. The order of operations is that of R's `uniroot`, so that the numbers
 * it publishes come out to the last digits also where `f` is a staircase.
 */
export function findRoot(f: (at: number) => number, bracket: Bracket, tolerance: number): number | null {
  let { low: before, high: best, atLow: fBefore, atHigh: fBest } = bracket;
  if (fBefore === 0) return before;
  let opposite = before;
  let fOpposite = fBefore;
  for (let step = 0; step <= MAX_STEPS; step += 1) {
    const previous = best - before;
    if (Math.abs(fOpposite) < Math.abs(fBest)) {
      before = best;
      best = opposite;
      opposite = before;
      fBefore = fBest;
      fBest = fOpposite;
      fOpposite = fBefore;
    }
    const least = 2 * Number.EPSILON * Math.abs(best) + tolerance / 2;
    const half = (opposite - best) / 2;
    if (Math.abs(half) <= least || fBest === 0) return best;
    const mayInterpolate = Math.abs(previous) >= least && Math.abs(fBefore) > Math.abs(fBest);
    const tried = mayInterpolate
      ? interpolated({ before, best, opposite, fBefore, fBest, fOpposite }, previous, least)
      : null;
    const move = tried ?? half;
    before = best;
    fBefore = fBest;
    best += Math.abs(move) < least ? (move > 0 ? least : -least) : move;
    fBest = f(best);
    if (fBest > 0 === fOpposite > 0 && fBest !== 0) {
      opposite = before;
      fOpposite = fBefore;
    }
  }
  return null;
}

interface Points {
  readonly before: number;
  readonly best: number;
  readonly opposite: number;
  readonly fBefore: number;
  readonly fBest: number;
  readonly fOpposite: number;
}

/** The step that interpolation asks for; null where it leaves the bracket or gains less than bisection would. */
function interpolated(points: Points, previous: number, least: number): number | null {
  const { before, best, opposite, fBefore, fBest, fOpposite } = points;
  const width = opposite - best;
  const ratio = fBest / fBefore;
  let p: number;
  let q: number;
  if (before === opposite) {
    p = width * ratio;
    q = 1 - ratio;
  } else {
    const r = fBefore / fOpposite;
    const s = fBest / fOpposite;
    p = ratio * (width * r * (r - s) - (best - before) * (s - 1));
    q = (r - 1) * (s - 1) * (ratio - 1);
  }
  if (p > 0) q = -q;
  else p = -p;
  const fits = p < 0.75 * width * q - Math.abs(least * q) / 2 && p < Math.abs((previous * q) / 2);
  return fits ? p / q : null;
}
