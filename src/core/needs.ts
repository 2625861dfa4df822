/** What must be looked at in this run: pure, from the declaration and the state. Nothing that is not due. */
import { formatDuration } from '../lib/duration.ts';
import type { Canary, Metric, Spec } from '../spec/canary.ts';
import { renderQuery } from '../spec/template.ts';
import { canaryFor } from './default-judge.ts';
import { READY_REQUEST } from './gates.ts';
import { incidentRequests, preflightRequests } from './incident.ts';
import { needsStable } from './judge.ts';
import { requestId } from './looks.ts';
import type { Command, MeasuredSource, MeasureRequest } from './observation.ts';
import type { CanaryState, RolloutState } from './rollout.ts';
import { isLookDue } from './schedule.ts';
import { sequentialMetric, sequentialRequests } from './sequential/look.ts';
import { TARGETS_REQUEST, targetsRequest, UNDO_REQUEST } from './targets.ts';
import { activeRollout, isWaiting } from './turn.ts';

export interface Needs {
  readonly requests: readonly MeasureRequest[];
  /** Look for a beta variant: before the first write of a rollout, and at its looks while one is known. */
  readonly beta: boolean;
}

export function needs(spec: Spec, state: CanaryState, commands: readonly Command[], now: number): Needs {
  const rollout = activeRollout(state);
  const canary = canaryFor(spec, rollout);
  const undo = undoRequest(canary, state, commands);
  const requests = undo === null ? [] : [undo];
  if (rollout === null || state.ending !== null) return { requests, beta: false };
  const isDue = isLookDue(canary, state, now);
  if (isWaiting(rollout)) {
    const ready = isDue ? readyRequest(canary, rollout) : null;
    const preflight = isDue ? preflightRequests(canary, rollout) : [];
    return { requests: [...requests, ...(ready === null ? [] : [ready]), ...preflight], beta: true };
  }
  if (!isDue) return { requests, beta: false };
  return {
    requests: [
      ...requests,
      ...canary.analysis.metrics.flatMap((metric) => lookRequests(canary, rollout, metric, now)),
      ...incidentRequests(canary, rollout),
      ...(isSilent(rollout) ? [targetsRequest(canary, TARGETS_REQUEST, rollout.revision)] : []),
    ],
    beta: state.diagnostics.some(({ code }) => code === 'BETA_PRESENT'),
  };
}

/** Some metric had no data at its last look: whether any target is up makes the reason better. */
function isSilent(rollout: RolloutState): boolean {
  return Object.values(rollout.metrics).some(({ verdict }) => verdict?.class === 'noData');
}

function lookRequests(canary: Canary, rollout: RolloutState, metric: Metric, now: number): MeasureRequest[] {
  const { source } = metric;
  if (source.kind === 'external') return [];
  const sequential = sequentialMetric(metric);
  if (sequential !== null) {
    const memory = rollout.metrics[metric.name]?.sequential;
    const context = { ...sequential, canary, rollout, memory };
    return sequentialRequests(context, now, (arm) => requestId(metric, arm));
  }
  const one = (arm: 'canary' | 'stable', at: number | null): MeasureRequest => ({
    id: requestId(metric, arm),
    source: sourceFor(canary, rollout, metric, source, arm),
    version: arm === 'canary' ? rollout.revision : rollout.stable,
    versionLabel: canary.analysis.versionLabel,
    windowMs: metric.windowMs,
    at,
    intervalMs: canary.analysis.intervalMs,
  });
  const requests = [one('canary', null)];
  // The Mann-Whitney judge keeps stable's points of the step before.
  const isKept =
    metric.mannWhitney !== undefined || rollout.metrics[metric.name]?.frozen?.at === rollout.frozenAt;
  const isFrozen = rollout.frozenAt !== null && isKept;
  if (needsStable(metric) && !isFrozen) requests.push(one('stable', rollout.frozenAt));
  return requests;
}

function sourceFor(
  canary: Canary,
  rollout: RolloutState,
  metric: Metric,
  source: MeasuredSource,
  arm: 'canary' | 'stable',
): MeasureRequest['source'] {
  if (source.kind !== 'query') return source;
  const version = arm === 'canary' ? rollout.revision : rollout.stable;
  return { kind: 'query', query: render(canary, rollout, source.query, version, metric.windowMs) };
}

function readyRequest(canary: Canary, rollout: RolloutState): MeasureRequest | null {
  const { ready } = canary.strategy;
  if (ready === null) return null;
  const windowMs = canary.analysis.metrics[0]?.windowMs ?? 60_000;
  return {
    id: READY_REQUEST,
    source: { kind: 'query', query: render(canary, rollout, ready.query, rollout.revision, windowMs) },
    version: rollout.revision,
    versionLabel: canary.analysis.versionLabel,
    windowMs,
    at: null,
    intervalMs: canary.analysis.intervalMs,
  };
}

function render(
  canary: Canary,
  rollout: RolloutState,
  query: string,
  version: string,
  windowMs: number,
): string {
  return renderQuery(query, {
    service: canary.service,
    name: canary.name,
    version,
    canary: rollout.revision,
    stable: rollout.stable,
    window: formatDuration(windowMs),
  });
}

/** `undo` asks first whether the old version still has a live target. */
function undoRequest(
  canary: Canary,
  state: CanaryState,
  commands: readonly Command[],
): MeasureRequest | null {
  const isAsked = commands.some((command) => command.verb === 'undo' && !command.force);
  if (!isAsked || state.promoted === null) return null;
  return targetsRequest(canary, UNDO_REQUEST, state.promoted.stable);
}
