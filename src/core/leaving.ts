/** A step that is left, told: bake, the passes of each metric, whose word stood for them, and the numbers of its end. */
import { compactNumber } from '../lib/text.ts';
import type { Step } from '../spec/canary.ts';
import { type Reason, reasonOf } from './decision.ts';
import type { EventData } from './events.ts';
import { PASSES_NEEDED } from './evidence.ts';
import type { Exemption, RolloutState, Verdict } from './rollout.ts';
import type { Turn } from './turn.ts';
import { exemptionOf, judged } from './verdicts.ts';
import { inSeconds, stepName } from './words.ts';

/** "step 2 (25 %)", or "weight 3 %" below and between the steps. */
export function placeOf({ canary }: Turn, { stepIndex, weight }: RolloutState): string {
  return canary.strategy.steps[stepIndex] === undefined
    ? `weight ${weight} %`
    : `${stepName(stepIndex)} (${weight} %)`;
}

/** Says it in the same words when the word is given and when the step is left by it. */
export function exemptedText(
  turn: Turn,
  rollout: RolloutState,
  { kind, actor }: Pick<Exemption, 'kind' | 'actor'>,
): string {
  return `${placeOf(turn, rollout)} goes on without full evidence: ${kind} by ${actor}`;
}

/** What holds at the moment of leaving, as reasons. Those of a metric name it, so that its numbers are shown with it. */
export function reasonsToLeave(turn: Turn, rollout: RolloutState, step: Step): Reason[] {
  const { bakedMs } = rollout.held;
  const reasons: Reason[] = [];
  if (bakedMs >= step.bakeMs) {
    const text = `baked for ${inSeconds(bakedMs)} (bake: ${inSeconds(step.bakeMs)})`;
    reasons.push(reasonOf('baked', text, { bakedMs, bakeMs: step.bakeMs }));
  }
  return [...reasons, ...passesOf(turn, rollout), ...wordsOf(turn, rollout)];
}

function passesOf(turn: Turn, rollout: RolloutState): Reason[] {
  return judged(turn, rollout).flatMap(([{ name, judge }, { passes, verdict }]) => {
    const needed = judge === 'threshold' ? PASSES_NEEDED : 1;
    if (verdict === null || passes < needed) return [];
    const passed = judge === 'threshold' ? `: ${needed} of ${needed} passes` : ' pass';
    return [reasonOf('passed', `${name}${passed}: ${verdict.detail}`, { metric: name, passes })];
  });
}

/** What stood in the place of evidence. A `promote` that cut it short is told where it is exempted. */
function wordsOf(turn: Turn, rollout: RolloutState): Reason[] {
  const reasons: Reason[] = [];
  if (turn.canary.analysis.skip) {
    reasons.push(reasonOf('skip', 'no pass is asked for: the file says analysis.skip: true'));
  }
  const accepted = exemptionOf(rollout);
  if (accepted !== undefined) {
    const { kind, actor } = accepted;
    reasons.push(reasonOf('exempted', exemptedText(turn, rollout, accepted), { kind, actor }));
  }
  return reasons;
}

/** ": error-rate 0, stable 0.001; p99-latency 0.21, stable 0.2" for the end of a sentence; empty without metrics. */
export function measuredText(turn: Turn, rollout: RolloutState): string {
  const texts = measured(turn, rollout).map(({ name, verdict }) => {
    if (verdict === null || verdict.canary === null) return `${name} ${verdict?.class ?? 'not measured'}`;
    const { canary, stable } = verdict;
    return `${name} ${compactNumber(canary)}${stable === null ? '' : `, stable ${compactNumber(stable)}`}`;
  });
  return texts.length === 0 ? '' : `: ${texts.join('; ')}`;
}

/** The same for programs, by the names `METRIC/canary` and `METRIC/stable`; null: not measured, or no finite number. */
export function measuredFacts(turn: Turn, rollout: RolloutState): EventData {
  return Object.fromEntries(
    measured(turn, rollout).flatMap(({ name, verdict }) => [
      [`${name}/canary`, finite(verdict?.canary)],
      [`${name}/stable`, finite(verdict?.stable)],
    ]),
  );
}

function measured({ canary }: Turn, { metrics }: RolloutState): { name: string; verdict: Verdict | null }[] {
  return canary.analysis.metrics.map(({ name }) => ({ name, verdict: metrics[name]?.verdict ?? null }));
}

function finite(value: number | null | undefined): number | null {
  return value !== undefined && value !== null && Number.isFinite(value) ? value : null;
}
