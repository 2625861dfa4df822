import { expect, test } from 'vitest';
import { OUTCOMES } from '../../src/core/outcome.ts';
import type { Pause } from '../../src/core/rollout.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { createMetrics, type MetricsIndex } from '../../src/telemetry/metrics.ts';
import { anEvent, aSave } from '../support/saves.ts';
import {
  budgetedSpec,
  budgetedState,
  NOW,
  paymentRecord,
  paymentSpec,
  paymentVerdict,
  progressingState,
  ROLLOUT_ID,
  stableState,
  succeededState,
} from '../view/states.ts';
import { type Exposition, parseExposition } from './exposition.ts';
import { serverOf, standIn } from './stand-in.ts';

/** Every name of the interface page. */
const CANARY_NAMES = [
  'canary_info',
  'canary_phase',
  'canary_health',
  'canary_step_index',
  'canary_weight_desired',
  'canary_weight_observed',
  'canary_incident',
  'canary_paused',
  'canary_rolling_back',
  'canary_metric_value',
  'canary_metric_bound',
  'canary_metric_verdict',
  'canary_rollout_budget_spent_ratio',
  'canary_measurements_total',
  'canary_rollouts_total',
  'canary_drift_total',
  'canary_traffic_writes_total',
];
const PROCESS_NAMES = [
  'canary_rollout_duration_seconds',
  'canary_rollback_duration_seconds',
  'canary_controller_build_info',
  'canary_controller_leader',
  'canary_controller_specs',
  'canary_controller_reconcile_duration_seconds',
  'canary_controller_look_lag_seconds',
  'canary_controller_reconcile_errors_total',
  'canary_controller_queue_depth',
  'canary_controller_tick_lag_seconds',
  'canary_controller_provider_up',
  'canary_controller_provider_request_duration_seconds',
  'canary_controller_webhook_requests_total',
  'canary_controller_webhook_alerts_total',
  'canary_controller_webhook_actions_unknown_total',
  'canary_controller_stream_readers',
  'canary_controller_stream_stalls_total',
  'canary_controller_db_size_bytes',
  'canary_controller_requests_refused_total',
  'canary_controller_settings_file_good',
  'canary_controller_certificate_expires_timestamp_seconds',
];

function loaded() {
  const spec = paymentSpec();
  const behind = standIn({ specs: [spec], states: [progressingState(spec)] });
  const server = serverOf(behind);
  const scrape = async () => {
    const answer = await server.app.inject('/metrics');
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    return parseExposition(answer.body);
  };
  return { behind, scrape, ...server };
}

