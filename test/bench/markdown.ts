/** Outcomes as Markdown, the same on the terminal and in the documentation. */
import { type Figure, isMissed, type Outcome, shown } from './outcome.ts';

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

export function figureTable(figures: readonly Figure[]): string {
  return table(['figure', 'value', 'target', 'target was', 'times the empty loop'], figures.map(cells));
}

function cells(figure: Figure): string[] {
  const { name, value, unit, most, timesEmpty } = figure;
  return [
    name,
    shown(value, unit),
    most === undefined ? '' : `at most ${shown(most, unit)}`,
    verdict(figure),
    timesEmpty === undefined ? '' : timesEmpty.toFixed(1),
  ];
}

/** `met`, or by how much it was not; empty without a target. */
export function verdict(figure: Figure): string {
  const { value, unit, most } = figure;
  if (most === undefined) return '';
  if (!isMissed(figure)) return 'met';
  return Number.isFinite(value) ? `missed by ${shown(value - most, unit)}` : 'missed';
}

export function section({ title, command, figures, findings }: Outcome): string {
  const found = findings.map((finding) => `- **Finding:** ${finding}.`);
  const parts = [`### ${title}`, `\`${command}\``, figureTable(figures), found.join('\n')];
  return parts.filter((part) => part !== '').join('\n\n');
}

/** What the figures were measured on. */
export function machineLine({ machine }: Outcome): string {
  const { cpu, memoryGiB, kernel, node, commit, cores, at } = machine;
  return `${cpu}, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}, commit ${commit}, ${at.slice(0, 10)}; ${cores}.`;
}
