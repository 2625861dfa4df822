/** Structured requests as PromQL: one request in the form that people read, or many of one shape in one query. */
import { type MeasureRequest, START_METRIC } from '../core/observation.ts';
import { formatDuration } from '../lib/duration.ts';
import { err, ok, type Result } from '../lib/result.ts';
import {
  isNativeHistogram,
  type Matcher,
  parseSelector,
  printMatchers,
  printSelector,
  type Selector,
} from '../spec/promql.ts';

/** A request without its version: all that decides which query it can travel in. */
export interface Shape {
  /** Equal for equal shapes. */
  readonly id: string;
  readonly kind: Structured['kind'];
  /** All requests of a ratio, the buckets of a latency, the series of a presence or of counters; without the version matcher. */
  readonly main: Selector;
  /** The bad requests of a ratio. */
  readonly bad: Selector | null;
  /** 0 to 1; latency only. */
  readonly quantile: number | null;
  /** `main` is a native histogram: of a latency, or of counters. */
  readonly isNative: boolean;
  readonly versionLabel: string;
  readonly windowMs: number;
  /** The ways in which it can be merged with others; at least one. */
  readonly ways: readonly Way[];
}

/** Shapes with equal keys differ in nothing but the value of `label`: they fit into one query. */
export interface Way {
  /** Null: nothing may differ but the version. */
  readonly label: string | null;
  /** This shape's value of `label`; empty without one. */
  readonly name: string;
  readonly key: string;
}

/** One arm of one name: a place in the answer of a batch. */
export interface Pair {
  readonly name: string;
  readonly version: string;
}

/**
 * Label that tells the parts of one answer apart. Rows without it are the main part: `rate` of all requests (ratio),
 * `rate` of one bucket (latency), number of series (presence).
 */
export const PART_LABEL = 'canary_part';

/** `rate` of the bad requests; time of the newest sample in Unix seconds; most samples of a series in the window. */
export const PARTS = { bad: 'bad', newest: 'newest', samples: 'samples' } as const;

const SHAPES_KEPT = 50_000;

/**
 * Reads requests into shapes and remembers them by their text, because the same selectors come back at every look.
 * A request that is a free query has no shape: null. The error is a clause that names the selector.
 */
export function createShapeReader(): (request: MeasureRequest) => Result<Shape | null, string> {
  const known = new Map<string, Result<Shape, string>>();
  return (request) => {
    const { source, versionLabel, windowMs } = request;
    if (source.kind === 'query') return ok(null);
    const key = JSON.stringify([...partsOf(source), versionLabel, source.kind === 'presence' ? 0 : windowMs]);
    let shape = known.get(key);
    if (shape === undefined) {
      shape = readShape(source, versionLabel, windowMs);
      const [oldest] = known.keys();
      if (known.size >= SHAPES_KEPT && oldest !== undefined) known.delete(oldest);
      known.set(key, shape);
    }
    return shape;
  };
}

type Unkeyed = Omit<Shape, 'id' | 'ways'>;

type Structured = Exclude<MeasureRequest['source'], { kind: 'query' }>;

function partsOf(source: Structured): readonly (string | number)[] {
  if (source.kind === 'ratio') return [source.kind, source.total, source.bad];
  if (source.kind === 'latency') return [source.kind, source.histogram, source.quantile];
  return [source.kind, source.selector, String(source.kind === 'counters' && source.isNative === true)];
}

function readShape(source: Structured, versionLabel: string, windowMs: number): Result<Shape, string> {
  const mainText =
    source.kind === 'ratio' ? source.total : source.kind === 'latency' ? source.histogram : source.selector;
  const main = selectorOf(mainText);
  if (!main.ok) return main;
  const bad = source.kind === 'ratio' ? selectorOf(source.bad) : ok(null);
  if (!bad.ok) return bad;
  const shape = {
    kind: source.kind,
    main: main.value,
    bad: bad.value,
    quantile: source.kind === 'latency' ? source.quantile : null,
    isNative:
      source.kind === 'latency'
        ? isNativeHistogram(main.value)
        : source.kind === 'counters' && source.isNative === true,
    versionLabel,
    windowMs: source.kind === 'presence' ? 0 : windowMs,
  };
  const selectors = shape.bad === null ? [shape.main] : [shape.main, shape.bad];
  return ok({ ...shape, id: keyOf(shape, selectors, null), ways: waysOf(shape, selectors) });
}

function selectorOf(text: string): Result<Selector, string> {
  const selector = parseSelector(text);
  return selector.ok ? selector : err(`the selector ${text} cannot be read: ${selector.error.detail}`);
}

/**
 * One way for each label that every selector of the shape pins to the same single value. Labels that the answer
 * needs for itself cannot vary, nor can those that a grouping would have to quote (Prometheus 3 only).
 */
