/** A document of ours that is not the current one: read lag, a write that landed late, or a restored backup. */
import { cancelMoot, judgeOtherPair, lowerTo, pauseForLower, pausePair } from './drift-answers.ts';
import type { OwnWrite } from './memory.ts';
import type { Rule } from './observation.ts';
import type { RolloutState } from './rollout.ts';
import { effectiveWeight, shareOf } from './rule.ts';
import { activeRollout, because, emit, isWaiting, type Turn } from './turn.ts';
import { ADOPT_MS, holdWeight, isSamePair, knownRule, LAG_MS, remember, supersede } from './writes.ts';

export function judgeOwnWrite(turn: Turn, own: OwnWrite, rule: Rule): void {
  const { state, now } = turn;
  const rollout = activeRollout(state);
  if (rollout !== null && isEarned(turn, rollout, own, rule)) {
    adoptRaise(turn, rollout, own);
    return;
  }
  const newest = state.writes.at(-1)?.at ?? 0;
  const isFresh = now - Math.max(newest, state.known?.at ?? 0) < LAG_MS;
  if (!isFresh) cancelMoot(turn, effectiveWeight(rule), 'an older document was put back');
  if (isFresh || state.intent !== null) {
    because(turn, 'lag', 'the reading shows an older write of ours: it lags');
    return;
  }
  if (rollout !== null && !isWaiting(rollout)) judgeUnderWay(turn, rollout, rule);
  else judgeAtRest(turn, rollout, rule);
}

/** A cancelled raise of this rollout that landed soon after it was given up; a withdrawal may name the pair before it. */
function isEarned(turn: Turn, rollout: RolloutState, own: OwnWrite, rule: Rule): boolean {
  return (
    turn.state.ending === null &&
    own.rolloutId === rollout.id &&
    own.cancelledAt !== null &&
    shareOf(rule, rollout.revision) > rollout.held.weight &&
    turn.now - own.cancelledAt <= ADOPT_MS
  );
}

function adoptRaise(turn: Turn, rollout: RolloutState, own: OwnWrite): void {
  const { state, canary } = turn;
  if (state.intent !== null) supersede(turn, state.intent);
  state.intent = null;
  remember(turn);
  holdWeight(turn, rollout, own.stepIndex, own.weight, canary.settleMs, true);
  if (own.weight === 100) rollout.frozenAt = own.at;
  rollout.withdrawDue = false;
  turn.recognized = true;
  const text = `the cancelled raise to ${own.weight} % landed and is adopted: it was earned`;
  emit(turn, 'WeightVerified', text, { data: { weight: own.weight, purpose: 'step' } });
  because(turn, 'adopted', text, { weight: own.weight });
}

function judgeUnderWay(turn: Turn, rollout: RolloutState, rule: Rule): void {
  const share = shareOf(rule, rollout.revision);
  const wanted = rollout.held.weight;
  if (share > wanted) lowerLate(turn, rule, wanted);
  else if (share < wanted) pauseForLower(turn, `an older document (weight ${share} %) was put back`);
  else accept(turn);
}

/** Nothing is given to this rollout yet, or nothing runs: what we know is what should be live. */
function judgeAtRest(turn: Turn, rollout: RolloutState | null, rule: Rule): void {
  const known = knownRule(turn);
  const isKnownPair = known !== null && isSamePair(rule, known);
  const weight = effectiveWeight(rule);
  const wanted = isKnownPair ? effectiveWeight(known) : 0;
  const isStableSame = rule.stableVersion === (isKnownPair ? known.stableVersion : turn.state.stable);
  if (isStableSame && weight > wanted) lowerLate(turn, rule, wanted);
  else if (isKnownPair && weight < wanted)
    pauseForLower(turn, `an older document (weight ${weight} %) was put back`);
  else if (isStableSame) accept(turn);
  else if (rollout === null) judgeOtherPair(turn, rule);
  else pausePair(turn, rollout, rule);
}

function lowerLate(turn: Turn, rule: Rule, wanted: number): void {
  lowerTo(turn, rule, wanted);
  const text = `an older write of ours (${rule.canaryWeight} %) landed late and is lowered to ${wanted} %`;
  emit(turn, 'LateWriteLowered', text, { data: { from: rule.canaryWeight, to: wanted } });
  because(turn, 'lateWrite', text, { from: rule.canaryWeight, to: wanted });
}

function accept(turn: Turn): void {
  remember(turn);
  turn.recognized = true;
}
