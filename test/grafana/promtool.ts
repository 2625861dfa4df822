/** Rules given to the real promtool: whether it accepts them, and what they do with given series. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { ensurePrometheus } from '../../infra/prometheus/fetch.ts';

/** Values by series, a sample each half minute, as promtool writes them. */
export type Series = Readonly<Record<string, string>>;

export const SAMPLE_MS = 30_000;

/** An hour of one value. */
export const steady = (value: number) => `${value}+0x120`;

/** An hour of a counter that grows by so much with each sample. */
export const rising = (by: number) => `0+${by}x120`;

export interface Told {
  readonly exp_labels: Readonly<Record<string, string>>;
  readonly exp_annotations: Readonly<Record<string, string>>;
}

/** What an alert tells at a time from the beginning of the series. */
export interface Case {
  readonly series: Series;
  readonly alerts: readonly {
    readonly eval_time: string;
    readonly alertname: string;
    readonly exp_alerts: readonly Told[];
  }[];
}

/** What promtool prints: SUCCESS, or what differs. `rules` is a rules file as text. */
export async function outcomeOf(rules: string, cases: readonly Case[]): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'rules-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'rules.yml'), rules);
  const tests = cases.map(({ series, alerts }) => ({
    interval: `${SAMPLE_MS / 1_000}s`,
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: alerts,
  }));
  const file = join(dir, 'cases.yml');
  writeFileSync(file, stringify({ rule_files: ['rules.yml'], evaluation_interval: '30s', tests }));
  return promtool('test', 'rules', file);
}

/** What promtool prints about a rules file; doubtful rules are refused too. */
export async function judgementOf(rules: string): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'rules-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'rules.yml');
  writeFileSync(file, rules);
  return promtool('check', 'rules', '--lint=all', '--lint-fatal', file);
}

async function promtool(...args: readonly string[]): Promise<string> {
  const { promtool: program } = await ensurePrometheus();
  const ended = await promisify(execFile)(program, args).catch((error) => error);
  return `${ended.stdout}${ended.stderr}`;
}
