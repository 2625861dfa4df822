/** Whether the canary gets the share of traffic that was asked for: a wrong share is a fault in the wiring. */
import { logGamma } from './log-gamma.ts';

/** Probability of calling a right split wrong, at one weight, however often one looks. */
export const SPLIT_ALPHA = 0.001;
/** Probes and internal callers shift a share by a little, which much traffic proves: that is no fault. */
const TOLERATED = 0.2;
/** Requests that the prior belief in the configured split is worth. */
const PRIOR = 100;

/** Counts since the weight was verified, as plain JSON. */
export interface SplitState {
  readonly canary: number;
  readonly stable: number;
  /** The greatest ln odds against the configured split so far. */
  readonly peak: number;
}

export const NO_SPLIT: SplitState = { canary: 0, stable: 0, peak: 0 };

export interface SplitReading {
  /** The canary's share of the requests seen, 0 to 1; null: none was seen. */
  readonly observed: number | null;
  /** Probability of counts this far off under the configured split, however often one looks. */
  readonly p: number;
  readonly mismatch: boolean;
}

/**
 * Adds a poll's requests. Begin with `NO_SPLIT` at each verified weight: a split is only compared with its own weight.
 *
 * @param share configured share of the canary, 0 to 1. At 0 and 1 the split is not checked: the odds need two arms
 */
export function addSplit(
  state: SplitState,
  requests: { readonly canary: number; readonly stable: number },
  share: number,
): SplitState {
  const canary = state.canary + requests.canary;
  const stable = state.stable + requests.stable;
  if (!(share > 0 && share < 1)) return { canary, stable, peak: state.peak };
  return { canary, stable, peak: Math.max(state.peak, logSplitOdds([canary, stable], [share, 1 - share])) };
}

/** A mismatch is improbable and large: more than a fifth of the configured share. */
export function readSplit({ canary, stable, peak }: SplitState, share: number): SplitReading {
  const p = Math.min(1, Math.exp(-peak));
  const observed = canary + stable > 0 ? canary / (canary + stable) : null;
  const isFar = observed !== null && Math.abs(observed - share) > TOLERATED * share;
  return { observed, p, mismatch: isFar && p <= SPLIT_ALPHA };
}

/**
 * ln of the odds against "requests are split like this": a Dirichlet mixture around the split, divided by the
 * likelihood of the split itself. A martingale under the split (Lindon and Malek, Anytime-Valid Inference for
 * Multinomial Count Data).
 *
 * @param split shares above 0 that add up to 1
 */
export function logSplitOdds(counts: readonly number[], split: readonly number[]): number {
  const prior = split.map((share) => PRIOR * share);
  const posterior = prior.map((weight, index) => weight + (counts[index] ?? 0));
  const likelihood = split.reduce((sum, share, index) => sum + (counts[index] ?? 0) * Math.log(share), 0);
  return logBeta(posterior) - logBeta(prior) - likelihood;
}

function logBeta(weights: readonly number[]): number {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.reduce((total, weight) => total + logGamma(weight), 0) - logGamma(sum);
}
