/** What a scenario found: figures beside their targets, and what is wrong, as Markdown and as JSON. */
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';

export interface Figure {
  readonly name: string;
  readonly value: number;
  /** `ms`, `s`, `MiB`, `%`; empty for a count. */
  readonly unit: string;
  /** What it must not be above; absent: it is only reported. */
  readonly most?: number;
  /** How many times what the empty loop takes; absent where that says nothing. */
  readonly timesEmpty?: number;
}

export interface Outcome {
  /** The scenario's name. */
  readonly scenario: string;
  /** What was measured, as a heading. */
  readonly title: string;
  readonly command: string;
  readonly machine: Machine;
  readonly figures: readonly Figure[];
  /** What went wrong, in sentences; empty: nothing did. */
  readonly findings: readonly string[];
}

export interface Machine {
  readonly at: string;
  readonly cpu: string;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly commit: string;
  readonly cores: string;
}

export function describeMachine(cores: string): Machine {
  const all = cpus();
  return {
    at: new Date().toISOString(),
    cpu: `${all.length} x ${all[0]?.model.trim()}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    commit: commitNow(),
    cores,
  };
}

function commitNow(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--exclude', '*'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}

export function isMissed({ value, most }: Figure): boolean {
  return most !== undefined && !(value <= most);
}

/** `1.23 ms`; three digits that say something. */
export function shown(value: number, unit: string): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  const text = Number.isFinite(value)
    ? value.toLocaleString('en-US', {
        maximumFractionDigits: Number.isInteger(value) ? 0 : digits,
      })
    : Number.isNaN(value)
      ? 'none'
      : 'more than could be measured';
  return unit === '' ? text : `${text} ${unit}`;
}

export function figureRow(figure: Figure): string {
  const { name, value, unit, most, timesEmpty } = figure;
  const target = most === undefined ? '' : `at most ${shown(most, unit)}`;
  const missed = isMissed(figure) ? `missed by ${shown(value - (most ?? 0), unit)}` : '';
  const ratio = timesEmpty === undefined ? '' : `${timesEmpty.toFixed(1)} ×`;
  return `| ${[name, shown(value, unit), target, most === undefined ? '' : missed || 'met', ratio].join(' | ')} |`;
}

export const TABLE_HEAD = '| figure | value | target | | empty loop |\n|---|---|---|---|---|';

export function asMarkdown({ title, command, machine, figures, findings }: Outcome): string {
  const lines = [
    `### ${title}`,
    '',
    `\`${command}\``,
    `${machine.cpu}, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, Node ${machine.node}, commit ${machine.commit}; ${machine.cores}`,
    '',
    TABLE_HEAD,
    ...figures.map(figureRow),
    '',
  ];
  for (const finding of findings) lines.push(`- **Finding:** ${finding}`);
  if (findings.length > 0) lines.push('');
  return lines.join('\n');
}
