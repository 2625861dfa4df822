/** One look: measurements of all metrics, judged, counted and kept. */
import type { Metric, MetricSource } from '../spec/canary.ts';
import { contextOf, count, metricState } from './count.ts';
import { freeze } from './frozen.ts';
import { judgeThreshold, needsStable } from './judge.ts';
import { judgePoints } from './mann-whitney/look.ts';
import type { Arm, Measurement, Reading } from './observation.ts';
import type { RolloutState, Verdict } from './rollout.ts';
import { isLookDue } from './schedule.ts';
import { withoutEarned } from './sequential/again.ts';
import type { ArmCounts } from './sequential/counts.ts';
import {
  judgeSequential,
  type SequentialAnswers,
  type SequentialMetric,
  sequentialMetric,
} from './sequential/look.ts';
import { outlook } from './sequential/outlook.ts';
import { promotingSignal } from './signals.ts';
import { noteSpending } from './spending.ts';
import { TARGETS_REQUEST } from './targets.ts';
import { activeRollout, because, heldStep, isWaiting, setDiagnostic, type Turn } from './turn.ts';
import { inSeconds, said } from './words.ts';

/** Beyond this difference between Prometheus' clock and ours a look is never evidence. Date has whole seconds. */
const SKEW_LIMIT_MS = 5_000;
/** A proxy with a wrong date must not hold a rollout for days; further ahead Prometheus has no samples before that time. */
const MOST_AHEAD_MS = 3_600_000;

/** `before`: stable before the rollout. */
export function requestId(metric: Metric, arm: Arm | 'before'): string {
  return `${metric.name}/${arm}`;
}

/** Judges and counts the look of this run, if there was one. */
export function takeLook(turn: Turn): void {
  const rollout = activeRollout(turn.state);
  const { measurements } = turn.input.seen;
  if (rollout === null || turn.state.ending !== null || !isLookMade(turn)) return;
  const byId = new Map(measurements.map((measurement) => [measurement.id, measurement]));
  const isSkewed = noteSkew(turn, rollout);
  for (const metric of turn.canary.analysis.metrics) {
    if (metric.source.kind === 'external') {
      takeExternal(turn, rollout, metric, metric.source.alert, isSkewed);
      continue;
    }
    const canary = byId.get(requestId(metric, 'canary'));
    const stable = byId.get(requestId(metric, 'stable')) ?? null;
    if (canary === undefined || metric.mannWhitney !== undefined) continue;
    const sequential = sequentialMetric(metric);
    if (sequential === null) takeMetric(turn, rollout, metric, canary, stable, isSkewed);
    else {
      const before = byId.get(requestId(metric, 'before')) ?? null;
      takeSequential(turn, rollout, sequential, { canary, stable, before }, isSkewed);
    }
  }
  takePoints(turn, rollout, byId, isSkewed);
  if (turn.verdicts.length === 0) return;
  if (turn.live.kind === 'unknown' && !turn.live.looked) rollout.unreadAt = turn.now;
  noteTargets(turn, rollout, byId.get(TARGETS_REQUEST));
  noteOutlook(turn, rollout);
  noteFailures(turn, rollout);
}

/**
 * Whether this run looked: something was measured, or it was time for a look and nothing has to be measured, because
 * every metric waits for an alert.
 */
export function isLookMade({ canary, input, now }: Turn): boolean {
  const { metrics } = canary.analysis;
  if (input.seen.measurements.length > 0) return true;
  if (metrics.length === 0 || !metrics.every(({ source }) => source.kind === 'external')) return false;
  return input.seen.route.kind !== 'notRead' && isLookDue(canary, input.state, now);
}

/**
 * Brings the counters in line with the declaration: an edited metric starts again (a failure already counted stays
 * counted), a removed one is forgotten.
 */
export function followMetrics(turn: Turn, rollout: RolloutState): void {
  const { metrics } = turn.canary.analysis;
  for (const metric of metrics) metricState(turn, rollout, metric);
  for (const name of Object.keys(rollout.metrics)) {
    if (!metrics.some((metric) => metric.name === name)) delete rollout.metrics[name];
  }
}

/**
 * Whether Prometheus' clock and ours differ too much for a look to be evidence. One that is ahead dates what it scrapes
 * into the time to come: once it is set right, that is what the samples of this time tell, until it is over.
 */
