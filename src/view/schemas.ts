/**
 * The wire contract: what the HTTP API answers and what the command line reads. Shapes are written out here, apart
 * from the core's own types, so that a change inside never changes an interface by accident; only the vocabulary
 * (names of phases, outcomes, events) is the core's. Times are RFC 3339 UTC, spans are in seconds.
 */
import { z } from 'zod';
import { EVENT_TYPES } from '../core/events.ts';
import { OUTCOMES } from '../core/outcome.ts';
import { HEALTHS, PHASES } from '../core/rollout.ts';

const Time = z.iso.datetime().meta({ description: 'RFC 3339, UTC' });
const Facts = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));

const VERDICTS = ['pass', 'fail', 'inconclusive', 'noData', 'error', 'pending'] as const;

export const DiagnosticView = z
  .object({
    severity: z.enum(['error', 'warning']),
    file: z.string().nullable().meta({ description: 'Null where the trouble is no file’s' }),
    line: z.int().nullable(),
    column: z.int().nullable(),
    code: z.string(),
    detail: z.string(),
    canary: z.string().nullable(),
  })
  .meta({ id: 'Diagnostic', description: 'Something wrong or doubtful, with its place' });
export type DiagnosticView = z.infer<typeof DiagnosticView>;

export const MetricView = z
  .object({
    name: z.string(),
    verdict: z.enum(VERDICTS),
    canary: z.number().nullable().meta({ description: 'Null: not measured' }),
    stable: z.number().nullable(),
    canaryRequests: z.number().nullable().meta({
      description:
        'Requests behind the number: of the window, with the sequential judge all that were judged. Null: not counted',
    }),
    stableRequests: z.number().nullable(),
    measured: z
      .string()
      .meta({ description: 'The numbers of the last look in a sentence; empty: not measured' }),
    bound: z.string().meta({ description: 'E.g. "maxDelta 0.005"' }),
    detail: z.string().meta({ description: 'The comparison in a sentence' }),
    at: Time.nullable().meta({ description: 'Evaluation time of the last look' }),
    passes: z.int().meta({ description: 'Looks in a row that count towards leaving the step' }),
    counted: z
      .boolean()
      .meta({ description: 'False: the last look lies in a settle time and counts neither way' }),
    judge: z.string(),
    dryRun: z.boolean(),
    dispersion: z.number().nullable().meta({
      description:
        'Sequential judge: what the evidence of each poll is divided by; 1: nothing. Null: another judge, or not known yet',
    }),
    budget: z
      .object({
        excess: z.number().meta({ description: 'Bad events that stable would not have had, an estimate' }),
        allowed: z.number().nullable().meta({ description: 'How many it may be; null: not known' }),
      })
      .nullable()
      .meta({ description: 'What the rollout has spent of its error budget. Null: it has none' }),
    stableFrozenAt: Time.nullable().meta({ description: 'Set when stable was asked at an earlier time' }),
    query: z.string().nullable().meta({ description: 'PromQL that shows the canary’s number' }),
  })
  .meta({ id: 'Metric' });
export type MetricView = z.infer<typeof MetricView>;

export const StepView = z
  .object({
    index: z.int(),
    weight: z.int(),
    bakeSeconds: z.number(),
    approval: z.boolean(),
    verifiedAt: Time.nullable().meta({ description: 'When the weight was read back' }),
    leftAt: Time.nullable().meta({ description: 'When the next weight was read back' }),
  })
  .meta({ id: 'Step' });
export type StepView = z.infer<typeof StepView>;

