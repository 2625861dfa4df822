/**
 * Intents: writes that are saved before they are made. Making one, recognizing it live, cancelling and withdrawing a
 * raise. `pursue.ts` decides when to write again.
 */
import { formatDuration } from '../lib/duration.ts';
import type { Rule } from './observation.ts';
import type { Intent, RolloutState } from './rollout.ts';
import { md5, parseRule, renderRule } from './rule.ts';
import { initialHeld } from './state.ts';
import {
  activeRollout,
  because,
  emit,
  endPause,
  NOTES_KEPT,
  restartEvidence,
  restartPasses,
  setDiagnostic,
  type Turn,
} from './turn.ts';

/** A cancelled raise that shows up within this time was earned and is adopted. */
export const ADOPT_MS = 5_000;
/** Live content equal to an older write of ours is read lag for this long. */
export const LAG_MS = 5_000;
const WRITES_KEPT = 20;
export const FIRST_RETRY_MS = 500;
const RAISE_BACKOFF_CAP_MS = 60_000;

export interface Wish {
  readonly direction: Intent['direction'];
  readonly purpose: Intent['purpose'];
  readonly canaryVersion: string;
  readonly stableVersion: string;
  readonly from: number;
  readonly to: number;
  readonly stepIndex: number;
  readonly promoted?: boolean;
  /** True only for what a person resumed: nothing else switches a disabled rule on again. */
  readonly enabled?: boolean;
}

/** Saves a write to be made, in place of any open one. */
export function intend(turn: Turn, wish: Wish): void {
  const { state, input, now } = turn;
  if (state.intent !== null) supersede(turn, state.intent);
  state.seq.operation += 1;
  const rolloutId = state.rollout?.id ?? '';
  const operation = `${rolloutId === '' ? state.name : rolloutId}.${input.epoch}.${state.seq.operation}`;
  const content = contentOf(turn, wish, rolloutId, operation);
  const { direction, purpose, from, to, stepIndex } = wish;
  state.intent = {
    operation,
    direction,
    purpose,
    from,
    to,
    stepIndex,
    content,
    md5: md5(content),
    expectMd5: expectation(turn),
    savedAt: now,
    writtenAt: now,
    epoch: input.epoch,
    bootId: input.bootId,
    attempts: 1,
    retryAt: now + FIRST_RETRY_MS,
  };
  state.unchangedSince = null;
  const write = {
    operation,
    md5: state.intent.md5,
    weight: to,
    rolloutId,
    at: now,
    cancelledAt: null,
    stepIndex,
  };
  state.writes = [...state.writes, write].slice(-WRITES_KEPT);
  turn.publish = true;
  turn.action = direction;
}

/** The whole document, laid over the freshest text known so that the fields of others stay. */
function contentOf(turn: Turn, wish: Wish, rolloutId: string, operation: string): string {
  const { live, state, input, canary, now } = turn;
  const base = 'content' in live ? live.content : (state.known?.content ?? null);
  const { controller, epoch } = input;
  const promoted = wish.promoted ?? false;
  const rule = {
    canaryVersion: wish.canaryVersion,
    canaryWeight: wish.to,
    stableVersion: wish.stableVersion,
    enabled: wish.enabled ?? enabledNow(turn),
    managedBy: { controller, rolloutId, step: wish.stepIndex, operation, epoch, promoted },
  };
  return renderRule(base, canary.service, rule, now);
}

/** The two versions that a document splits traffic between. */
export type VersionPair = Pick<Rule, 'canaryVersion' | 'stableVersion'>;

export function pairOf(rollout: RolloutState): VersionPair {
  return { canaryVersion: rollout.revision, stableVersion: rollout.stable };
}

export function isSamePair(a: VersionPair, b: VersionPair): boolean {
  return a.canaryVersion === b.canaryVersion && a.stableVersion === b.stableVersion;
}

/** Our rule in the text we know, or null. */
export function knownRule({ state }: Turn): Rule | null {
  if (state.known === null) return null;
  const parsed = parseRule(state.known.content);
  return parsed.ok ? parsed.value : null;
}

/** What the live document must still be for a guarded write; null when it was not readable in this run. */
export function expectation(turn: Turn): Intent['expectMd5'] {
  const { live } = turn;
  if (live.kind === 'unknown') return null;
  return live.kind === 'absent' ? 'absent' : live.md5;
}

function enabledNow(turn: Turn): boolean {
  return turn.live.kind === 'rule' ? turn.live.rule.enabled : (knownRule(turn)?.enabled ?? true);
}

export function supersede(turn: Turn, intent: Intent): void {
  turn.state.writes = turn.state.writes.map((write) =>
    write.operation === intent.operation ? { ...write, cancelledAt: turn.now } : write,
  );
}

/**
 * True when the live rule is what the open intent wanted: the same text, or our operation with none of our fields
 * changed (others may have edited theirs on top). A disabled rule gives the canary nothing, so it is as good as 0.
 */
export function isIntentLive(turn: Turn, intent: Intent): boolean {
  const { live } = turn;
  if (live.kind !== 'rule') return false;
  if (live.md5 === intent.md5) return true;
  const wanted = parseRule(intent.content);
  if (!wanted.ok || live.rule.managedBy?.operation !== intent.operation) return false;
  if (!isSamePair(live.rule, wanted.value) || live.rule.canaryWeight !== intent.to) return false;
  return live.rule.enabled === wanted.value.enabled || intent.to === 0;
}

