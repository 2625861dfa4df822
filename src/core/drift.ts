/**
 * Drift: the live document against what we know and want. Recognizes our own writes (also late ones), keeps what
 * others may change, lowers what was raised by hand, and stops for a person where someone lowered.
 */
import { indexForWeight } from '../spec/edit.ts';
import { endRollout, settle } from './ending.ts';
import type { Command, Rule } from './observation.ts';
import type { OwnWrite, RolloutState } from './rollout.ts';
import { parseRule, shareOf } from './rule.ts';
import {
  activeRollout,
  addPause,
  because,
  emit,
  endPause,
  isPausedBy,
  isWaiting,
  setDiagnostic,
  type Turn,
} from './turn.ts';
import {
  ADOPT_MS,
  cancelRaise,
  hold,
  intend,
  isIntentLive,
  LAG_MS,
  pairOf,
  remember,
  verify,
} from './writes.ts';

const FIGHT_CORRECTIONS = 3;
const FIGHT_INTERVAL_MS = 30_000;

/** Judges the live document; sets `turn.settled` where a raise may build on it. */
export function judgeLive(turn: Turn): void {
  const { state, live, now } = turn;
  noteObserved(turn);
  if (live.kind === 'unknown') return;
  if (live.kind === 'absent') {
    judgeAbsence(turn, live.authoritative);
    return;
  }
  state.missingSince = null;
  setDiagnostic(turn, 'DOCUMENT_MISSING', null);
  if (live.kind === 'malformed') {
    const detail = `the document was replaced by something unreadable: ${live.detail}`;
    if (state.ending === null) addPause(turn, 'DriftPair', detail);
    return;
  }
  const { intent } = state;
  if (intent !== null && isIntentLive(turn, intent)) {
    verify(turn, intent);
    return;
  }
  if (live.md5 === state.known?.md5) {
    turn.settled = !isPausedBy(state, 'DriftLower', 'DriftPair', 'ForeignController', 'StateConflict');
    return;
  }
  const own = state.writes.findLast((write) => write.md5 === live.md5);
  if (own !== undefined) {
    judgeOwnWrite(turn, own, live.rule);
    return;
  }
  const owner = live.rule.managedBy?.controller;
  if (owner !== undefined && owner !== turn.input.controller) {
    const detail = `the document belongs to ${owner}; nothing is written until resume takes it over`;
    if (state.intent !== null) cancelOpen(turn, 'another controller owns the document');
    addPause(turn, 'ForeignController', detail);
    return;
  }
  // An open write of ours may simply not be visible yet, while the text below it was edited: the write decides.
  if (state.ending !== null) {
    because(turn, 'drift', 'the document was edited while the weight goes back to 0; 0 is written over it');
    return;
  }
  const rollout = activeRollout(state);
  if (rollout === null) judgeIdleDrift(turn, live.rule);
  else judgeRolloutDrift(turn, rollout, live.rule, now);
}

function noteObserved(turn: Turn): void {
  const { state, live, now } = turn;
  if (live.kind === 'absent') state.observed = { weight: 0, at: now };
  if (live.kind === 'malformed') state.observed = null;
  if (live.kind !== 'rule') return;
  const weight = live.rule.enabled ? live.rule.canaryWeight : 0;
  const rollout = activeRollout(state);
  state.observed = { weight: rollout === null ? weight : shareOf(live.rule, rollout.revision), at: now };
}

function judgeAbsence(turn: Turn, authoritative: boolean): void {
  const { state, now } = turn;
  if (state.known === null) {
    turn.settled = state.intent === null;
    return;
  }
  state.missingSince ??= now;
  if (!authoritative && now - state.missingSince < LAG_MS) return;
  const detail = 'the document was deleted';
  setDiagnostic(turn, 'DOCUMENT_MISSING', `${detail}; it is never created again with a weight above 0`);
  const rollout = activeRollout(state);
  if (rollout !== null && !isWaiting(rollout)) {
    because(turn, 'missing', `${detail}: the weight is held until it is back, or the rollout is aborted`);
    return;
  }
  if (state.intent !== null) return;
  if (rollout !== null) {
    state.known = null;
    turn.settled = true;
    return;
  }
  const stable = state.stable ?? '';
  state.promoted = null;
  intend(turn, {
    direction: 'lower',
    purpose: 'recreate',
    canaryVersion: stable,
    stableVersion: stable,
    from: 0,
    to: 0,
    stepIndex: -1,
  });
  emit(turn, 'DocumentRecreated', `${detail} and is written again naming ${stable} twice, weight 0`);
}

