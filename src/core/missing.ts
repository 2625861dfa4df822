/** What is still missing before a step may be left, as reasons: bake, passes, or what a promotion waits for. */
import { clockTime } from '../lib/text.ts';
import type { Metric, Step } from '../spec/canary.ts';
import { type Reason, reasonOf } from './decision.ts';
import { PASSES_NEEDED } from './evidence.ts';
import type { MetricState, RolloutState } from './rollout.ts';
import { isFailing, type Turn } from './turn.ts';
import { hasExemption } from './verdicts.ts';

/** Empty: the step may be left. A failing metric stands in the way of every exemption. */
export function missingEvidence(turn: Turn, rollout: RolloutState, step: Step): Reason[] {
  const failing = counting(turn, rollout).filter(([, metric]) => isFailing(metric));
  if (failing.length > 0) return failing.map(([{ name }, metric]) => stillFailing(name, metric));
  if (rollout.promote !== null) return missingForPromote(turn, rollout, rollout.promote.force);
  const reasons: Reason[] = [];
  const leftMs = step.bakeMs - rollout.held.bakedMs;
  if (leftMs > 0) {
    reasons.push(reasonOf('bake', `baking until ${clockTime(turn.now + leftMs, turn.now)}`, { leftMs }));
  }
  if (turn.canary.analysis.skip || hasExemption(rollout)) return reasons;
  return [...reasons, ...missingPasses(turn, rollout)];
}

/** Bake and passes in full: what a `promote` cut short is an exemption and is written down. */
export function hasAllEvidence(turn: Turn, rollout: RolloutState, step: Step): boolean {
  if (rollout.held.bakedMs < step.bakeMs) return false;
  return turn.canary.analysis.skip || missingPasses(turn, rollout).length === 0;
}

/** Metrics that count, each with its counters where it has any yet. */
function counting(turn: Turn, rollout: RolloutState): [Metric, MetricState | undefined][] {
  return turn.canary.analysis.metrics
    .filter((metric) => !metric.dryRun)
    .map((metric) => [metric, rollout.metrics[metric.name]]);
}

function stillFailing(name: string, metric: MetricState | undefined): Reason {
  const verdict = metric?.verdict ?? null;
  const text =
    verdict?.class === 'fail'
      ? `${name} fails: ${verdict.detail}`
      : `${name} failed at its last look with data; it has to pass first`;
  return reasonOf('failing', text, { metric: name });
}

/** A promotion needs no bake and no passes, but a settled weight, and numbers unless it was forced. */
function missingForPromote(turn: Turn, rollout: RolloutState, force: boolean): Reason[] {
  const { now } = turn;
  const silent = counting(turn, rollout).filter(([, metric]) => isSilent(metric, rollout));
  const reasons = force
    ? []
    : silent.map(([{ name }, metric]) => {
        const why = metric?.verdict?.detail ?? 'not measured yet';
        const text = `${name} has no data (${why}); promote with force goes on without`;
        return reasonOf('noData', text, { metric: name });
      });
  const { clearFrom } = rollout.held;
  if (now < clearFrom) {
    reasons.push(
      reasonOf('settle', `the promotion waits until the weight has settled, ${clockTime(clearFrom, now)}`),
    );
  }
  return reasons;
}

/** Not measured at the held weight: what was seen at the weight before says nothing about this one. */
function isSilent(metric: MetricState | undefined, { held }: RolloutState): boolean {
  const verdict = metric?.verdict ?? null;
  if (verdict === null || verdict.at <= held.verifiedAt) return true;
  // A judge that waits for evidence does so with numbers: they tell what a person goes on with.
  if (verdict.class === 'pending') return verdict.canary === null;
  return verdict.class === 'noData' || verdict.class === 'error';
}

/** Three passes in a row at this weight, one of them since this process started. */
function missingPasses(turn: Turn, rollout: RolloutState): Reason[] {
  const metrics = counting(turn, rollout);
  if (metrics.length === 0) return [reasonOf('passes', 'no metric counts, so nothing can be judged')];
  return metrics.flatMap(([{ name, judge }, metric]) => {
    const passes = metric?.passes ?? 0;
    if (judge !== 'threshold' && passes === 0) {
      const code = judge === 'sequential' ? 'odds' : 'points';
      return [reasonOf(code, `${name}: ${metric?.verdict?.detail ?? 'not measured yet'}`, { metric: name })];
    }
    // One pass of the other judges holds the evidence of all looks before it.
    if (judge === 'threshold' && passes < PASSES_NEEDED) {
      const text = `${name}: ${passes} of ${PASSES_NEEDED} passes collected${trouble(metric)}`;
      return [reasonOf('passes', text, { metric: name, passes })];
    }
    if ((metric?.lastPassAt ?? 0) >= turn.state.bootAt) return [];
    return [reasonOf('freshPass', `${name}: a fresh pass is needed after the restart`, { metric: name })];
  });
}

function trouble(metric: MetricState | undefined): string {
  const verdict = metric?.verdict ?? null;
  if (verdict === null || verdict.class === 'pass') return '';
  return verdict.class === 'noData'
    ? ` (no data: ${verdict.detail})`
    : ` (${verdict.class}: ${verdict.detail})`;
}
