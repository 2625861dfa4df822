/** The rules about the controller: each fires when it should, not before and not otherwise, and has its runbook entry. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { ensurePrometheus } from '../../infra/prometheus/fetch.ts';
import { formatDuration, parseDuration } from '../../src/lib/duration.ts';
import { missing as noPrometheus } from '../metrics/real.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const FILE = join(ROOT, 'infra/prometheus-rules/controller.yml');
const SAMPLE_MS = 30_000;

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const rules = (parse(readFileSync(FILE, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const alerts = rules.filter((rule) => rule.alert !== undefined);

/** Values by series, a sample each half minute, as promtool writes them. */
type Series = Readonly<Record<string, string>>;

interface Case {
  readonly fires: Series;
  /** Labels and summary of what fires. */
  readonly labels: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly quiet: Series;
}

/** An hour of one value. */
const steady = (value: number) => `${value}+0x120`;
/** From the fifth minute on more by `by` with each sample, so that whatever counts has seen a 0 before. */
const growing = (by: number) => `0+0x10 ${by}+${by}x110`;

const inPhase = (phase: string): Series => ({
  'canary_phase{canary="shop",phase="Progressing",instance="a"}': steady(phase === 'Progressing' ? 1 : 0),
  [`canary_phase{canary="shop",phase="${phase}",instance="a"}`]: steady(1),
  [`canary_phase{canary="shop",phase="${phase}",instance="standby"}`]: steady(1),
});
const counted = (stage: string, values: string): Series => ({
  [`canary_controller_reconcile_errors_total{stage="${stage}"}`]: values,
});
const asked = (requests: string, up: number): Series => ({
  'canary_controller_provider_up{provider="nacos"}': steady(up),
  'canary_controller_provider_request_duration_seconds_count{provider="nacos"}': requests,
});
const verdict = (is: string): Series => ({
  ...inPhase('Progressing'),
  [`canary_metric_verdict{canary="shop",metric="errors",verdict="${is}"}`]: steady(1),
});

const CASES: Readonly<Record<string, Case>> = {
  CanaryRolledBack: {
    fires: inPhase('RolledBack'),
    labels: { canary: 'shop', phase: 'RolledBack' },
    summary: 'shop was rolled back',
    quiet: inPhase('Succeeded'),
  },
  CanaryPaused: {
    fires: inPhase('Paused'),
    labels: { canary: 'shop', phase: 'Paused' },
    summary: 'shop has been paused for 15 minutes',
    quiet: inPhase('Progressing'),
  },
  CanaryRollbackNotCompleting: {
    fires: inPhase('RollingBack'),
    labels: { canary: 'shop', phase: 'RollingBack' },
    summary: 'shop cannot be taken back to weight 0',
    quiet: inPhase('RolledBack'),
  },
  CanaryWeightUnverified: {
    fires: {
      'canary_weight_desired{canary="shop"}': steady(0),
      'canary_weight_observed{canary="shop"}': steady(25),
    },
    labels: { canary: 'shop' },
    summary: 'shop does not have the weight that it should have',
    quiet: {
      'canary_weight_desired{canary="shop"}': steady(25),
      'canary_weight_observed{canary="shop"}': steady(25),
    },
  },
  CanaryWithoutMetrics: {
    fires: verdict('noData'),
    labels: { canary: 'shop', metric: 'errors' },
    summary: 'errors of shop is not measured',
    quiet: verdict('pass'),
  },
  CanaryDriftFight: {
    fires: { 'canary_drift_total{canary="shop"}': growing(1) },
    labels: { canary: 'shop' },
    summary: 'somebody else keeps changing the rule of shop',
    // One correction is no fight: that somebody did it is in the history.
    quiet: { 'canary_drift_total{canary="shop"}': '0+0x80 1+0x40' },
  },
  CanaryControllerNobodyLeads: {
    fires: { 'canary_controller_leader{instance="a"}': steady(0) },
    labels: {},
    summary: 'no controller leads',
    quiet: {
      'canary_controller_leader{instance="a"}': steady(0),
      'canary_controller_leader{instance="b"}': steady(1),
    },
  },
  CanaryControllerTickStale: {
    fires: { 'canary_controller_tick_lag_seconds{instance="a"}': steady(90) },
    labels: { instance: 'a' },
    summary: 'the controller is 1m 30s late',
    quiet: { 'canary_controller_tick_lag_seconds{instance="a"}': steady(4) },
  },
  CanaryProviderDown: {
    fires: asked(growing(5), 0),
    labels: { provider: 'nacos' },
    summary: 'the controller cannot work with nacos',
    // Never asked is not down.
    quiet: asked(steady(0), 0),
  },
  CanaryStoreTrouble: {
    fires: counted('save', growing(1)),
    labels: { stage: 'save' },
    summary: 'the database fails (save)',
    quiet: { ...counted('save', steady(3)), ...counted('reconcile', growing(1)) },
  },
  CanaryControllerRunsFail: {
    fires: counted('reconcile', growing(1)),
    labels: { stage: 'reconcile' },
    summary: 'runs of the controller fail (reconcile)',
    quiet: counted('reconcile', steady(3)),
  },
  CanaryFilesBroken: {
    fires: { 'canary_controller_specs{state="kept"}': steady(2) },
    labels: { state: 'kept' },
    summary: 'Canary files are kept: 2',
    quiet: { 'canary_controller_specs{state="valid"}': steady(200) },
  },
  CanaryWebhooksRefused: {
    fires: { 'canary_controller_webhook_requests_total{type="grafana",result="refused"}': growing(1) },
    labels: { type: 'grafana' },
    summary: 'webhooks of grafana are refused: its alerts reach no canary',
    quiet: {
      'canary_controller_webhook_requests_total{type="grafana",result="refused"}': steady(2),
      'canary_controller_webhook_requests_total{type="grafana",result="accepted"}': growing(1),
    },
  },
};