/** A document of ours that is not the current one: read lag, a raise that landed late, or a restored backup. */
function judgeOwnWrite(turn: Turn, own: OwnWrite, rule: Rule): void {
  const { state, now } = turn;
  const rollout = activeRollout(state);
  if (
    rollout !== null &&
    own.cancelledAt !== null &&
    own.rolloutId === rollout.id &&
    own.weight > rollout.held.weight
  ) {
    if (now - own.cancelledAt <= ADOPT_MS && state.ending === null) {
      state.intent = null;
      remember(turn);
      hold(turn, rollout, own.stepIndex, own.weight, turn.canary.settleMs);
      rollout.withdrawDue = false;
      turn.settled = true;
      emit(
        turn,
        'WeightVerified',
        `the cancelled raise to ${own.weight} % landed and is adopted: it was earned`,
      );
      return;
    }
  }
  const newest = state.writes.at(-1)?.at ?? 0;
  if (now - Math.max(newest, state.known?.at ?? 0) < LAG_MS || state.intent !== null) {
    because(turn, 'lag', 'an older write of ours is read; the reading lags');
    return;
  }
  const share = rollout === null ? rule.canaryWeight : shareOf(rule, rollout.revision);
  const wanted = rollout === null ? restingWeight(turn) : rollout.held.weight;
  if (share > wanted) {
    remember(turn);
    lowerTo(turn, rule, wanted);
    emit(
      turn,
      'LateWriteLowered',
      `an older write of ours (${share} %) landed late and is lowered to ${wanted} %`,
    );
  } else if (share < wanted) {
    pauseForLower(turn, rule, `an older document (weight ${share} %) was put back`);
  } else {
    remember(turn);
    turn.settled = true;
  }
}

/** Our rule in the text we know, or null. */
function knownRule(turn: Turn): Rule | null {
  const { known } = turn.state;
  if (known === null) return null;
  const parsed = parseRule(known.content);
  return parsed.ok ? parsed.value : null;
}

function restingWeight(turn: Turn): number {
  return knownRule(turn)?.canaryWeight ?? 0;
}

function isSamePair(a: Rule, b: Rule): boolean {
  return a.canaryVersion === b.canaryVersion && a.stableVersion === b.stableVersion;
}

/** While nothing runs: a changed pair may say that something else is live, a changed weight is drift as usual. */
function judgeIdleDrift(turn: Turn, rule: Rule): void {
  const { state } = turn;
  const known = knownRule(turn);
  if (known === null || !isSamePair(rule, known)) {
    const weight = rule.enabled ? rule.canaryWeight : 0;
    const implied = weight === 100 ? rule.canaryVersion : weight === 0 ? rule.stableVersion : null;
    if (implied !== state.stable) {
      const says = implied ?? `a split of ${weight} % for ${rule.canaryVersion} over ${rule.stableVersion}`;
      addPause(turn, 'StateConflict', `the store says ${state.stable} is stable, the document says ${says}`);
      return;
    }
    state.promoted =
      weight === 100 ? { rolloutId: '', revision: rule.canaryVersion, stable: rule.stableVersion } : null;
    adopt(turn, 'the pair was changed to one that means the same');
    return;
  }
  judgeWeight(turn, rule, known, known.canaryWeight);
}

function judgeRolloutDrift(turn: Turn, rollout: RolloutState, rule: Rule, now: number): void {
  const known = knownRule(turn);
  if (known === null) {
    // The document appeared, or was never ours: it is what the first raise replaces, as long as it gives us nothing.
    if (
      shareOf(rule, rollout.revision) === 0 &&
      isWaiting(rollout) &&
      rule.stableVersion === rollout.stable
    ) {
      adopt(turn, 'a document appeared');
      return;
    }
    pausePair(turn, rollout, rule);
    return;
  }
  if (!isSamePair(rule, known)) {
    pausePair(turn, rollout, rule);
    return;
  }
  if (
    turn.canary.onDrift === 'adopt' &&
    rule.enabled &&
    rule.canaryWeight !== known.canaryWeight &&
    rule.canaryVersion === rollout.revision
  ) {
    adoptWeight(turn, rollout, rule, now);
    return;
  }
  judgeWeight(turn, rule, known, known.canaryWeight);
}