export const CanaryView = z
  .object({
    name: z.string(),
    service: z.string(),
    phase: z.enum(PHASES),
    health: z.enum(HEALTHS),
    since: Time.nullable().meta({ description: 'When the phase began' }),
    stableRevision: z.string().nullable(),
    canaryRevision: z.string().nullable(),
    rolloutId: z
      .string()
      .nullable()
      .meta({ description: 'The rollout under way, else the one whose end the phase shows' }),
    step: z
      .object({ index: z.int(), count: z.int() })
      .nullable()
      .meta({ description: 'Counts from 0; -1 before the first step. Null in Stable and Succeeded' }),
    weight: z.object({
      desired: z.int().nullable(),
      observed: z.int().nullable().meta({ description: 'Changes only by a read; null while unknown' }),
      verifiedAt: Time.nullable().meta({ description: 'When the held weight was first read back' }),
      readAt: Time.nullable().meta({ description: 'When the live document was last read' }),
    }),
    gateways: z.object({ current: z.int(), total: z.int() }).nullable().meta({
      description:
        'Addresses that listen to the live document, and how many of them have it; never proof. Null in a list, and where it cannot be told',
    }),
    bakedSeconds: z.number().nullable().meta({ description: 'Time spent at the held weight' }),
    reason: z.string(),
    nextCheckAt: Time.nullable(),
    pauses: z.array(z.object({ reason: z.string(), detail: z.string(), since: Time })),
    alerts: z
      .array(
        z.object({
          alert: z.string(),
          action: z.enum(['rollback', 'pause', 'promote', 'ignore']),
          summary: z.string(),
          startedAt: Time,
          toldAt: Time.meta({ description: 'When its sender last said so' }),
          eventId: z.int().meta({ description: 'Number of the event that recorded it' }),
        }),
      )
      .meta({ description: 'Alerts that fire, the newest 50, oldest first' }),
    steps: z.array(StepView),
    metrics: z.array(MetricView),
    failedRevisions: z.array(z.string()).meta({ description: 'Revisions that need `retry`' }),
    file: z.string().nullable(),
    line: z.int().nullable(),
    labels: z.record(z.string(), z.string()),
    specHash: z.string().nullable(),
    diagnostics: z.array(DiagnosticView),
  })
  .meta({ id: 'Canary', description: 'A Canary as it is now' });
export type CanaryView = z.infer<typeof CanaryView>;

export const CanaryListView = z
  .object({ items: z.array(CanaryView), diagnostics: z.array(DiagnosticView) })
  .meta({ id: 'CanaryList' });
export type CanaryListView = z.infer<typeof CanaryListView>;

const ComparisonView = z
  .object({
    label: z
      .enum(['pass', 'high', 'low', 'noData', 'error'])
      .meta({ description: 'Whether canary lies above stable, below it, or neither is certain' }),
    canaryPoints: z.int(),
    stablePoints: z.int(),
    shift: z
      .object({ estimate: z.number(), lower: z.number(), upper: z.number() })
      .nullable()
      .meta({ description: 'Canary minus stable, with its interval. Null: nothing was compared' }),
    effectSize: z.number().nullable(),
    measure: z.enum(['meanRatio', 'cles']),
    score: z.number().meta({ description: 'Of all metrics of this judge, 0 to 100' }),
  })
  .meta({ id: 'Comparison', description: 'What the mannWhitney judge made of the points of the step' });

export const VerdictView = z
  .object({
    metric: z.string(),
    verdict: z.enum(VERDICTS),
    at: Time,
    windowSeconds: z.number(),
    canary: z.number().nullable(),
    stable: z.number().nullable(),
    canaryRequests: z.number().nullable(),
    stableRequests: z.number().nullable(),
    bound: z.string(),
    detail: z.string(),
    query: z.string(),
    counted: z.boolean().meta({ description: 'False: the look counted neither way' }),
    guard: z.boolean(),
    stableFrozenAt: Time.nullable(),
    comparison: ComparisonView.nullable().meta({ description: 'Null: not the mannWhitney judge' }),
  })
  .meta({ id: 'Measurement', description: 'One metric at one look, with its numbers' });
export type VerdictView = z.infer<typeof VerdictView>;

