/** Whether a command has any use now. Asked when it arrives, so that refusals are immediate, and again when taken. */
import type { Spec } from '../spec/canary.ts';
import { isHeldByPreflight } from './incident.ts';
import type { Command } from './observation.ts';
import type { CanaryState, PauseReason, RolloutState, VerdictClass } from './rollout.ts';
import { parseRule } from './rule.ts';
import { activeRollout, isFailing, pausesOf } from './turn.ts';
import { stepName } from './words.ts';

export type Asked = Pick<Command, 'verb' | 'revision' | 'restart' | 'force' | 'full'>;

export interface Objection {
  readonly code: 'NOT_APPLICABLE' | 'IN_PROGRESS' | 'GIT_OWNS_REVISION' | 'NEEDS_RETRY' | 'STABLE_UNKNOWN';
  readonly detail: string;
  readonly hint: string;
}

/** Nothing to do: that revision already runs or is live. */
export interface AlreadySo {
  readonly already: 'running' | 'live';
  readonly rolloutId: string | null;
}

/** Reasons that `resume` ends. Errors and BadQuery too: a person may go on looking before the next good look. */
const RESUMABLE: readonly PauseReason[] = [
  'Manual',
  'Alert',
  'Errors',
  'NoData',
  'BadQuery',
  'Inconclusive',
  'NoEvidence',
  'Drift',
  'DriftLower',
  'DriftPair',
  'DriftFight',
  'StateRebuilt',
  'StateConflict',
  'ForeignController',
];

/** Reasons whose way out depends on the live rule, so that `resume` waits for a run that could read it. */
export const RESUME_NEEDS_LIVE: readonly PauseReason[] = [
  'DriftLower',
  'DriftPair',
  'StateConflict',
  'ForeignController',
];

/** Nothing is written while another controller owns the document, so nothing that would write is taken. */
const ALLOWED_WHILE_FOREIGN: readonly Command['verb'][] = ['resume', 'pause', 'forget', 'approve'];

export function isResumable(reason: PauseReason): boolean {
  return RESUMABLE.includes(reason);
}

/** Null: the command is useful now. `hasFile`: the last scan found the Canary's file. */
export function objection(
  spec: Spec,
  state: CanaryState,
  asked: Asked,
  hasFile: boolean,
): Objection | AlreadySo | null {
  const { verb } = asked;
  const isForeign = pausesOf(state).some((pause) => pause.reason === 'ForeignController');
  if (isForeign && !ALLOWED_WHILE_FOREIGN.includes(verb)) {
    return notApplicable('another controller owns the document', '`resume` takes it over, then ask again');
  }
  if (verb === 'start') return objectionToStart(spec, state, asked);
  if (verb === 'forget') {
    return hasFile ? notApplicable(`${state.name} still has a file`, `remove ${spec.file} first`) : null;
  }
  if (verb === 'undo') return objectionToUndo(state);
  if (verb === 'retry') return objectionToRetry(state);
  if (verb === 'resume') return objectionToResume(state);

  const rollout = activeRollout(state);
  if (rollout === null || state.ending !== null) {
    const hint =
      state.phase === 'RolledBack' ? '`retry` starts the failed revision again' : 'start a rollout first';
    return notApplicable(`${verb} needs a rollout under way; ${state.name} is ${state.phase}`, hint);
  }
  const has = (reason: PauseReason) => rollout.pauses.some((pause) => pause.reason === reason);
  if (verb === 'pause')
    return has('Manual') ? notApplicable('it is paused already', '`resume` ends the pause') : null;
  if (verb === 'abort') return null;
  if (has('Failed'))
    return notApplicable('the rollout failed', 'only `abort` or `retry` leave a failed rollout');
  const step = spec.canary.strategy.steps[rollout.stepIndex];
  if (step === undefined) return notApplicable(`${verb} needs a step under way`, 'wait for the first step');
  if (verb === 'approve') {
    if (!step.approval)
      return notApplicable(`${stepName(rollout.stepIndex)} asks for no approval`, 'nothing to do');
    const approved = rollout.approvals.some(
      (approval) => approval.stepIndex === rollout.stepIndex && approval.specHash === spec.hash,
    );
    return approved
      ? notApplicable(`${stepName(rollout.stepIndex)} is approved already`, 'nothing to do')
      : null;
  }
  return objectionToPromote(spec, rollout, asked.force);
}

function objectionToPromote(spec: Spec, rollout: RolloutState, force: boolean): Objection | null {
  const pause = rollout.pauses.find(({ reason }) => reason !== 'Approval');
  if (pause !== undefined) {
    return notApplicable(
      `it is paused (${pause.reason}): ${pause.detail}`,
      'end the pause first, then ask again',
    );
  }
  for (const { name, dryRun } of spec.canary.analysis.metrics) {
    const metric = rollout.metrics[name];
    const verdict = metric?.verdict ?? null;
    if (dryRun || verdict === null) continue;
    if (isFailing(metric)) {
      const detail = verdict.class === 'fail' ? verdict.detail : 'its last look with data failed';
      return notApplicable(
        `${name} fails: ${detail}`,
        'promote never goes over a fail; abort, or wait for a pass',
      );
    }
    const silence = silenceOf(verdict.class);
    if (silence !== null && !force) {
      return notApplicable(`${name} ${silence}: ${verdict.detail}`, 'wait for data, or promote with force');
    }
  }
  return null;
}

