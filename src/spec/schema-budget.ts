/** What users write about the error budget, as part of the document in `schema.ts`. */
import { z } from 'zod';
import { duration } from './schema-duration.ts';

const RolloutBudget = z.strictObject({
  share: z
    .number()
    .gt(0)
    .max(1)
    .default(0.02)
    .describe('Part of the error budget that a rollout may spend: 0.02 is 2 %.'),
  window: duration(3_600_000, '1h')
    .prefault('30d')
    .describe('The time that the objectives are promised over, and so the error budget.'),
});

const Incident = z.strictObject({
  burnRate: z
    .number()
    .min(1)
    .default(14.4)
    .describe('So many times what the objective allows; 14.4 spends 2 % of 30 days in an hour.'),
  window: duration(12 * 60_000, '12m')
    .prefault('1h')
    .describe(
      'For a start it must burn this fast over this time and over a twelfth of it; during a rollout the twelfth is enough.',
    ),
});

/** Of a whole analysis. */
export const ANALYSIS_BUDGET = {
  rolloutBudget: RolloutBudget.optional().describe(
    'Goes back to weight 0 once the canary has caused more bad events than this part of the error budget. For the sequential metrics with an objective.',
  ),
  incident: Incident.optional().describe(
    'No rollout starts while stable burns its error budget this fast, and no step goes on while both versions do. For ratio metrics with an objective.',
  ),
} as const;