export const RolloutView = z
  .object({
    id: z.string(),
    canary: z.string(),
    revision: z.string(),
    stableRevision: z.string(),
    outcome: z.enum(OUTCOMES).nullable().meta({ description: 'Null while it is under way' }),
    judge: z.string(),
    analysed: z.boolean().meta({ description: 'False: someone or something exempted a step from evidence' }),
    startedAt: Time,
    endedAt: Time.nullable(),
    durationSeconds: z.number().nullable(),
    rollbackSeconds: z
      .number()
      .nullable()
      .meta({ description: 'From the first fail to the verified 0, where it was rolled back' }),
    reason: z.string(),
    undoes: z.string().nullable(),
    steps: z.array(z.object({ index: z.int(), weight: z.int(), verifiedAt: Time })),
    exemptions: z.array(
      z.object({ kind: z.string(), actor: z.string(), reason: z.string(), stepIndex: z.int(), at: Time }),
    ),
    measurements: z
      .array(VerdictView)
      .meta({ description: 'Newest first; in a list the latest of each metric' }),
  })
  .meta({ id: 'Rollout', description: 'One attempt to bring one revision through the steps' });
export type RolloutView = z.infer<typeof RolloutView>;

export const RolloutListView = z.object({ items: z.array(RolloutView) }).meta({ id: 'RolloutList' });
export type RolloutListView = z.infer<typeof RolloutListView>;

export const EventView = z
  .object({
    id: z.int(),
    at: Time,
    canary: z.string().nullable(),
    rolloutId: z.string().nullable(),
    type: z.enum(EVENT_TYPES),
    message: z.string(),
    causedBy: z.int().nullable().meta({ description: 'Number of the command’s or alert’s event' }),
    actor: z.string().nullable(),
    facts: Facts.meta({ description: 'The same for programs' }),
    explained: z.boolean().meta({ description: 'True: `explain?at=` has the decision behind it' }),
  })
  .meta({ id: 'Event', description: 'One committed fact; its number never changes' });
export type EventView = z.infer<typeof EventView>;

export const EventListView = z.object({ items: z.array(EventView) }).meta({ id: 'EventList' });
export type EventListView = z.infer<typeof EventListView>;

const ReasonView = z.object({ code: z.string(), text: z.string(), facts: Facts }).meta({ id: 'Reason' });

export const ExplanationView = z
  .object({
    canary: z.string(),
    rolloutId: z.string().nullable(),
    eventId: z.int().nullable().meta({ description: 'The event asked for; null for the last decision' }),
    at: Time,
    phase: z.enum(PHASES),
    action: z.enum(['none', 'wait', 'hold', 'raise', 'lower', 'pause', 'promote', 'forget']),
    from: z.int(),
    to: z.int(),
    because: z.array(ReasonView),
    notBecause: z.array(ReasonView),
    verdicts: z.array(VerdictView),
    nextCheckAt: Time,
    text: z.string(),
  })
  .meta({ id: 'Explanation', description: 'A decision with its reasons, as data and as text' });
export type ExplanationView = z.infer<typeof ExplanationView>;

export const StartAnswer = z
  .object({
    status: z.string(),
    canary: z.string(),
    rolloutId: z.string().nullable().meta({ description: 'Null: that version is live without a rollout' }),
    eventId: z
      .int()
      .optional()
      .meta({ description: 'Only where something was done: the event that recorded it' }),
  })
  .meta({ id: 'StartAnswer' });
export type StartAnswer = z.infer<typeof StartAnswer>;

export const CommandAnswer = z
  .object({
    eventId: z.int().meta({ description: 'Visible once an event with this number as its `causedBy` exists' }),
    rolloutId: z.string().optional().meta({ description: 'The new rollout (retry)' }),
  })
  .meta({ id: 'CommandAnswer' });
export type CommandAnswer = z.infer<typeof CommandAnswer>;

export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().meta({ description: 'Stable; programs decide by it' }),
    detail: z.string(),
    hint: z.string().meta({ description: 'What to do next' }),
    requestId: z.string().optional().meta({ description: 'Names the request in the log; also X-Request-Id' }),
    error: z.string().optional().meta({ description: 'Same as `detail`, on /api/v1/canary/start only' }),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details' });
export type Problem = z.infer<typeof Problem>;
