/**
 * Drift: the live document against what we know and want. Recognizes our own writes, keeps what others may change,
 * lowers what was raised by hand, and stops for a person where someone lowered.
 */
import { indexForWeight } from '../spec/edit.ts';
import { judgeAbsence } from './absence.ts';
import {
  cancelMoot,
  cancelOpen,
  judgeOtherPair,
  keepEdit,
  lowerTo,
  pauseForLower,
  pausePair,
} from './drift-answers.ts';
import { judgeOwnWrite } from './late-writes.ts';
import type { Rule } from './observation.ts';
import type { RolloutState } from './rollout.ts';
import { effectiveWeight, servedAlone, shareOf } from './rule.ts';
import {
  activeRollout,
  addPause,
  because,
  doubtLastLook,
  emit,
  isPausedBy,
  isWaiting,
  noteExemption,
  restartHeld,
  restartPasses,
  setDiagnostic,
  type Turn,
} from './turn.ts';
import { holdWeight, isIntentLive, isSamePair, knownRule, remember, verify } from './writes.ts';

const FIGHT_CORRECTIONS = 3;
export const FIGHT_INTERVAL_MS = 30_000;
/** A read of the rule takes five seconds at most. */
const ANSWER_MS = 6_000;

/** Judges the live document; sets `turn.recognized` where a raise may build on it. */
export function judgeLive(turn: Turn): void {
  const { state, live } = turn;
  noteObserved(turn);
  noteAnswer(turn);
  if (live.kind === 'unknown') return;
  if (live.kind === 'absent') {
    judgeAbsence(turn, live.authoritative);
    return;
  }
  noteReturn(turn);
  if (live.kind === 'malformed') {
    cancelMoot(turn, 0, 'the document became unreadable');
    const detail = `the document was replaced by something unreadable: ${live.detail}; correct or delete it`;
    if (state.ending === null) addPause(turn, 'DriftPair', detail);
    return;
  }
  const { intent } = state;
  if (intent !== null && isIntentLive(turn, intent)) {
    verify(turn, intent);
    return;
  }
  if (live.md5 === state.known?.md5) {
    turn.recognized = !isPausedBy(state, 'DriftLower', 'DriftPair', 'ForeignController', 'StateConflict');
    // A pair that a rollout went on from is nobody's once that has ended without a write.
    const isAtRest = turn.recognized && activeRollout(state) === null && state.intent === null;
    const served = servedAlone(live.rule);
    if (isAtRest && served !== null && served !== state.stable) judgeOtherPair(turn, live.rule);
    return;
  }
  judgeUnknown(turn, live.rule, live.md5);
}

