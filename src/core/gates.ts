/**
 * Questions 5 and 6: what must hold before a weight may rise, and the one step up. A raise needs everything:
 * no pause, no open write, a live rule that was read in this run and is ours, bake, fresh evidence or a recorded
 * exemption, and an approval where one is asked.
 */

import { formatDuration } from '../lib/duration.ts';
import type { Step } from '../spec/canary.ts';
import { isResumable } from './admit.ts';
import { applied } from './commands.ts';
import { resumeFromDrift } from './drift.ts';
import { PASSES_NEEDED } from './evidence.ts';
import type { Command } from './observation.ts';
import type { Exemption, MetricState, RolloutState } from './rollout.ts';
import {
  activeRollout,
  addPause,
  because,
  emit,
  endPause,
  isWaiting,
  notBecause,
  pausesOf,
  setDiagnostic,
  type Turn,
} from './turn.ts';
import { fail, hasExemption, judged } from './verdicts.ts';
import { intend, pairOf, withdrawRaise } from './writes.ts';

/** Looks in a row at which `strategy.ready` must hold. */
const READY_LOOKS = 3;
export const READY_REQUEST = 'ready';

/** Takes `resume`: every reason that a person may end is ended, what is missing is accepted for this step only. */
export function takeResumes(turn: Turn): void {
  for (const command of turn.resumes) {
    applied(
      turn,
      command,
      `resumed by ${command.actor}${command.reason === '' ? '' : `: ${command.reason}`}`,
    );
    resumeFromDrift(turn, command);
    const rollout = activeRollout(turn.state);
    for (const { reason } of [...pausesOf(turn.state)]) {
      if (!isResumable(reason) || !endPause(turn, reason, `by ${command.actor}`, { actor: command.actor }))
        continue;
      if (rollout === null) continue;
      if (reason === 'Inconclusive' || reason === 'NoData' || reason === 'NoEvidence')
        exempt(turn, rollout, 'resume', command);
      if (reason === 'NoEvidence') rollout.held.stalledMs = 0;
      if (reason === 'Errors') for (const metric of Object.values(rollout.metrics)) metric.errors = 0;
      if (reason === 'DriftFight') rollout.corrections = 0;
    }
  }
}

function exempt(
  turn: Turn,
  rollout: RolloutState,
  kind: Exemption['kind'],
  by: Pick<Command, 'actor' | 'reason'>,
): void {
  const { stepIndex } = rollout;
  rollout.analysed = false;
  rollout.exemptions.push({ kind, actor: by.actor, reason: by.reason, stepIndex, at: turn.now });
  emit(turn, 'Exempted', `step ${stepIndex} goes on without full evidence: ${kind} by ${by.actor}`, {
    actor: by.actor,
  });
}

/** `strategy.ready`: counts the looks at which it held, in a row. */
export function takeReady(turn: Turn): void {
  const rollout = activeRollout(turn.state);
  const { ready } = turn.canary.strategy;
  const answer = turn.input.seen.measurements.find((measurement) => measurement.id === READY_REQUEST);
  if (rollout === null || ready === null || answer === undefined) return;
  const { reading } = answer;
  const holds = reading.kind === 'value' && reading.value >= ready.min;
  rollout.readyLooks = holds ? rollout.readyLooks + 1 : 0;
  if (holds) return;
  const found =
    reading.kind === 'value' ? `it is ${reading.value}, at least ${ready.min} is needed` : reading.kind;
  notBecause(turn, 'ready', `strategy.ready does not hold: ${found}`);
}

/** Question 5: deadlines and gates that hold; question 6: the step. */
export function advance(turn: Turn): void {
  const { state } = turn;
  const rollout = activeRollout(state);
  if (rollout === null || state.ending !== null) return;
  checkDeadline(turn, rollout);
  if (withdrawRaise(turn, rollout)) return;
  const obstacle = obstacleToWriting(turn, rollout);
  if (obstacle !== null) {
    notBecause(turn, 'blocked', obstacle);
    state.reason = obstacle;
    return;
  }
  if (isWaiting(rollout)) startFirstStep(turn, rollout);
  else leaveStep(turn, rollout);
}

