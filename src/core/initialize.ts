/**
 * Initializing: finding out what is live. The live document knows best, then `stableRevision`; git's revision alone
 * never says what is live. Also the way back after a lost database.
 */
import { indexForWeight } from '../spec/edit.ts';
import { beginRollout, rest } from './ending.ts';
import type { Rule } from './observation.ts';
import { initialHeld } from './state.ts';
import { addPause, because, emit, noteExemption, setDiagnostic, setPhase, type Turn } from './turn.ts';
import { remember } from './writes.ts';

/** Leaves Initializing once the stable revision is known. */
export function initialize(turn: Turn): void {
  const { live, canary, spec } = turn;
  if (live.kind === 'unknown') {
    setPhase(turn, 'Initializing', live.detail);
    because(turn, 'unread', live.detail);
    return;
  }
  if (live.kind === 'malformed') {
    const detail = `${live.detail}; correct or delete the document so that the stable revision can be told`;
    setDiagnostic(turn, 'STABLE_UNKNOWN', null);
    setDiagnostic(turn, 'DOCUMENT_MALFORMED', detail);
    setPhase(turn, 'Initializing', detail);
    because(turn, 'malformed', detail);
    return;
  }
  if (live.kind === 'rule') {
    beginFromDocument(turn, live.rule);
    return;
  }
  if (canary.stableRevision === null) {
    const value =
      canary.revision === null
        ? 'to the version that is live'
        : '(equal to spec.revision to declare that one live)';
    const detail = `there is no document and no stored state: set spec.stableRevision in ${spec.file} ${value}`;
    setDiagnostic(turn, 'DOCUMENT_MALFORMED', null);
    setDiagnostic(turn, 'STABLE_UNKNOWN', detail);
    setPhase(turn, 'Initializing', detail);
    because(turn, 'stableUnknown', detail);
    return;
  }
  adoptStable(turn, canary.stableRevision, spec.stableToldBy ?? 'spec.stableRevision');
  turn.recognized = true;
  rest(turn);
}

function adoptStable(turn: Turn, revision: string, source: string): void {
  turn.state.stable = revision;
  turn.state.target ??= revision;
  setDiagnostic(turn, 'STABLE_UNKNOWN', null);
  setDiagnostic(turn, 'DOCUMENT_MALFORMED', null);
  emit(turn, 'StableAdopted', `${revision} is stable, told by ${source}`, { data: { revision } });
  because(turn, 'stableAdopted', `${revision} is stable, told by ${source}`, { revision });
}

/**
 * The table "Database lost, or host rebuilt" of the behaviour contract: 0 means its stableVersion is live, 100 its
 * canaryVersion (ours only when it was marked promoted), anything between is a rollout that nobody remembers.
 */
function beginFromDocument(turn: Turn, rule: Rule): void {
  const { state } = turn;
  remember(turn);
  const weight = rule.enabled ? rule.canaryWeight : 0;
  const isOurs = rule.managedBy !== null;
  if (weight === 100 && (!isOurs || rule.managedBy.promoted)) {
    adoptStable(turn, rule.canaryVersion, 'the live document (weight 100)');
    state.promoted = {
      rolloutId: rule.managedBy?.rolloutId ?? '',
      revision: rule.canaryVersion,
      stable: rule.stableVersion,
    };
    turn.recognized = true;
    rest(turn);
    return;
  }
  adoptStable(turn, rule.stableVersion, `the live document (weight ${weight})`);
  if (weight > 0) {
    adoptRollout(turn, rule, weight);
    return;
  }
  turn.recognized = true;
  if (isOurs && rule.canaryVersion !== rule.stableVersion && rule.canaryVersion === turn.canary.revision) {
    state.failed[rule.canaryVersion] = {
      rolloutId: rule.managedBy.rolloutId,
      reason: 'StateRebuilt: the live document says that it went back to 0',
      zeroAt: null,
    };
  }
  rest(turn);
}

/** A weight between, that no stored rollout explains: a new record of the document's pair, paused for a person. */
function adoptRollout(turn: Turn, rule: Rule, weight: number): void {
  const { state, canary, now } = turn;
  state.target = canary.revision ?? rule.canaryVersion;
  const rollout = beginRollout(turn, rule.canaryVersion, 'nacos');
  const index = indexForWeight(canary.strategy.steps, weight);
  rollout.stepIndex = index;
  rollout.weight = weight;
  rollout.held = initialHeld(index, weight, now, canary.settleMs);
  if (weight === 100) rollout.frozenAt = now;
  rollout.written = true;
  rollout.analysed = false;
  const detail = `found at weight ${weight} % without a stored rollout`;
  noteExemption(rollout, { kind: 'rebuilt', actor: 'nacos', reason: detail, stepIndex: index, at: now });
  turn.recognized = true;
  addPause(turn, 'StateRebuilt', `${detail}; resume goes on from here, abort goes back to 0`);
}
