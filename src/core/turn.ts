/** The working paper of one decision: a private copy of the state and everything that was concluded so far. */
import { copyOf } from '../lib/copy.ts';
import type { Canary, Spec, Step } from '../spec/canary.ts';
import type { Explanation, Reason } from './decision.ts';
import { canaryFor } from './default-judge.ts';
import type { EventData, EventType, NewEvent } from './events.ts';
import { withoutPoint } from './mann-whitney/memory.ts';
import type { Command, Observation, Rule } from './observation.ts';
import type { Outcome } from './outcome.ts';
import type {
  CanaryState,
  Exemption,
  MetricState,
  Pause,
  PauseReason,
  Phase,
  RolloutState,
  Verdict,
} from './rollout.ts';
import { withoutEarned } from './sequential/again.ts';

/** Everything `decide` may know. Equal inputs give equal decisions. */
export interface DecideInput {
  /** The Canary's last valid declaration. */
  readonly spec: Spec;
  /** missing: not in the last scan, may come back. gone: the grace time and the mass deletion guard are over. */
  readonly file: 'present' | 'missing' | 'gone';
  readonly state: CanaryState;
  readonly seen: Observation;
  /** Wall time, Unix ms. */
  readonly now: number;
  /** Monotonic ms since this process run last decided about this Canary; null: it never did. */
  readonly elapsedMs: number | null;
  /** "canary-controller/STORE-ID", our mark in the document. */
  readonly controller: string;
  /** Leadership epoch. */
  readonly epoch: number;
  /** Identifies this run of the process. */
  readonly bootId: string;
  /** Why no decision can be saved now: nothing but a lowering may be written. Absent: they can. */
  readonly unsavable?: string;
}

/** The live document, understood. */
export type Live =
  /** Not readable in this run, or not looked at. */
  | { readonly kind: 'unknown'; readonly looked: boolean; readonly detail: string }
  | { readonly kind: 'absent'; readonly authoritative: boolean }
  | {
      readonly kind: 'malformed';
      readonly content: string;
      readonly md5: string;
      readonly detail: string;
      readonly authoritative: boolean;
    }
  | {
      readonly kind: 'rule';
      readonly content: string;
      readonly md5: string;
      readonly rule: Rule;
      readonly authoritative: boolean;
    };

export interface Turn {
  readonly input: DecideInput;
  readonly spec: Spec;
  /** As the rollout under way goes on by it. */
  canary: Canary;
  readonly now: number;
  /** The draft: changed freely, handed out at the end. */
  readonly state: CanaryState;
  live: Live;
  /** True once the live document was recognized as what we want or know, so that a raise may build on it. */
  recognized: boolean;
  /** Verdicts of the look made in this run; empty when none was due. */
  verdicts: Verdict[];
  readonly events: NewEvent[];
  readonly because: Reason[];
  readonly notBecause: Reason[];
  /** Rollouts that ended in this turn and are no longer the state's current one. */
  readonly ended: RolloutState[];
  readonly consumed: number[];
  /** No target of the canary revision is up, says Prometheus. */
  targetsDown: boolean;
  /** The promoted mark was read back in this run. */
  promotionSeen: boolean;
  action: Explanation['action'];
  publish: boolean;
  forget: boolean;
  /** Come back at once: something must be asked that was not known to be needed. */
  recheck: boolean;
  /** `resume` commands, taken once the live rule was judged. */
  readonly resumes: Command[];
}

export function beginTurn(input: DecideInput, live: Live): Turn {
  return {
    input,
    spec: input.spec,
    canary: canaryFor(input.spec, activeRollout(input.state)),
    now: input.now,
    state: copyOf(input.state),
    live,
    recognized: false,
    verdicts: [],
    events: [],
    because: [],
    notBecause: [],
    ended: [],
    consumed: [],
    targetsDown: false,
    promotionSeen: false,
    action: 'none',
    publish: false,
    forget: false,
    recheck: false,
    resumes: [],
  };
}

/** Whether the Canary is to be ended because its file was removed, by the scans or by a person's word. */
export function isGone(turn: Turn): boolean {
  const { file } = turn.input;
  return file === 'gone' || (file === 'missing' && turn.state.deletedAt !== null);
}

/** The rollout that is under way, or null when none is. */
export function activeRollout(state: CanaryState): RolloutState | null {
  return state.rollout !== null && state.rollout.outcome === null ? state.rollout : null;
}

/** The step whose weight is held; the first one also while the weight lies below it. */
export function heldStep(canary: Canary, rollout: RolloutState): Step | undefined {
  const { steps } = canary.strategy;
  return steps[rollout.held.index] ?? steps[0];
}

/** True when the last look that told anything was a failure: no promise of a person goes over that. */
export function isFailing(metric: MetricState | undefined): boolean {
  return metric?.verdict?.class === 'fail' || (metric?.lastFailAt ?? null) !== null;
}

/** True before a rollout's first step, and again after its weight went back to 0 without an outcome. */
export function isWaiting(rollout: RolloutState): boolean {
  return rollout.stepIndex < 0 && rollout.weight === 0;
}

