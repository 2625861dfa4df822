/** Canaries in the states that faces show, in the words of the interface's own example: v1.5.0 to v1.5.1. */
import type { Explanation } from '../../src/core/decision.ts';
import type {
  CanaryState,
  MetricState,
  RolloutRecord,
  RolloutState,
  Verdict,
} from '../../src/core/rollout.ts';
import { initialHeld, initialMetric, initialRollout, initialState } from '../../src/core/state.ts';
import type { Spec } from '../../src/spec/canary.ts';
import { canonicalJson, sha256 } from '../../src/spec/canonical.ts';
import { aCanary, aMetric, type CanaryParts } from '../support/a-canary.ts';

/** 2026-11-23 14:00 UTC. */
export const NOW = Date.UTC(2026, 10, 23, 14, 0);
const MINUTE = 60_000;
export const ROLLOUT_ID = 'payment-service-3-1f2e3d4c';

export function paymentSpec(parts: CanaryParts = {}): Spec {
  const canary = aCanary({
    name: 'payment-service',
    service: 'payment-service',
    revision: 'v1.5.1',
    stableRevision: null,
    labels: { team: 'payments' },
    ...parts,
  });
  return { canary, file: 'payment.yaml', line: 7, hash: sha256(canonicalJson(canary)) };
}

export function paymentVerdict(over: Partial<Verdict> = {}): Verdict {
  return {
    metric: 'error-rate',
    class: 'pass',
    at: NOW - 10_000,
    windowMs: 60_000,
    canary: 0.001,
    stable: 0.001,
    canaryRequests: 400,
    stableRequests: 1200,
    bound: 'maxDelta 0.005',
    detail: 'canary 0.001 is within stable 0.001, maxDelta 0.005',
    query: 'sum(rate(http_requests_total{version="v1.5.1"}[1m]))',
    structural: false,
    guard: false,
    counted: true,
    stableFrozenAt: null,
    ...over,
  };
}

export function metricState(verdict: Verdict, passes: number): MetricState {
  return { ...initialMetric('key', 0), passes, lastLookAt: verdict.at, verdict };
}

/** Nothing on trial: v1.5.0 is live. */
export function stableState(spec: Spec = paymentSpec()): CanaryState {
  return {
    ...initialState(spec, NOW - 60 * MINUTE, 'boot'),
    phase: 'Stable',
    stable: 'v1.5.0',
    target: 'v1.5.0',
    observed: { weight: 0, at: NOW - 20_000 },
    reason: 'v1.5.0 is stable',
    specHash: spec.hash,
  };
}

/** Baking at the second of four steps, 25 %. */
export function progressingState(
  spec: Spec = paymentSpec(),
  over: Partial<RolloutState> = {},
  outer: Partial<CanaryState> = {},
): CanaryState {
  const verifiedAt = NOW - 2 * MINUTE;
  const rollout: RolloutState = {
    ...initialRollout(spec.canary, {
      id: ROLLOUT_ID,
      revision: 'v1.5.1',
      stable: 'v1.5.0',
      by: 'git',
      now: NOW - 8 * MINUTE,
    }),
    stepIndex: 1,
    weight: 25,
    held: { ...initialHeld(1, 25, verifiedAt, 60_000), bakedMs: 110_000 },
    written: true,
    metrics: { 'error-rate': metricState(paymentVerdict(), 2) },
    reached: [
      { index: 0, weight: 5, verifiedAt: NOW - 7 * MINUTE },
      { index: 1, weight: 25, verifiedAt },
    ],
    ...over,
  };
  return {
    ...stableState(spec),
    phase: 'Progressing',
    phaseSince: NOW - 7 * MINUTE,
    target: 'v1.5.1',
    rollout,
    observed: { weight: 25, at: NOW - 5_000 },
    reason: 'baking until 14:03:00Z; 2 of 3 passes collected',
    ...outer,
  };
}

