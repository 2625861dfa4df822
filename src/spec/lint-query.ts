/** The rules for a free query: placeholders that exist and stand where their values are safe, and PromQL around them. */
import { formatDuration } from '../lib/duration.ts';
import { didYouMean } from '../lib/text.ts';
import type { Draft } from './draft.ts';
import { type Finding, type Path, wrongText } from './finding.ts';
import { checkPromql, isFilled, stringSpans } from './promql.ts';
import type { CanaryDocument } from './schema.ts';
import {
  isPlaceholder,
  originOf,
  PLACEHOLDERS,
  type Placeholder,
  type PlaceholderUse,
  placeholders,
  renderQuery,
  type TemplateValues,
} from './template.ts';

/** What a query's placeholders stand for, as far as the document says. */
export interface QueryContext {
  readonly spec: Draft<CanaryDocument['spec']>;
  /** metadata.name */
  readonly name: string | undefined;
  readonly windowMs: number | undefined;
}

export interface LintedQuery {
  readonly findings: readonly Finding[];
  /** The known placeholders that occur. */
  readonly uses: ReadonlySet<Placeholder>;
  /** The whole query is `… or vector(…)`. */
  readonly isFilled: boolean;
}

/** Values that come from outside at run time; the others are known from the document. */
const REVISIONS: readonly Placeholder[] = ['version', 'canary', 'stable'];

export function lintQuery(path: Path, query: string, context: QueryContext): LintedQuery {
  const found = placeholders(query);
  const uses = new Set(found.map(({ name }) => name).filter(isPlaceholder));
  const refused = (findings: readonly Finding[]): LintedQuery => ({ uses, findings, isFilled: false });

  const unknown = found.filter(({ name }) => !isPlaceholder(name));
  if (unknown.length > 0) return refused(unknown.map((use) => unknownPlaceholder(path, use)));

  const values = sampleValues(context);
  const rendered = renderQuery(query, values);
  const problem = checkPromql(rendered);
  if (problem !== null) {
    const offset = originOf(query, values, problem.offset);
    return refused([wrongText('SPEC_PROMQL', path, offset, `The query is not PromQL: ${problem.detail}.`)]);
  }

  const strings = stringSpans(rendered);
  const isBare = ({ name, offset }: PlaceholderUse) => {
    const at = renderQuery(query.slice(0, offset), values).length;
    return (
      REVISIONS.some((revision) => revision === name) && !strings.some(({ from, to }) => from < at && at < to)
    );
  };
  const bare = found.filter(isBare);
  if (bare.length > 0) return refused(bare.map((use) => barePlaceholder(path, use)));
  return { uses, findings: [], isFilled: isFilled(rendered) };
}

function unknownPlaceholder(path: Path, { name, offset }: PlaceholderUse): Finding {
  if (name === null)
    return wrongText('SPEC_PLACEHOLDER', path, offset, 'The placeholder is not closed: add }}.');
  const near = didYouMean(name, PLACEHOLDERS) || ` Known: ${PLACEHOLDERS.join(', ')}.`;
  return wrongText('SPEC_PLACEHOLDER', path, offset, `There is no placeholder {{${name}}}.${near}`);
}

function barePlaceholder(path: Path, { name, offset }: PlaceholderUse): Finding {
  const detail = `{{${name}}} must stand inside of a quoted string, because a revision may be any text.`;
  return wrongText('SPEC_PLACEHOLDER', path, offset, detail);
}

function sampleValues({ spec, name = 'name', windowMs = 60_000 }: QueryContext): TemplateValues {
  return {
    service: spec.service ?? name,
    name,
    version: 'v2',
    canary: 'v2',
    stable: 'v1',
    window: formatDuration(windowMs),
  };
}
