/**
 * Intents: writes that are saved before they are made. Making one, recognizing it live, cancelling a raise, and
 * deciding when to write again. A raise is never written twice; a lowering is written until it is read back.
 */
import { formatDuration } from '../lib/duration.ts';
import type { PublishReport } from './observation.ts';
import type { Intent, OwnWrite, RolloutState } from './rollout.ts';
import { md5, parseRule, renderRule } from './rule.ts';
import { initialHeld } from './state.ts';
import { activeRollout, because, emit, restartPasses, setDiagnostic, type Turn } from './turn.ts';

/** A cancelled raise that shows up within this time was earned and is adopted. */
export const ADOPT_MS = 5_000;
/** Live content equal to an older write of ours is read lag for this long. */
export const LAG_MS = 5_000;
/** Without database reads, "still unchanged" is believed after this long (measured: one read in fifty lags 1.5 s). */
export const UNCHANGED_MS = 3_000;
const WRITES_KEPT = 20;
const LOWER_BACKOFF_CAP_MS = 5_000;
const RAISE_BACKOFF_CAP_MS = 60_000;

interface Wish {
  readonly direction: Intent['direction'];
  readonly purpose: Intent['purpose'];
  readonly canaryVersion: string;
  readonly stableVersion: string;
  readonly from: number;
  readonly to: number;
  readonly stepIndex: number;
  readonly promoted?: boolean;
  /** Only what a person resumed may switch a disabled rule on again; a raise is asked for by evidence or a person. */
  readonly enabled?: boolean;
}

/** Saves a write to be made, in place of any open one. The content is laid over the freshest text known. */
export function intend(turn: Turn, wish: Wish): void {
  const { state, input, canary, now } = turn;
  if (state.intent !== null) supersede(turn, state.intent);
  state.seq.operation += 1;
  const rolloutId = state.rollout?.id ?? '';
  const operation = `${rolloutId === '' ? state.name : rolloutId}.${input.epoch}.${state.seq.operation}`;
  const base = 'content' in turn.live ? turn.live.content : (state.known?.content ?? null);
  const content = renderRule(
    base,
    canary.service,
    {
      canaryVersion: wish.canaryVersion,
      canaryWeight: wish.to,
      stableVersion: wish.stableVersion,
      enabled: wish.enabled ?? enabledNow(turn),
      managedBy: {
        controller: input.controller,
        rolloutId,
        step: wish.stepIndex,
        operation,
        epoch: input.epoch,
        promoted: wish.promoted ?? false,
      },
    },
    now,
  );
  state.intent = {
    operation,
    direction: wish.direction,
    purpose: wish.purpose,
    from: wish.from,
    to: wish.to,
    stepIndex: wish.stepIndex,
    content,
    md5: md5(content),
    expectMd5: expectation(turn),
    savedAt: now,
    writtenAt: now,
    epoch: input.epoch,
    bootId: input.bootId,
    attempts: 1,
    retryAt: now + retryDelay(1),
  };
  state.unchangedSince = null;
  const write: OwnWrite = {
    operation,
    md5: state.intent.md5,
    weight: wish.to,
    rolloutId,
    at: now,
    cancelledAt: null,
    stepIndex: wish.stepIndex,
  };
  state.writes = [...state.writes, write].slice(-WRITES_KEPT);
  turn.publish = true;
  turn.action = wish.direction === 'hold' ? 'hold' : wish.direction;
}

/** The pair and weight of the rollout, as a wish needs them. */
export function pairOf(rollout: RolloutState): { canaryVersion: string; stableVersion: string } {
  return { canaryVersion: rollout.revision, stableVersion: rollout.stable };
}

/** What the live document must still be for a guarded write; null when it was not readable in this run. */
function expectation(turn: Turn): Intent['expectMd5'] {
  const { live } = turn;
  if (live.kind === 'unknown') return null;
  return live.kind === 'absent' ? 'absent' : live.md5;
}

function enabledNow(turn: Turn): boolean {
  return turn.live.kind === 'rule' ? turn.live.rule.enabled : true;
}

function supersede(turn: Turn, intent: Intent): void {
  turn.state.writes = turn.state.writes.map((write) =>
    write.operation === intent.operation ? { ...write, cancelledAt: turn.now } : write,
  );
}

