/** A Canary's analysis on top of a template's: what the Canary says wins, field by field. */
import { ASKING_FOR_OBJECTIVES } from './budget.ts';
import { isMapping } from './draft.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Fields that stand for one another: one in the Canary drops the others of the template. */
const CHOICES: readonly (readonly string[])[] = [
  ['ratio', 'latency', 'query', 'external'],
  ['for', 'failureLimit'],
  ['maxDelta', 'maxBurnRateDelta'],
];
/** What only counted events have. */
const OF_COUNTS = ['minRequests', 'maxBurnRateDelta', 'objective', 'weight'] as const;

/**
 * The document with the template's analysis under its own, both as written. Its own metrics come first, in their
 * order, so that an index leads to the same metric in the document; those that only the template has follow.
 */
export function withTemplate(document: Fields, analysis: Fields): Fields {
  const spec = fieldsOf(document['spec']);
  const own = fieldsOf(spec['analysis']);
  const merged = { ...analysis, ...own };
  const keepsObjectives = ASKING_FOR_OBJECTIVES.some((key) => key in merged);
  const metrics = mergedMetrics(own['metrics'], analysis['metrics'], keepsObjectives);
  return { ...document, spec: { ...spec, analysis: { ...merged, metrics } } };
}

/** What is no list stays as it is: the schema says so. */
function mergedMetrics(own: unknown, shared: unknown, keepsObjectives: boolean): unknown {
  const written = own ?? [];
  if (!Array.isArray(written)) return written;
  const inherited = Array.isArray(shared) ? shared.filter(isMapping) : [];
  const named = new Map(inherited.map((metric) => [metric['name'], metric]));
  const names = new Set(written.filter(isMapping).map(({ name }) => name));
  return [
    ...written.map((metric) => mergedMetric(metric, named, keepsObjectives)),
    ...inherited.filter(({ name }) => !names.has(name)),
  ];
}

function mergedMetric(
  metric: unknown,
  named: ReadonlyMap<unknown, Fields>,
  keepsObjectives: boolean,
): unknown {
  const shared = isMapping(metric) ? named.get(metric['name']) : undefined;
  if (!isMapping(metric) || shared === undefined) return metric;
  // An alert measures nothing: of what was measured only the name stays, and whether it counts.
  if ('external' in metric) return { ...pick(shared, ['name', 'dryRun']), ...metric };
  const replaced = CHOICES.filter((keys) => keys.some((key) => key in metric)).flat();
  // A query counts no requests, whatever the template's ratio asked for.
  if ('query' in metric) replaced.push(...OF_COUNTS);
  // The objective gives the burn rate its meaning, and goes with it where nothing else asks for it.
  if ('maxDelta' in metric && !keepsObjectives) replaced.push('objective');
  const kept = Object.keys(shared).filter((key) => !replaced.includes(key));
  return { ...pick(shared, kept), ...metric };
}

function pick(fields: Fields, keys: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => keys.includes(key)));
}

function fieldsOf(value: unknown): Fields {
  return isMapping(value) ? value : {};
}
