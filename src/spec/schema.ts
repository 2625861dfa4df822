/**
 * The Canary document as users write it: the one source of its fields, types and defaults. Durations come out in
 * milliseconds. What fields mean together is `lint.ts`; what the program works with is `canary.ts`.
 */
import { z } from 'zod';
import { ANALYSIS_BUDGET } from './schema-budget.ts';
import { anyDuration, duration } from './schema-duration.ts';
import { ANALYSIS_JUDGE, METRIC_JUDGE } from './schema-judge.ts';
import { ANALYSIS_POINTS, METRIC_POINTS } from './schema-mann-whitney.ts';

/** Longest PromQL text. Nothing that people write comes near; it keeps a slip from becoming a megabyte of query. */
const MAX_QUERY = 10_000;

/** One line of text without blanks at its ends. */
const ONE_LINE = /^[^\s\p{Cc}](?:[^\p{Cc}]*[^\s\p{Cc}])?$/u;

function oneLine(max: number) {
  return z.string().max(max).regex(ONE_LINE, 'must be one line of text without blanks at its ends');
}

/** Names a version. Opaque: compared for equality only. */
export const Revision = oneLine(128);

const Reaction = z.enum(['hold', 'pause', 'rollback']);

const promql = () => z.string().min(1).max(MAX_QUERY);

/** Nacos refuses other letters. A name that begins with `cipher-` makes it encrypt, which no gateway expects. */
export const NACOS_NAME = /^(?!cipher-)[A-Za-z0-9_.:-]+$/;
export const MAX_DATA_ID = 256;
const NACOS_NAME_HINT = 'may hold letters, digits and _ - . : only, and must not begin with cipher-';

export const DEFAULT_GROUP = 'CANARY_GROUP';

const NacosTarget = z.strictObject({
  namespace: z
    .string()
    .max(64)
    .regex(/^[\w-]*$/, 'must be a namespace id: letters, digits, _ and - only')
    .default('')
    .describe('Namespace id, not its display name. Empty (or "public") is the public namespace.'),
  group: z
    .string()
    .max(128)
    .regex(NACOS_NAME, NACOS_NAME_HINT)
    .default(DEFAULT_GROUP)
    .describe('Nacos group of the rule document.'),
  dataId: z
    .string()
    .max(MAX_DATA_ID)
    .regex(NACOS_NAME, NACOS_NAME_HINT)
    .optional()
    .describe(
      'dataId of the rule document. Default: canary-rules.SERVICE.json. No two Canaries may share one.',
    ),
});

const FileTarget = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(1024)
    .describe(
      'Where to write the rule document, relative to the directory of the Canary files and inside of it.',
    ),
});

const Traffic = z
  .strictObject({
    nacos: NacosTarget.optional().describe('The rule document in Nacos. This is the default router.'),
    file: FileTarget.optional().describe(
      'The rule document as a file, replaced atomically. Instead of nacos.',
    ),
    settle: anyDuration()
      .prefault('60s')
      .describe(
        'After a weight is verified, what touches this time is no evidence, but for the guard, critical metrics and the rollout budget.',
      ),
    verifyTimeout: duration(1000, '1s')
      .prefault('30s')
      .describe('A raise not read back by then is cancelled and reported; a lowering is written again.'),
    onDrift: z
      .enum(['correct', 'pause', 'adopt'])
      .default('correct')
      .describe('Someone else changed the weight: correct it (only ever downwards), pause, or adopt it.'),
  })
  .meta({ not: { required: ['nacos', 'file'] } });

const Step = z.strictObject({
  setWeight: z
    .number()
    .int()
    .min(1)
    .max(100)
    .describe('Percent of the traffic that the canary gets, 1 to 100.'),
  bake: anyDuration().describe('How long the step lasts at least, from the moment its weight is read back.'),
  approval: z
    .literal('required')
    .optional()
    .describe('required: a person must approve before the next step begins.'),
  maxHold: anyDuration()
    .optional()
    .describe(
      'How long the sequential and the mannWhitney judge may go without evidence to leave the step, before onInconclusive. 0: for ever. Default: 20m.',
    ),
});

const Ready = z.strictObject({
  query: promql().describe('PromQL that gives one number, e.g. how many instances of the canary are up.'),
  min: z.number().default(1).describe('The number must be at least this.'),
});