/** Rolled back at 25 %: its revision needs retry. */
/** The same with an incident to watch for, and a rollout budget, half of it spent: 0.9 of the 1.8 that 2 % of an hour at 25 requests a second are. */
export function budgetedSpec(): Spec {
  const metrics = [aMetric({ objective: 0.999 })];
  return paymentSpec({
    analysis: {
      metrics,
      rolloutBudget: { share: 0.02, windowMs: 60 * MINUTE },
      incident: { burnRate: 14.4, windowMs: 60 * MINUTE },
    },
  });
}

export function budgetedState(spec: Spec = budgetedSpec()): CanaryState {
  const canary = { requests: 100, score: 1 };
  const spending = { rps: 25, before: 0, weight: 25, canary, stable: { requests: 1000, score: 1 } };
  return progressingState(spec, { spent: { 'error-rate': spending } });
}

export function rolledBackState(spec: Spec = paymentSpec()): CanaryState {
  return progressingState(
    spec,
    {
      stepIndex: -1,
      weight: 0,
      outcome: 'RolledBack',
      endedAt: NOW - MINUTE,
      endReason: 'error-rate failed',
    },
    {
      phase: 'RolledBack',
      phaseSince: NOW - MINUTE,
      observed: { weight: 0, at: NOW - 5_000 },
      failed: { 'v1.5.1': { rolloutId: ROLLOUT_ID, reason: 'error-rate failed', zeroAt: NOW - MINUTE } },
      reason: `v1.5.1 failed in rollout ${ROLLOUT_ID}: error-rate failed; retry to try it again`,
    },
  );
}

/** Promoted: v1.5.1 is stable, the document still holds the pair at 100. */
export function succeededState(spec: Spec = paymentSpec()): CanaryState {
  return progressingState(
    spec,
    { stepIndex: 3, weight: 100, outcome: 'Promoted', endedAt: NOW - MINUTE, endReason: 'all steps passed' },
    {
      phase: 'Succeeded',
      phaseSince: NOW - MINUTE,
      stable: 'v1.5.1',
      observed: { weight: 100, at: NOW - 5_000 },
      promoted: { rolloutId: ROLLOUT_ID, revision: 'v1.5.1', stable: 'v1.5.0' },
      reason: 'v1.5.1 was promoted and is stable',
    },
  );
}

export function paymentExplanation(over: Partial<Explanation> = {}): Explanation {
  return {
    at: NOW - 5_000,
    canary: 'payment-service',
    rolloutId: ROLLOUT_ID,
    phase: 'Progressing',
    action: 'wait',
    from: 25,
    to: 25,
    because: [
      { code: 'bake', facts: { doneSeconds: 110, ofSeconds: 300 }, text: 'baking until 14:03:00Z' },
      {
        code: 'verdict',
        facts: { metric: 'error-rate', class: 'pass' },
        text: 'error-rate pass: canary 0.001 is within stable 0.001, maxDelta 0.005',
      },
    ],
    notBecause: [{ code: 'drift', facts: {}, text: 'the live rule is ours' }],
    verdicts: [
      paymentVerdict(),
      paymentVerdict({ metric: 'p99-latency', class: 'noData', detail: 'no series' }),
    ],
    nextCheckAt: NOW + 25_000,
    ...over,
  };
}

export function paymentRecord(over: Partial<RolloutRecord> = {}): RolloutRecord {
  return {
    id: ROLLOUT_ID,
    canary: 'payment-service',
    revision: 'v1.5.1',
    stable: 'v1.5.0',
    judge: 'threshold',
    analysed: true,
    startedAt: NOW - 8 * MINUTE,
    endedAt: null,
    outcome: null,
    reason: '',
    undoes: null,
    steps: [{ index: 0, weight: 5, verifiedAt: NOW - 7 * MINUTE }],
    exemptions: [],
    rollbackMs: null,
    ...over,
  };
}