/** By then everything that counts has counted, and everything that waits has waited. */
const LATE = '50m';

function inputs(series: Series) {
  return Object.entries(series).map(([name, values]) => ({ series: name, values }));
}

function expectation({ labels: own = {}, annotations = {} }: Rule, { labels, summary }: Case) {
  return { exp_labels: { ...own, ...labels }, exp_annotations: { ...annotations, summary } };
}

/** One file of cases for promtool: fires late, is quiet just before its time, is quiet in the other world. */
function casesFor(rule: Rule, one: Case) {
  const { alert: alertname = '' } = rule;
  const waitMs = parseDuration(rule.for ?? '0') ?? 0;
  const eval_time = formatDuration(waitMs - SAMPLE_MS);
  const early = waitMs > 0 ? [{ eval_time, alertname, exp_alerts: [] }] : [];
  const late = { eval_time: LATE, alertname, exp_alerts: [expectation(rule, one)] };
  const interval = `${SAMPLE_MS / 1_000}s`;
  return [
    { interval, input_series: inputs(one.fires), alert_rule_test: [...early, late] },
    {
      interval,
      input_series: inputs(one.quiet),
      alert_rule_test: [{ eval_time: LATE, alertname, exp_alerts: [] }],
    },
  ];
}

async function promtool(...args: readonly string[]): Promise<string> {
  const { promtool: program } = await ensurePrometheus();
  const ended = await promisify(execFile)(program, args).catch((error) => error);
  return `${ended.stdout}${ended.stderr}`;
}

test('every alert has its cases', () => {
  expect(Object.keys(CASES).sort()).toEqual(alerts.map(({ alert }) => alert).sort());
});

describe.skipIf(noPrometheus !== null)('promtool', () => {
  test('accepts the rules, and finds nothing doubtful', async () => {
    expect(await promtool('check', 'rules', '--lint=all', '--lint-fatal', FILE)).toMatch(/SUCCESS/);
  });

  test.each(Object.entries(CASES))('%s fires when it should, and not otherwise', async (name, one) => {
    const dir = mkdtempSync(join(tmpdir(), 'rules-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const rule = alerts.find(({ alert }) => alert === name)!;
    const file = join(dir, 'cases.yml');
    writeFileSync(
      file,
      stringify({ rule_files: [FILE], evaluation_interval: '30s', tests: casesFor(rule, one) }),
    );
    expect(await promtool('test', 'rules', file)).toMatch(/SUCCESS/);
  });

  test('a weight that nobody could read is not verified either, and one that nobody wants is no trouble', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'rules-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const rule = alerts.find(({ alert }) => alert === 'CanaryWeightUnverified')!;
    const one = CASES['CanaryWeightUnverified']!;
    const unread = { ...one, fires: { 'canary_weight_desired{canary="shop"}': steady(5) } };
    const unwanted = { ...unread, quiet: { 'canary_weight_observed{canary="shop"}': steady(5) } };
    const file = join(dir, 'cases.yml');
    writeFileSync(
      file,
      stringify({ rule_files: [FILE], evaluation_interval: '30s', tests: casesFor(rule, unwanted) }),
    );
    expect(await promtool('test', 'rules', file)).toMatch(/SUCCESS/);
  });
});

describe('each alert', () => {
  const runbook = readFileSync(join(ROOT, 'docs/runbook.md'), 'utf8');
  const sections = new Map(
    runbook
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf('\n')), section]),
  );

  test.each(alerts.map((rule) => [rule.alert ?? '', rule] as const))(
    '%s has its runbook entry',
    (name, rule) => {
      expect(rule.annotations?.['runbook']).toBe(`docs/runbook.md#${name.toLowerCase()}`);
      for (const part of ['**Means**', '**Look at**', '**Do**']) expect(sections.get(name)).toContain(part);
    },
  );

  test('is in the runbook, and the runbook has no other', () => {
    expect([...sections.keys()].sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  test('steers no canary, wherever it is sent', () => {
    expect(alerts.filter(({ labels }) => labels?.['canary_action'] !== 'ignore')).toEqual([]);
  });

  test('is about series that exist', () => {
    const reference = readFileSync(join(ROOT, 'docs/reference/metrics.md'), 'utf8');
    const known = new Set([...reference.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name));
    const recorded = new Set(rules.flatMap(({ record }) => record ?? []));
    const used = rules.flatMap(({ expr }) => expr.match(/\bcanary_?[a-z]*[:_][a-z_:0-9]+/g) ?? []);
    expect(used.length).toBeGreaterThan(15);
    const unknown = used.filter(
      (name) => !recorded.has(name) && !known.has(name.replace(/_(count|sum|bucket)$/, '')),
    );
    expect(unknown).toEqual([]);
  });
});
