/** A verdict of a look is counted: whether its window tells anything of the held weight, and for which metric. */
import type { Metric } from '../spec/canary.ts';
import { metricKey } from '../spec/edit.ts';
import { countLook, type LookContext } from './evidence.ts';
import type { MetricState, RolloutState, Verdict } from './rollout.ts';
import { initialMetric } from './state.ts';
import type { Turn } from './turn.ts';

/**
 * Adds a look's verdict on a metric to what is remembered of it, and to the verdicts of this run.
 *
 * @param isNews whether the look saw something that no look before it did: see `LookContext`
 */
export function count(
  turn: Turn,
  rollout: RolloutState,
  metric: Metric,
  verdict: Verdict,
  isSkewed: boolean,
  isNews = true,
): void {
  const state = metricState(turn, rollout, metric);
  const context = { ...contextOf(turn, rollout, verdict, isSkewed), isNews };
  const counted = countLook(state, metric, verdict, context);
  state.verdict = { ...verdict, counted };
  turn.verdicts.push(state.verdict);
}

/** What is remembered of a metric; begun anew when its query is another one now. */
export function metricState({ canary }: Turn, rollout: RolloutState, metric: Metric): MetricState {
  const key = metricKey(canary, metric);
  const existing = rollout.metrics[metric.name];
  if (existing !== undefined && existing.key === key) return existing;
  const fresh = initialMetric(key, existing?.failures ?? 0);
  fresh.lastFailureCountedAt = existing?.lastFailureCountedAt ?? null;
  rollout.metrics[metric.name] = fresh;
  return fresh;
}

/** What the rules of evidence ask about the window of a verdict. */
export function contextOf(
  turn: Turn,
  rollout: RolloutState,
  { at, windowMs }: Pick<Verdict, 'at' | 'windowMs'>,
  isSkewed: boolean,
): Omit<LookContext, 'isNews'> {
  const from = at - windowMs;
  return {
    analysis: turn.canary.analysis,
    // A look in flight while the clock was set back lies in the future: nothing tells where its window is.
    clear:
      at <= turn.now &&
      rollout.held.weight > 0 &&
      from >= rollout.held.clearFrom &&
      from >= rollout.notBefore,
    urgentCounts: from >= rollout.notBefore,
    passesCount:
      turn.state.intent?.direction !== 'raise' &&
      !isUnreadable(turn) &&
      !isSkewed &&
      from >= (rollout.misdatedUntil ?? 0),
  };
}

function isUnreadable({ live }: Turn): boolean {
  return live.kind === 'unknown' && live.looked;
}