function waysOf(shape: Unkeyed, selectors: readonly Selector[]): readonly Way[] {
  const reserved = new Set([shape.versionLabel, 'le', PART_LABEL]);
  const ways: Way[] = [];
  for (const { label, op, value } of shape.main.matchers) {
    if (op !== '=' || value === '' || reserved.has(label) || !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label))
      continue;
    if (selectors.every((selector) => pins(selector, label, value))) {
      ways.push({ label, name: value, key: keyOf(shape, selectors, label) });
    }
  }
  return ways.length > 0 ? ways : [{ label: null, name: '', key: keyOf(shape, selectors, null) }];
}

function pins({ matchers }: Selector, label: string, value: string): boolean {
  const own = matchers.filter((matcher) => matcher.label === label);
  return own.length === 1 && own[0]?.op === '=' && own[0].value === value;
}

function keyOf(shape: Unkeyed, selectors: readonly Selector[], free: string | null): string {
  const fixed = selectors.map(({ metric, matchers }) => [
    metric,
    ...matchers
      .filter(({ label }) => label !== free)
      .map(({ label, op, value }) => JSON.stringify([label, op, value]))
      .sort(),
  ]);
  const { kind, quantile, isNative, windowMs, versionLabel } = shape;
  return JSON.stringify([kind, quantile, isNative, windowMs, versionLabel, free, fixed]);
}

/** The PromQL whose answer is this number, for people to paste. Equal texts are equal requests. */
export function singleQuery(shape: Shape, version: string): string {
  const pick = (selector: Selector) =>
    printSelector({
      metric: selector.metric,
      matchers: [...selector.matchers, { label: shape.versionLabel, op: '=', value: version }],
    });
  const window = `[${formatDuration(shape.windowMs)}]`;
  const main = pick(shape.main);
  if (shape.kind === 'counters') return `${main}${window}`;
  if (shape.kind === 'presence') return `${countOf(shape)}(${main})`;
  if (shape.kind === 'latency') {
    const sum = shape.isNative ? 'sum' : 'sum by (le) ';
    return `histogram_quantile(${shape.quantile}, ${sum}(rate(${main}${window})))`;
  }
  const bad = shape.bad === null ? main : pick(shape.bad);
  // Only the numerator is filled: a version without a single error has no such series, one without traffic has none at all.
  return `(sum(rate(${bad}${window})) or vector(0)) / sum(rate(${main}${window}))`;
}

/**
 * One query for all `pairs`, grouped by `label` and by the version. Its answer may hold pairs that nobody asked for
 * (a name with another name's version). See `PART_LABEL` for the rows.
 */
export function batchQuery(shape: Shape, label: string | null, pairs: readonly Pair[]): string {
  const versions = anyOf(shape.versionLabel, new Set(pairs.map(({ version }) => version)));
  const names = label === null ? null : anyOf(label, new Set(pairs.map(({ name }) => name)));
  const matchersOf = ({ matchers }: Selector) => [
    ...matchers.map((matcher) => (matcher.label === names?.label ? names : matcher)),
    versions,
  ];
  const pick = (selector: Selector, ...more: readonly Matcher[]) =>
    printSelector({ metric: selector.metric, matchers: [...matchersOf(selector), ...more] });
  const by = label === null ? shape.versionLabel : `${label}, ${shape.versionLabel}`;
  const window = `[${formatDuration(shape.windowMs)}]`;
  if (shape.kind === 'counters') {
    const metrics = anyOf('__name__', new Set([shape.main.metric, START_METRIC]));
    return `${printMatchers([metrics, ...matchersOf(shape.main)])}${window}`;
  }
  const main = pick(shape.main);
  if (shape.kind === 'presence') return `${countOf(shape)} by (${by}) (${main})`;
  const isClassic = shape.kind === 'latency' && !shape.isNative;
  // The whole histogram travels, not its quantile: the +Inf bucket and the highest finite bound come with it, and
  // asking for those apart would make the server compute most of it twice.
  const parts = [`sum by (${isClassic ? `${by}, le` : by}) (rate(${main}${window}))`];
  if (shape.bad !== null) parts.push(part(PARTS.bad, `sum by (${by}) (rate(${pick(shape.bad)}${window}))`));
  const counter = isClassic ? pick(shape.main, { label: 'le', op: '=', value: '+Inf' }) : main;
  parts.push(part(PARTS.newest, `max by (${by}) (timestamp(${counter}))`));
  parts.push(part(PARTS.samples, `max by (${by}) (count_over_time(${counter}${window}))`));
  return parts.join(' or ');
}

function part(name: string, expression: string): string {
  return `label_replace(${expression}, "${PART_LABEL}", "${name}", "", "")`;
}

/** Of `up`, the targets that are up; of anything else, the series that are there. */
function countOf(shape: Shape): string {
  return shape.main.metric === 'up' ? 'sum' : 'count';
}

/** Prometheus anchors a regular expression at both ends, so an alternation of literals matches exactly these. */
function anyOf(label: string, values: ReadonlySet<string>): Matcher {
  const [only] = values;
  if (values.size === 1 && only !== undefined) return { label, op: '=', value: only };
  return { label, op: '=~', value: [...values].map(literal).join('|') };
}

/** Escapes what RE2 gives a meaning, and nothing else: servers recognize alternations of plain literals and skip the regex. */
function literal(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}
