/**
 * Following up on an open intent: a raise is never written twice and is given up when it is not seen; a lowering is
 * written until it is read back.
 */
import type { PublishReport } from './observation.ts';
import type { Intent } from './rollout.ts';
import { effectiveWeight, parseRule } from './rule.ts';
import { activeRollout, because, setDiagnostic, type Turn } from './turn.ts';
import { inSeconds } from './words.ts';
import { cancelRaise, expectation, FIRST_RETRY_MS, intend, supersede, type Wish } from './writes.ts';

/** Without database reads, "still unchanged" is believed after this long (measured: one read in fifty lags 1.5 s). */
const UNCHANGED_MS = 3_000;
const RETRY_CAP_MS = 5_000;

/** Question 4: settle an open intent that was not recognized as live, or write a lowering again. */
export function pursueIntent(turn: Turn): void {
  const { state, canary, now, input } = turn;
  const { intent } = state;
  if (intent === null || turn.publish) return;
  const report = input.seen.publish?.operation === intent.operation ? input.seen.publish : null;
  if (report?.result === 'denied') setDiagnostic(turn, 'TRAFFIC_DENIED', report.detail);
  const refused = report !== null && (report.result === 'denied' || report.result === 'conflict');
  const overdue = now - intent.savedAt >= canary.verifyTimeoutMs;
  const lost = wasNeverWritten(turn, intent);

  if (intent.direction === 'lower') {
    if (isRetryDue(turn, intent, report) && mayWriteAgain(turn, intent)) writeAgain(turn, intent);
    else because(turn, 'lowering', waitingFor(intent, troubleOf(report)), { weight: intent.to });
    if (state.ending !== null && report !== null) state.ending.trouble = troubleOf(report);
    return;
  }
  if (refused || overdue || lost) {
    const why = refused
      ? `${report.code}: ${report.detail}`
      : lost
        ? 'it was never written'
        : `it was not read back within ${inSeconds(canary.verifyTimeoutMs)}`;
    if (intent.direction === 'raise') cancelRaise(turn, intent, why);
    else dropHold(turn, intent, why, refused);
    return;
  }
  because(turn, 'unverified', waitingFor(intent, null), { weight: intent.to });
}

function waitingFor({ to, attempts }: Intent, trouble: string | null): string {
  if (trouble === null) return `weight ${to} % is written and not read back yet`;
  return `weight ${to} % could not be written: ${trouble}; try ${attempts}, tried again`;
}

/** What went wrong with the last write; null where the server accepted it. */
function troubleOf(report: PublishReport | null): string | null {
  return report === null || report.result === 'accepted' ? null : report.detail;
}

/** Only 0 is written over anything: any other weight might give more than is live. */
function mayWriteAgain({ live }: Turn, { to }: Intent): boolean {
  return to === 0 || (live.kind === 'rule' && effectiveWeight(live.rule) >= to);
}

/**
 * A refused or failed write is tried again after its back-off; one that the server accepted first gets the time that
 * a lagging read may take. Another process run's write is made again at once: writing less twice harms nobody.
 */
function isRetryDue(turn: Turn, intent: Intent, report: PublishReport | null): boolean {
  if (intent.bootId !== turn.input.bootId) return true;
  const lagging = report === null || report.result === 'accepted' ? intent.writtenAt + UNCHANGED_MS : 0;
  return turn.now >= Math.max(intent.retryAt, lagging);
}

/**
 * Another process run saved this intent and may have died before writing it: "the expected document is still live"
 * is believed at once from the database, on runtime reads only after an unbroken while.
 */
function wasNeverWritten(turn: Turn, intent: Intent): boolean {
  const { state, live, now, input } = turn;
  if (live.kind === 'unknown' && !live.looked) return false;
  if (intent.bootId === input.bootId || live.kind === 'unknown' || live.kind === 'malformed') {
    state.unchangedSince = null;
    return false;
  }
  const liveIs = live.kind === 'absent' ? 'absent' : live.md5;
  if (liveIs !== intent.expectMd5) {
    state.unchangedSince = null;
    return false;
  }
  if (live.authoritative) return true;
  state.unchangedSince ??= now;
  return now - state.unchangedSince >= UNCHANGED_MS;
}

/** Writes a lowering again: the same operation while the text below it is unchanged, else over the new text. */
function writeAgain(turn: Turn, intent: Intent): void {
  const { state, now, live, input } = turn;
  const attempts = intent.attempts + 1;
  const stale = live.kind !== 'unknown' && expectation(turn) !== intent.expectMd5;
  if (stale) {
    intend(turn, { ...intent, ...wordsOf(turn, intent) });
  }
  const open = state.intent;
  if (open === null) return;
  state.intent = {
    ...open,
    savedAt: intent.savedAt,
    writtenAt: now,
    bootId: input.bootId,
    expectMd5: expectation(turn),
    attempts,
    retryAt: now + retryDelay(attempts),
  };
  turn.publish = true;
  turn.action = 'lower';
  because(turn, 'again', `weight ${intent.to} % was not read back, written again (try ${attempts})`, {
    attempts,
  });
}

/** What the open write says besides its weight. */
function wordsOf(turn: Turn, intent: Intent): Pick<Wish, 'canaryVersion' | 'stableVersion' | 'promoted'> {
  const parsed = parseRule(intent.content);
  const stable = turn.state.stable ?? '';
  if (!parsed.ok) return { canaryVersion: stable, stableVersion: stable };
  const { canaryVersion, stableVersion, managedBy } = parsed.value;
  return { canaryVersion, stableVersion, promoted: managedBy?.promoted ?? false };
}

/** Doubles from half a second up to the cap. */
function retryDelay(attempts: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** (attempts - 1), RETRY_CAP_MS);
}

/** A write of the weight already held was not seen: nothing is lost, what is live is judged afresh. */
function dropHold(turn: Turn, intent: Intent, why: string, refused: boolean): void {
  supersede(turn, intent);
  turn.state.intent = null;
  because(turn, 'holdDropped', `rewriting weight ${intent.to} % was given up: ${why}`, { weight: intent.to });
  const rollout = activeRollout(turn.state);
  // A withdrawal that was lost is still owed: until it lands, the cancelled raise may.
  if (rollout !== null) rollout.withdrawDue = intent.purpose === 'withdraw' && !refused;
}
