/** `resume`: every reason that a person may end is ended, and what the document became is taken as it is. */
import { indexForWeight } from '../spec/edit.ts';
import { isResumable, RESUME_NEEDS_LIVE } from './admit.ts';
import { applied, refuse } from './commands.ts';
import { lowerTo } from './drift-answers.ts';
import { endRollout, rest } from './ending.ts';
import { exempt } from './gates.ts';
import type { Command, Rule } from './observation.ts';
import type { PauseReason, RolloutState } from './rollout.ts';
import { effectiveWeight, servedAlone, shareOf } from './rule.ts';
import { settleAlarms } from './signals.ts';
import {
  activeRollout,
  because,
  emit,
  endPause,
  isPausedBy,
  noteExemption,
  pausesOf,
  setPhase,
  type Turn,
} from './turn.ts';
import { said } from './words.ts';
import { holdWeight, intend, isSamePair, knownRule, pairOf, remember } from './writes.ts';

/** Takes the resumes of this run. */
export function takeResumes(turn: Turn): void {
  for (const command of turn.resumes) {
    if (turn.live.kind === 'malformed' && isPausedBy(turn.state, ...RESUME_NEEDS_LIVE)) {
      const detail = `the document is unreadable: ${turn.live.detail}`;
      refuse(turn, command, {
        code: 'NOT_APPLICABLE',
        detail,
        hint: 'correct or delete it, then resume',
      });
      continue;
    }
    applied(turn, command, `resumed by ${command.actor}${said(command.reason)}`);
    resumeFromDocument(turn, command);
    for (const { reason } of [...pausesOf(turn.state)]) resumeFrom(turn, reason, command);
  }
}

function resumeFrom(turn: Turn, reason: PauseReason, command: Command): void {
  if (!isResumable(reason)) return;
  endPause(turn, reason, `by ${command.actor}`, { actor: command.actor, causedBy: command.id });
  const rollout = activeRollout(turn.state);
  if (rollout === null) return;
  if (reason === 'Inconclusive' || reason === 'NoData' || reason === 'NoEvidence') {
    exempt(turn, rollout, 'resume', command);
  }
  if (reason === 'NoEvidence') rollout.held.stalledMs = 0;
  if (reason === 'Errors') for (const metric of Object.values(rollout.metrics)) metric.errors = 0;
  if (reason === 'Alert') settleAlarms(rollout);
  if (reason === 'DriftFight') rollout.corrections = 0;
}

/** Pauses that the document caused: goes on from the live rule. */
function resumeFromDocument(turn: Turn, command: Command): void {
  const { state, live } = turn;
  if (live.kind !== 'rule' && live.kind !== 'absent') return;
  const rule = live.kind === 'rule' ? live.rule : null;
  const end = (reason: PauseReason, why: string) =>
    endPause(turn, reason, why, { causedBy: command.id, actor: command.actor });
  if (rule !== null && end('ForeignController', `taken over by ${command.actor}`)) {
    takeOver(turn, rule);
    return;
  }
  if (rule !== null && end('StateConflict', `${command.actor} takes what is live`)) {
    takeLive(turn, rule);
    return;
  }
  const wasLowered = end('DriftLower', `by ${command.actor}`);
  const wasOtherPair = end('DriftPair', `by ${command.actor}`);
  if (!wasLowered && !wasOtherPair) return;
  const rollout = activeRollout(state);
  if (rollout !== null) goOnFromLive(turn, rollout, rule);
  else if (wasLowered) restore(turn, command);
}

/** A version that is neither stable nor released here has traffic: nobody would take it back. */
function isStray(rule: Rule, { revision, stable }: RolloutState): boolean {
  const isOther = rule.canaryVersion !== revision && rule.canaryVersion !== stable;
  return isOther && rule.stableVersion === stable && effectiveWeight(rule) > 0;
}

/**
 * At 0 the first step is earned again; between, the greatest step not above it, with fresh bake and evidence. A
 * disabled rule is switched on, at weight 0: the same for every gateway, and the next raise is seen.
 */
