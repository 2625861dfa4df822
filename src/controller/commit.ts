/**
 * Making a decision permanent before it is carried out. When the database cannot be written, raises are off, and a
 * lowering is kept in the emergency journal (or at least in memory) and carried out all the same.
 */
import type { Decision } from '../core/decision.ts';
import type { Journal } from '../store/journal.ts';
import { type Save, type Store, StoreError } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { Entry } from './memory.ts';

export interface CommitDeps {
  readonly store: Pick<Store, 'save' | 'saveSoon' | 'saveLater' | 'rollouts'>;
  readonly journal: Pick<Journal, 'append'>;
  readonly log: Log;
}

/** Decisions kept in memory for one Canary while the database is away; older ones are merged into one. */
const UNSAVED_KEPT = 50;
/** How old the times of a Canary at rest may grow in the store, where a standby reads them. */
const QUIET_MS = 15 * 60_000;

/**
 * Commits `wanted` for `entry`, made at the monotonic time `decidedAt`, and puts it in force. A quiet one waits for the
 * next that is not, or for 15 minutes. Where the database cannot be written and it would write anything but a lowering,
 * what `decideUnsaved` decides of the same observation takes its place: looks count and rollbacks are made all the same.
 * Returns the decision that is in force.
 * Throws a StoreError when none is: another daemon leads now (STORE_FENCED), or the Canary would be forgotten unsaved.
 */
export async function commit(
  deps: CommitDeps,
  entry: Entry,
  wanted: Decision,
  decidedAt: number,
  decideUnsaved: (trouble: StoreError) => Decision,
): Promise<Decision> {
  if (mayWait(entry, wanted, decidedAt)) {
    putInForce(entry, wanted, decidedAt);
    return wanted;
  }
  const trouble = await troubleSaving(deps.store, entry, wanted);
  entry.storeTrouble = trouble;
  const decision = trouble === null || mayGoOnUnsaved(wanted) ? wanted : decideUnsaved(trouble);
  if (trouble !== null) {
    if (!mayGoOnUnsaved(decision)) throw trouble;
    if (decision !== wanted) {
      const fields = { canary: entry.name, code: trouble.code, detail: trouble.message };
      deps.log.warn(fields, 'a decision could not be saved and was not taken');
    }
    keepUnsaved(deps, entry, decision, trouble);
  }
  putInForce(entry, decision, decidedAt);
  entry.savedAt = decidedAt;
  return decision;
}

/** Saves what waits and then `decision`; why that was not possible, or null. Throws STORE_FENCED. */
async function troubleSaving(
  store: CommitDeps['store'],
  entry: Entry,
  decision: Decision,
): Promise<StoreError | null> {
  const save = saveOf(entry, decision);
  try {
    // First, so that history keeps its order.
    saveAwaited(store, entry);
    await (decision.urgent ? store.saveSoon(save) : store.saveLater(save));
    return null;
  } catch (error) {
    if (!(error instanceof StoreError) || error.code === 'STORE_FENCED') throw error;
    return error;
  }
}

/** A Canary at rest is read every minute; that nothing happened is worth a commit only now and then. */
function mayWait({ savedAt, unsaved }: Entry, { isQuiet }: Decision, now: number): boolean {
  return isQuiet && unsaved.length === 0 && savedAt !== null && now - savedAt < QUIET_MS;
}

/** Saves what could not be saved before, in its order. Throws a StoreError when the store still takes nothing. */
export function saveAwaited(store: Pick<Store, 'save'>, entry: Entry): void {
  while (entry.unsaved[0] !== undefined) {
    store.save(entry.unsaved[0]);
    entry.unsaved.shift();
  }
}

/** Without a saved intent nothing goes up. Going down, and merely counting looks, goes on. */
function mayGoOnUnsaved(decision: Decision): boolean {
  const { intent } = decision.state;
  return !decision.forget && (!decision.publish || intent === null || intent.direction === 'lower');
}

function keepUnsaved(deps: CommitDeps, entry: Entry, decision: Decision, trouble: StoreError): void {
  const save = saveOf(entry, decision);
  const { intent } = decision.state;
  // Tries of one lowering are one entry: the journal is small, and many Canaries may need it.
  const isToBeKept = decision.publish && intent !== null && entry.journalled?.operation !== intent.operation;
  const whole = isToBeKept ? withHistory(entry, save) : save;
  entry.unsaved = withSave(entry.unsaved, save);
  if (!isToBeKept) return;
  const isKept = deps.journal.append(whole);
  if (isKept) entry.journalled = { operation: intent.operation, decision: decision.state.seq.decision };
  const where = isKept ? 'kept in the journal' : 'kept in memory only';
  deps.log.error({ canary: entry.name, code: trouble.code, where }, 'a lowering is carried out unsaved');
}

/** What was decided before it and is nowhere on disk comes with it, but for old measurements: the journal is small. */
function withHistory({ unsaved, journalled }: Entry, save: Save): Save {
  const after = journalled?.decision ?? 0;
  const lost = unsaved.filter(({ state }) => state !== null && state.seq.decision > after);
  return { ...merged([...lost, save], save), verdicts: save.verdicts };
}

/** A decision that nothing is to be told of replaces the one before: memory must outlast a long outage. */
function withSave(unsaved: readonly Save[], save: Save): Save[] {
  const last = unsaved.at(-1);
  if (last !== undefined && isQuiet(last)) return [...unsaved.slice(0, -1), save];
  return unsaved.length < UNSAVED_KEPT ? [...unsaved, save] : [merged([...unsaved, save], save)];
}

function isQuiet({ events, rollouts, consumed }: Save): boolean {
  return events.length === 0 && rollouts.length === 0 && consumed.length === 0;
}

function merged(saves: readonly Save[], last: Save): Save {
  return {
    ...last,
    events: saves.flatMap((save) => save.events),
    rollouts: saves.flatMap((save) => save.rollouts),
    consumed: saves.flatMap((save) => save.consumed),
    verdicts: saves.flatMap((save) => save.verdicts),
  };
}

function putInForce(entry: Entry, decision: Decision, decidedAt: number): void {
  entry.state = decision.forget ? null : decision.state;
  if (decision.forget) entry.file = 'gone';
  entry.explanation = decision.explanation;
  entry.decidedAt = decidedAt;
  entry.nextCheckAt = decision.nextCheckAt;
  const taken = new Set(decision.consumed);
  if (taken.size > 0) entry.commands = entry.commands.filter((command) => !taken.has(command.id));
}

function saveOf(entry: Entry, decision: Decision): Save {
  const rolloutId = decision.state.rollout?.id;
  const fresh = decision.looked ? decision.explanation.verdicts : [];
  return {
    canary: entry.name,
    at: decision.explanation.at,
    state: decision.forget ? null : decision.state,
    nextCheckAt: decision.nextCheckAt,
    events: decision.events,
    rollouts: decision.rollouts,
    explanation: decision.explanation,
    consumed: decision.consumed,
    verdicts: rolloutId === undefined ? [] : fresh.map((verdict) => ({ rolloutId, verdict })),
  };
}
