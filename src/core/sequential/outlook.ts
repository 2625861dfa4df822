/** Whether the traffic can decide the steps at all: said as soon as it is known, not when the time is over. */
import { compactNumber, roughDuration } from '../../lib/text.ts';
import { msToPass } from './expected.ts';
import { type SequentialContext, settingsOf } from './look.ts';

/**
 * The first step to come whose part of the evidence a canary as good as stable will not earn within its `maxHold`, in a
 * sentence with what helps; null: none, or nothing is known of the traffic.
 */
export function outlook(context: SequentialContext): string | null {
  const { canary, rollout, metric, memory } = context;
  const { traffic = null, test = null } = memory ?? {};
  if (traffic === null || test === null) return null;
  const settings = settingsOf(context);
  for (const [index, { weight, maxHoldMs = 0 }] of canary.strategy.steps.entries()) {
    if (weight === 100 || maxHoldMs === 0 || index < rollout.stepIndex) continue;
    // maxHold runs from the read-back of the weight on, while it settles too.
    const ms = canary.settleMs + msToPass(traffic, weight, settings, test.dispersion);
    if (ms <= maxHoldMs) continue;
    const takes = Number.isFinite(ms) ? `takes about ${roughDuration(ms)}` : 'never comes';
    return (
      `${metric.name}: at ${compactNumber(traffic.rps)} requests a second the evidence for step ${index + 1} ` +
      `(${weight} %) ${takes}, and its maxHold is ${roughDuration(maxHoldMs)}: ` +
      'begin with more weight, widen maxDelta, or give it longer'
    );
  }
  return null;
}
