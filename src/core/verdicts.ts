/** Question 3: what the verdicts ask for. Rollback before anything else, then pauses, then pauses that end. */
import type { Metric, Reaction } from '../spec/canary.ts';
import { beginEnding } from './ending.ts';
import { breach } from './evidence.ts';
import type { Exemption, MetricState, PauseReason, RolloutState, Verdict } from './rollout.ts';
import { accountOf, isOverspent } from './spending.ts';
import {
  activeRollout,
  addPause,
  because,
  emit,
  endPause,
  isPausedBy,
  isWaiting,
  notBecause,
  restartPasses,
  type Turn,
} from './turn.ts';
import { inSeconds } from './words.ts';
import { intend, pairOf } from './writes.ts';

/** What ends a pause for want of a measurement, and what a person can do meanwhile. */
const WAYS_OUT = {
  BadQuery: 'it goes on once the query gives one number',
  Inconclusive: 'resume goes on without, abort goes back',
  NoData: 'check its traffic and version label; it goes on when data is back',
  Errors: 'it goes on at the first good look',
} as const;
const ABSENT_FIRST_MS = 60_000;
const ABSENT_LAST_MS = 15 * 60_000;

export function checkVerdicts(turn: Turn): void {
  const { state } = turn;
  const rollout = activeRollout(state);
  if (rollout === null || state.ending !== null) return;
  // A look made just before the weight went to 0 by someone's hand still counts: the revision failed.
  if (isWaiting(rollout) && turn.verdicts.length === 0) return;
  if (isPausedBy(state, 'ForeignController')) {
    because(turn, 'foreign', 'another controller owns the document: nothing is written, not even a rollback');
    return;
  }
  if (checkUrgent(turn) || checkBreaches(turn, rollout) || checkBudget(turn, rollout)) return;
  // At weight 0 nothing is measured any more: what is missing would never come, and its pause never end.
  if (turn.verdicts.length === 0 || isWaiting(rollout)) return;
  if (checkAbsent(turn, rollout) || checkReactions(turn, rollout)) return;
  endHealedPauses(turn, rollout);
}

/** One failure of a critical metric, or the guard, rolls back now, whatever `onFailure` says. */
function checkUrgent(turn: Turn): boolean {
  for (const verdict of turn.verdicts) {
    const metric = metricOf(turn, verdict.metric);
    if (metric === undefined || metric.dryRun || verdict.class !== 'fail' || !verdict.counted) continue;
    if (!metric.critical && !verdict.guard) continue;
    const what = verdict.guard ? 'the guard tripped' : 'a critical metric failed';
    explainVerdict(turn, verdict);
    beginEnding(turn, 'RolledBack', `${what}: ${metric.name}: ${verdict.detail}`);
    return true;
  }
  return false;
}

function checkBreaches(turn: Turn, rollout: RolloutState): boolean {
  for (const [metric, state] of judged(turn, rollout)) {
    const why = breach(state, metric);
    if (why === null) {
      noteFailing(turn, metric, state);
      continue;
    }
    const numbers = state.verdict?.class === 'fail' ? `${state.verdict.detail}; ` : '';
    const reason = `${metric.name}: ${numbers}${why}`;
    if (state.verdict !== null) explainVerdict(turn, state.verdict);
    // Where it only stops for a person, whatever else ends a rollout is asked all the same.
    if (fail(turn, reason)) return true;
  }
  return false;
}

/** The harm is bounded whatever the judge knows, so that going over it rolls back whatever `onFailure` says. */
function checkBudget(turn: Turn, rollout: RolloutState): boolean {
  if (turn.verdicts.length === 0) return false;
  const { analysis } = turn.canary;
  for (const [metric] of judged(turn, rollout)) {
    const account = accountOf(analysis.rolloutBudget, metric, rollout);
    if (account === null) continue;
    const { excess, allowed, text } = account;
    const facts = { metric: metric.name, excess, allowed };
    if (!isOverspent(account)) {
      notBecause(turn, 'budget', text, facts);
      continue;
    }
    because(turn, 'budget', text, facts);
    rollout.firstFailAt ??= turn.now;
    beginEnding(turn, 'RolledBack', `the rollout budget is spent: ${text}`);
    return true;
  }
  return false;
}

/** It fails, and not for long or often enough yet: what a person wants to know before anything is done. */
function noteFailing(turn: Turn, metric: Metric, state: MetricState): void {
  const { verdict, lastFailAt, failingMs, failures } = state;
  if (verdict?.class !== 'fail' || lastFailAt === null) return;
  const progress =
    metric.failureLimit === null
      ? `failing for ${inSeconds(failingMs)} of ${inSeconds(metric.forMs ?? 0)}`
      : `${failures} counted failures, ${metric.failureLimit} are allowed`;
  notBecause(turn, 'patience', `${metric.name}: no rollback yet, ${progress}`, {
    metric: metric.name,
    class: verdict.class,
  });
}

/** The rollout failed: back to 0 (true), or stop for a person who may abort or retry. */
export function fail(turn: Turn, reason: string): boolean {
  const isOver = turn.canary.strategy.onFailure === 'rollback';
  if (isOver) beginEnding(turn, 'RolledBack', reason);
  else addPause(turn, 'Failed', `${reason}; abort goes back to 0, retry starts again from there`);
  return isOver;
}

