/** What users write for the Mann-Whitney judge, as part of the document in `schema.ts`. */
import { z } from 'zod';

const percentOf = () => z.number().min(0).max(100);

const Score = z
  .strictObject({
    pass: percentOf()
      .default(95)
      .describe('The canary passes with this score or a higher one: percent of the metrics that pass.'),
    marginal: percentOf()
      .default(75)
      .describe('It fails below this score; between the two the step is held.'),
    weights: z
      .record(z.string(), percentOf())
      .default({})
      .describe('Percent of the score that a group decides; groups not named here share the rest equally.'),
  })
  .prefault({});

/** Of a whole analysis. */
export const ANALYSIS_POINTS = {
  minPoints: z
    .number()
    .int()
    .min(5)
    .max(200)
    .default(10)
    .describe('mannWhitney: points of each arm, a window apart, below which nothing is judged.'),
  score: Score.describe('mannWhitney: how all its metrics together become one verdict.'),
} as const;

/** Of one metric. */
export const METRIC_POINTS = {
  direction: z
    .enum(['increase', 'decrease', 'either'])
    .optional()
    .describe('mannWhitney: which way is worse. Default: increase for ratio and latency, either for query.'),
  tolerance: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      'mannWhitney: a shift counts once its interval clears this share of the estimated shift. Default: 0.25.',
    ),
  confidence: z
    .number()
    .min(0.5)
    .lt(1)
    .optional()
    .describe('mannWhitney: of the interval of the shift, both ends together, at each look. Default: 0.98.'),
  effectSize: z
    .strictObject({
      measure: z
        .enum(['meanRatio', 'cles'])
        .default('meanRatio')
        .describe(
          "meanRatio: canary's mean over stable's. cles: probability that a point of canary lies above one of stable.",
        ),
      allowedIncrease: effect('A certain increase with an effect below this is let through.'),
      allowedDecrease: effect('A certain decrease with an effect above this is let through.'),
      criticalIncrease: effect(
        'From this effect on an increase of a critical metric fails by itself. Default: allowedIncrease.',
      ),
      criticalDecrease: effect(
        'From this effect down a decrease of a critical metric fails by itself. Default: allowedDecrease.',
      ),
    })
    .optional()
    .describe('mannWhitney: how large a certain shift must be to count. Default: any size.'),
  nanStrategy: z
    .enum(['remove', 'replace'])
    .optional()
    .describe(
      'mannWhitney: a NaN of a query is no data (remove, the default), or a point of 0 (replace); no series is never a point.',
    ),
  outlierFactor: z
    .number()
    .gt(0)
    .optional()
    .describe(
      'mannWhitney: points this many interquartile ranges beyond the quartiles are left out. Default: all stay.',
    ),
  groups: z
    .array(z.string().min(1).max(63))
    .min(1)
    .optional()
    .describe('mannWhitney: groups of the score that the metric belongs to. Default: all.'),
  mustHaveData: z
    .boolean()
    .optional()
    .describe(
      'mannWhitney: false lets the other metrics decide while this one has no data. Default: true, the step is held.',
    ),
} as const;

/** Only the mannWhitney judge has a use for them. */
export const POINTS_FIELDS = Object.keys(METRIC_POINTS);

function effect(meaning: string) {
  return z.number().min(0).optional().describe(meaning);
}
