/** What users write about judges, as part of the document in `schema.ts`. */
import { z } from 'zod';

/** Of a whole analysis. */
export const ANALYSIS_JUDGE = {
  judge: z
    .enum(['threshold', 'sequential', 'mannWhitney'])
    .optional()
    .describe(
      'Judge of the metrics that name none themselves and that it can take: sequential ratio and latency with maxDelta alone, mannWhitney what is compared with stable. Default: sequential, but not for a metric with for, failureLimit, minRequests or critical: true.',
    ),
  alpha: z
    .number()
    .gt(0)
    .max(0.5)
    .default(0.01)
    .describe('sequential: probability per rollout of rolling back a canary that is within tolerance.'),
  beta: z
    .number()
    .gt(0)
    .max(0.5)
    .default(0.05)
    .describe('sequential: probability per rollout of promoting a canary that is beyond maxDelta.'),
  sensitivity: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('sequential: part of maxDelta that is tolerated. 1 is strict, 0 rolls back any increase.'),
  dispersion: z
    .union([z.literal('auto'), z.number().min(1).max(50)])
    .default('auto')
    .describe(
      'sequential: how many times the variance of independent requests failures have; auto estimates it from stable before the rollout.',
    ),
} as const;

/** Of one metric. */
export const METRIC_JUDGE = {
  judge: z
    .enum(['threshold', 'sequential', 'mannWhitney'])
    .optional()
    .describe(
      'How values become a verdict. Default: analysis.judge, or sequential where that is not written, if it can take the metric, else threshold.',
    ),
  objective: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe(
      'ratio and latency: share of good events that is promised, e.g. 0.999; slow ones are slower than the quantile of stable before the rollout. For maxBurnRateDelta, rolloutBudget and incident.',
    ),
  weight: z
    .number()
    .gt(0)
    .optional()
    .describe('sequential: how much of analysis.alpha the metric gets beside the others. Default: 1.'),
} as const;
