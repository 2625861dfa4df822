/** What anyone is shown: the core's state, records and events turned into the objects of the wire contract. */

import type { Explanation } from '../core/decision.ts';
import { canaryFor } from '../core/default-judge.ts';
import type { Signal } from '../core/observation.ts';
import {
  type CanaryState,
  healthOf,
  type RolloutRecord,
  type RolloutState,
  type Verdict,
} from '../core/rollout.ts';
import { accountOf } from '../core/spending.ts';
import type { Bounds, Metric, RolloutBudget, Spec } from '../spec/canary.ts';
import type { Diagnostic } from '../spec/diagnostic.ts';
import { measuredText } from './measured-text.ts';
import type {
  CanaryView,
  DiagnosticView,
  EventView,
  ExplanationView,
  MetricView,
  RolloutView,
  StepView,
  VerdictView,
} from './schemas.ts';
import type { SpecView } from './spec.ts';

const ALERTS_SHOWN = 50;

/** All that is known about one Canary. Nothing at all is possible for state (not decided yet) or spec (file gone). */
export interface CanarySource {
  readonly name: string;
  readonly spec: Spec | null;
  readonly state: CanaryState | null;
  readonly explanation: Explanation | null;
  /** What is wrong with its file. */
  readonly diagnostics: readonly Diagnostic[];
  /** Alerts that fire; default none. */
  readonly signals?: readonly Signal[];
  /** Asked for when one Canary is shown; default null. */
  readonly gateways?: CanaryView['gateways'];
}

/** The canary object. In Stable and Succeeded `canaryRevision` and `step` are null: nothing is on trial. */
export function canaryView(source: CanarySource): CanaryView {
  const { name, spec, state, explanation } = source;
  const phase = state?.phase ?? 'Initializing';
  const rollout = state === null ? null : underWay(state);
  const canary = spec === null ? null : canaryFor(spec, rollout);
  const trial = state === null ? NO_TRIAL : trialOf(state);
  return {
    name,
    service: spec?.canary.service ?? name,
    phase,
    health: healthOf(phase),
    since: timeOrNull(state?.phaseSince),
    stableRevision: state?.stable ?? null,
    canaryRevision: trial.revision,
    rolloutId: trial.rolloutId,
    step:
      trial.stepIndex === null
        ? null
        : { index: trial.stepIndex, count: spec?.canary.strategy.steps.length ?? trial.stepIndex + 1 },
    weight: {
      ...weightsOf(state),
      verifiedAt: timeOrNull(state === null ? null : verifiedAt(state, rollout)),
      readAt: timeOrNull(state?.observed?.at),
    },
    gateways: source.gateways ?? null,
    bakedSeconds: rollout === null ? null : seconds(rollout.held.bakedMs),
    reason: state?.reason ?? 'not looked at yet',
    nextCheckAt: timeOrNull(explanation?.nextCheckAt),
    pauses: (rollout ?? state)?.pauses.map((pause) => ({ ...pause, since: time(pause.since) })) ?? [],
    alerts: (source.signals ?? []).slice(-ALERTS_SHOWN).map(alertView),
    steps: stepViews(spec, state, trial),
    metrics:
      canary?.analysis.metrics.map((metric) =>
        metricView(metric, state?.rollout ?? null, canary.analysis.rolloutBudget),
      ) ?? [],
    failedRevisions: Object.keys(state?.failed ?? {}),
    file: spec?.file ?? null,
    line: spec?.line ?? null,
    labels: { ...spec?.canary.labels },
    specHash: spec?.hash ?? null,
    diagnostics: [
      ...source.diagnostics.map(diagnosticView),
      ...(state?.diagnostics ?? []).map((diagnostic) => liveDiagnostic(name, diagnostic)),
    ],
  };
}

function alertView({
  name,
  action,
  summary,
  startedAt,
  toldAt,
  eventId,
}: Signal): CanaryView['alerts'][number] {
  return { alert: name, action, summary, startedAt: time(startedAt), toldAt: time(toldAt), eventId };
}

/** What is wanted, and what was read last. */
export function weightsOf(state: CanaryState | null): Pick<CanaryView['weight'], 'desired' | 'observed'> {
  return {
    desired: state === null ? null : desiredWeight(state),
    observed: state?.observed?.weight ?? null,
  };
}

