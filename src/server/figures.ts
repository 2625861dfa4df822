/** The numbers behind `GET /metrics`, taken from the controller's memory at scrape time. */
import type { Controls } from '../controller/controls.ts';
import { isHeldByPreflight } from '../core/incident.ts';
import { type CanaryState, healthOf, type RolloutState } from '../core/rollout.ts';
import { accountOf } from '../core/spending.ts';
import { activeRollout, isWaiting, pausesOf } from '../core/turn.ts';
import type { Metric, RolloutBudget, Spec } from '../spec/canary.ts';
import type { Store } from '../store/store.ts';
import type { CanaryFigures, MetricFigures } from '../telemetry/canary-series.ts';
import type { MetricsIndex } from '../telemetry/metrics.ts';
import { desiredWeight, trialOf } from '../view/build.ts';

/** Call it for each scrape: it looks up the specs once. */
export function metricsIndex(controls: Controls, store: Pick<Store, 'sizeBytes'>): MetricsIndex {
  const specs = new Map(controls.specs().map((spec) => [spec.canary.name, spec]));
  return {
    names: () => controls.names(),
    figures(name) {
      const state = controls.state(name);
      return state === null ? null : figuresOf(state, specs.get(name));
    },
    controller: () => ({
      ...controls.figures(),
      isLeader: controls.isLeader(),
      dbSizeBytes: store.sizeBytes(),
    }),
  };
}

function figuresOf(state: CanaryState, spec: Spec | undefined): CanaryFigures {
  const trial = trialOf(state);
  return {
    canary: state.name,
    service: spec?.canary.service ?? state.name,
    stable: state.stable,
    canaryRevision: trial.revision,
    phase: state.phase,
    health: healthOf(state.phase),
    stepIndex: trial.stepIndex,
    weightDesired: desiredWeight(state),
    weightObserved: state.observed?.weight ?? null,
    isHeldByIncident: spec?.canary.analysis.incident === undefined ? null : isInIncident(spec, state),
    pauses: pausesOf(state).map(({ reason }) => reason),
    isRollingBack: state.ending !== null && activeRollout(state) !== null,
    metrics:
      spec?.canary.analysis.metrics.map((metric) =>
        metricFigures(metric, state.rollout, spec.canary.analysis.rolloutBudget),
      ) ?? [],
  };
}

function isInIncident({ canary }: Spec, state: CanaryState): boolean {
  const rollout = activeRollout(state);
  if (rollout === null) return false;
  return rollout.incident !== undefined || (isWaiting(rollout) && isHeldByPreflight(canary, rollout));
}

function metricFigures(
  metric: Metric,
  rollout: RolloutState | null,
  budget: RolloutBudget | undefined,
): MetricFigures {
  const verdict = rollout?.metrics[metric.name]?.verdict;
  const account = rollout === null ? null : accountOf(budget, metric, rollout);
  return {
    metric: metric.name,
    verdict: verdict?.class ?? 'pending',
    canary: verdict?.canary ?? null,
    stable: verdict?.stable ?? null,
    bounds: { ...metric.bounds },
    budgetSpent: account === null || account.allowed === null ? null : account.excess / account.allowed,
  };
}