/** Why a verdict is no word about the canary; null: it is one. */
function silenceOf(verdict: VerdictClass): string | null {
  if (verdict === 'noData') return 'has no data';
  if (verdict === 'pending') return 'has nothing to go by';
  return verdict === 'error' ? 'could not be measured' : null;
}

function objectionToStart(spec: Spec, state: CanaryState, asked: Asked): Objection | AlreadySo | null {
  const revision = asked.revision ?? '';
  const owned = spec.canary.revision;
  if (owned !== null && owned !== revision) {
    return {
      code: 'GIT_OWNS_REVISION',
      detail: `${spec.file}:${spec.line} names revision ${owned}, so ${revision} cannot be started from here`,
      hint: 'change the file, or remove spec.revision from it so that the API sets the revision',
    };
  }
  if (state.stable === null) {
    return {
      code: 'STABLE_UNKNOWN',
      detail: `nothing is known about the stable revision of ${state.name}`,
      hint: `set spec.stableRevision in ${spec.file} (equal to the revision to declare that one live)`,
    };
  }
  const rollout = activeRollout(state);
  if (rollout !== null) {
    const isHeld = isHeldByPreflight(spec.canary, rollout);
    if (rollout.revision === revision && state.ending === null && asked.force && isHeld) return null;
    if (rollout.revision === revision && state.ending === null)
      return { already: 'running', rolloutId: rollout.id };
    if (asked.restart) return null;
    return {
      code: 'IN_PROGRESS',
      detail: `a rollout of ${rollout.revision} is under way (${state.phase})`,
      hint: 'wait for its end, abort it, or start with restart: true',
    };
  }
  if (revision === state.stable) {
    return { already: 'live', rolloutId: state.rollout?.revision === revision ? state.rollout.id : null };
  }
  if (state.pauses.length > 0) {
    return notApplicable(`${state.name} is paused: ${state.pauses[0]?.detail}`, '`resume` it first');
  }
  const failed = state.failed[revision];
  if (failed !== undefined && !asked.restart) {
    const isWanted = state.target === revision;
    return {
      code: 'NEEDS_RETRY',
      detail: `${revision} failed in rollout ${failed.rolloutId}: ${failed.reason}`,
      hint: `repair it under a new name; ${isWanted ? '`retry`' : 'a start with restart: true'} tries it again and, where there are tokens, asks for the role operator`,
    };
  }
  return null;
}

function objectionToUndo(state: CanaryState): Objection | null {
  const { promoted, known } = state;
  if (activeRollout(state) !== null) return notApplicable('a rollout is under way', '`abort` goes back to 0');
  if (promoted === null || promoted.revision !== state.stable) {
    return notApplicable(
      'there is no promotion to undo',
      'undo works after a promotion, until the next rollout writes',
    );
  }
  const live = known === null ? null : parseRule(known.content);
  const holds =
    live?.ok === true &&
    live.value.canaryVersion === promoted.revision &&
    live.value.stableVersion === promoted.stable;
  return holds
    ? null
    : notApplicable('the document no longer holds the old pair', 'start a rollout of the old revision');
}

function objectionToRetry(state: CanaryState): Objection | null {
  const rollout = activeRollout(state);
  if (rollout !== null) {
    return state.phase === 'Paused'
      ? null
      : notApplicable(
          `a rollout is under way (${state.phase})`,
          'retry works when it is paused or has failed',
        );
  }
  if (state.phase === 'RolledBack' && state.target !== null && state.failed[state.target] !== undefined)
    return null;
  return notApplicable(
    `${state.name} is ${state.phase}: no failed revision is wanted`,
    'start a rollout of another revision',
  );
}

function objectionToResume(state: CanaryState): Objection | null {
  const reasons = pausesOf(state).map((pause) => pause.reason);
  if (reasons.length === 0) return notApplicable(`${state.name} is not paused`, 'nothing to do');
  if (reasons.includes('Failed')) {
    return notApplicable('the rollout failed', 'only `abort` or `retry` leave a failed rollout');
  }
  if (reasons.some(isResumable)) return null;
  if (reasons.includes('Suspended')) {
    return notApplicable('the file says suspend: true', 'set suspend: false in the file');
  }
  return notApplicable('the step waits for an approval', '`approve` it');
}

function notApplicable(detail: string, hint: string): Objection {
  return { code: 'NOT_APPLICABLE', detail, hint };
}
