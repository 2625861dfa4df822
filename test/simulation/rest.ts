/** What a fleet must look like some time after the last fault: everything at rest, or waiting for a person. */
import type { CanaryState, PauseReason } from '../../src/core/rollout.ts';
import { parseRule } from '../../src/core/rule.ts';
import { activeRollout } from '../../src/core/turn.ts';
import { hasInstances, type Truth } from './traffic.ts';

/** Pauses that end by themselves once what they wait for can be measured. */
const HEALING: readonly PauseReason[] = ['Errors', 'BadQuery'];
/** Pauses in which the document is left as somebody made it. */
const HANDS_OFF: readonly PauseReason[] = [
  'ForeignController',
  'DriftPair',
  'StateConflict',
  'DriftLower',
  'StateRebuilt',
];

export interface Resting {
  readonly state: CanaryState;
  readonly document: string | null;
  readonly truth: (revision: string) => Truth;
  readonly isSuspended: boolean;
  /** The file wants to see instances before the first step. */
  readonly asksReady: boolean;
  /** Missing data will end the rollout, whatever it is paused for. */
  readonly endsByNoData: boolean;
  readonly isRemoved: boolean;
  /** Prometheus takes what it scrapes, and has for a while. */
  readonly isScraped: boolean;
}

/** Why a Canary is not at rest; null: it is. */
export function unrest(resting: Resting): string | null {
  const { state, document, truth, isSuspended, asksReady, endsByNoData, isRemoved, isScraped } = resting;
  const rollout = activeRollout(state);
  const pauses = rollout?.pauses ?? state.pauses;
  const where = `${state.phase} (${state.reason})`;
  if (pauses.some(({ reason }) => reason === 'ForeignController')) return null;
  // Its instances are waited for, again and again.
  if (rollout !== null && rollout.absences > 0 && truth(rollout.revision).kind === 'silent') return null;
  if (state.intent !== null) return `${where} with an open write of ${state.intent.to} %`;
  if (state.ending !== null) return `${where} on its way to 0 for ${state.ending.reason}`;
  if (isRemoved) return `${where} although its file is gone`;
  if (state.diagnostics.some(({ code }) => code === 'BETA_PRESENT'))
    return `${where} with a beta that is over`;
  if (pauses.some(({ reason }) => HEALING.includes(reason)))
    return `${where} although everything can be measured`;
  if (!isScraped && pauses.length > 0 && pauses.every(({ reason }) => reason === 'NoData'))
    return `${where} although there will be data`;
  const isMissed = Object.values(rollout?.metrics ?? {}).some(({ noDataSince }) => noDataSince !== null);
  if (endsByNoData && isMissed) return `${where} until missing data ends it`;
  if (state.phase === 'Progressing') return `${where} without end`;
  if (state.phase === 'Initializing' && !state.diagnostics.some(isNeedful)) return where;
  const isAwaited = asksReady && rollout !== null && !hasInstances(truth(rollout.revision));
  if (state.phase === 'Waiting' && !isSuspended && !isAwaited) return where;
  if (pauses.some(({ reason }) => HANDS_OFF.includes(reason))) return null;
  return misrouted(state, document);
}

function isNeedful({ code }: { readonly code: string }): boolean {
  return code === 'STABLE_UNKNOWN' || code === 'DOCUMENT_MALFORMED';
}

/** Whether gateways send traffic elsewhere than the state says. */
function misrouted(state: CanaryState, document: string | null): string | null {
  const rule = document === null ? null : parseRule(document);
  if (rule === null || !rule.ok || state.phase === 'Initializing') return null;
  const { canaryVersion, stableVersion, canaryWeight, enabled } = rule.value;
  const share = enabled && canaryVersion !== stableVersion ? canaryWeight : 0;
  const rollout = activeRollout(state);
  if (rollout === null) {
    const served = [...(share > 0 ? [canaryVersion] : []), ...(share < 100 ? [stableVersion] : [])];
    const isRight = served.every((version) => version === state.stable);
    return isRight
      ? null
      : `${state.phase}: ${state.stable} is stable and the document serves ${served.join(' and ')}`;
  }
  const given = canaryVersion === rollout.revision ? share : 0;
  return given <= rollout.held.weight
    ? null
    : `${state.phase}: ${rollout.held.weight} % of ${rollout.revision} is held and the document gives ${given} %`;
}
