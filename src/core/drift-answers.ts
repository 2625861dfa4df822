/** What is done about a document that is not as we left it: keep it, lower it, or stop for a person. */
import type { Rule } from './observation.ts';
import type { RolloutState } from './rollout.ts';
import { effectiveWeight, servedAlone } from './rule.ts';
import { activeRollout, addPause, emit, type Turn } from './turn.ts';
import { cancelRaise, intend, isSamePair, knownRule, remember, supersede } from './writes.ts';

export function keepEdit(turn: Turn, why: string): void {
  remember(turn);
  turn.recognized = turn.state.intent === null;
  emit(turn, 'DocumentAdopted', `the edited document is kept: ${why}`);
}

/** Less for the canary than we want may be somebody's emergency. */
export function pauseForLower(turn: Turn, what: string): void {
  cancelOpen(turn, what);
  const detail = `${what}; it may be an emergency, so it is kept until resume`;
  if (addPause(turn, 'DriftLower', detail)) emit(turn, 'DriftSeen', what);
}

export function pausePair(turn: Turn, rollout: RolloutState, rule: Rule): void {
  cancelOpen(turn, 'the pair was changed by someone');
  const found = `${rule.canaryVersion} over ${rule.stableVersion}`;
  const detail = `the document names ${found}, the rollout ${rollout.revision} over ${rollout.stable}`;
  addPause(turn, 'DriftPair', `${detail}; resume goes on from what is live, abort writes 0`);
}

/** Another pair while nothing runs: it means the same, or store and document disagree on what is stable. */
export function judgeOtherPair(turn: Turn, rule: Rule): void {
  const { state } = turn;
  const weight = effectiveWeight(rule);
  const implied = servedAlone(rule);
  if (implied !== state.stable) {
    const says = implied ?? `a split of ${weight} % for ${rule.canaryVersion} over ${rule.stableVersion}`;
    const detail = `the store says ${state.stable} is stable, the document says ${says}; resume takes what is live`;
    addPause(turn, 'StateConflict', detail);
    return;
  }
  state.promoted =
    weight === 100 ? { rolloutId: '', revision: rule.canaryVersion, stable: rule.stableVersion } : null;
  keepEdit(turn, 'the pair was changed to one that means the same');
}

/** Writes `weight` over `rule`, whose pair stays. */
export function lowerTo(turn: Turn, rule: Rule, weight: number): void {
  const rollout = activeRollout(turn.state);
  const known = knownRule(turn);
  // The mark belongs to a pair: a late raise of the next revision can lie over the promoted one that we know.
  const isMarked = known?.managedBy?.promoted === true && isSamePair(known, rule);
  intend(turn, {
    direction: 'lower',
    purpose: 'correct',
    canaryVersion: rule.canaryVersion,
    stableVersion: rule.stableVersion,
    from: rule.canaryWeight,
    to: weight,
    stepIndex: rollout?.held.index ?? -1,
    promoted: isMarked,
  });
}

/** An open write is moot once someone else changed the document below it: its compare would fail. */
export function cancelOpen(turn: Turn, why: string): void {
  const { intent } = turn.state;
  if (intent === null) return;
  if (intent.direction === 'raise') cancelRaise(turn, intent, why);
  else {
    supersede(turn, intent);
    turn.state.intent = null;
  }
  const rollout = activeRollout(turn.state);
  if (rollout !== null) rollout.withdrawDue = false;
}

/** A lowering to more than 0 would raise where the canary has less by now: it is moot. One to 0 never is. */
export function cancelMoot(turn: Turn, share: number, why: string): void {
  const { intent } = turn.state;
  if (intent?.direction === 'lower' && share < intent.to) cancelOpen(turn, why);
}