/** Percent that the canary revision should get now; null while nobody knows what is live. */
export function desiredWeight(state: CanaryState): number | null {
  const rollout = underWay(state);
  if (rollout !== null) return state.ending === null ? rollout.weight : 0;
  if (state.phase === 'Initializing') return null;
  return isPromotionLive(state) ? 100 : 0;
}

function underWay(state: CanaryState): RolloutState | null {
  return state.rollout !== null && state.rollout.outcome === null ? state.rollout : null;
}

/** The document keeps the promoted pair at 100 until the next rollout writes its own. */
function isPromotionLive({ promoted, stable }: CanaryState): boolean {
  return promoted !== null && promoted.revision === stable;
}

/** What is on trial, or failed last and is still wanted. All null while nothing is, as in Stable and Succeeded. */
export interface Trial {
  readonly revision: string | null;
  /** The rollout under way, else the one whose end the phase shows (in Succeeded too). */
  readonly rolloutId: string | null;
  /** -1 before the first step, and after a rollback. */
  readonly stepIndex: number | null;
}

const NO_TRIAL: Trial = { revision: null, rolloutId: null, stepIndex: null };

export function trialOf(state: CanaryState): Trial {
  const rollout = underWay(state);
  if (rollout !== null) {
    return { revision: rollout.revision, rolloutId: rollout.id, stepIndex: rollout.stepIndex };
  }
  if (state.phase === 'RolledBack') {
    const revision = state.target ?? state.rollout?.revision ?? null;
    const failed = revision === null ? undefined : state.failed[revision];
    return { revision, rolloutId: failed?.rolloutId ?? state.rollout?.id ?? null, stepIndex: -1 };
  }
  const promoted = state.phase === 'Succeeded' ? state.promoted : null;
  return { revision: null, rolloutId: promoted?.rolloutId ?? null, stepIndex: null };
}

function verifiedAt(state: CanaryState, rollout: RolloutState | null): number | null {
  if (state.observed === null) return null;
  return rollout === null ? state.observed.at : rollout.held.verifiedAt;
}

/** What was reached, also by the rollout whose end is shown. */
function stepViews(spec: Spec | null, state: CanaryState | null, trial: Trial): StepView[] {
  const isShown = trial.revision !== null && state?.rollout?.id === trial.rolloutId;
  const reached = isShown ? (state?.rollout?.reached ?? []) : [];
  const reachedAt = (index: number) => reached.findLast((step) => step.index === index)?.verifiedAt;
  return (spec?.canary.strategy.steps ?? []).map((step, index) => ({
    index,
    weight: step.weight,
    bakeSeconds: seconds(step.bakeMs),
    approval: step.approval,
    verifiedAt: timeOrNull(reachedAt(index)),
    leftAt: timeOrNull(reachedAt(index + 1)),
  }));
}

function metricView(
  metric: Metric,
  rollout: RolloutState | null,
  rolloutBudget: RolloutBudget | undefined,
): MetricView {
  const counters = rollout?.metrics[metric.name];
  const verdict = counters?.verdict ?? null;
  const account = rollout === null ? null : accountOf(rolloutBudget, metric, rollout);
  return {
    name: metric.name,
    verdict: verdict?.class ?? 'pending',
    canary: finite(verdict?.canary),
    stable: finite(verdict?.stable),
    canaryRequests: finite(verdict?.canaryRequests),
    stableRequests: finite(verdict?.stableRequests),
    measured: measuredText(metric, verdict),
    bound: verdict?.bound ?? boundText(metric.bounds),
    detail: verdict?.detail ?? '',
    at: timeOrNull(verdict?.at),
    passes: counters?.passes ?? 0,
    counted: verdict?.counted ?? false,
    judge: metric.judge,
    dryRun: metric.dryRun,
    dispersion: counters?.sequential?.test?.dispersion ?? null,
    budget: account === null ? null : { excess: account.excess, allowed: account.allowed },
    stableFrozenAt: timeOrNull(verdict?.stableFrozenAt),
    query: verdict?.query ?? null,
  };
}

/** "maxDelta 0.005", or several joined by commas. */
export function boundText(bounds: Bounds): string {
  return Object.entries(bounds)
    .map(([name, limit]) => `${name} ${limit}`)
    .join(', ');
}

