/** After a jump of the wall clock every stored time is moved with it, so that waits stay as long as they were. */
import type { CanaryState, MetricState, RolloutState } from './rollout.ts';

/** Moves the state's times by `byMs`. Times of Prometheus' own data (`frozenAt`, verdicts) stay. */
export function shiftTimes(state: CanaryState, byMs: number): void {
  const moved = (at: number) => at + byMs;
  const movedOrNull = (at: number | null) => (at === null ? null : at + byMs);
  state.nextLookAt = moved(state.nextLookAt);
  state.bootAt = moved(state.bootAt);
  state.unchangedSince = movedOrNull(state.unchangedSince);
  state.missingSince = movedOrNull(state.missingSince);
  state.writes = state.writes.map((write) => ({
    ...write,
    at: moved(write.at),
    cancelledAt: movedOrNull(write.cancelledAt),
  }));
  if (state.known !== null) state.known = { ...state.known, at: moved(state.known.at) };
  if (state.intent !== null) {
    const { savedAt, writtenAt, retryAt } = state.intent;
    state.intent = {
      ...state.intent,
      savedAt: moved(savedAt),
      writtenAt: moved(writtenAt),
      retryAt: moved(retryAt),
    };
  }
  state.zeroed = Object.fromEntries(
    Object.entries(state.zeroed).map(([revision, at]) => [revision, moved(at)]),
  );
  if (state.rollout !== null) shiftRollout(state.rollout, byMs);
}

function shiftRollout(rollout: RolloutState, byMs: number): void {
  rollout.raiseAfter += byMs;
  rollout.notBefore += byMs;
  if (rollout.unreadAt !== undefined) rollout.unreadAt += byMs;
  if (rollout.absentUntil !== null) rollout.absentUntil += byMs;
  if (rollout.lastCorrectionAt !== null) rollout.lastCorrectionAt += byMs;
  const { preflight, incident } = rollout;
  if (preflight !== undefined) rollout.preflight = { ...preflight, at: preflight.at + byMs };
  if (incident !== undefined) rollout.incident = { ...incident, since: incident.since + byMs };
  for (const metric of Object.values(rollout.metrics)) shiftMetric(metric, byMs);
}

function shiftMetric(metric: MetricState, byMs: number): void {
  for (const key of [
    'lastPassAt',
    'lastFailAt',
    'lastFailureCountedAt',
    'noDataSince',
    'lastLookAt',
  ] as const) {
    const at = metric[key];
    if (at !== null) metric[key] = at + byMs;
  }
}
