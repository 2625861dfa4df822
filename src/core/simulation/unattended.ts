/** A declaration as it is judged without people and alerts around it. */
import type { Canary, Metric, Spec } from '../../spec/canary.ts';

export interface Unattended {
  readonly spec: Spec;
  /** Metrics that cannot be judged here. */
  readonly leftOut: readonly Metric[];
}

/**
 * A rollout of `revision` over `stable` that begins at once: nobody suspends it, its instances are up, approvals are
 * given at once, and what pauses for a person after a failure goes back.
 *
 * @param has whether there is something to judge a metric by
 */
export function unattended(
  { canary, ...rest }: Spec,
  revision: string,
  stable: string,
  has: (metric: Metric) => boolean,
): Unattended {
  const { strategy, analysis } = canary;
  const judged: Canary = {
    ...canary,
    revision,
    stableRevision: stable,
    suspend: false,
    strategy: {
      ...strategy,
      ready: null,
      onFailure: 'rollback',
      steps: strategy.steps.map((step) => ({ ...step, approval: false })),
    },
    analysis: { ...analysis, metrics: analysis.metrics.filter(has) },
  };
  return { spec: { ...rest, canary: judged }, leftOut: analysis.metrics.filter((metric) => !has(metric)) };
}
