import { describe, expect, test } from 'vitest';
import { newLedger } from '../../src/core/ledger/ledger.ts';
import type { Verdict } from '../../src/core/rollout.ts';
import { NO_REQUESTS } from '../../src/core/sequential/counts.ts';
import type { SequentialMemory } from '../../src/core/sequential/memory.ts';
import { startSequential } from '../../src/core/sequential/state.ts';
import { NO_SPLIT } from '../../src/core/sequential/traffic-split.ts';
import type { Metric } from '../../src/spec/canary.ts';
import { canaryView, eventView, explanationView, rolloutView, specView } from '../../src/view/build.ts';
import { CanaryView, EventView, ExplanationView, RolloutView } from '../../src/view/schemas.ts';
import { canaryOf, SpecView } from '../../src/view/spec.ts';
import { aRule } from '../core/sequential/a-rule.ts';
import { aMetric } from '../support/a-canary.ts';
import {
  budgetedSpec,
  budgetedState,
  metricState,
  NOW,
  paymentExplanation,
  paymentRecord,
  paymentSpec,
  paymentVerdict,
  progressingState,
  ROLLOUT_ID,
  rolledBackState,
  stableState,
  succeededState,
} from './states.ts';

function view(state: Parameters<typeof canaryView>[0]['state'], spec = paymentSpec()) {
  return canaryView({
    name: 'payment-service',
    spec,
    state,
    explanation: state === null ? null : paymentExplanation(),
    diagnostics: [],
  });
}

test('a Canary under way is the object of the interface page', () => {
  expect(view(progressingState())).toMatchObject({
    name: 'payment-service',
    service: 'payment-service',
    phase: 'Progressing',
    health: 'Progressing',
    stableRevision: 'v1.5.0',
    canaryRevision: 'v1.5.1',
    rolloutId: ROLLOUT_ID,
    step: { index: 1, count: 4 },
    weight: { desired: 25, observed: 25, verifiedAt: '2026-11-23T13:58:00.000Z' },
    reason: 'baking until 14:03:00Z; 2 of 3 passes collected',
    nextCheckAt: '2026-11-23T14:00:25.000Z',
    metrics: [
      {
        name: 'error-rate',
        verdict: 'pass',
        canary: 0.001,
        stable: 0.001,
        bound: 'maxDelta 0.005',
        passes: 2,
      },
    ],
    diagnostics: [],
  });
});

test('a metric of the sequential judge says what its evidence is divided by, once that is known', () => {
  const state = progressingState();
  const counters = state.rollout!.metrics['error-rate']!;
  const test = startSequential(aRule(), NO_REQUESTS, 3.2);
  const memory = {
    ledger: newLedger(15_000),
    test,
    threshold: null,
    traffic: null,
    judgedMs: 0,
    split: NO_SPLIT,
    splitWeight: 0,
    silentPolls: 0,
  };
  const dispersion = (sequential: SequentialMemory) =>
    view(progressingState(paymentSpec(), { metrics: { 'error-rate': { ...counters, sequential } } }))
      .metrics[0]?.dispersion;
  expect(dispersion(memory)).toBe(3.2);
  expect(dispersion({ ...memory, test: null })).toBeNull();
  expect(view(state).metrics[0]?.dispersion).toBeNull();
});

test('a metric says how many bad events the rollout has caused, and how many it may', () => {
  const spec = budgetedSpec();
  const { metrics } = view(budgetedState(spec), spec);
  expect(metrics[0]?.budget).toEqual({ excess: 0.9, allowed: 1.8 });
});