function pausePair(turn: Turn, rollout: RolloutState, rule: Rule): void {
  cancelOpen(turn, 'the pair was changed by someone');
  addPause(
    turn,
    'DriftPair',
    `the document names ${rule.canaryVersion} over ${rule.stableVersion}, the rollout ${rollout.revision} over ${rollout.stable}`,
  );
}

/** Same pair: only other fields changed, or the weight went up, or it went down. */
function judgeWeight(turn: Turn, rule: Rule, known: Rule, wanted: number): void {
  if (!rule.enabled && known.enabled) {
    pauseForLower(turn, rule, 'the rule was disabled by someone');
  } else if (rule.canaryWeight === wanted) {
    adopt(turn, 'others changed fields that are not ours');
  } else if (rule.canaryWeight < wanted) {
    pauseForLower(turn, rule, `the weight was lowered to ${rule.canaryWeight} % by someone`);
  } else {
    correct(turn, rule, wanted);
  }
}

function adopt(turn: Turn, why: string): void {
  remember(turn);
  turn.settled = turn.state.intent === null;
  emit(turn, 'DocumentAdopted', `the edited document is kept: ${why}`);
}

function pauseForLower(turn: Turn, _rule: Rule, what: string): void {
  cancelOpen(turn, what);
  if (addPause(turn, 'DriftLower', `${what}; it may be an emergency, so it is kept until resume`)) {
    emit(turn, 'DriftSeen', what);
  }
}

/** Someone gave the canary more than it earned: it goes back to what is held. */
function correct(turn: Turn, rule: Rule, wanted: number): void {
  const { state, now, canary } = turn;
  const rollout = activeRollout(state);
  if (rollout !== null) {
    const last = rollout.lastCorrectionAt;
    if (rollout.corrections >= FIGHT_CORRECTIONS) {
      addPause(turn, 'DriftFight', `the weight was raised by someone ${rollout.corrections + 1} times`);
      if (last !== null && now - last < FIGHT_INTERVAL_MS) {
        because(turn, 'driftFight', `raised to ${rule.canaryWeight} % again; lowered at most every 30s`);
        return;
      }
    }
    rollout.corrections += 1;
    rollout.lastCorrectionAt = now;
  }
  const what = `the weight was raised to ${rule.canaryWeight} % by someone`;
  emit(turn, 'DriftSeen', what);
  cancelOpen(turn, what);
  lowerTo(turn, rule, wanted);
  emit(turn, 'DriftCorrected', `${what}; it goes back to ${wanted} %`, {
    data: { from: rule.canaryWeight, to: wanted },
  });
  if (canary.onDrift === 'pause' && rollout !== null) addPause(turn, 'Drift', what);
}

function lowerTo(turn: Turn, rule: Rule, weight: number): void {
  const rollout = activeRollout(turn.state);
  intend(turn, {
    direction: 'lower',
    purpose: 'correct',
    canaryVersion: rule.canaryVersion,
    stableVersion: rule.stableVersion,
    from: rule.canaryWeight,
    to: weight,
    stepIndex: rollout?.held.index ?? -1,
    promoted: knownRule(turn)?.managedBy?.promoted ?? false,
  });
}

/** An open write is moot once someone else changed the document below it. */
function cancelOpen(turn: Turn, why: string): void {
  const { intent } = turn.state;
  if (intent === null) return;
  if (intent.direction === 'raise') cancelRaise(turn, intent, why);
  else turn.state.intent = null;
  const rollout = activeRollout(turn.state);
  if (rollout !== null) rollout.withdrawDue = false;
}

/** `onDrift: adopt`: the foreign weight becomes the held one. */
function adoptWeight(turn: Turn, rollout: RolloutState, rule: Rule, now: number): void {
  const { canary } = turn;
  cancelOpen(turn, 'the weight was changed by someone');
  remember(turn);
  const index = indexForWeight(canary.strategy.steps, rule.canaryWeight);
  hold(turn, rollout, index, rule.canaryWeight, canary.settleMs);
  rollout.analysed = false;
  const reason = `weight ${rule.canaryWeight} % set by someone in the document`;
  rollout.exemptions.push({ kind: 'adopt', actor: 'nacos', reason, stepIndex: index, at: now });
  emit(turn, 'DriftSeen', `${reason} is adopted`, { actor: 'nacos' });
  turn.settled = true;
}