/** noData, errors and inconclusive, each with its own limit and its own reaction. */
function checkReactions(turn: Turn, rollout: RolloutState): boolean {
  const { analysis } = turn.canary;
  for (const [metric, state] of judged(turn, rollout)) {
    const { verdict } = state;
    if (verdict === null) continue;
    if (verdict.structural) {
      addPause(turn, 'BadQuery', `${metric.name}: ${verdict.detail}; ${WAYS_OUT.BadQuery}`);
      continue;
    }
    if (verdict.class === 'inconclusive' && verdict.counted) {
      if (react(turn, analysis.onInconclusive, 'Inconclusive', `${metric.name}: ${verdict.detail}`))
        return true;
    }
    const quietMs = state.noDataSince === null ? -1 : verdict.at - state.noDataSince;
    if (quietMs >= analysis.noDataGraceMs) {
      const down = turn.targetsDown ? '; no canary target is up' : '';
      const detail = `${metric.name} has had no data for ${inSeconds(quietMs)}: ${verdict.detail}${down}`;
      if (react(turn, analysis.onNoData, 'NoData', detail)) return true;
    }
    if (state.errors >= analysis.errorLimit) {
      const detail = `${metric.name} could not be measured ${state.errors} times in a row: ${verdict.detail}`;
      if (react(turn, analysis.onError, 'Errors', detail)) return true;
    }
  }
  return false;
}

/** True when the reaction ended the rollout. */
function react(turn: Turn, reaction: Reaction, reason: keyof typeof WAYS_OUT, detail: string): boolean {
  if (reaction === 'rollback') {
    beginEnding(turn, 'RolledBack', detail);
    return true;
  }
  if (reaction === 'pause' && !isExempt(turn, reason))
    addPause(turn, reason, `${detail}; ${WAYS_OUT[reason]}`);
  else because(turn, 'hold', detail, { reason });
  return false;
}

/** A person accepted what is missing for this step: asking again at the next look would make `resume` useless. */
function isExempt(turn: Turn, reason: PauseReason): boolean {
  const rollout = activeRollout(turn.state);
  if (rollout === null || (reason !== 'Inconclusive' && reason !== 'NoData')) return false;
  return hasExemption(rollout);
}

/** Whether a person's `resume` accepted what is missing at the held step. */
export function hasExemption(rollout: RolloutState): boolean {
  return exemptionOf(rollout) !== undefined;
}

/** That of the `resume` which accepted what is missing at the held step. */
export function exemptionOf(rollout: RolloutState): Exemption | undefined {
  return rollout.exemptions.findLast(
    ({ kind, stepIndex, at }) =>
      kind === 'resume' && stepIndex === rollout.stepIndex && at >= rollout.held.verifiedAt,
  );
}

/**
 * No canary series was ever seen although stable has traffic: its instances are not there yet. Back to 0 without an
 * outcome, tried again after one to fifteen minutes. `strategy.ready` takes this place where it is given.
 */
function checkAbsent(turn: Turn, rollout: RolloutState): boolean {
  const { canary, state, now } = turn;
  if (rollout.canarySeen || canary.strategy.ready !== null || rollout.held.weight === 0) return false;
  const entries = judged(turn, rollout).filter(([{ source }]) => source.kind !== 'external');
  const graceMs = canary.analysis.noDataGraceMs;
  const isSilent = ({ noDataSince, verdict }: MetricState) =>
    noDataSince !== null && verdict !== null && verdict.at - noDataSince >= graceMs;
  const stableLives = entries.some(([, metric]) => (metric.verdict?.stableRequests ?? 0) > 0);
  if (entries.length === 0 || !stableLives || !entries.every(([, metric]) => isSilent(metric))) return false;
  rollout.absences += 1;
  rollout.absentUntil = now + Math.min(ABSENT_FIRST_MS * 2 ** (rollout.absences - 1), ABSENT_LAST_MS);
  const detail = `no series of ${rollout.revision} was ever seen while stable has traffic: are its instances up?`;
  because(turn, 'canaryAbsent', detail);
  const next = inSeconds(rollout.absentUntil - now);
  emit(turn, 'CanaryAbsent', `${detail} Back to 0 %, tried again in ${next}`, {
    data: { absences: rollout.absences },
  });
  intend(turn, {
    direction: 'lower',
    purpose: 'absent',
    ...pairOf(rollout),
    from: rollout.held.weight,
    to: 0,
    stepIndex: -1,
  });
  rollout.weight = 0;
  rollout.stepIndex = -1;
  rollout.metrics = {};
  state.nextLookAt = rollout.absentUntil;
  return true;
}

/** Pauses that the controller made for want of a measurement end at the first good look; passes start again. */
function endHealedPauses(turn: Turn, rollout: RolloutState): void {
  const current = judged(turn, rollout).flatMap(([, { verdict }]) => (verdict === null ? [] : [verdict]));
  const none = (isBad: (verdict: Verdict) => boolean) => !current.some(isBad);
  const healed: [PauseReason, boolean][] = [
    ['Errors', none((verdict) => verdict.class === 'error')],
    ['NoData', none((verdict) => verdict.class === 'noData' || verdict.class === 'error')],
    ['BadQuery', none((verdict) => verdict.structural)],
  ];
  for (const [reason, isHealed] of healed) {
    if (isHealed && endPause(turn, reason, 'the first good look')) restartPasses(rollout);
  }
}

/** The metrics that count, with their counters. */
export function judged(turn: Turn, rollout: RolloutState): [Metric, MetricState][] {
  return turn.canary.analysis.metrics.flatMap((metric): [Metric, MetricState][] => {
    const state = rollout.metrics[metric.name];
    return metric.dryRun || state === undefined ? [] : [[metric, state]];
  });
}

function metricOf(turn: Turn, name: string): Metric | undefined {
  return turn.canary.analysis.metrics.find((metric) => metric.name === name);
}

function explainVerdict(turn: Turn, verdict: Verdict): void {
  because(turn, 'verdict', `${verdict.metric} ${verdict.class}: ${verdict.detail}`, {
    metric: verdict.metric,
    class: verdict.class,
    canary: verdict.canary,
    stable: verdict.stable,
    bound: verdict.bound,
  });
}
