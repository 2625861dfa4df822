/** What a soak found, as Markdown. */
import { shown } from '../bench/outcome.ts';
import { isFlat } from './flatness.ts';
import type { SoakPlan } from './pace.ts';
import type { Sample } from './samples.ts';
import type { SoakReport } from './soak.ts';

/** Rows of the table of samples. */
const ROWS = 24;
const MIB = 2 ** 20;

export interface Origin {
  readonly command: string;
  /** Machine, versions and commit in one line. */
  readonly machine: string;
}

export function asMarkdown(report: SoakReport, plan: SoakPlan, { command, machine }: Origin): string {
  const { comparisons, tables, tally, samples, violations, rolloutsEnded, restMs } = report;
  const { canaries, durationMs, seed, nacos } = plan;
  return [
    `### ${canaries} canaries for ${shown(durationMs / 60_000, 'minutes')}, seed ${seed}, Nacos ${nacos}`,
    '',
    `\`${command}\``,
    '',
    machine,
    '',
    violations.length === 0
      ? '**Verdict: held.** No violation.'
      : `**Verdict: broken.** ${violations.length} violations:\n\n${violations.map((what) => `- ${what}`).join('\n')}`,
    '',
    `${rolloutsEnded} rollouts ended; everything was at rest ${shown(restMs / 1_000, 's')} after the last fault.`,
    '',
    '| last quarter against the second | second | last | at most | |',
    '|---|---:|---:|---:|---|',
    ...comparisons.map((comparison) => {
      const { name, second, last, most, unit, tolerance } = comparison;
      const figures = [second, last, most].map((value) => shown(value, unit)).join(' | ');
      return `| ${name} | ${figures} | ${isFlat(comparison) ? 'flat' : '**grew**'}; ${tolerance} |`;
    }),
    '',
    ...counts(tally),
    ...sampleTable(samples),
    '| table of the database, with its indexes | size | for each rollout |',
    '|---|---:|---:|',
    ...tables.map(({ name, bytes }) => {
      const each = shown(bytes / 1024 / Math.max(1, rolloutsEnded), 'KiB');
      return `| \`${name}\` | ${shown(bytes / MIB, 'MiB')} | ${each} |`;
    }),
    '',
  ].join('\n');
}

/** A table for each group of names, which is what stands before their colon. */
function counts(tally: SoakReport['tally']): string[] {
  const groups = Map.groupBy(Object.entries(tally).sort(), ([name]) =>
    name.includes(': ') ? (name.split(': ')[0] ?? '') : 'other',
  );
  return [...groups].flatMap(([group, entries]) => [
    `| ${group} | times |`,
    '|---|---:|',
    ...entries.map(([name, some]) => `| ${name.replace(`${group}: `, '')} | ${some} |`),
    '',
  ]);
}

function sampleTable(samples: readonly Sample[]): string[] {
  const every = Math.max(1, Math.ceil(samples.length / ROWS));
  return [
    '| minute | process | resident | held by V8 | heap | handles | database | WAL | scrape | latest of late | rollouts ended | events |',
    '|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|',
    ...samples
      .filter((_, index) => index % every === every - 1)
      .map((sample) => {
        const cells = [
          (sample.atMs / 60_000).toFixed(1),
          sample.pid,
          shown(sample.rssBytes / MIB, 'MiB'),
          shown(sample.committedBytes / MIB, 'MiB'),
          `${shown(sample.heapBytes / MIB, 'MiB')}${sample.isCollected ? ' c' : ''}`,
          sample.handles,
          shown(sample.databaseBytes / MIB, 'MiB'),
          shown(sample.walBytes / MIB, 'MiB'),
          shown(sample.scrapeMs, 'ms'),
          shown(sample.latestSeconds, 's'),
          sample.rolloutsEnded,
          sample.events,
        ];
        return `| ${cells.join(' | ')} |`;
      }),
    '',
    'Heap: "c" after a full collection.',
    '',
  ];
}
