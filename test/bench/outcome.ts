/** What a scenario found: figures beside their targets, and what is wrong. */
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

/** What one scenario measured. */
export interface Found {
  /** As a heading. */
  readonly title: string;
  /** The flags that make it again; they also tell this run of its scenario from others. */
  readonly load: Readonly<Record<string, number | string>>;
  readonly figures: readonly Figure[];
  /** What went wrong, in sentences; empty: nothing did. */
  readonly findings: readonly string[];
}

export interface Outcome extends Found {
  readonly scenario: string;
  readonly command: string;
  readonly machine: Machine;
}

export interface Machine {
  readonly at: string;
  readonly cpu: string;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly commit: string;
  /** What runs on which core. */
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

/** Whether nothing went wrong and every target was met. */
export function isGood({ figures, findings }: Found): boolean {
  return findings.length === 0 && !figures.some(isMissed);
}

/** `1.23 ms`: as many digits as say something. */
export function shown(value: number, unit: string): string {
  if (Number.isNaN(value)) return 'nothing';
  if (!Number.isFinite(value)) return 'beyond measure';
  return unit === '' ? numeral(value) : `${numeral(value)} ${unit}`;
}

function numeral(value: number): string {
  const size = Math.abs(value);
  const digits = Number.isInteger(value) || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** One line of a file of results. */
export function asLine(outcome: Outcome): string {
  const kept = (_key: string, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  return `${JSON.stringify(outcome, kept)}\n`;
}

/** The newest outcome of each scenario with each load, in the order of the lines. */
export function readOutcomes(lines: string): Outcome[] {
  const newest = new Map<string, Outcome>();
  for (const line of lines.split('\n').filter((text) => text !== '')) {
    const outcome = fromLine(line);
    newest.set(`${outcome.scenario} ${JSON.stringify(outcome.load)}`, outcome);
  }
  return [...newest.values()];
}

/** JSON has no numbers for what could not be measured: `asLine` keeps them as text. */
function fromLine(line: string): Outcome {
  const revived = (key: string, value: unknown) => (key === 'value' ? Number(value) : value);
  return JSON.parse(line, revived) as Outcome;
}