export function verdictView(verdict: Verdict): VerdictView {
  return {
    metric: verdict.metric,
    verdict: verdict.class,
    at: time(verdict.at),
    windowSeconds: seconds(verdict.windowMs),
    canary: finite(verdict.canary),
    stable: finite(verdict.stable),
    canaryRequests: finite(verdict.canaryRequests),
    stableRequests: finite(verdict.stableRequests),
    bound: verdict.bound,
    detail: verdict.detail,
    query: verdict.query,
    counted: verdict.counted,
    guard: verdict.guard,
    stableFrozenAt: timeOrNull(verdict.stableFrozenAt),
    comparison: verdict.comparison ?? null,
  };
}

/** A rollout of history. `runningReason` stands for the reason of one that has not ended. */
export function rolloutView(
  record: RolloutRecord,
  verdicts: readonly Verdict[],
  runningReason: string,
): RolloutView {
  const { startedAt, endedAt, rollbackMs } = record;
  return {
    id: record.id,
    canary: record.canary,
    revision: record.revision,
    stableRevision: record.stable,
    outcome: record.outcome,
    judge: record.judge,
    analysed: record.analysed,
    startedAt: time(startedAt),
    endedAt: timeOrNull(endedAt),
    durationSeconds: endedAt === null ? null : seconds(endedAt - startedAt),
    rollbackSeconds: rollbackMs === null ? null : seconds(rollbackMs),
    reason: record.outcome === null ? runningReason : record.reason,
    undoes: record.undoes,
    steps: record.steps.map((step) => ({ ...step, verifiedAt: time(step.verifiedAt) })),
    exemptions: record.exemptions.map((exemption) => ({ ...exemption, at: time(exemption.at) })),
    measurements: verdicts.map(verdictView),
  };
}

/** A committed event of the store. */
export interface EventSource {
  readonly id: number;
  readonly at: number;
  readonly canary: string | null;
  readonly rolloutId: string | null;
  readonly type: EventView['type'];
  readonly message: string;
  readonly causedBy: number | null;
  readonly actor: string | null;
  readonly data?: EventView['facts'];
  readonly explanation: Explanation | null;
}

export function eventView(event: EventSource): EventView {
  const { id, at, canary, rolloutId, type, message, causedBy, actor, data, explanation } = event;
  return {
    id,
    at: time(at),
    canary,
    rolloutId,
    type,
    message,
    causedBy,
    actor,
    facts: { ...data },
    explained: explanation !== null,
  };
}

/** `eventId`: the event asked for, null for the last decision. `text`: what `explainText` made of it. */
export function explanationView(
  explanation: Explanation,
  eventId: number | null,
  text: string,
): ExplanationView {
  const { canary, rolloutId, phase, action, from, to } = explanation;
  return {
    canary,
    rolloutId,
    eventId,
    at: time(explanation.at),
    phase,
    action,
    from,
    to,
    because: explanation.because.map((reason) => ({ ...reason, facts: { ...reason.facts } })),
    notBecause: explanation.notBecause.map((reason) => ({ ...reason, facts: { ...reason.facts } })),
    verdicts: explanation.verdicts.map(verdictView),
    nextCheckAt: time(explanation.nextCheckAt),
    text,
  };
}

export function specView({ canary, file, line, hash, template }: Spec): SpecView {
  const { labels, strategy, analysis } = canary;
  return {
    file,
    line,
    hash,
    template:
      template === undefined ? null : { name: template.name, file: template.file, line: template.line },
    canary: {
      ...canary,
      labels: { ...labels },
      strategy: { ...strategy, steps: [...strategy.steps] },
      analysis: { ...analysis, metrics: [...analysis.metrics] },
    },
  };
}

export function diagnosticView(diagnostic: Diagnostic): DiagnosticView {
  const { severity, file, line, column, code, detail, canary } = diagnostic;
  return { severity, file, line, column, code, detail, canary: canary ?? null };
}

function liveDiagnostic(
  canary: string,
  { code, detail }: { readonly code: string; readonly detail: string },
): DiagnosticView {
  return { severity: 'warning', file: null, line: null, column: null, code, detail, canary };
}

function time(at: number): string {
  return new Date(at).toISOString();
}

function timeOrNull(at: number | null | undefined): string | null {
  return at === null || at === undefined ? null : time(at);
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}

/** JSON knows no NaN and no infinity. */
function finite(value: number | null | undefined): number | null {
  return value === null || value === undefined || !Number.isFinite(value) ? null : value;
}
