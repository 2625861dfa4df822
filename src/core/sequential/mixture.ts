/** Wealth spread over several alternatives, some of it held back: an e-process as plain JSON. */
import { logSum } from './evidence.ts';

/** Every number is finite: wealth is kept as ln because it may fall below and rise above what a number can hold. */
export interface Mixture {
  /** ln of the wealth that is bet on each alternative. */
  readonly logs: readonly number[];
  /** Wealth not bet yet, 0 to 1. It counts: ln of the whole never falls below its ln. */
  readonly reserve: number;
}

/** All alternatives alike, `reserve` of the 1 at the start held back. */
export function evenMixture(alternatives: number, reserve: number): Mixture {
  return { logs: Array<number>(alternatives).fill(Math.log((1 - reserve) / alternatives)), reserve };
}

/** ln of the whole wealth: ln of the odds against the null. */
export function logWealth({ logs, reserve }: Mixture): number {
  return logSum(reserve > 0 ? [...logs, Math.log(reserve)] : logs);
}

/** Each alternative's wealth times its e-value; `dispersion` 1 or more divides the ln of each. */
export function bet(mixture: Mixture, evidence: readonly number[], dispersion: number): Mixture {
  return {
    logs: mixture.logs.map((log, index) => log + (evidence[index] ?? 0) / dispersion),
    reserve: mixture.reserve,
  };
}

/** Bets `amount` of the reserve, or what is left of it, on all alternatives alike. The wealth stays the same. */
export function release(mixture: Mixture, amount: number): Mixture {
  const released = Math.min(amount, mixture.reserve);
  if (!(released > 0)) return mixture;
  const each = Math.log(released / mixture.logs.length);
  return {
    logs: mixture.logs.map((log) => logSum([log, each])),
    reserve: released === mixture.reserve ? 0 : mixture.reserve - released,
  };
}

/** ln of a wealth that is none: finite, so that it can be stored. */
const NOTHING = -700;

/** Nothing is bet yet: what `betAgain` spends poll by poll. */
export function lateMixture(alternatives: number): Mixture {
  return { logs: Array<number>(alternatives).fill(NOTHING), reserve: 1 };
}

/**
 * Bets a little of the reserve on all alternatives anew, at poll `polls`, counted from 0: what was bet before is worth
 * next to nothing after a long healthy time, and a regression that begins then would be seen hours late. The amounts
 * fall with the square of the polls and never use the reserve up (the product of 1 - 1/k^2 from k = 2 on is 1/2). They
 * depend on the count alone, so the wealth stays an e-process: a mixture over the polls at which a regression may begin.
 */
export function betAgain(mixture: Mixture, polls: number): Mixture {
  return release(mixture, mixture.reserve / (polls + 2) ** 2);
}

/** ln of the wealth of both, `share` of the 1 at the start being that of `late`. */
export function logWealthOfBoth(early: Mixture, late: Mixture, share: number): number {
  if (share === 0) return logWealth(early);
  return logSum([Math.log(1 - share) + logWealth(early), Math.log(share) + logWealth(late)]);
}

/** Gives up what was won: a wealth above 1 becomes 1, less stays what it is. */
export function withoutGain(mixture: Mixture): Mixture {
  const gain = Math.max(0, logWealth(mixture));
  return {
    logs: mixture.logs.map((log) => log - gain),
    reserve: mixture.reserve * Math.exp(-gain),
  };
}
