/** What one look must lead to, whatever else is going on, and that nothing fails without one. */
import type { CanaryState, Verdict } from '../../src/core/rollout.ts';
import type { Metric, Spec } from '../../src/spec/canary.ts';
import type { Save } from '../../src/store/store.ts';
import type { Fleet } from './fleet.ts';

export interface LookCheck {
  /** A decision is about to be saved. `before`: the state that it was made from. */
  deciding(save: Save, before: CanaryState | null): void;
  /** A look came into force, saved or not. */
  looked(rolloutId: string | null, verdicts: readonly Verdict[]): void;
  /** A rollout was rolled back. */
  rolledBack(name: string, rolloutId: string, spec: Spec | null): void;
}

const GUARD_SHARE = 0.25;
const GUARD_REQUESTS = 20;

export function createLookCheck(fleet: Fleet, fail: (what: string) => void): LookCheck {
  /** Rollouts of which some look failed by its numbers. */
  const failed = new Set<string>();

  function note(rolloutId: string, { class: outcome, canary, canaryRequests }: Verdict): void {
    if (outcome === 'fail' && (canary !== null || canaryRequests !== null)) failed.add(rolloutId);
  }

  function checkCount(
    name: string,
    { class: outcome, guard, canaryRequests }: Verdict,
    metric: Metric,
  ): void {
    if (
      metric.judge === 'sequential' ||
      !('minRequests' in metric.source) ||
      guard ||
      (outcome !== 'pass' && outcome !== 'fail')
    )
      return;
    if ((canaryRequests ?? 0) < metric.source.minRequests)
      fail(`${name}: ${metric.name} is called ${outcome} by ${canaryRequests} requests`);
  }

  /** What was measured was asked for by the declaration that judges it. */
  function checkQuestion(
    name: string,
    { query, at }: Verdict,
    { windowMs, name: metric, judge }: Metric,
  ): void {
    // Its window is the time since the poll before.
    if (judge === 'sequential') return;
    if (!query.endsWith(` over ${windowMs} ms`))
      fail(`${name}: ${metric} judges what "${query}" measured at ${at}`);
  }

  function checkUrgent(
    name: string,
    verdict: Verdict,
    metric: Metric,
    before: CanaryState,
    save: Save,
  ): void {
    const { rollout } = before;
    const { state, events } = save;
    // What was measured before the clock was set lies in another time: the next look counts.
    if (events.some(({ type }) => type === 'ClockJump')) return;
    if (rollout === null || rollout.outcome !== null || before.ending !== null || metric.dryRun) return;
    if (isForeign(before) || (state !== null && isForeign(state))) return;
    const isCritical = metric.critical && verdict.class === 'fail' && verdict.counted;
    const isTripped = isGuardDue(verdict, metric) && verdict.at - verdict.windowMs >= rollout.notBefore;
    if (!isCritical && !isTripped) return;
    const now = state?.rollout ?? null;
    const isGoingBack = state?.ending != null || now?.id !== rollout.id || now.outcome !== null;
    if (!isGoingBack) fail(`${name}: ${metric.name} asks for a rollback at once, and nothing is done`);
  }

  return {
    deciding(save, before) {
      const { canary: name, state } = save;
      const spec = fleet.byHash(state?.specHash ?? '');
      for (const { rolloutId, verdict } of save.verdicts) {
        const metric = spec?.canary.analysis.metrics.find((one) => one.name === verdict.metric);
        if (metric === undefined) continue;
        note(rolloutId, verdict);
        checkQuestion(name, verdict, metric);
        checkCount(name, verdict, metric);
        if (before !== null) checkUrgent(name, verdict, metric, before, save);
      }
    },
    looked(rolloutId, verdicts) {
      for (const verdict of verdicts) if (rolloutId !== null) note(rolloutId, verdict);
    },
    rolledBack(name, rolloutId, spec) {
      const analysis = spec?.canary.analysis;
      const isAsked = analysis?.onError === 'rollback' || analysis?.onNoData === 'rollback';
      if (!isAsked && !failed.has(rolloutId)) fail(`${name}: ${rolloutId} is rolled back and no look failed`);
    },
  };
}

/** The sequential judge has a guard by odds, which says itself when it tripped. */
function isGuardDue(verdict: Verdict, { source, judge }: Metric): boolean {
  const { canary, stable, canaryRequests } = verdict;
  if (judge === 'sequential') return verdict.guard && verdict.class === 'fail' && verdict.counted;
  if (source.kind !== 'ratio' || canary === null || stable === null) return false;
  return canary > stable + GUARD_SHARE && (canaryRequests ?? 0) >= GUARD_REQUESTS;
}

function isForeign({ rollout }: CanaryState): boolean {
  return rollout?.pauses.some(({ reason }) => reason === 'ForeignController') ?? false;
}
