/** Which meaning of its declaration a rollout goes on by: it keeps the default of the judge that it began with. */
import type { Canary, Spec } from '../spec/canary.ts';
import type { RolloutState } from './rollout.ts';

/** The declaration for `rollout`; null: for one that is still to begin. */
export function canaryFor({ canary, earlier }: Spec, rollout: RolloutState | null): Canary {
  if (earlier === undefined || rollout === null || rollout.defaultJudge !== undefined) return canary;
  const { strategy, analysis } = canary;
  return {
    ...canary,
    strategy: { ...strategy, steps: earlier.steps },
    analysis: { ...analysis, metrics: earlier.metrics },
  };
}

/** Whether `hash` stands for what `spec` means to `rollout`: another version of this program may have written it down. */
export function isHashOf({ hash, earlier }: Spec, rollout: RolloutState | null, known: string): boolean {
  return known === hash || (known === earlier?.hash && rollout?.defaultJudge === undefined);
}
