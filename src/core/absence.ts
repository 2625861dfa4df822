/** No document where there was one: never recreated upward. */
import { cancelMoot } from './drift-answers.ts';
import {
  activeRollout,
  because,
  emit,
  isGone,
  isPausedBy,
  isWaiting,
  setDiagnostic,
  type Turn,
} from './turn.ts';
import { intend, LAG_MS } from './writes.ts';

export function judgeAbsence(turn: Turn, authoritative: boolean): void {
  const { state, now } = turn;
  if (state.known === null) {
    state.missingSince = null;
    setDiagnostic(turn, 'DOCUMENT_MISSING', null);
    turn.recognized = state.intent === null && !isPausedBy(state, 'ForeignController');
    return;
  }
  state.missingSince ??= now;
  if (!authoritative && now - state.missingSince < LAG_MS) return;
  cancelMoot(turn, 0, 'the document was deleted');
  const rollout = activeRollout(state);
  if (rollout !== null && isWaiting(rollout) && state.intent === null) {
    state.known = null;
    turn.recognized = !isPausedBy(state, 'ForeignController');
    return;
  }
  alertMissing(turn);
  if (rollout === null) recreate(turn);
}

/** Told once; the diagnostic stays until the document is back. */
function alertMissing(turn: Turn): void {
  const detail = 'the document was deleted; nothing above 0 is written again by itself';
  const isNew = !turn.state.diagnostics.some(({ code }) => code === 'DOCUMENT_MISSING');
  setDiagnostic(turn, 'DOCUMENT_MISSING', detail);
  if (activeRollout(turn.state) === null || turn.state.ending !== null) return;
  const answer = 'the step is held until it is back, or until abort';
  if (isNew)
    emit(turn, 'DocumentMissing', `the document was deleted in the middle of the rollout: ${answer}`);
  because(turn, 'missing', `the document was deleted: ${answer}`);
}

/** At rest the document is written again, naming the stable revision twice: the same for every gateway. */
function recreate(turn: Turn): void {
  const { state } = turn;
  if (state.intent !== null || isGone(turn) || isPausedBy(state, 'ForeignController')) return;
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
    enabled: true,
  });
  const text = `the document was deleted and is written again naming ${stable} twice, weight 0`;
  emit(turn, 'DocumentRecreated', text);
  because(turn, 'recreated', text);
}