function noteSkew(turn: Turn, rollout: RolloutState): boolean {
  const skews = turn.input.seen.measurements.map(({ skewMs }) => skewMs ?? 0);
  const worst = skews.reduce((most, skew) => (Math.abs(skew) > Math.abs(most) ? skew : most), 0);
  const isSkewed = Math.abs(worst) > SKEW_LIMIT_MS;
  if (isSkewed && worst > 0) {
    const until = turn.now + Math.min(worst, MOST_AHEAD_MS);
    rollout.misdatedUntil = Math.max(until, rollout.misdatedUntil ?? 0);
  }
  const aheadMs = (rollout.misdatedUntil ?? 0) - turn.now;
  const differs = `Prometheus' clock differs from ours by ${Math.round(worst / 1000)}s: no look is evidence until both agree within 5s`;
  const wasAhead = `Prometheus' clock was ahead, and dates of earlier samples lie up to ${inSeconds(aheadMs)} from now: no look is evidence until then`;
  setDiagnostic(turn, 'CLOCK_SKEW', isSkewed ? differs : aheadMs > 0 ? wasAhead : null);
  return isSkewed;
}

/** Whether the sequential judge can have its evidence in time. */
function noteOutlook(turn: Turn, rollout: RolloutState): void {
  const { canary } = turn;
  const troubles = canary.analysis.metrics.map((metric) => {
    const sequential = sequentialMetric(metric);
    const memory = rollout.metrics[metric.name]?.sequential;
    return sequential === null ? null : outlook({ ...sequential, canary, rollout, memory });
  });
  setDiagnostic(turn, 'TRAFFIC_THIN', troubles.find((trouble) => trouble !== null) ?? null);
}

/** Said where an `up` series with the version label exists; without one nothing is known. */
function noteTargets(turn: Turn, rollout: RolloutState, answer: Measurement | undefined): void {
  if (answer?.reading.kind !== 'value' || answer.reading.value > 0) return;
  turn.targetsDown = true;
  because(turn, 'targetsDown', `no target of ${rollout.revision} is up`, { revision: rollout.revision });
}

function takeMetric(
  turn: Turn,
  rollout: RolloutState,
  metric: Metric,
  canary: Measurement,
  stable: Measurement | null,
  isSkewed: boolean,
): void {
  const state = metricState(turn, rollout, metric);
  if (isSeen(canary.reading)) rollout.canarySeen = true;
  const stableReading = needsStable(metric)
    ? freeze(rollout, state, stable, turn.canary.analysis.intervalMs)
    : null;
  const judged = judgeThreshold(metric, canary.reading, stableReading);
  const verdict: Verdict = {
    metric: metric.name,
    class: judged.class,
    at: canary.at,
    windowMs: metric.windowMs,
    canary: judged.canary,
    stable: judged.stable,
    canaryRequests: requestsOf(canary.reading),
    stableRequests: stableReading === null ? null : requestsOf(stableReading),
    bound: judged.bound,
    detail: judged.detail,
    query: canary.query,
    structural: judged.structural,
    guard: judged.guard,
    counted: false,
    stableFrozenAt: rollout.frozenAt !== null && stableReading !== null ? rollout.frozenAt : null,
  };
  count(turn, rollout, metric, verdict, isSkewed);
}

function isSeen(reading: Reading): boolean {
  return reading.kind !== 'error' && !(reading.kind === 'noData' && reading.why === 'empty');
}

/** Metrics of the Mann-Whitney judge have one score: none is judged while another of them was not asked. */
function takePoints(
  turn: Turn,
  rollout: RolloutState,
  byId: ReadonlyMap<string, Measurement>,
  isSkewed: boolean,
): void {
  const metrics = turn.canary.analysis.metrics.filter(({ mannWhitney }) => mannWhitney !== undefined);
  const answers = metrics.flatMap((metric) => {
    const terms = metric.mannWhitney;
    const canary = byId.get(requestId(metric, 'canary'));
    if (terms === undefined || canary === undefined) return [];
    const { clear, passesCount } = contextOf(
      turn,
      rollout,
      { at: canary.at, windowMs: metric.windowMs },
      isSkewed,
    );
    const stable = rollout.frozenAt === null ? byId.get(requestId(metric, 'stable')) : undefined;
    const memory = metricState(turn, rollout, metric).points;
    return [{ metric, terms, canary, stable: stable ?? null, memory, isEvidence: clear && passesCount }];
  });
  if (answers.length < metrics.length) return;
  for (const judged of judgePoints(turn.canary, rollout, answers)) {
    const { metric, measured, stableMeasured, memory, ...rest } = judged;
    metricState(turn, rollout, metric).points = memory;
    if (isSeen(measured.reading)) rollout.canarySeen = true;
    count(
      turn,
      rollout,
      metric,
      {
        metric: metric.name,
        at: measured.at,
        windowMs: metric.windowMs,
        canaryRequests: requestsOf(measured.reading),
        stableRequests: stableMeasured === null ? null : requestsOf(stableMeasured.reading),
        query: measured.query,
        counted: false,
        stableFrozenAt: rollout.frozenAt,
        ...rest,
      },
      isSkewed,
    );
  }
}

