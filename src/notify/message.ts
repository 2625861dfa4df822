/** What people are told, and about which events: pure. */

import type { Explanation } from '../core/decision.ts';
import type { EventData, EventType } from '../core/events.ts';
import type { PauseReason, RolloutRecord } from '../core/rollout.ts';

/** A committed event as the log gives it. */
export interface LoggedEvent {
  readonly id: number;
  /** Unix ms. */
  readonly at: number;
  readonly canary: string | null;
  readonly rolloutId: string | null;
  readonly type: EventType;
  readonly message: string;
  readonly data?: EventData;
  readonly explanation: Explanation | null;
}

/** One message to people; its JSON is the body that the webhook posts. */
export interface Notification {
  /** Number of the event. A message that comes twice has the same one. */
  readonly event: number;
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly canary: string | null;
  readonly type: EventType;
  /** One line, e.g. "checkout rolled back at 25 % — error-rate 2.7 % is above 1 %". */
  readonly title: string;
  /** Several lines: reasons, query, rollout, and the command to type next. */
  readonly text: string;
  readonly rolloutId: string | null;
}

/** What the event alone does not say. */
export interface Background {
  readonly rollout: RolloutRecord | null;
  /** The RollbackStarted event of the same rollout: its decision holds the weight and the numbers. */
  readonly rollbackStarted: LoggedEvent | null;
}

/** The types among which notable events are found. */
export const NOTABLE_TYPES = [
  'RolloutEnded',
  'Paused',
  'RollbackStuck',
] as const satisfies readonly EventType[];

const NOTABLE_OUTCOMES: ReadonlySet<unknown> = new Set(['RolledBack', 'Aborted']);

/**
 * How a person ends each pause. Null: it ends without one, by itself when Prometheus answers again or by the file,
 * so nobody is told: an outage of Prometheus would be a message for each canary.
 */
const WAY_OUT = {
  Manual: 'resume',
  Suspended: null,
  Approval: 'approve',
  Alert: 'resume',
  Errors: null,
  NoData: 'resume',
  BadQuery: 'explain',
  Inconclusive: 'resume',
  NoEvidence: 'resume',
  Failed: 'abort',
  Drift: 'resume',
  DriftLower: 'resume',
  DriftPair: 'resume',
  DriftFight: 'resume',
  StateRebuilt: 'resume',
  StateConflict: 'resume',
  ForeignController: 'resume',
} as const satisfies Readonly<Record<PauseReason, string | null>>;

const REASONS_SHOWN = 3;
const TITLE_LENGTH = 200;

/** Whether people are told: rolled back, paused until a person acts, or a rollback that does not complete. */
export function isNotable(event: Pick<LoggedEvent, 'type' | 'data'>): boolean {
  switch (event.type) {
    case 'RolloutEnded':
      return NOTABLE_OUTCOMES.has(event.data?.['outcome']);
    case 'Paused':
      return wayOut(event) !== null;
    default:
      return event.type === 'RollbackStuck';
  }
}

export function composeNotification(event: LoggedEvent, background: Background): Notification {
  const { id, at, canary, type, rolloutId } = event;
  return {
    event: id,
    at: new Date(at).toISOString(),
    canary,
    type,
    title: shorten(`${canary ?? 'canary'} ${headline(event, background)}`),
    text: body(event, background),
    rolloutId,
  };
}

function headline(event: LoggedEvent, { rollout, rollbackStarted }: Background): string {
  const before = atWeight(rollbackStarted?.explanation?.from);
  const now = atWeight(event.explanation?.to);
  if (event.type === 'RollbackStuck') return `rollback is stuck${before} — ${event.message}`;
  if (event.type === 'Paused') return `${pausedWord(event)}${now} — ${afterColon(event.message)}`;
  const verb = event.data?.['outcome'] === 'Aborted' ? 'aborted' : 'rolled back';
  return `${verb}${before} — ${rollout?.reason ?? afterColon(event.message)}`;
}

/** Without a weight where there is none to speak of: nothing was written yet, or it is not known. */
function atWeight(weight: number | undefined): string {
  return weight === undefined || weight === 0 ? '' : ` at ${weight} %`;
}

function pausedWord(event: LoggedEvent): string {
  return event.data?.['pauseReason'] === 'Approval' ? 'waits for approval' : 'paused';
}

/** Messages of the core begin with what happened, a colon, and why. */
function afterColon(message: string): string {
  const colon = message.indexOf(': ');
  return colon < 0 ? message : message.slice(colon + 2);
}

function body(event: LoggedEvent, { rollout, rollbackStarted }: Background): string {
  const explanation = rollbackStarted?.explanation ?? event.explanation;
  const failed = explanation?.verdicts.find((verdict) => verdict.class === 'fail' || verdict.structural);
  const lines = (explanation?.because ?? []).slice(0, REASONS_SHOWN).map(({ text }) => `• ${text}`);
  if (failed !== undefined) lines.push(`query: ${failed.query}`);
  if (rollout !== null) lines.push(`rollout: ${rollout.id} (${rollout.stable} → ${rollout.revision})`);
  if (event.canary !== null) lines.push(`next: canary ${nextVerb(event)} ${event.canary}`);
  return lines.join('\n');
}

function nextVerb(event: LoggedEvent): string {
  if (event.type === 'Paused') return wayOut(event) ?? 'explain';
  return event.type === 'RolloutEnded' ? 'retry' : 'explain';
}

function wayOut({ data }: Pick<LoggedEvent, 'data'>): string | null {
  const reason = data?.['pauseReason'];
  return isPauseReason(reason) ? WAY_OUT[reason] : null;
}

function isPauseReason(value: unknown): value is PauseReason {
  return typeof value === 'string' && Object.hasOwn(WAY_OUT, value);
}

function shorten(title: string): string {
  const line = title.replaceAll(/\s+/g, ' ').replace(/\.$/, '');
  return line.length <= TITLE_LENGTH ? line : `${line.slice(0, TITLE_LENGTH - 1)}…`;
}
