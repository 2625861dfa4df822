/** A plan for people: a legend, what changes with its fields, and one line that counts. */
import { alignColumns, percent } from '../../lib/text.ts';
import type { TemplateUse } from '../files.ts';
import type { MetricForecast } from '../forecasts.ts';
import type { PlanEntry, PlanKind } from '../planning.ts';
import { aloneLines, forecastLines, unknownLines } from './forecast.ts';

const SIGNS: Readonly<Record<PlanKind, string>> = { start: '+', change: '~', blocked: '!', unchanged: '=' };
const KINDS = Object.keys(SIGNS) as PlanKind[];

export type PlanCounts = Readonly<Record<PlanKind, number>>;

export function countPlan(entries: readonly PlanEntry[]): PlanCounts {
  const count = (kind: PlanKind) => entries.filter((entry) => entry.kind === kind).length;
  return {
    start: count('start'),
    change: count('change'),
    blocked: count('blocked'),
    unchanged: count('unchanged'),
  };
}

export function renderPlan(entries: readonly PlanEntry[], forecasts: readonly MetricForecast[]): string {
  const legend = KINDS.map((kind) => `${SIGNS[kind]} ${kind}`).join('   ');
  const counts = countPlan(entries);
  const summary = `${counts.start} to start, ${counts.change} to change, ${counts.blocked} blocked, ${counts.unchanged} unchanged`;
  const shown = entries.filter(({ kind }) => kind !== 'unchanged');
  const width = Math.max(0, ...shown.map(({ canary }) => canary.length));
  const lines = shown.flatMap((entry) => [
    ...entryLines(entry, width),
    ...forecastsOf(forecasts.filter(({ canary }) => canary === entry.canary)),
  ]);
  return [`  ${legend}`, ...lines, ...unknownLines(forecasts), summary].join('\n');
}

function forecastsOf(forecasts: readonly MetricForecast[]): readonly string[] {
  return [...forecasts.flatMap(forecastLines), ...aloneLines(forecasts)];
}

/** One line for each template: where it is, and who uses it. */
export function renderTemplates(templates: readonly TemplateUse[]): readonly string[] {
  return templates.map(
    ({ name, file, line, users }) =>
      `template ${name} (${file}:${line}): used by ${users.join(', ') || 'no Canary'}`,
  );
}

function entryLines({ canary, kind, notes, changes, judges, budget }: PlanEntry, width: number): string[] {
  const [first = 'the declaration changes', ...others] = notes;
  const head = `${SIGNS[kind]} ${canary.padEnd(width)}  ${first}`;
  const more = others.map((note) => `${' '.repeat(width + 4)}${note}`);
  const fields = alignColumns(
    changes.map(({ field, before, after }) => [field, `${before || 'none'} → ${after || 'none'}`]),
  );
  const begun = [...judgeLines(judges), ...budgetLines(budget)];
  return [head, ...more, ...[...fields, ...begun].map((line) => `    ${line}`)];
}

/** "judged by sequential: error-rate, p99": one line for each judge. */
function judgeLines(judges: PlanEntry['judges']): string[] {
  const byJudge = [...Map.groupBy(judges, ({ judge }) => judge)];
  return byJudge.map(
    ([judge, metrics]) => `judged by ${judge}: ${metrics.map(({ metric }) => metric).join(', ')}`,
  );
}

/** "may spend 2 % of the error budget of 30d: error-rate (objective 0.999)". */
function budgetLines(budget: PlanEntry['budget']): string[] {
  if (budget === null) return [];
  const metrics = budget.metrics.map(({ metric, objective }) => `${metric} (objective ${objective})`);
  return [
    `may spend ${percent(budget.share)} of the error budget of ${budget.window}: ${metrics.join(', ')}`,
  ];
}