const Strategy = z.strictObject({
  steps: z.array(Step).min(1).describe('Weights in ascending order; the last one is 100.'),
  ready: Ready.optional().describe('The first step waits until this holds at three looks in a row.'),
  onRevisionChange: z
    .enum(['restart', 'queue', 'reject'])
    .default('restart')
    .describe(
      'A third revision during a rollout: start again with it from weight 0, queue it, or reject it.',
    ),
  onFailure: z
    .enum(['rollback', 'pause'])
    .default('rollback')
    .describe('A metric failed: go back to weight 0, or keep the weight and wait for a person.'),
  onDelete: z
    .enum(['rollback', 'retain'])
    .default('rollback')
    .describe('The file vanished during a rollout: go back to weight 0, or leave the weight as it is.'),
  progressDeadline: anyDuration()
    .prefault('1h')
    .describe(
      'How long a step may go on after its bake without enough evidence, pauses and outages not counted. 0: for ever.',
    ),
});

const Ratio = z.strictObject({
  bad: promql().describe('Selector of the bad events, e.g. http_requests_total{job="api",code=~"5.."}.'),
  total: promql().describe('Selector of all events; the same metric as bad.'),
});

const Latency = z.strictObject({
  histogram: promql().describe(
    'Selector of the buckets of a classic histogram, ending in _bucket; any other names a native one.',
  ),
  quantile: z.number().gt(0).lt(1).describe('Between 0 and 1, e.g. 0.99.'),
});

const External = z.strictObject({
  alert: oneLine(200).describe('Name of the alert: its label alertname.'),
});

const BOUNDS = {
  max: z.number().optional().describe('The canary must not be above this.'),
  min: z.number().optional().describe('The canary must not be below this.'),
  maxDelta: z.number().optional().describe('Canary minus stable must not be above this.'),
  minDelta: z.number().optional().describe('Canary minus stable must not be below this.'),
  maxRatio: z.number().optional().describe('The canary must not be above this many times stable.'),
  maxBurnRateDelta: z
    .number()
    .gt(0)
    .optional()
    .describe('ratio: maxDelta as this many times the error budget that objective leaves.'),
} as const;

const METRIC_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/;

const Metric = z
  .strictObject({
    name: z
      .string()
      .max(63)
      .regex(METRIC_NAME, 'must be letters, digits and . _ - only, with a letter or digit at both ends')
      .describe('Unique among the metrics of this Canary.'),
    ratio: Ratio.optional().describe(
      'Share of bad events. The controller writes the PromQL and adds the version matcher. {{service}} and {{name}} may stand in quotes.',
    ),
    latency: Latency.optional().describe(
      'A quantile of a histogram, in the unit of the histogram. {{service}} and {{name}} may stand in quotes.',
    ),
    query: promql()
      .optional()
      .describe(
        'Any PromQL that gives one number. It is asked for {{version}} = canary, and for stable too when a bound compares. Also: {{service}}, {{canary}}, {{stable}}, {{window}}, {{name}}.',
      ),
    external: External.optional().describe(
      'Instead of a measurement: good while this alert, pushed in to be promoted on, is told at the weight held.',
    ),
    ...BOUNDS,
    minRequests: z
      .number()
      .int()
      .min(0)
      .optional()
      .describe('ratio and latency: fewer canary requests in the window are no data. Default: 10.'),
    for: anyDuration()
      .optional()
      .describe(
        'How long a breach must last, without a pass, to fail the rollout. Default: three intervals.',
      ),
    failureLimit: z
      .number()
      .int()
      .min(0)
      .optional()
      .describe('Instead of `for`: more failures than this in the rollout, at most one a window, fail it.'),
    critical: z.boolean().default(false).describe('true: a single failure rolls back at once.'),
    dryRun: z.boolean().default(false).describe('true: measured and shown, never counted.'),
    window: duration(1000, '1s')
      .optional()
      .describe('Range that the metric looks back. Default: analysis.window.'),
    ...METRIC_JUDGE,
    ...METRIC_POINTS,
  })
  .meta({ not: { required: ['for', 'failureLimit'] } });

/** Metrics of this judge need no bound. */
const COMPARES_ALL = { required: ['judge'], properties: { judge: { const: 'mannWhitney' } } };

/** For editors only; `lint-metric.ts` decides. Where a template stands behind, a metric may be a part of one. */
const WHOLE_METRIC = {
  oneOf: ['ratio', 'latency', 'query', 'external'].map((source) => ({ required: [source] })),
  anyOf: [...[...Object.keys(BOUNDS), 'external'].map((field) => ({ required: [field] })), COMPARES_ALL],
};

const SKIP = {
  skip: z
    .boolean()
    .default(false)
    .describe('true: there are no metrics, on purpose. The rollout is recorded as not analyzed.'),
} as const;