/** `resume` of a pause that the document caused: goes on from the live rule. Returns whether it was one. */
export function resumeFromDrift(turn: Turn, command: Command): void {
  const { state, live } = turn;
  if (live.kind !== 'rule' && live.kind !== 'absent') return;
  const extras = { causedBy: command.id, actor: command.actor };
  const rule = live.kind === 'rule' ? live.rule : null;
  if (isPausedBy(state, 'ForeignController') && rule !== null) {
    endPause(turn, 'ForeignController', `taken over by ${command.actor}`, extras);
    takeOver(turn, rule);
    return;
  }
  if (isPausedBy(state, 'StateConflict') && rule !== null) {
    endPause(turn, 'StateConflict', `${command.actor} takes what is live`, extras);
    takeLive(turn, rule);
    return;
  }
  const wasLowered = endPause(turn, 'DriftLower', `resumed by ${command.actor}`, extras);
  const wasOtherPair = endPause(turn, 'DriftPair', `resumed by ${command.actor}`, extras);
  if (!wasLowered && !wasOtherPair) return;
  const rollout = activeRollout(state);
  if (rollout !== null) goOnFromLive(turn, rollout, rule);
  else if (wasLowered && rule !== null) restore(turn, rule, command);
}

/** At 0 the first step is earned again; between, the greatest step not above it, with fresh bake and evidence. */
function goOnFromLive(turn: Turn, rollout: RolloutState, rule: Rule | null): void {
  const { canary } = turn;
  remember(turn);
  if (rule === null) turn.state.known = null;
  const share = rule === null ? 0 : shareOf(rule, rollout.revision);
  const index = share === 0 ? -1 : indexForWeight(canary.strategy.steps, share);
  hold(turn, rollout, index, share, canary.settleMs);
  rollout.readyLooks = 0;
  turn.settled = true;
}

/** A promoted revision was lowered by hand and a person wants it back: 100 is written again. */
function restore(turn: Turn, rule: Rule, command: Command): void {
  const { state, now } = turn;
  const rollout = state.rollout;
  const reason = command.reason === '' ? 'resume after a foreign lowering' : command.reason;
  rollout?.exemptions.push({
    kind: 'resume',
    actor: command.actor,
    reason,
    stepIndex: rollout.stepIndex,
    at: now,
  });
  intend(turn, {
    direction: 'raise',
    purpose: 'restore',
    canaryVersion: rule.canaryVersion,
    stableVersion: rule.stableVersion,
    from: rule.enabled ? rule.canaryWeight : 0,
    to: knownRule(turn)?.canaryWeight ?? 0,
    stepIndex: rollout?.stepIndex ?? -1,
    promoted: true,
    enabled: true,
  });
}

/** Writes the live rule again under our id; what it says is judged once that is read back. */
function takeOver(turn: Turn, rule: Rule): void {
  const { state } = turn;
  const rollout = activeRollout(state);
  if (rollout !== null && isSamePair(rule, { ...rule, ...pairOf(rollout) }))
    goOnFromLive(turn, rollout, rule);
  else if (rollout !== null) {
    endRollout(turn, rollout, 'Superseded', 'another controller moved the document on');
    takeLive(turn, rule);
  } else takeLive(turn, rule);
  remember(turn);
  intend(turn, {
    direction: 'hold',
    purpose: 'takeover',
    canaryVersion: rule.canaryVersion,
    stableVersion: rule.stableVersion,
    from: rule.canaryWeight,
    to: rule.canaryWeight,
    stepIndex: rollout?.held.index ?? -1,
    promoted: rule.managedBy?.promoted ?? false,
  });
}

/** While nothing runs: the document says what is stable. A split between goes through Initializing again. */
function takeLive(turn: Turn, rule: Rule): void {
  const { state } = turn;
  const weight = rule.enabled ? rule.canaryWeight : 0;
  remember(turn);
  if (weight > 0 && weight < 100) {
    state.stable = null;
    state.phase = 'Initializing';
    return;
  }
  state.stable = weight === 100 ? rule.canaryVersion : rule.stableVersion;
  state.promoted =
    weight === 100 ? { rolloutId: '', revision: rule.canaryVersion, stable: rule.stableVersion } : null;
  turn.settled = true;
  settle(turn);
}