/** A text that is neither what we know nor what we just wrote. */
function judgeUnknown(turn: Turn, rule: Rule, md5: string): void {
  const { state } = turn;
  const own = state.writes.findLast((write) => write.md5 === md5);
  if (own !== undefined) {
    judgeOwnWrite(turn, own, rule);
    return;
  }
  const owner = rule.managedBy?.controller;
  if (owner !== undefined && owner !== turn.input.controller) {
    if (state.intent !== null) cancelOpen(turn, 'another controller owns the document');
    const detail = `the document belongs to ${owner}: nothing is written, not even a rollback, until resume takes it over`;
    addPause(turn, 'ForeignController', detail);
    return;
  }
  if (state.ending !== null) {
    because(turn, 'drift', 'the document was edited while the weight goes back to 0; 0 is written over it');
    return;
  }
  if (state.intent?.direction === 'lower' && state.intent.expectMd5 === md5) {
    because(turn, 'drift', `the edited document is still live; ${state.intent.to} % is on its way over it`);
    return;
  }
  const rollout = activeRollout(state);
  if (rollout === null) judgeIdleDrift(turn, rule);
  else judgeRolloutDrift(turn, rollout, rule);
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

/**
 * Where the rule could not be read, what was live is not known: passes must be earned again. Failures stay. A rule that
 * was read long after a look (another led meanwhile, or nothing could be saved) says nothing about that look either.
 */
function noteAnswer({ state, live, now }: Turn): void {
  const rollout = activeRollout(state);
  if (rollout === null || (live.kind === 'unknown' && !live.looked)) return;
  const { unreadAt } = rollout;
  delete rollout.unreadAt;
  if (unreadAt === undefined) {
    if (live.kind === 'unknown') restartPasses(rollout);
  } else if (live.kind === 'unknown' || now - unreadAt > ANSWER_MS) {
    doubtLastLook(rollout);
  }
}

/** The document is back: what was looked at while it was away says nothing about the held weight. */
function noteReturn(turn: Turn): void {
  const { state } = turn;
  const rollout = activeRollout(state);
  if (state.missingSince !== null && rollout !== null && rollout.held.weight > 0) restartHeld(turn, rollout);
  state.missingSince = null;
  setDiagnostic(turn, 'DOCUMENT_MISSING', null);
}

/** While nothing runs: a changed pair may say that something else is live, a changed weight is drift as usual. */
function judgeIdleDrift(turn: Turn, rule: Rule): void {
  const known = knownRule(turn);
  if (known !== null && isSamePair(rule, known)) judgeWeight(turn, rule, known);
  else judgeOtherPair(turn, rule);
}

function judgeRolloutDrift(turn: Turn, rollout: RolloutState, rule: Rule): void {
  const known = knownRule(turn);
  if (known === null) {
    // The document appeared: it is what the first raise replaces, as long as it gives the canary nothing.
    const isHarmless = shareOf(rule, rollout.revision) === 0 && rule.stableVersion === rollout.stable;
    if (isHarmless && isWaiting(rollout)) keepEdit(turn, 'a document appeared');
    else pausePair(turn, rollout, rule);
  } else if (!isSamePair(rule, known)) {
    pausePair(turn, rollout, rule);
  } else if (isAdoptable(turn, rollout, rule, known)) {
    adoptWeight(turn, rollout, rule);
  } else {
    judgeWeight(turn, rule, known);
  }
}

/** A weight of 0 or a disabled rule may be an emergency: that is never taken as a place to go on from. */
function isAdoptable(turn: Turn, rollout: RolloutState, rule: Rule, known: Rule): boolean {
  const isChanged = rule.canaryWeight !== known.canaryWeight;
  const isOurs = rule.canaryVersion === rollout.revision;
  return turn.canary.onDrift === 'adopt' && rule.enabled && isChanged && isOurs && rule.canaryWeight > 0;
}

/** Same pair: only other fields changed, or the weight went up, or it went down. */
function judgeWeight(turn: Turn, rule: Rule, known: Rule): void {
  if (!rule.enabled && known.enabled) {
    pauseForLower(turn, 'the rule was disabled by someone');
  } else if (effectiveWeight(rule) === effectiveWeight(known)) {
    keepEdit(turn, 'others changed fields that are not ours');
  } else if (effectiveWeight(rule) < effectiveWeight(known)) {
    pauseForLower(turn, `the weight was lowered to ${rule.canaryWeight} % by someone`);
  } else {
    correct(turn, rule, effectiveWeight(known));
  }
}

/** Someone gave the canary more than it earned: it goes back to what is held. */
function correct(turn: Turn, rule: Rule, wanted: number): void {
  const { now, canary } = turn;
  const rollout = activeRollout(turn.state);
  const what = `the weight was raised to ${rule.canaryWeight} % by someone`;
  if (rollout !== null) {
    const last = rollout.lastCorrectionAt;
    if (isPausedBy(turn.state, 'DriftFight') && last !== null && now - last < FIGHT_INTERVAL_MS) {
      because(turn, 'driftFight', `${what} again; it is lowered at most every 30s`);
      return;
    }
    rollout.corrections += 1;
    rollout.lastCorrectionAt = now;
  }
  emit(turn, 'DriftSeen', what);
  cancelOpen(turn, what);
  lowerTo(turn, rule, wanted);
  const text = `${what}; it goes back to ${wanted} %`;
  emit(turn, 'DriftCorrected', text, { data: { from: rule.canaryWeight, to: wanted } });
  because(turn, 'driftCorrected', text, { from: rule.canaryWeight, to: wanted });
  if (rollout === null) return;
  if (rollout.corrections >= FIGHT_CORRECTIONS) {
    const detail = `someone raised the weight ${rollout.corrections} times in this rollout: find out who, then resume`;
    addPause(turn, 'DriftFight', detail);
  }
  if (canary.onDrift === 'pause') addPause(turn, 'Drift', what);
}

/** `onDrift: adopt`: the foreign weight becomes the held one. */
function adoptWeight(turn: Turn, rollout: RolloutState, rule: Rule): void {
  const { canary, now, input } = turn;
  const weight = rule.canaryWeight;
  cancelOpen(turn, 'the weight was changed by someone');
  remember(turn);
  const index = indexForWeight(canary.strategy.steps, weight);
  holdWeight(turn, rollout, index, weight, canary.settleMs);
  // Stable still had its traffic when we last looked.
  if (weight === 100) rollout.frozenAt = input.state.decidedAt;
  rollout.analysed = false;
  const reason = `weight ${weight} % set by someone in the document`;
  noteExemption(rollout, { kind: 'adopt', actor: 'nacos', reason, stepIndex: index, at: now });
  emit(turn, 'DriftSeen', `${reason} is adopted`, { actor: 'nacos' });
  turn.recognized = true;
}
