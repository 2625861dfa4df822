/** What the last look measured, in a sentence for whoever has to decide by it. */
import type { Verdict } from '../core/rollout.ts';
import { stableName } from '../core/words.ts';
import { formatDuration } from '../lib/duration.ts';
import { compactNumber, percent } from '../lib/text.ts';
import type { Metric } from '../spec/canary.ts';

/**
 * "canary 3 of 1204 failed (0.249 %), stable 12 of 9877 (0.121 %), in this rollout" where requests are counted, else the
 * numbers of the window. Empty where neither version was measured.
 */
export function measuredText({ source, judge }: Metric, verdict: Verdict | null): string {
  if (verdict === null || (verdict.canary === null && verdict.stable === null)) return '';
  const { canary, canaryRequests, stable, stableRequests, windowMs, stableFrozenAt } = verdict;
  const isCounted = judge === 'sequential';
  const one = (value: number | null, requests: number | null, bad: string) => {
    if (value === null || !Number.isFinite(value)) return 'not measured';
    if (isCounted) return countText(value, requests ?? 0, bad);
    return windowText(value, requests, source.kind === 'ratio' ? bad : null);
  };
  const bad = source.kind === 'latency' ? ' slow' : ' failed';
  const arms = [`canary ${one(canary, canaryRequests, bad)}`];
  const frozen = stableFrozenAt === null ? '' : ',';
  if (stable !== null) {
    arms.push(`${stableName(stableFrozenAt, verdict.at)}${frozen} ${one(stable, stableRequests, '')}`);
  }
  return `${arms.join(', ')}, ${isCounted ? 'in this rollout' : `in ${formatDuration(windowMs)}`}`;
}

/** "3 of 1204 failed (0.249 %)". */
function countText(share: number, requests: number, bad: string): string {
  return `${compactNumber(share * requests)} of ${compactNumber(requests)}${bad} (${percent(share)})`;
}

/**
 * "0.249 % of 1204 requests failed", "0.387 over 1204 requests", or the number alone.
 *
 * @param bad what became of a share of the requests; null: the value is no share
 */
function windowText(value: number, requests: number | null, bad: string | null): string {
  const shown = bad === null ? compactNumber(value) : percent(value);
  if (requests === null) return `${shown}${bad ?? ''}`;
  const counted = `${compactNumber(requests)} requests`;
  return bad === null ? `${shown} over ${counted}` : `${shown} of ${counted}${bad}`;
}
