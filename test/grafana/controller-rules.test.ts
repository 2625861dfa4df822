/** The rules about the controller: each fires when it should, not before and not otherwise, and has its runbook entry. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { formatDuration, parseDuration } from '../../src/lib/duration.ts';
import { missing as noPrometheus } from '../metrics/real.ts';
import { type Case, judgementOf, outcomeOf, SAMPLE_MS, type Series, steady, type Told } from './promtool.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const RULES = readFileSync(join(ROOT, 'infra/prometheus-rules/controller.yml'), 'utf8');

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const rules = (parse(RULES) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);
const alerts = rules.filter((rule) => rule.alert !== undefined);

interface Worlds {
  readonly fires: Series;
  /** Labels and summary of what fires. */
  readonly labels: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly quiet: Series;
}

/** From the fifth minute on more by `by` with each sample, so that whatever counts has seen a 0 before. */
const growing = (by: number) => `0+0x10 ${by}+${by}x110`;

const inPhase = (phase: string): Series => ({
  'canary_phase{canary="shop",phase="Progressing",instance="a"}': steady(phase === 'Progressing' ? 1 : 0),
  [`canary_phase{canary="shop",phase="${phase}",instance="a"}`]: steady(1),
  [`canary_phase{canary="shop",phase="${phase}",instance="standby"}`]: steady(1),
});
const pausedBy = (reason: string): Series => ({
  ...inPhase('Paused'),
  [`canary_paused{canary="shop",reason="${reason}",instance="a"}`]: steady(1),
  [`canary_paused{canary="shop",reason="${reason}",instance="standby"}`]: steady(1),
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

const CASES: Readonly<Record<string, Worlds>> = {
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
  CanaryWaiting: {
    fires: inPhase('Waiting'),
    labels: { canary: 'shop', phase: 'Waiting' },
    summary: 'shop has waited for its first step for 30 minutes',
    quiet: inPhase('Paused'),
  },
  CanaryRollbackNotCompleting: {
    // Behind another controller, where the phase is Paused.
    fires: {
      ...inPhase('Paused'),
      'canary_rolling_back{canary="shop",instance="a"}': steady(1),
      'canary_rolling_back{canary="shop",instance="standby"}': steady(1),
    },
    labels: { canary: 'shop' },
    summary: 'shop cannot be taken back to weight 0',
    quiet: inPhase('RolledBack'),
  },
  CanaryForeignController: {
    fires: pausedBy('ForeignController'),
    labels: { canary: 'shop' },
    summary: 'another controller owns the rule of shop: nothing is written, not even a rollback',
    quiet: pausedBy('Manual'),
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
  CanarySettingsFileBroken: {
    fires: { 'canary_controller_settings_file_good{file="tokens"}': steady(0) },
    labels: { file: 'tokens' },
    summary: 'the tokens of the controller cannot be read again',
    quiet: { 'canary_controller_settings_file_good{file="tokens"}': steady(1) },
  },
  CanaryCertificateEnding: {
    // The cases are judged some minutes after 1970 began.
    fires: { canary_controller_certificate_expires_timestamp_seconds: steady(3000 + 7 * 86_400) },
    labels: {},
    summary: 'the certificate of the controller ends in 7d 0h 0m 0s',
    quiet: { canary_controller_certificate_expires_timestamp_seconds: steady(30 * 86_400) },
  },
  CanaryWebhooksRefused: {
    fires: { 'canary_controller_webhook_requests_total{type="grafana",result="refused"}': growing(1) },
    labels: { type: 'grafana' },
    summary: 'webhooks of grafana are refused: its alerts reach no canary',
    quiet: {
      // A stray request is no sender.
      'canary_controller_webhook_requests_total{type="grafana",result="refused"}': '2+0x89 3+0x30',
      'canary_controller_webhook_requests_total{type="grafana",result="accepted"}': growing(1),
    },
  },
};

/** By then everything that counts has counted, and everything that waits has waited. */
const LATE = '50m';

function told({ labels: own = {}, annotations = {} }: Rule, { labels, summary }: Worlds): Told {
  return { exp_labels: { ...own, ...labels }, exp_annotations: { ...annotations, summary } };
}

/** It fires late, is quiet just before its time, and is quiet in the other world. */
function casesFor(rule: Rule, worlds: Worlds): readonly Case[] {
  const { alert: alertname = '' } = rule;
  const waitMs = parseDuration(rule.for ?? '0') ?? 0;
  const early = { eval_time: formatDuration(waitMs - SAMPLE_MS), alertname, exp_alerts: [] };
  const late = { eval_time: LATE, alertname, exp_alerts: [told(rule, worlds)] };
  return [
    { series: worlds.fires, alerts: waitMs > 0 ? [early, late] : [late] },
    { series: worlds.quiet, alerts: [{ ...late, exp_alerts: [] }] },
  ];
}

test('every alert has its cases', () => {
  expect(Object.keys(CASES).sort()).toEqual(alerts.map(({ alert }) => alert).sort());
});

describe.skipIf(noPrometheus !== null)('promtool', () => {
  test('accepts the rules, and finds nothing doubtful', async () => {
    expect(await judgementOf(RULES)).toMatch(/SUCCESS/);
  });

  test.each(Object.entries(CASES))('%s fires when it should, and not otherwise', async (name, worlds) => {
    const rule = alerts.find(({ alert }) => alert === name)!;
    expect(await outcomeOf(RULES, casesFor(rule, worlds))).toMatch(/SUCCESS/);
  });

  test('a weight that nobody could read is not verified either, and one that nobody wants is no trouble', async () => {
    const rule = alerts.find(({ alert }) => alert === 'CanaryWeightUnverified')!;
    const worlds = {
      ...CASES['CanaryWeightUnverified']!,
      fires: { 'canary_weight_desired{canary="shop"}': steady(5) },
      quiet: { 'canary_weight_observed{canary="shop"}': steady(5) },
    };
    expect(await outcomeOf(RULES, casesFor(rule, worlds))).toMatch(/SUCCESS/);
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