/** Counters say when each request came: no window has to lie after the settle time, and none is frozen for 100. */
function takeSequential(
  turn: Turn,
  rollout: RolloutState,
  sequential: SequentialMetric,
  answers: SequentialAnswers,
  isSkewed: boolean,
): void {
  const { metric } = sequential;
  const state = metricState(turn, rollout, metric);
  const { reading: seen, at, query } = answers.canary;
  if (seen.kind === 'series') rollout.canarySeen = true;
  const memory = state.sequential;
  const judged = judgeSequential({ ...sequential, canary: turn.canary, rollout, memory }, answers);
  if (judged.memory !== undefined) {
    state.sequential = at < (rollout.misdatedUntil ?? 0) ? withoutEarned(judged.memory) : judged.memory;
  }
  noteSpending(turn.canary, rollout, metric, judged);
  const { reading } = judged;
  const canary = reading === null || rollout.frozenAt === null ? reading?.canary : reading.solo;
  count(
    turn,
    rollout,
    metric,
    {
      metric: metric.name,
      class: judged.class,
      at,
      windowMs: 0,
      canary: meanOf(canary),
      stable: meanOf(reading?.stable),
      canaryRequests: canary?.requests ?? null,
      // Also where nothing could be compared yet: that stable has traffic tells a canary that is not there yet.
      stableRequests: reading?.stable.requests ?? judged.memory?.test?.stable.requests ?? null,
      bound: judged.bound,
      detail: judged.detail,
      query: withBad(query, metric.source),
      structural: judged.structural,
      guard: judged.guard,
      counted: false,
      stableFrozenAt: rollout.frozenAt,
    },
    isSkewed,
    judged.isNews,
  );
}

/** Bad requests are picked from what the query gives: which, says a comment, so that it can be pasted as it is. */
function withBad(query: string, source: MetricSource): string {
  return source.kind === 'ratio' ? `${query} # bad: ${source.bad.replace(/\s*\n\s*/g, ' ')}` : query;
}

function meanOf(counts: ArmCounts | undefined): number | null {
  return counts === undefined || counts.requests === 0 ? null : counts.score / counts.requests;
}

/** Good while its alert is told, and nothing at all without: an alert that asks for less acts by itself. */
function takeExternal(
  turn: Turn,
  rollout: RolloutState,
  metric: Metric,
  alert: string,
  isSkewed: boolean,
): void {
  if (isWaiting(rollout)) return;
  const signal = promotingSignal(turn, rollout, alert);
  const verdict: Verdict = {
    metric: metric.name,
    class: signal === null ? 'pending' : 'pass',
    at: turn.now,
    windowMs: metric.windowMs,
    canary: null,
    stable: null,
    canaryRequests: null,
    stableRequests: null,
    bound: `alert ${alert}`,
    detail:
      signal === null
        ? `alert ${alert} does not ask for a promotion at this weight`
        : `alert ${alert} asks for a promotion${said(signal.summary)}`,
    query: '',
    structural: false,
    guard: false,
    counted: false,
    stableFrozenAt: null,
  };
  count(turn, rollout, metric, verdict, isSkewed);
}

function noteFailures(turn: Turn, rollout: RolloutState): void {
  const counted = turn.verdicts.filter((verdict) => verdict.counted && !isDryRun(turn, verdict.metric));
  const failed = counted.find((verdict) => verdict.class === 'fail');
  if (failed !== undefined) {
    rollout.firstFailAt ??= failed.at;
    const bakeMs = heldStep(turn.canary, rollout)?.bakeMs ?? 0;
    if (rollout.held.bakedMs >= bakeMs) rollout.held.failedSinceBake = true;
  } else if (counted.length > 0 && counted.every((verdict) => verdict.class === 'pass')) {
    rollout.firstFailAt = null;
  }
}

export function isDryRun(turn: Turn, metricName: string): boolean {
  return turn.canary.analysis.metrics.find((metric) => metric.name === metricName)?.dryRun ?? true;
}

function requestsOf(reading: Reading): number | null {
  return reading.kind === 'value' || reading.kind === 'above' ? reading.requests : null;
}