describe('what the last look measured', () => {
  const sequential = { alpha: 0.01, beta: 0.05, sensitivity: 0.5, dispersion: null };
  const counted = { forMs: null, judge: 'sequential', sequential } as const;
  const latency = { kind: 'latency', histogram: 'd_bucket', quantile: 0.99, minRequests: 10 } as const;

  function measured(metric: Partial<Metric>, verdict: Partial<Verdict>): string | undefined {
    const spec = paymentSpec({ analysis: { metrics: [aMetric(metric)] } });
    const metrics = { 'error-rate': metricState(paymentVerdict(verdict), 0) };
    return view(progressingState(spec, { metrics }), spec).metrics[0]?.measured;
  }

  test('is counts of all the rollout where the judge counts', () => {
    const numbers = { canary: 3 / 1204, canaryRequests: 1204, stable: 12 / 9877, stableRequests: 9877 };
    expect(measured(counted, { ...numbers, windowMs: 0 })).toBe(
      'canary 3 of 1204 failed (0.249 %), stable 12 of 9877 (0.121 %), in this rollout',
    );
    expect(measured({ ...counted, source: latency }, { ...numbers, windowMs: 0 })).toBe(
      'canary 3 of 1204 slow (0.249 %), stable 12 of 9877 (0.121 %), in this rollout',
    );
  });

  test('is the numbers of the window where it does not', () => {
    expect(measured({}, {})).toBe(
      'canary 0.1 % of 400 requests failed, stable 0.1 % of 1200 requests, in 1m',
    );
    expect(measured({ source: latency }, { canary: 0.387, stable: 0.35 })).toBe(
      'canary 0.387 over 400 requests, stable 0.35 over 1200 requests, in 1m',
    );
    const query = { source: { kind: 'query', query: 'heap' } } as const;
    const none = { canaryRequests: null, stableRequests: null };
    expect(measured(query, { canary: 7, stable: null, ...none })).toBe('canary 7, in 1m');
  });

  test('says where stable is what it was', () => {
    expect(measured({}, { stableFrozenAt: NOW - 60_000 })).toBe(
      'canary 0.1 % of 400 requests failed, stable, frozen at 13:59:00Z, 0.1 % of 1200 requests, in 1m',
    );
    const day = 24 * 60 * 60_000;
    expect(measured(counted, { canary: 0, stableFrozenAt: NOW - day, windowMs: 0 })).toBe(
      'canary 0 of 400 failed (0 %), stable, frozen at 2026-11-22 14:00:00Z, 1.2 of 1200 (0.1 %), in this rollout',
    );
  });

  test('says what was not measured, and nothing where nothing was', () => {
    expect(measured({}, { canary: null })).toBe('canary not measured, stable 0.1 % of 1200 requests, in 1m');
    expect(measured({}, { canary: null, stable: null })).toBe('');
    expect(view(stableState()).metrics[0]).toMatchObject({
      measured: '',
      canaryRequests: null,
      stableRequests: null,
    });
    expect(view(progressingState()).metrics[0]).toMatchObject({ canaryRequests: 400, stableRequests: 1200 });
  });
});

test('gateways are null unless somebody counted them', () => {
  const known = { name: 'payment-service', spec: null, state: null, explanation: null, diagnostics: [] };
  expect(canaryView(known).gateways).toBeNull();
  const gateways = { current: 3, total: 4 };
  expect(canaryView({ ...known, gateways }).gateways).toEqual(gateways);
});

test('steps say when each was reached and left', () => {
  const { steps } = view(progressingState());
  expect(steps.map(({ weight, verifiedAt, leftAt }) => [weight, verifiedAt, leftAt])).toEqual([
    [5, '2026-11-23T13:53:00.000Z', '2026-11-23T13:58:00.000Z'],
    [25, '2026-11-23T13:58:00.000Z', null],
    [50, null, null],
    [100, null, null],
  ]);
});

test('in Stable nothing is on trial', () => {
  expect(view(stableState())).toMatchObject({
    phase: 'Stable',
    health: 'Healthy',
    stableRevision: 'v1.5.0',
    canaryRevision: null,
    rolloutId: null,
    step: null,
    weight: { desired: 0, observed: 0 },
    metrics: [{ verdict: 'pending', canary: null, stable: null, bound: 'maxDelta 0.005' }],
  });
});

test('in Succeeded the promoted revision is stable and its weight is 100', () => {
  expect(view(succeededState())).toMatchObject({
    phase: 'Succeeded',
    health: 'Healthy',
    stableRevision: 'v1.5.1',
    canaryRevision: null,
    rolloutId: ROLLOUT_ID,
    step: null,
    weight: { desired: 100, observed: 100 },
  });
});

test('in RolledBack the failed revision is shown with the rollout that failed', () => {
  expect(view(rolledBackState())).toMatchObject({
    phase: 'RolledBack',
    health: 'Degraded',
    stableRevision: 'v1.5.0',
    canaryRevision: 'v1.5.1',
    rolloutId: ROLLOUT_ID,
    step: { index: -1, count: 4 },
    weight: { desired: 0, observed: 0 },
    failedRevisions: ['v1.5.1'],
  });
});

test('while it goes back, 0 is desired and the live weight is what was read', () => {
  const ending = { outcome: 'RolledBack', reason: 'x', since: NOW, tries: 1, alarmed: false } as const;
  const rolling = progressingState(paymentSpec(), {}, { phase: 'RollingBack', ending });
  expect(view(rolling).weight).toMatchObject({ desired: 0, observed: 25 });
});

test('a Canary that was not looked at yet is Initializing with everything unknown', () => {
  expect(view(null)).toMatchObject({
    phase: 'Initializing',
    stableRevision: null,
    step: null,
    weight: { desired: null, observed: null, verifiedAt: null },
    nextCheckAt: null,
    since: null,
  });
});