/** The progress clock ran out: failures since the bake mean `onFailure`, mere want of evidence means a person. */
function checkDeadline(turn: Turn, rollout: RolloutState): void {
  const { progressDeadlineMs } = turn.canary.strategy;
  if (progressDeadlineMs === 0 || rollout.held.stalledMs < progressDeadlineMs || isWaiting(rollout)) return;
  const waited = `no evidence to leave the step within ${formatDuration(progressDeadlineMs)} after its bake`;
  if (rollout.held.failedSinceBake) fail(turn, `${waited}, and looks failed`);
  else addPause(turn, 'NoEvidence', waited);
}

/** What forbids any raise now, as a sentence; null: nothing. */
function obstacleToWriting(turn: Turn, rollout: RolloutState): string | null {
  const { state, live, now } = turn;
  if (state.ending !== null) return state.reason;
  const blocking = rollout.pauses.find((pause) => pause.reason !== 'Approval');
  if (blocking !== undefined) return blocking.detail;
  if (state.intent !== null) return `weight ${state.intent.to} % is written and not read back yet`;
  if (turn.publish) return 'a write is under way';
  if (live.kind === 'unknown') return live.detail;
  if (!turn.settled) return 'the live document is not what we wrote';
  if (rollout.withdrawDue) return 'a cancelled raise has to be withdrawn first';
  if (now < rollout.raiseAfter) {
    return `a raise was cancelled; the next try is in ${formatDuration(rollout.raiseAfter - now)}`;
  }
  return null;
}

function startFirstStep(turn: Turn, rollout: RolloutState): void {
  const { canary, state, now } = turn;
  const alert = turn.input.seen.signals.find(
    (signal) => signal.firing && signal.action !== 'ignore' && signal.action !== 'promote',
  );
  const { ready } = canary.strategy;
  const obstacle = canary.suspend
    ? 'suspend: true; no first step'
    : alert !== undefined
      ? `alert ${alert.name} is firing`
      : rollout.absentUntil !== null && now < rollout.absentUntil
        ? `CanaryAbsent: tried again in ${formatDuration(rollout.absentUntil - now)}`
        : ready !== null && rollout.readyLooks < READY_LOOKS
          ? `strategy.ready held at ${rollout.readyLooks} of ${READY_LOOKS} looks`
          : null;
  if (obstacle !== null) {
    notBecause(turn, 'waiting', obstacle);
    state.reason = obstacle;
    return;
  }
  if (turn.input.seen.beta === null) {
    turn.recheck = true;
    state.reason = 'looking for a beta variant before the first write';
    return;
  }
  noteBeta(turn);
  const first = canary.strategy.steps[0];
  if (first !== undefined) raise(turn, rollout, 0, first);
}

/** A beta variant hides our rule from the gateways whose address it names: said before the first write. */
function noteBeta(turn: Turn): void {
  const { beta } = turn.input.seen;
  if (beta === null || beta === 'unknown') return;
  setDiagnostic(
    turn,
    'BETA_PRESENT',
    beta === 'none'
      ? null
      : `a beta variant hides the rule from some gateways: ${beta.rule}; stop it in the Nacos console`,
  );
}

function leaveStep(turn: Turn, rollout: RolloutState): void {
  const { canary, state } = turn;
  const { steps } = canary.strategy;
  const step = steps[rollout.stepIndex] ?? steps[0];
  if (step === undefined) return;
  const evidence = missingEvidence(turn, rollout, step);
  if (evidence !== null) {
    notBecause(turn, 'evidence', evidence);
    state.reason = evidence;
    return;
  }
  if (!isApproved(turn, rollout, step)) {
    addPause(
      turn,
      'Approval',
      `step ${rollout.stepIndex} (${step.weight} %) is good and waits for an approval`,
    );
    return;
  }
  endPause(turn, 'Approval', 'approved');
  const isExempted = rollout.promote !== null && !hasAllPasses(turn, rollout, step);
  if (rollout.promote !== null && isExempted) exempt(turn, rollout, 'promote', rollout.promote);
  if (rollout.promote?.full === false) rollout.promote = null;
  emit(turn, 'StepLeft', `step ${rollout.stepIndex} is good after ${formatDuration(rollout.held.bakedMs)}`);
  const next = steps[rollout.stepIndex + 1];
  if (next === undefined) markPromoted(turn, rollout);
  else raise(turn, rollout, rollout.stepIndex + 1, next);
}