function goOnFromLive(turn: Turn, rollout: RolloutState, rule: Rule | null): void {
  const { canary, state } = turn;
  remember(turn);
  if (rule === null) state.known = null;
  const share = rule === null ? 0 : shareOf(rule, rollout.revision);
  const index = share === 0 ? -1 : indexForWeight(canary.strategy.steps, share);
  holdWeight(turn, rollout, index, share, canary.settleMs);
  rollout.readyLooks = 0;
  // It was asked for another weight.
  rollout.promote = null;
  turn.recognized = true;
  because(turn, 'goOn', `it goes on from the live weight, ${share} %`, { weight: share });
  if (rule !== null && isStray(rule, rollout)) {
    lowerTo(turn, rule, 0);
    return;
  }
  if (rule === null || rule.enabled) return;
  const { canaryVersion, stableVersion } = rule;
  const pair = { canaryVersion, stableVersion };
  intend(turn, {
    direction: 'hold',
    purpose: 'restore',
    ...pair,
    from: 0,
    to: 0,
    stepIndex: -1,
    enabled: true,
  });
}

/** A promoted revision was lowered by hand and a person wants it back: what we know is written again. */
function restore(turn: Turn, command: Command): void {
  const { state, live, now } = turn;
  const { rollout } = state;
  const known = knownRule(turn);
  if (known === null) return;
  const reason = command.reason === '' ? 'resume after a foreign lowering' : command.reason;
  const stepIndex = rollout?.stepIndex ?? -1;
  if (rollout !== null)
    noteExemption(rollout, { kind: 'resume', actor: command.actor, reason, stepIndex, at: now });
  const text = `weight ${known.canaryWeight} % is written again without evidence: resume by ${command.actor}`;
  emit(turn, 'Exempted', text, { actor: command.actor, causedBy: command.id });
  because(turn, 'restore', text, { weight: known.canaryWeight });
  intend(turn, {
    direction: known.canaryWeight > 0 ? 'raise' : 'hold',
    purpose: 'restore',
    canaryVersion: known.canaryVersion,
    stableVersion: known.stableVersion,
    from: live.kind === 'rule' && live.rule.enabled ? live.rule.canaryWeight : 0,
    to: known.canaryWeight,
    stepIndex,
    promoted: known.managedBy?.promoted ?? false,
    enabled: true,
  });
}

/**
 * The document becomes ours. Our rollout goes on from what is live; when the other controller moved on to another
 * pair, that is the truth now. A rollback that waited for this writes its 0 in this run.
 */
function takeOver(turn: Turn, rule: Rule): void {
  const { state } = turn;
  const rollout = activeRollout(state);
  if (rollout !== null && isSamePair(rule, pairOf(rollout))) {
    goOnFromLive(turn, rollout, rule);
    // What goes back to 0, or is switched on again, is written under our id anyway.
    if (state.ending !== null || state.intent !== null) return;
  } else {
    if (rollout !== null) {
      endRollout(turn, rollout, 'Superseded', 'another controller moved the document on');
    }
    takeLive(turn, rule);
  }
  remember(turn);
  intend(turn, {
    direction: 'hold',
    purpose: 'takeover',
    canaryVersion: rule.canaryVersion,
    stableVersion: rule.stableVersion,
    from: rule.canaryWeight,
    to: rule.canaryWeight,
    // That of our own rollout is over where the pair is another one: its step says nothing about this weight.
    stepIndex:
      activeRollout(state)?.held.index ?? indexForWeight(turn.canary.strategy.steps, effectiveWeight(rule)),
    promoted: rule.managedBy?.promoted ?? false,
  });
}

/** While nothing runs: the document says what is stable. A split between goes through Initializing again. */
function takeLive(turn: Turn, rule: Rule): void {
  const { state } = turn;
  const served = servedAlone(rule);
  remember(turn);
  state.promoted = null;
  if (served === null) {
    state.stable = null;
    setPhase(turn, 'Initializing', 'the live document is read as if nothing were known');
    return;
  }
  state.stable = served;
  if (effectiveWeight(rule) === 100) {
    state.promoted = { rolloutId: '', revision: rule.canaryVersion, stable: rule.stableVersion };
  }
  because(turn, 'takeLive', `${served} is stable, told by the live document`, { revision: served });
  turn.recognized = true;
  rest(turn);
}