test('a Canary whose file is gone is shown from its state', () => {
  const state = progressingState();
  const shown = canaryView({ name: state.name, spec: null, state, explanation: null, diagnostics: [] });
  expect(shown).toMatchObject({
    service: 'payment-service',
    step: { index: 1, count: 2 },
    metrics: [],
    file: null,
  });
  expect(CanaryView.parse(shown)).toEqual(shown);
});

test('diagnostics of the file and of the live Canary stand side by side', () => {
  const state = progressingState(
    paymentSpec(),
    {},
    { diagnostics: [{ code: 'BETA_PRESENT', detail: 'a beta' }] },
  );
  const fault = {
    severity: 'error',
    file: 'payment.yaml',
    line: 3,
    column: 5,
    code: 'SPEC_RANGE',
    detail: 'no',
  } as const;
  const shown = canaryView({
    name: state.name,
    spec: paymentSpec(),
    state,
    explanation: null,
    diagnostics: [fault],
  });
  expect(shown.diagnostics).toEqual([
    { ...fault, canary: null },
    {
      severity: 'warning',
      file: null,
      line: null,
      column: null,
      code: 'BETA_PRESENT',
      detail: 'a beta',
      canary: 'payment-service',
    },
  ]);
});

test('numbers that JSON does not know are null', () => {
  const verdict = paymentVerdict({ canary: Number.POSITIVE_INFINITY, stable: Number.NaN });
  const shown = rolloutView(paymentRecord(), [verdict], '');
  expect(shown.measurements[0]).toMatchObject({ canary: null, stable: null });
  expect(RolloutView.parse(JSON.parse(JSON.stringify(shown)))).toEqual(shown);
});

test.each([
  ['null', null],
  ['Stable', stableState()],
  ['Progressing', progressingState()],
  ['RolledBack', rolledBackState()],
  ['Succeeded', succeededState()],
])('the object of a Canary in %s is what the schema of the wire says, no more and no less', (_, state) => {
  const shown = view(state);
  expect(CanaryView.strict().parse(JSON.parse(JSON.stringify(shown)))).toEqual(shown);
});

test('a rollout that ended has its own reason, one under way that of its Canary', () => {
  const ended = paymentRecord({
    outcome: 'RolledBack',
    endedAt: NOW,
    reason: 'error-rate failed',
    rollbackMs: 31_500,
  });
  expect(rolloutView(ended, [], 'something else')).toMatchObject({
    outcome: 'RolledBack',
    reason: 'error-rate failed',
    durationSeconds: 480,
    rollbackSeconds: 31.5,
    steps: [{ index: 0, weight: 5, verifiedAt: '2026-11-23T13:53:00.000Z' }],
  });
  expect(rolloutView(paymentRecord(), [], 'baking')).toMatchObject({
    outcome: null,
    reason: 'baking',
    durationSeconds: null,
    rollbackSeconds: null,
  });
});

test('an event carries its facts for programs and says whether a decision stands behind it', () => {
  const event = {
    id: 418,
    at: NOW,
    canary: 'payment-service',
    rolloutId: ROLLOUT_ID,
    type: 'RolloutEnded',
    message: 'RolledBack: error-rate failed',
    causedBy: null,
    actor: null,
    data: { outcome: 'RolledBack', weight: 25 },
    explanation: paymentExplanation(),
  } as const;
  const { explanation: _, data, at: __, ...rest } = event;
  expect(eventView(event)).toEqual({ ...rest, at: '2026-11-23T14:00:00.000Z', facts: data, explained: true });
  const { data: ___, ...bare } = event;
  expect(EventView.parse(eventView({ ...bare, explanation: null }))).toMatchObject({
    facts: {},
    explained: false,
  });
});

test('an explanation keeps its reasons as data beside the text', () => {
  const shown = explanationView(paymentExplanation(), 418, 'the text');
  expect(ExplanationView.strict().parse(shown)).toEqual(shown);
  expect(shown).toMatchObject({
    eventId: 418,
    because: [{ code: 'bake', facts: { doneSeconds: 110, ofSeconds: 300 } }, { code: 'verdict' }],
    text: 'the text',
  });
});

test('a declaration survives the way over the wire unchanged', () => {
  const spec = paymentSpec({
    target: { kind: 'file', path: 'weights/payment.json' },
    strategy: { ready: { query: 'up', min: 2 } },
  });
  const sent = JSON.parse(JSON.stringify(specView(spec)));
  expect(canaryOf(SpecView.parse(sent))).toEqual(spec.canary);
});
