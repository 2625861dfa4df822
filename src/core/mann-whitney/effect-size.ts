/** How large a difference is, apart from how certain it is. */

import type { EffectSize } from '../../spec/canary.ts';

export type EffectMeasure = EffectSize['measure'];

/** Neither may be empty. Null where the measure says nothing: the ratio to a mean of 0, or of one. */
export function effectSize(
  measure: EffectMeasure,
  canary: readonly number[],
  stable: readonly number[],
): number | null {
  return measure === 'meanRatio' ? meanRatio(canary, stable) : commonLanguageEffect(canary, stable);
}

/** Canary's mean over stable's. */
export function meanRatio(canary: readonly number[], stable: readonly number[]): number | null {
  const above = mean(canary);
  const below = mean(stable);
  return above === 0 || below === 0 ? null : above / below;
}

/**
 * The probability that a point of canary lies above one of stable, ties counted half: Vargha and Delaney's A, the
 * common language effect size. 0.5: no effect.
 */
export function commonLanguageEffect(canary: readonly number[], stable: readonly number[]): number {
  const sorted = stable.toSorted((a, b) => a - b);
  const halves = canary.reduce(
    (sum, value) =>
      sum + countWhile(sorted, (other) => other < value) + countWhile(sorted, (other) => other <= value),
    0,
  );
  return halves / (2 * canary.length * stable.length);
}

/** How many at the start of `sorted` satisfy `holds`, by bisection. */
function countWhile(sorted: readonly number[], holds: (value: number) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(sorted[middle] ?? 0)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