function sampleOf(
  { samples }: Exposition,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const found = samples.filter(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  expect(found.length).toBeLessThan(2);
  return found[0]?.value;
}

test('every name of the interface page has help, a type, and nothing else is there', async () => {
  const { help, types } = await loaded().scrape();
  expect([...help.keys()].sort()).toEqual([...CANARY_NAMES, ...PROCESS_NAMES].sort());
  expect([...types.keys()].sort()).toEqual([...help.keys()].sort());
  for (const text of help.values()) expect(text).toMatch(/^[A-Z0-9].{15,}\.$/);
  for (const [name, type] of types) expect(type === 'counter').toBe(name.endsWith('_total'));
});

test('a rollout with a budget shows how much of it is spent, and one without shows nothing', async () => {
  const spec = budgetedSpec();
  const { app } = serverOf(standIn({ specs: [spec], states: [budgetedState(spec)] }));
  const page = parseExposition((await app.inject('/metrics')).body);
  expect(sampleOf(page, 'canary_rollout_budget_spent_ratio', { metric: 'error-rate' })).toBeCloseTo(0.5);
  const without = await loaded().scrape();
  expect(without.samples.filter(({ name }) => name.includes('budget'))).toEqual([]);
});

test('an incident of the service is shown where it is asked for', async () => {
  const spec = budgetedSpec();
  const state = budgetedState(spec);
  const incident = { since: NOW, text: 'an incident hits both versions' };
  const held = { ...state, rollout: { ...state.rollout!, incident } };
  const shown = async (one: typeof state) => {
    const { app } = serverOf(standIn({ specs: [spec], states: [one] }));
    return sampleOf(parseExposition((await app.inject('/metrics')).body), 'canary_incident');
  };
  expect(await shown(state)).toBe(0);
  expect(await shown(held)).toBe(1);
  const without = await loaded().scrape();
  expect(without.samples.filter(({ name }) => name === 'canary_incident')).toEqual([]);
});

test('why a Canary stands still is shown, and a rollback that waits behind it', async () => {
  const { behind, scrape } = loaded();
  const nothing = await scrape();
  expect(nothing.samples.filter(({ name }) => /paused|rolling_back/.test(name))).toEqual([]);
  const [state] = behind.states;
  const pauses: Pause[] = [
    { reason: 'Manual', detail: 'asked by ana', since: NOW },
    { reason: 'ForeignController', detail: 'another controller owns the document', since: NOW },
  ];
  behind.states = [
    {
      ...state!,
      phase: 'Paused',
      rollout: { ...state!.rollout!, pauses },
      ending: { outcome: 'Aborted', reason: 'asked by ana', since: NOW, tries: 0, alarmed: false },
    },
  ];
  const page = await scrape();
  for (const { reason } of pauses) expect(sampleOf(page, 'canary_paused', { reason })).toBe(1);
  expect(page.samples.filter(({ name }) => name === 'canary_paused')).toHaveLength(2);
  expect(sampleOf(page, 'canary_rolling_back')).toBe(1);
});

test('another controller that owns the document is shown while no rollout is under way too', async () => {
  const { behind, scrape } = loaded();
  const pauses: Pause[] = [{ reason: 'ForeignController', detail: 'another controller', since: NOW }];
  behind.states = [{ ...stableState(), phase: 'Paused', pauses }];
  expect(sampleOf(await scrape(), 'canary_paused', { reason: 'ForeignController' })).toBe(1);
});

test('a Canary under way shows where it is', async () => {
  const page = await loaded().scrape();
  const canary = 'payment-service';
  expect(page.samples.find(({ name }) => name === 'canary_info')).toEqual({
    name: 'canary_info',
    labels: { canary, service: canary, stable: 'v1.5.0', canary_revision: 'v1.5.1' },
    value: 1,
  });
  expect(sampleOf(page, 'canary_phase', { canary, phase: 'Progressing' })).toBe(1);
  expect(page.samples.filter(({ name, value }) => name === 'canary_phase' && value === 0)).toHaveLength(8);
  expect(sampleOf(page, 'canary_health', { canary, health: 'Progressing' })).toBe(1);
  expect(sampleOf(page, 'canary_health', { canary, health: 'Degraded' })).toBe(0);
  expect(sampleOf(page, 'canary_step_index')).toBe(1);
  expect(sampleOf(page, 'canary_weight_desired')).toBe(25);
  expect(sampleOf(page, 'canary_weight_observed')).toBe(25);
  expect(sampleOf(page, 'canary_metric_value', { metric: 'error-rate', arm: 'canary' })).toBe(0.001);
  expect(sampleOf(page, 'canary_metric_value', { metric: 'error-rate', arm: 'stable' })).toBe(0.001);
  expect(sampleOf(page, 'canary_metric_bound', { metric: 'error-rate', bound: 'maxDelta' })).toBe(0.005);
  expect(sampleOf(page, 'canary_metric_verdict', { metric: 'error-rate', verdict: 'pass' })).toBe(1);
  expect(sampleOf(page, 'canary_metric_verdict', { metric: 'error-rate', verdict: 'noData' })).toBe(0);
});

test('what is not known has no sample', async () => {
  const { behind, scrape } = loaded();
  behind.states = [{ ...stableState(), observed: null }];
  const page = await scrape();
  expect(sampleOf(page, 'canary_step_index')).toBeUndefined();
  expect(sampleOf(page, 'canary_weight_observed')).toBeUndefined();
  expect(sampleOf(page, 'canary_metric_value', { arm: 'canary' })).toBeUndefined();
  expect(sampleOf(page, 'canary_weight_desired')).toBe(0);
  expect(sampleOf(page, 'canary_metric_verdict', { verdict: 'pending' })).toBe(1);
});

test('after a promotion the desired weight is 100 and the promoted revision stable', async () => {
  const { behind, scrape } = loaded();
  behind.states = [succeededState()];
  const page = await scrape();
  expect(sampleOf(page, 'canary_weight_desired')).toBe(100);
  expect(sampleOf(page, 'canary_info', { stable: 'v1.5.1', canary_revision: '' })).toBe(1);
});

test('series of the controller exist from the start', async () => {
  const page = await loaded().scrape();
  expect(sampleOf(page, 'canary_controller_build_info', { version: '1.2.3' })).toBe(1);
  expect(sampleOf(page, 'canary_controller_leader')).toBe(1);
  expect(sampleOf(page, 'canary_controller_specs', { state: 'valid' })).toBe(1);
  expect(sampleOf(page, 'canary_controller_specs', { state: 'kept' })).toBe(0);
  expect(sampleOf(page, 'canary_controller_queue_depth')).toBe(3);
  expect(sampleOf(page, 'canary_controller_tick_lag_seconds')).toBe(0.25);
  expect(sampleOf(page, 'canary_controller_provider_up', { provider: 'nacos' })).toBe(1);
  expect(sampleOf(page, 'canary_controller_provider_up', { provider: 'prometheus' })).toBe(0);
  expect(
    sampleOf(page, 'canary_controller_provider_request_duration_seconds_count', { provider: 'nacos' }),
  ).toBe(0);
  expect(sampleOf(page, 'canary_controller_reconcile_duration_seconds_count')).toBe(0);
  expect(sampleOf(page, 'canary_controller_reconcile_errors_total', { stage: 'save' })).toBe(0);
  const webhook = { type: 'grafana', result: 'refused' };
  expect(sampleOf(page, 'canary_controller_webhook_requests_total', webhook)).toBe(0);
  expect(sampleOf(page, 'canary_rollout_duration_seconds_count')).toBe(0);
  expect(sampleOf(page, 'canary_rollback_duration_seconds_count')).toBe(0);
  expect(sampleOf(page, 'canary_controller_db_size_bytes')).toBeGreaterThan(0);
});

test('rollouts and drift start at zero for each Canary, other counters with the first event', async () => {
  const page = await loaded().scrape();
  for (const outcome of OUTCOMES) expect(sampleOf(page, 'canary_rollouts_total', { outcome })).toBe(0);
  expect(sampleOf(page, 'canary_drift_total')).toBe(0);
  expect(sampleOf(page, 'canary_measurements_total')).toBeUndefined();
  expect(sampleOf(page, 'canary_traffic_writes_total')).toBeUndefined();
});

test('counters follow what was committed', async () => {
  const { metrics, store, scrape } = loaded();
  store.onCommit((events) => metrics.committed(events, store.rollout));
  const record = paymentRecord({ outcome: 'RolledBack', endedAt: NOW, rollbackMs: 31_500 });
  store.save(
    aSave('payment-service', {
      rollouts: [record],
      events: [
        anEvent('DriftCorrected'),
        anEvent('DriftSeen'),
        anEvent('RolloutEnded', { rolloutId: ROLLOUT_ID }),
      ],
    }),
  );
  const verdicts = [paymentVerdict(), paymentVerdict({ class: 'fail' }), paymentVerdict()];
  metrics.looked('payment-service', verdicts, 0.7);
  metrics.looked('payment-service', [], null);
  metrics.wrote('payment-service', 'accepted');
  metrics.reconciled(0.02);
  metrics.reconcileFailed('save');
  metrics.asked('prometheus', 0.3);
  metrics.webhook('grafana', 'accepted');
  const page = await scrape();
  expect(sampleOf(page, 'canary_rollouts_total', { outcome: 'RolledBack' })).toBe(1);
  expect(sampleOf(page, 'canary_drift_total')).toBe(2);
  expect(sampleOf(page, 'canary_rollout_duration_seconds_sum')).toBe(480);
  expect(sampleOf(page, 'canary_rollback_duration_seconds_sum')).toBe(31.5);
  expect(sampleOf(page, 'canary_measurements_total', { metric: 'error-rate', verdict: 'pass' })).toBe(2);
  expect(sampleOf(page, 'canary_measurements_total', { metric: 'error-rate', verdict: 'fail' })).toBe(1);
  expect(sampleOf(page, 'canary_controller_look_lag_seconds_count')).toBe(1);
  expect(sampleOf(page, 'canary_controller_look_lag_seconds_sum')).toBe(0.7);
  expect(sampleOf(page, 'canary_traffic_writes_total', { result: 'accepted' })).toBe(1);
  expect(sampleOf(page, 'canary_controller_reconcile_errors_total', { stage: 'save' })).toBe(1);
  expect(sampleOf(page, 'canary_controller_reconcile_duration_seconds_sum')).toBe(0.02);
  const prometheus = { provider: 'prometheus' };
  expect(sampleOf(page, 'canary_controller_provider_request_duration_seconds_count', prometheus)).toBe(1);
  const grafana = { type: 'grafana', result: 'accepted' };
  expect(sampleOf(page, 'canary_controller_webhook_requests_total', grafana)).toBe(1);
});

test('the series of a forgotten Canary go, and one of the same name begins at zero', async () => {
  const { behind, metrics, scrape } = loaded();
  const [state] = behind.states;
  const event = { canary: 'payment-service', rolloutId: null } as const;
  metrics.committed([{ ...event, type: 'DriftSeen' }], () => null);
  expect(sampleOf(await scrape(), 'canary_drift_total')).toBe(1);
  behind.states = [];
  metrics.committed([{ ...event, type: 'Forgotten' }], () => null);
  expect((await scrape()).samples.filter(({ labels }) => 'canary' in labels)).toEqual([]);
  if (state !== undefined) behind.states = [state];
  expect(sampleOf(await scrape(), 'canary_drift_total')).toBe(0);
});

test('any revision can be a label', async () => {
  const { behind, scrape } = loaded();
  const revision = 'v1 "quoted" \\ back\nline {x="y"}, ü';
  behind.states = [progressingState(paymentSpec(), { revision })];
  const info = (await scrape()).samples.find(({ name }) => name === 'canary_info');
  expect(info?.labels['canary_revision']).toBe(revision);
});

test('a page of many Canaries is made in slices between which everything else gets its turn', async () => {
  // Every question for the time costs a millisecond: a slice is over after five of them.
  let now = 0;
  const ticking: Clock = { now: () => NOW, monotonic: () => now++, after: () => () => {} };
  const state = progressingState();
  const { controls } = standIn({ specs: [], states: [] });
  const names = Array.from({ length: 100 }, (_, index) => `canary-${index}`);
  const index: MetricsIndex = {
    names: () => names,
    figures: (name) => ({
      canary: name,
      service: name,
      stable: state.stable,
      canaryRevision: null,
      phase: state.phase,
      health: 'Progressing',
      stepIndex: 1,
      weightDesired: 25,
      weightObserved: 25,
      isHeldByIncident: null,
      pauses: [],
      isRollingBack: false,
      metrics: [],
    }),
    controller: () => ({ ...controls.figures(), isLeader: true, dbSizeBytes: 1 }),
  };
  let turns = 0;
  const turn = () => {
    turns += 1;
    pending = setImmediate(turn);
  };
  let pending = setImmediate(turn);
  let text = '';
  let pieces = 0;
  for await (const piece of createMetrics({ clock: ticking, version: '1' }).scrape(index)) {
    pieces += 1;
    text += piece;
    expect(piece.split('\n').length).toBeLessThan(200);
  }
  clearImmediate(pending);
  expect(pieces).toBeGreaterThan(50);
  expect(turns).toBeGreaterThan(50);
  expect(parseExposition(text).samples.filter(({ name }) => name === 'canary_step_index')).toHaveLength(100);
});
