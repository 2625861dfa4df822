/**
 * `npm run -s bench:report`: fills the tables of docs/benchmarks.md from the results of earlier runs. Of several
 * results with the same flags the last one counts.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { machineLine, section, table, verdict } from './markdown.ts';
import { type Outcome, readOutcomes, shown } from './outcome.ts';

export const RESULTS = resolve(import.meta.dirname, 'results.jsonl');
export const PAGE = resolve(import.meta.dirname, '../../docs/benchmarks.md');

/** The targets are for so many; what is measured with more shows where it breaks. */
const TARGET_CANARIES = 10_000;

const PART = /(<!-- measured: (.+?) -->\n)[\s\S]*?(<!-- end -->)/g;

/** The page with every measured part made anew. Throws for a part that nobody makes. */
export function withMeasured(page: string, outcomes: readonly Outcome[]): string {
  const parts: Readonly<Record<string, () => string>> = {
    machine: () => [...new Set(outcomes.map(machineLine))].join('\n\n'),
    targets: () => targets(outcomes),
    growth: () => growth(outcomes),
    details: () => outcomes.map(section).join('\n\n'),
  };
  return page.replace(PART, (_, start: string, name: string, end: string) => {
    const make = parts[name];
    if (make === undefined) throw new Error(`no measured part is called "${name}"`);
    return `${start}\n${outcomes.length === 0 ? 'Not measured yet.' : make()}\n\n${end}`;
  });
}

/** Every target, for the largest fleet that it is for and was measured with. */
function targets(all: readonly Outcome[]): string {
  const outcomes = all.filter(
    (outcome) => sizeOf(outcome) <= TARGET_CANARIES && outcome.figures.some(({ most }) => most !== undefined),
  );
  const rows = outcomes
    .filter((outcome) => outcomes.every((other) => !isLarger(other, outcome)))
    .flatMap(({ title, figures }) =>
      figures.flatMap((figure) => {
        const { name, value, unit, most } = figure;
        if (most === undefined) return [];
        return [[title, name, `at most ${shown(most, unit)}`, shown(value, unit), verdict(figure)]];
      }),
    );
  return table(['measured with', 'figure', 'target', 'value', 'target was'], rows);
}

/** The same with more canaries, for however long. */
function isLarger(other: Outcome, one: Outcome): boolean {
  const kind = ({ scenario, load: { canaries, seconds, ...rest } }: Outcome) =>
    `${scenario} ${JSON.stringify(rest)}`;
  return kind(other) === kind(one) && sizeOf(other) > sizeOf(one);
}

function sizeOf({ load }: Outcome): number {
  return Number(load['canaries'] ?? 0);
}

/** What is measured at several sizes of the fleet. */
const GROWING = ['progress', 'restart', 'takeover', 'idle'] as const;

/** A table for each scenario, with one column for each number of canaries that it was measured with. */
function growth(outcomes: readonly Outcome[]): string {
  const tables = GROWING.flatMap((scenario) => {
    const runs = outcomes
      .filter((outcome) => outcome.scenario === scenario && outcome.load['commit-delay'] === undefined)
      .toSorted((a, b) => sizeOf(a) - sizeOf(b));
    if (runs.length === 0) return [];
    const names = [...new Set(runs.flatMap(({ figures }) => figures.map(({ name }) => name)))];
    const rows = names.map((name) => [name, ...runs.map((run) => shownIn(run, name))]);
    return [table([`${scenario}, canaries`, ...runs.map((run) => shown(sizeOf(run), ''))], rows)];
  });
  return tables.join('\n\n');
}

function shownIn({ figures }: Outcome, name: string): string {
  const figure = figures.find((one) => one.name === name);
  return figure === undefined ? '' : shown(figure.value, figure.unit);
}

if (import.meta.main) {
  const outcomes = readOutcomes(readFileSync(process.argv[2] ?? RESULTS, 'utf8'));
  writeFileSync(PAGE, withMeasured(readFileSync(PAGE, 'utf8'), outcomes));
}