interface EventExtras {
  readonly causedBy?: number;
  readonly actor?: string;
  readonly data?: EventData;
  readonly rolloutId?: string | null;
}

export function emit(turn: Turn, type: EventType, message: string, extras: EventExtras = {}): void {
  turn.events.push({
    type,
    message,
    rolloutId: extras.rolloutId === undefined ? (turn.state.rollout?.id ?? null) : extras.rolloutId,
    causedBy: extras.causedBy ?? null,
    actor: extras.actor ?? null,
    ...(extras.data === undefined ? {} : { data: extras.data }),
  });
}

export function because(turn: Turn, code: string, text: string, facts: Reason['facts'] = {}): void {
  turn.because.push({ code, text, facts });
}

export function notBecause(turn: Turn, code: string, text: string, facts: Reason['facts'] = {}): void {
  turn.notBecause.push({ code, text, facts });
}

export function setPhase(turn: Turn, phase: Phase, reason: string): void {
  if (turn.state.phase !== phase) {
    turn.state.phase = phase;
    turn.state.phaseSince = turn.now;
  }
  turn.state.reason = reason;
}

/** The pauses in force: the rollout's while one is under way, else the Canary's own. */
export function pausesOf(state: CanaryState): Pause[] {
  return activeRollout(state)?.pauses ?? state.pauses;
}

export function isPausedBy(state: CanaryState, ...reasons: readonly PauseReason[]): boolean {
  return pausesOf(state).some((pause) => reasons.includes(pause.reason));
}

/** Adds a reason to stand still. Returns false, and changes nothing but the sentence, when it is there already. */
export function addPause(turn: Turn, reason: PauseReason, detail: string, extras: EventExtras = {}): boolean {
  const pauses = pausesOf(turn.state);
  const at = pauses.findIndex((pause) => pause.reason === reason);
  const existing = pauses[at];
  if (existing !== undefined) {
    pauses[at] = { ...existing, detail };
    return false;
  }
  pauses.push({ reason, detail, since: turn.now });
  const rollout = activeRollout(turn.state);
  const weight = rollout?.held.weight ?? turn.state.observed?.weight ?? null;
  emit(turn, 'Paused', `paused (${reason}): ${detail}`, {
    ...extras,
    data: { ...extras.data, pauseReason: reason, weight, revision: rollout?.revision ?? turn.state.stable },
  });
  because(turn, 'pause', detail, { reason });
  turn.action = 'pause';
  return true;
}

export function endPause(turn: Turn, reason: PauseReason, why: string, extras: EventExtras = {}): boolean {
  const pauses = pausesOf(turn.state);
  const at = pauses.findIndex((pause) => pause.reason === reason);
  if (at < 0) return false;
  pauses.splice(at, 1);
  emit(turn, 'PauseEnded', `pause ended (${reason}): ${why}`, extras);
  return true;
}

/** What a rollout remembers of each kind; the event log has the rest. */
export const NOTES_KEPT = 100;

export function noteExemption(rollout: RolloutState, exemption: Exemption): void {
  rollout.exemptions = [...rollout.exemptions, exemption].slice(-NOTES_KEPT);
}

/** Starts every metric's run of passes again: nothing seen so far counts towards leaving the step. */
export function restartPasses(rollout: RolloutState): void {
  for (const metric of Object.values(rollout.metrics)) metric.passes = 0;
}

/** What was live at the last look is not known: its passes and points are none. */
export function doubtLastLook(rollout: RolloutState): void {
  restartPasses(rollout);
  for (const metric of Object.values(rollout.metrics)) {
    if (metric.points === undefined) continue;
    metric.points = withoutPoint(metric.points, metric.lastLookAt, rollout.frozenAt !== null);
  }
}

/** Windows must lie after now again: what was seen before is no evidence for what is live now. */
export function restartHeld(turn: Turn, rollout: RolloutState): void {
  endPause(turn, 'Approval', 'the evidence starts again');
  rollout.held.verifiedAt = turn.now;
  rollout.held.clearFrom = turn.now + turn.canary.settleMs;
  restartEvidence(rollout);
}

/** Nothing that was earned so far counts any more; what speaks against the revision does. */
export function restartEvidence(rollout: RolloutState): void {
  restartPasses(rollout);
  for (const metric of Object.values(rollout.metrics)) {
    if (metric.sequential !== undefined) metric.sequential = withoutEarned(metric.sequential);
  }
}

export function setDiagnostic(turn: Turn, code: string, detail: string | null): void {
  const { diagnostics } = turn.state;
  const at = diagnostics.findIndex((diagnostic) => diagnostic.code === code);
  if (detail === null) {
    if (at >= 0) diagnostics.splice(at, 1);
    return;
  }
  if (at >= 0) diagnostics[at] = { code, detail };
  else {
    diagnostics.push({ code, detail });
    emit(turn, 'Diagnostic', `${code}: ${detail}`, { data: { code } });
  }
}

/** Whether an outcome means that its revision needs `retry`. */
export function needsRetry(outcome: Outcome): boolean {
  return outcome === 'RolledBack' || outcome === 'Aborted';
}