function isApproved(turn: Turn, rollout: RolloutState, step: Step): boolean {
  if (!step.approval || rollout.stepIndex < 0 || rollout.promote !== null) return true;
  return rollout.approvals.some(
    ({ stepIndex, specHash }) => stepIndex === rollout.stepIndex && specHash === turn.spec.hash,
  );
}

/** What is still missing to leave the step, as a sentence; null: nothing. */
function missingEvidence(turn: Turn, rollout: RolloutState, step: Step): string | null {
  const { now, canary } = turn;
  const { held, promote } = rollout;
  const entries = judged(turn, rollout);
  const bad = entries.find(([, metric]) => metric.verdict?.class === 'fail');
  if (bad !== undefined) return `${bad[0].name} fails: ${bad[1].verdict?.detail}`;
  if (promote !== null) {
    const silent = entries.find(([, metric]) => metric.verdict === null || metric.verdict.class === 'noData');
    if (silent !== undefined && !promote.force)
      return `${silent[0].name} has no data; promote with force goes on without`;
    return now < held.clearFrom ? `settling for ${formatDuration(held.clearFrom - now)}` : null;
  }
  const leftMs = step.bakeMs - held.bakedMs;
  if (leftMs > 0) return `baking for another ${formatDuration(leftMs)}; ${progressOf(turn, rollout)}`;
  if (canary.analysis.skip || hasExemption(rollout)) return null;
  return hasPasses(turn, rollout) ? null : progressOf(turn, rollout);
}

/** Full evidence: bake and passes. What a `promote` cut short is an exemption and is written down. */
function hasAllPasses(turn: Turn, rollout: RolloutState, step: Step): boolean {
  return rollout.held.bakedMs >= step.bakeMs && (turn.canary.analysis.skip || hasPasses(turn, rollout));
}

function hasPasses(turn: Turn, rollout: RolloutState): boolean {
  const counting = turn.canary.analysis.metrics.filter((metric) => !metric.dryRun);
  return counting.length > 0 && counting.every(({ name }) => agrees(turn, rollout.metrics[name]));
}

/** Three passes in a row at this weight, one of them since this process started. */
function agrees(turn: Turn, metric: MetricState | undefined): boolean {
  return (
    metric !== undefined && metric.passes >= PASSES_NEEDED && (metric.lastPassAt ?? 0) >= turn.state.bootAt
  );
}

function progressOf(turn: Turn, rollout: RolloutState): string {
  const counts = turn.canary.analysis.metrics
    .filter((metric) => !metric.dryRun)
    .map(({ name }) => Math.min(rollout.metrics[name]?.passes ?? 0, PASSES_NEEDED));
  const least = Math.min(PASSES_NEEDED, ...counts);
  return `${least} of ${PASSES_NEEDED} passes collected`;
}

/** One step up, saved as an intent; the index changes now, the held weight when it is read back. */
function raise(turn: Turn, rollout: RolloutState, index: number, step: Step): void {
  const { state, now } = turn;
  const from = rollout.held.weight;
  rollout.stepIndex = index;
  rollout.weight = step.weight;
  rollout.written = true;
  if (step.weight === 100) rollout.frozenAt = now;
  intend(turn, {
    direction: 'raise',
    purpose: 'step',
    ...pairOf(rollout),
    from,
    to: step.weight,
    stepIndex: index,
    enabled: true,
  });
  const text = `step ${index}: ${from} % -> ${step.weight} %`;
  emit(turn, 'StepStarted', text, { data: { from, to: step.weight, step: index } });
  because(turn, 'raise', text, { from, to: step.weight });
  state.reason = `weight ${step.weight} % is written and not read back yet`;
}

/** The last bake is over: the same weight once more, marked promoted, so that a lost database can tell. */
function markPromoted(turn: Turn, rollout: RolloutState): void {
  intend(turn, {
    direction: 'hold',
    purpose: 'promoted',
    ...pairOf(rollout),
    from: rollout.weight,
    to: rollout.weight,
    stepIndex: rollout.stepIndex,
    promoted: true,
  });
  turn.action = 'promote';
  because(turn, 'promote', `the last step is good; ${rollout.revision} is marked promoted`);
  turn.state.reason = 'the promoted mark is written and not read back yet';
}