/** What a Canary and a template say in the same words. */
const ANALYSIS = {
  interval: duration(1000, '1s')
    .prefault('30s')
    .describe('Time between two looks at the metrics; at least 1s.'),
  versionLabel: z
    .string()
    .max(128)
    .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'must be a Prometheus label name')
    .default('version')
    .describe('Label whose value is the revision, on every series that is asked for.'),
  window: duration(1000, '1s')
    .prefault('1m')
    .describe('Range that metrics look back, unless they say otherwise.'),
  onNoData: Reaction.default('hold').describe(
    'No data for longer than noDataGrace: hold, pause or rollback.',
  ),
  noDataGrace: anyDuration().prefault('10m').describe('How long data may be missing before onNoData.'),
  onError: Reaction.default('pause').describe(
    'Prometheus cannot be asked, errorLimit looks in a row: hold, pause or rollback.',
  ),
  errorLimit: z.number().int().min(1).default(4).describe('Looks in a row with an error before onError.'),
  onInconclusive: Reaction.default('pause').describe('The judge cannot tell: hold, pause or rollback.'),
  resumeOnResolved: z
    .boolean()
    .default(false)
    .describe('true: a pause that an alert made ends by itself once that alert is resolved.'),
  ...ANALYSIS_JUDGE,
  ...ANALYSIS_POINTS,
  ...ANALYSIS_BUDGET,
} as const;

const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

const dnsLabel = () =>
  z
    .string()
    .max(63)
    .regex(
      DNS_LABEL,
      'must be a DNS label: lower-case letters, digits and -, with a letter or digit at both ends',
    );

/** Names an AnalysisTemplate. */
export const TemplateName = dnsLabel();

const Analysis = z
  .strictObject({
    template: TemplateName.optional().describe(
      'Name of an AnalysisTemplate in the same directory: it gives every field that is not written here.',
    ),
    ...SKIP,
    ...ANALYSIS,
    metrics: z
      .array(Metric)
      .prefault([])
      .describe(
        'What the canary is judged by. A metric that the template has too wins field by field; others are added.',
      ),
  })
  .meta({
    anyOf: [{ required: ['template'] }, COMPARES_ALL, { properties: { metrics: { items: WHOLE_METRIC } } }],
  });

const Metadata = z.strictObject({
  name: dnsLabel().describe('Identifies the Canary; unique in the directory.'),
  labels: z.record(z.string(), z.string()).default({}).describe('Free to use; copied to notifications.'),
});

const Body = z.strictObject({
  service: oneLine(253)
    .optional()
    .describe('Name of the service in the rule document and in {{service}}. Default: metadata.name.'),
  revision: Revision.optional().describe(
    'The version that should be live. Changing it starts a rollout. Without it only the API sets the revision.',
  ),
  stableRevision: Revision.optional().describe(
    'The version that is live, used once: when neither the store nor the rule document knows it.',
  ),
  suspend: z
    .boolean()
    .default(false)
    .describe('true: the weight is not raised. Everything that lowers it still works.'),
  traffic: Traffic.prefault({}).describe('Where the weights are written.'),
  strategy: Strategy.describe('The steps, and what happens when something is not as planned.'),
  analysis: Analysis.prefault({}).describe('What the canary is judged by, and how often.'),
});

export const CanaryDocument = z
  .strictObject({
    apiVersion: z.literal('canary/v1').describe('Always canary/v1.'),
    kind: z.literal('Canary').describe('Always Canary.'),
    metadata: Metadata.describe('Name and labels.'),
    spec: Body.describe('The declaration itself.'),
  })
  .meta({ title: 'Canary', description: 'A canary release of one service, declared in Git.' });

export const TemplateDocument = z
  .strictObject({
    apiVersion: z.literal('canary/v1').describe('Always canary/v1.'),
    kind: z.literal('AnalysisTemplate').describe('Always AnalysisTemplate.'),
    metadata: z
      .strictObject({
        name: TemplateName.describe('What Canaries name in analysis.template; unique in the directory.'),
      })
      .describe('The name.'),
    spec: z
      .strictObject({
        ...ANALYSIS,
        metrics: z.array(Metric).min(1).describe('What the canaries are judged by, as in a Canary.'),
      })
      .meta({ anyOf: [COMPARES_ALL, { properties: { metrics: { items: WHOLE_METRIC } } }] })
      .describe('What Canaries leave out of their spec.analysis.'),
  })
  .meta({ title: 'AnalysisTemplate', description: 'Analysis that several Canaries share.' });

export type TemplateDocument = z.output<typeof TemplateDocument>;

/** A document with every default that does not depend on another field; durations in milliseconds. */
export type CanaryDocument = z.output<typeof CanaryDocument>;

export type MetricDocument = CanaryDocument['spec']['analysis']['metrics'][number];
