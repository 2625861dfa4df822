/** What of the error budget a document asks about: the part that a rollout may spend, what is an incident, and the objectives behind both. */
import type { Analysis, Metric } from './canary.ts';
import type { CanaryDocument, MetricDocument } from './schema.ts';

type AnalysisDocument = CanaryDocument['spec']['analysis'];

/** The fields that give an objective a meaning of its own, beside `maxBurnRateDelta`. */
export const ASKING_FOR_OBJECTIVES = ['rolloutBudget', 'incident'] as const;

export function budgetOf({
  rolloutBudget: budget,
  incident,
}: AnalysisDocument): Pick<Analysis, 'rolloutBudget' | 'incident'> {
  return {
    ...(budget === undefined ? {} : { rolloutBudget: { share: budget.share, windowMs: budget.window } }),
    ...(incident === undefined
      ? {}
      : { incident: { burnRate: incident.burnRate, windowMs: incident.window } }),
  };
}

/** A margin from the objective is in the bounds already: where nothing else asks for it, it says no more. */
export function objectiveOf(
  { objective }: MetricDocument,
  analysis: AnalysisDocument,
): Pick<Metric, 'objective'> {
  const isAsked = ASKING_FOR_OBJECTIVES.some((key) => analysis[key] !== undefined);
  return objective === undefined || !isAsked ? {} : { objective };
}
