/** The effective declaration on the wire: every default filled in, spans in milliseconds. `plan` compares with it. */
import { z } from 'zod';
import type { Canary } from '../spec/canary.ts';

const REACTIONS = ['hold', 'pause', 'rollback'] as const;

const Target = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('nacos'), namespace: z.string(), group: z.string(), dataId: z.string() }),
  z.object({ kind: z.literal('file'), path: z.string() }),
]);

const Source = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ratio'), bad: z.string(), total: z.string(), minRequests: z.number() }),
  z.object({
    kind: z.literal('latency'),
    histogram: z.string(),
    quantile: z.number(),
    minRequests: z.number(),
  }),
  z.object({ kind: z.literal('query'), query: z.string() }),
  z.object({ kind: z.literal('external'), alert: z.string() }),
]);

const Bound = z.exactOptional(z.number());

const EffectiveMetric = z.object({
  name: z.string(),
  source: Source,
  bounds: z.object({ max: Bound, min: Bound, maxDelta: Bound, minDelta: Bound, maxRatio: Bound }),
  windowMs: z.number(),
  forMs: z.number().nullable(),
  failureLimit: z.number().nullable(),
  critical: z.boolean(),
  dryRun: z.boolean(),
  judge: z.enum(['threshold', 'sequential', 'mannWhitney']),
  sequential: z.exactOptional(
    z.object({
      alpha: z.number(),
      beta: z.number(),
      sensitivity: z.number(),
      dispersion: z.number().nullable(),
    }),
  ),
  mannWhitney: z.exactOptional(
    z.object({
      direction: z.enum(['increase', 'decrease', 'either']),
      tolerance: z.number(),
      confidence: z.number(),
      effectSize: z.object({
        measure: z.enum(['meanRatio', 'cles']),
        allowedIncrease: z.number(),
        allowedDecrease: z.number(),
        criticalIncrease: z.number(),
        criticalDecrease: z.number(),
      }),
      nanStrategy: z.enum(['remove', 'replace']),
      outlierFactor: z.number().nullable(),
      minPoints: z.number(),
      groups: z.array(z.string()).readonly(),
      mustHaveData: z.boolean(),
    }),
  ),
  objective: z.exactOptional(z.number()),
});

const EffectiveStrategy = z.object({
  steps: z.array(
    z.object({
      weight: z.int(),
      bakeMs: z.number(),
      approval: z.boolean(),
      maxHoldMs: z.exactOptional(z.number()),
    }),
  ),
  ready: z.object({ query: z.string(), min: z.number() }).nullable(),
  onRevisionChange: z.enum(['restart', 'queue', 'reject']),
  onFailure: z.enum(['rollback', 'pause']),
  onDelete: z.enum(['rollback', 'retain']),
  progressDeadlineMs: z.number(),
});

const EffectiveAnalysis = z.object({
  skip: z.boolean(),
  intervalMs: z.number(),
  versionLabel: z.string(),
  onNoData: z.enum(REACTIONS),
  noDataGraceMs: z.number(),
  onError: z.enum(REACTIONS),
  errorLimit: z.number(),
  onInconclusive: z.enum(REACTIONS),
  resumeOnResolved: z.boolean(),
  metrics: z.array(EffectiveMetric),
  scoring: z.exactOptional(
    z.object({ weights: z.record(z.string(), z.number()), pass: z.number(), marginal: z.number() }),
  ),
  rolloutBudget: z.exactOptional(z.object({ share: z.number(), windowMs: z.number() })),
  incident: z.exactOptional(z.object({ burnRate: z.number(), windowMs: z.number() })),
});

const EffectiveCanary = z
  .object({
    name: z.string(),
    labels: z.record(z.string(), z.string()),
    service: z.string(),
    revision: z.string().nullable(),
    stableRevision: z.string().nullable(),
    suspend: z.boolean(),
    target: Target,
    settleMs: z.number(),
    verifyTimeoutMs: z.number(),
    onDrift: z.enum(['correct', 'pause', 'adopt']),
    strategy: EffectiveStrategy,
    analysis: EffectiveAnalysis,
  })
  .meta({ id: 'EffectiveCanary', description: 'The declaration with every default filled in' });

export const SpecView = z
  .object({
    file: z.string(),
    line: z.int(),
    hash: z.string(),
    template: z.object({ name: z.string(), file: z.string(), line: z.int() }).nullable(),
    canary: EffectiveCanary,
  })
  .meta({ id: 'Spec' });
export type SpecView = z.infer<typeof SpecView>;

/** The running declaration of a SpecView, in the form that the spec functions take. */
export function canaryOf(view: SpecView): Canary {
  return view.canary;
}
