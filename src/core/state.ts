/** Where a Canary's and a rollout's memory begins. */
import type { Canary, JudgeName, Spec, TrafficTarget } from '../spec/canary.ts';
import { stepsKey } from '../spec/edit.ts';
import type { Held } from './memory.ts';
import type { CanaryState, MetricState, RolloutRecord, RolloutState } from './rollout.ts';

/**
 * What is remembered of a Canary that nothing is known of. `lastRolloutId`: its newest rollout in history, from a time
 * before it was forgotten, so that no id is given twice.
 */
export function initialState(
  spec: Spec,
  now: number,
  bootId: string,
  lastRolloutId: string | null = null,
): CanaryState {
  return {
    name: spec.canary.name,
    route: spec.canary.target,
    phase: 'Initializing',
    phaseSince: now,
    stable: null,
    target: spec.canary.revision,
    requested: null,
    rollout: null,
    ending: null,
    intent: null,
    known: null,
    observed: null,
    writes: [],
    failed: {},
    zeroed: {},
    rejected: null,
    promoted: null,
    pauses: [],
    reason: 'the live rule was not read yet',
    nextLookAt: now,
    deletedAt: null,
    unchangedSince: null,
    missingSince: null,
    reserved: null,
    seq: { rollout: numberIn(lastRolloutId), operation: 0, decision: 0 },
    specHash: null,
    bootId,
    bootAt: now,
    decidedAt: now,
    diagnostics: [],
  };
}

function numberIn(id: string | null): number {
  return Number(/-(\d+)-[^-]*$/.exec(id ?? '')?.[1] ?? 0);
}

/** "payment-service-3-1f2e3d4c": readable, and unique over rebuilt stores because it ends with the store's id. */
export function rolloutId(name: string, seq: number, controller: string): string {
  return `${name}-${seq}-${controller.slice(-8)}`;
}

export function initialRollout(
  canary: Canary,
  start: {
    id: string;
    revision: string;
    stable: string;
    by: string;
    now: number;
    undoes?: string;
    notBefore?: number;
  },
): RolloutState {
  return {
    id: start.id,
    revision: start.revision,
    stable: start.stable,
    judge: judgeOf(canary),
    defaultJudge: 'sequential',
    startedAt: start.now,
    startedBy: start.by,
    stepsKey: stepsKey(canary),
    stepIndex: -1,
    weight: 0,
    held: initialHeld(-1, 0, start.now, 0),
    written: false,
    pauses: [],
    approvals: [],
    exemptions: [],
    promote: null,
    analysed: true,
    metrics: {},
    corrections: 0,
    lastCorrectionAt: null,
    canarySeen: false,
    frozenAt: null,
    readyLooks: 0,
    absentUntil: null,
    absences: 0,
    firstFailAt: null,
    undoes: start.undoes ?? null,
    notBefore: start.notBefore ?? 0,
    raiseAfter: 0,
    raiseFailures: 0,
    withdrawDue: false,
    reached: [],
    outcome: null,
    endedAt: null,
    endReason: '',
    endWeight: 0,
  };
}

/** The one that history names: that of a single metric is not named for it. */
function judgeOf({ analysis }: Canary): JudgeName {
  const has = (name: JudgeName) => analysis.metrics.some(({ judge }) => judge === name);
  return has('sequential') ? 'sequential' : has('mannWhitney') ? 'mannWhitney' : 'threshold';
}

/** A weight just read back: evidence counts once `settleMs` are over. */
export function initialHeld(index: number, weight: number, now: number, settleMs: number): Held {
  return {
    index,
    weight,
    verifiedAt: now,
    clearFrom: now + settleMs,
    bakedMs: 0,
    stalledMs: 0,
    failedSinceBake: false,
  };
}

export function initialMetric(key: string, failures: number): MetricState {
  return {
    key,
    passes: 0,
    lastPassAt: null,
    failingMs: 0,
    lastFailAt: null,
    failures,
    lastFailureCountedAt: null,
    errors: 0,
    noDataSince: null,
    lastLookAt: null,
    frozen: null,
    verdict: null,
  };
}

export function recordOf(canary: string, rollout: RolloutState): RolloutRecord {
  return {
    id: rollout.id,
    canary,
    revision: rollout.revision,
    stable: rollout.stable,
    judge: rollout.judge,
    analysed: rollout.analysed,
    startedAt: rollout.startedAt,
    endedAt: rollout.endedAt,
    outcome: rollout.outcome,
    reason: rollout.endReason,
    undoes: rollout.undoes,
    steps: rollout.reached,
    exemptions: rollout.exemptions,
    rollbackMs:
      rollout.endedAt !== null && rollout.firstFailAt !== null && rollout.outcome === 'RolledBack'
        ? rollout.endedAt - rollout.firstFailAt
        : null,
  };
}

export function sameTarget(a: TrafficTarget, b: TrafficTarget): boolean {
  if (a.kind === 'file' || b.kind === 'file') {
    return a.kind === 'file' && b.kind === 'file' && a.path === b.path;
  }
  return a.namespace === b.namespace && a.group === b.group && a.dataId === b.dataId;
}