/** The open intent was read back: its weight is the held one from now on. */
export function verify(turn: Turn, intent: Intent): void {
  const { state, canary, live, now } = turn;
  state.intent = null;
  state.unchangedSince = null;
  setDiagnostic(turn, 'TRAFFIC_DENIED', null);
  remember(turn);
  const rollout = activeRollout(state);
  const tookMs = Math.max(0, now - intent.savedAt);
  emit(turn, 'WeightVerified', `weight ${intent.to} % read back after ${formatDuration(tookMs)}`, {
    data: { weight: intent.to, purpose: intent.purpose, tookMs },
  });
  because(turn, 'verified', `weight ${intent.to} % was read back`, { weight: intent.to });
  turn.recognized = true;
  if (intent.purpose === 'step' || intent.purpose === 'rollback') state.promoted = null;
  if (intent.purpose === 'promoted') turn.promotionSeen = true;
  if (rollout === null || intent.purpose === 'promoted') return;
  rollout.withdrawDue = false;
  if (intent.purpose === 'withdraw') return;
  rollout.raiseFailures = 0;
  // A write about another pair (begun before this rollout) says nothing about the share of its revision.
  if (live.kind === 'rule' && live.rule.canaryVersion !== rollout.revision) return;
  const isEarned = intent.purpose === 'step';
  holdWeight(turn, rollout, intent.stepIndex, intent.to, canary.settleMs, isEarned);
}

/** At weight 0 nothing is measured, so what only a look would end would never end. */
function endMeasuringPauses(turn: Turn): void {
  for (const reason of ['Errors', 'NoData', 'BadQuery'] as const) {
    endPause(turn, reason, 'nothing is measured at weight 0');
  }
}

/**
 * Makes `weight` the held one: settle, bake, evidence and the grace for missing data begin again.
 *
 * @param isEarned a step up of ours: the odds that earned it count on, for the steps after it
 */
export function holdWeight(
  turn: Turn,
  rollout: RolloutState,
  index: number,
  weight: number,
  settleMs: number,
  isEarned = false,
): void {
  endPause(turn, 'Approval', 'another weight is held now');
  if (weight === 0) endMeasuringPauses(turn);
  rollout.stepIndex = index;
  rollout.weight = weight;
  rollout.held = initialHeld(index, weight, turn.now, settleMs);
  if (isEarned) restartPasses(rollout);
  else restartEvidence(rollout);
  for (const metric of Object.values(rollout.metrics)) metric.noDataSince = null;
  // At 100 stable has no traffic of its own: it is judged as it was, at the latest now.
  if (weight < 100) rollout.frozenAt = null;
  else rollout.frozenAt ??= turn.now;
  if (weight > 0) rollout.written = true;
  rollout.reached = [...rollout.reached, { index, weight, verifiedAt: turn.now }].slice(-NOTES_KEPT);
}

/** Takes the live text as the known one. */
export function remember(turn: Turn): void {
  const { live, state, now } = turn;
  if (live.kind === 'rule') state.known = { content: live.content, md5: live.md5, at: now };
}

/**
 * Gives up a raise: the index goes back to the held step, its bake stays, three new passes are needed. It may still
 * land, so the held rule has to be published once more under a new operation as soon as the live one is readable.
 */
export function cancelRaise(turn: Turn, intent: Intent, why: string): void {
  const { state, now } = turn;
  supersede(turn, intent);
  state.intent = null;
  const rollout = activeRollout(state);
  emit(turn, 'RaiseCancelled', `raise to ${intent.to} % cancelled: ${why}`, { data: { weight: intent.to } });
  because(turn, 'raiseCancelled', `the raise to ${intent.to} % is given up: ${why}`, { weight: intent.to });
  if (rollout === null) return;
  rollout.stepIndex = rollout.held.index;
  rollout.weight = rollout.held.weight;
  rollout.readyLooks = 0;
  rollout.withdrawDue = true;
  rollout.raiseFailures += 1;
  rollout.raiseAfter = now + Math.min(1_000 * 2 ** rollout.raiseFailures, RAISE_BACKOFF_CAP_MS);
  if (rollout.held.weight === 0) endMeasuringPauses(turn);
  if (rollout.held.weight < 100) rollout.frozenAt = null;
  restartPasses(rollout);
}

/**
 * Publishes the held rule under a new operation after a cancelled raise, so that the raise's compare fails. Only over
 * a document that is what we know: another's is left alone. It is owed until it can be saved.
 */
export function withdrawRaise(turn: Turn, rollout: RolloutState): void {
  const { state, live, input } = turn;
  if (!rollout.withdrawDue || state.intent !== null || !turn.recognized || input.unsavable !== undefined)
    return;
  const { stable } = rollout;
  const rule = live.kind === 'rule' ? live.rule : null;
  intend(turn, {
    direction: 'hold',
    purpose: 'withdraw',
    canaryVersion: rule?.canaryVersion ?? stable,
    stableVersion: rule?.stableVersion ?? stable,
    from: rule?.canaryWeight ?? 0,
    to: rule?.canaryWeight ?? 0,
    stepIndex: rollout.held.index,
    promoted: rule?.managedBy?.promoted ?? false,
  });
  because(turn, 'withdraw', 'the held rule is published again so that the cancelled raise cannot land late');
}
