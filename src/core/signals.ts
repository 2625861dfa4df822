/**
 * Alerts that were pushed in: what each asks for, what it did, and when it is over. One that asks for a rollback or a
 * pause acts at question 2, before any evidence; before the first step both hold it. One that asks for a promotion is
 * evidence for a metric that names it, and else only told.
 */
import type { Spec } from '../spec/canary.ts';
import { beginEnding } from './ending.ts';
import type { Alarms } from './memory.ts';
import type { Signal } from './observation.ts';
import type { CanaryState, RolloutState } from './rollout.ts';
import {
  activeRollout,
  addPause,
  because,
  emit,
  endPause,
  isPausedBy,
  isWaiting,
  restartPasses,
  type Turn,
} from './turn.ts';

/**
 * A firing alert of which nothing is heard for so long is no longer believed. Alertmanager repeats one within the time
 * that it remembers its notifications (`--data.retention`, five days unless set), whatever `repeat_interval` says.
 */
export const SILENT_AFTER_MS = 5 * 24 * 3_600_000;

const NO_ALARMS: Alarms = { taken: 0, settled: 0 };

export function isFiring({ firing, toldAt }: Signal, now: number): boolean {
  return firing && now - toldAt < SILENT_AFTER_MS;
}

/** Rollback first, then new pauses, then pauses whose alerts are over. */
export function checkSignals(turn: Turn): void {
  const { state } = turn;
  const rollout = activeRollout(state);
  if (rollout === null || state.ending !== null || isWaiting(rollout)) return;
  const urgent = asking(turn, 'rollback')[0];
  if (urgent !== undefined && !isPausedBy(state, 'ForeignController')) {
    goBack(turn, rollout, urgent);
    return;
  }
  takePauses(turn, rollout);
  endResolved(turn, rollout);
}

function asking({ input, now }: Turn, action: Signal['action']): readonly Signal[] {
  return input.seen.signals.filter((signal) => signal.action === action && isFiring(signal, now));
}

function goBack(turn: Turn, rollout: RolloutState, signal: Signal): void {
  rollout.firstFailAt ??= turn.now;
  emit(turn, 'SignalApplied', `${alertText(signal)}: going back to 0 %`, told(signal));
  because(turn, 'alert', alertText(signal), { alert: signal.name, action: signal.action });
  beginEnding(turn, 'RolledBack', alertText(signal));
}

/** Each alert pauses once: after a person's `resume` it has to be recorded as firing anew to do it again. */
function takePauses(turn: Turn, rollout: RolloutState): void {
  const { taken, settled } = rollout.alarms ?? NO_ALARMS;
  for (const signal of asking(turn, 'pause')) {
    if (signal.eventId <= taken) continue;
    const newest = Math.max(rollout.alarms?.taken ?? 0, signal.eventId);
    rollout.alarms = { taken: newest, settled };
    addPause(turn, 'Alert', `${alertText(signal)}; ${wayOut(turn)}`, told(signal));
  }
}

function wayOut({ canary }: Turn): string {
  if (!canary.analysis.resumeOnResolved) return 'resume goes on';
  return 'it goes on once every alert that paused it is resolved, or by resume';
}

function endResolved(turn: Turn, rollout: RolloutState): void {
  if (!turn.canary.analysis.resumeOnResolved || !isPausedBy(turn.state, 'Alert')) return;
  const { taken, settled } = rollout.alarms ?? NO_ALARMS;
  const isHolding = ({ action, firing, eventId }: Signal) =>
    // One that merely fell silent is not resolved.
    action === 'pause' && firing && eventId > settled && eventId <= taken;
  if (turn.input.seen.signals.some(isHolding)) return;
  endPause(turn, 'Alert', 'every alert that paused it is resolved');
  settleAlarms(rollout);
  restartPasses(rollout);
}

/** What paused so far holds no longer: a person resumed, or it is over. */
export function settleAlarms(rollout: RolloutState): void {
  const { taken } = rollout.alarms ?? NO_ALARMS;
  rollout.alarms = { taken, settled: taken };
}

/** An alert that holds the first step, or null. */
export function blockingSignal(turn: Turn): Signal | null {
  return asking(turn, 'rollback')[0] ?? asking(turn, 'pause')[0] ?? null;
}

/**
 * The promote signal of this alert, told at the weight that is held now and after it settled: what was told before
 * says nothing about this weight. Null: there is none.
 */
export function promotingSignal(turn: Turn, rollout: RolloutState, alert: string): Signal | null {
  const { clearFrom } = rollout.held;
  return asking(turn, 'promote').find(({ name, toldAt }) => name === alert && toldAt >= clearFrom) ?? null;
}

/** What a signal that just arrived will do, for the answer to its sender. The loop decides. */
export type SignalEffect = 'rollsBack' | 'pauses' | 'holdsTheStart' | 'evidence' | 'noted' | 'over';

export function effectOf(spec: Spec, state: CanaryState | null, signal: Signal): SignalEffect {
  if (!signal.firing) return 'over';
  if (signal.action === 'promote') {
    const isAsked = spec.canary.analysis.metrics.some(
      ({ source }) => source.kind === 'external' && source.alert === signal.name,
    );
    return isAsked ? 'evidence' : 'noted';
  }
  if (signal.action === 'ignore') return 'noted';
  const rollout = state === null ? null : activeRollout(state);
  if (rollout === null || state === null || state.ending !== null || isWaiting(rollout)) {
    return 'holdsTheStart';
  }
  if (signal.action === 'pause') return 'pauses';
  return isPausedBy(state, 'ForeignController') ? 'noted' : 'rollsBack';
}

function alertText({ name, summary }: Signal): string {
  return summary === '' ? `alert ${name}` : `alert ${name}: ${summary}`;
}

function told({ eventId, id, name, action }: Signal) {
  return { causedBy: eventId, data: { signal: id, alert: name, action } };
}
