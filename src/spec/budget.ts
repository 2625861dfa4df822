/** What of the error budget a document asks about: the part that a rollout may spend, and the objectives behind it. */
import type { Analysis, Metric } from './canary.ts';
import type { CanaryDocument, MetricDocument } from './schema.ts';

type AnalysisDocument = CanaryDocument['spec']['analysis'];

/** The fields that give an objective a meaning of its own, beside `maxBurnRateDelta`. */
export const ASKING_FOR_OBJECTIVES = ['rolloutBudget'] as const;

export function budgetOf({ rolloutBudget }: AnalysisDocument): Pick<Analysis, 'rolloutBudget'> {
  if (rolloutBudget === undefined) return {};
  return { rolloutBudget: { share: rolloutBudget.share, windowMs: rolloutBudget.window } };
}

/** A margin from the objective is in the bounds already: where nothing else asks for it, it says no more. */
export function objectiveOf(
  { objective }: MetricDocument,
  analysis: AnalysisDocument,
): Pick<Metric, 'objective'> {
  const isAsked = ASKING_FOR_OBJECTIVES.some((key) => analysis[key] !== undefined);
  return objective === undefined || !isAsked ? {} : { objective };
}