/** Seconds double from half a second up to the cap; the publisher adds the jitter. */
function retryDelay(attempts: number): number {
  return Math.min(500 * 2 ** (attempts - 1), LOWER_BACKOFF_CAP_MS);
}

/**
 * True when the live rule is what the open intent wanted: its operation with our fields untouched, or, for a
 * lowering to 0, any database read in which our pair has weight 0 already.
 */
export function isIntentLive(turn: Turn, intent: Intent): boolean {
  const { live } = turn;
  if (live.kind !== 'rule') return false;
  if (live.md5 === intent.md5) return true;
  return live.rule.managedBy?.operation === intent.operation && live.rule.canaryWeight === intent.to;
}

/** The open intent was read back: its weight is the held one from now on. */
export function verify(turn: Turn, intent: Intent): void {
  const { state, canary, now } = turn;
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
  turn.settled = true;
  if (intent.purpose === 'step' || intent.purpose === 'rollback') state.promoted = null;
  if (rollout === null || intent.purpose === 'promoted') return;
  rollout.withdrawDue = false;
  if (intent.purpose === 'withdraw') return;
  rollout.raiseFailures = 0;
  hold(turn, rollout, intent.stepIndex, intent.to, canary.settleMs);
}

/** Makes `weight` the held one: settle, bake and evidence begin again. */
export function hold(
  turn: Turn,
  rollout: RolloutState,
  index: number,
  weight: number,
  settleMs: number,
): void {
  rollout.stepIndex = index;
  rollout.weight = weight;
  rollout.held = initialHeld(index, weight, turn.now, settleMs);
  restartPasses(rollout);
  rollout.reached.push({ index, weight, verifiedAt: turn.now });
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
  because(turn, 'raiseCancelled', why, { weight: intent.to });
  if (rollout === null) return;
  rollout.stepIndex = rollout.held.index;
  rollout.weight = rollout.held.weight;
  rollout.readyLooks = 0;
  rollout.withdrawDue = true;
  rollout.raiseFailures += 1;
  rollout.raiseAfter = now + Math.min(1_000 * 2 ** rollout.raiseFailures, RAISE_BACKOFF_CAP_MS);
  if (rollout.held.weight < 100) rollout.frozenAt = null;
  restartPasses(rollout);
}

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
    if (isRetryDue(turn, intent, report)) writeAgain(turn, intent);
    else
      because(turn, 'lowering', `weight ${intent.to} % is written and not read back yet`, {
        weight: intent.to,
      });
    return;
  }
  if (refused || overdue || lost) {
    const why = refused
      ? `${report.code}: ${report.detail}`
      : lost
        ? 'it was never written'
        : `it was not read back within ${formatDuration(canary.verifyTimeoutMs)}`;
    if (intent.direction === 'raise') cancelRaise(turn, intent, why);
    else dropHold(turn, intent, why);
    return;
  }
  because(turn, 'unverified', `weight ${intent.to} % is written and not read back yet`, {
    weight: intent.to,
  });
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
    const { canaryVersion, stableVersion } = pairIn(turn, intent);
    intend(turn, { ...intent, canaryVersion, stableVersion });
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

function pairIn(turn: Turn, intent: Intent): { canaryVersion: string; stableVersion: string } {
  const parsed = parseRule(intent.content);
  const stable = turn.state.stable ?? '';
  return parsed.ok ? parsed.value : { canaryVersion: stable, stableVersion: stable };
}

/** A write of the weight already held was not seen: nothing is lost, what is live is judged afresh. */
function dropHold(turn: Turn, intent: Intent, why: string): void {
  supersede(turn, intent);
  turn.state.intent = null;
  because(turn, 'holdDropped', `rewriting weight ${intent.to} % was given up: ${why}`, { weight: intent.to });
  const rollout = activeRollout(turn.state);
  if (rollout !== null) rollout.withdrawDue = false;
}

/** Publishes the held rule under a new operation after a cancelled raise, so that the raise's compare fails. */
export function withdrawRaise(turn: Turn, rollout: RolloutState): boolean {
  const { state, live } = turn;
  if (!rollout.withdrawDue || state.intent !== null || live.kind === 'unknown' || live.kind === 'malformed')
    return false;
  const stable = rollout.stable;
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
  return true;
}
