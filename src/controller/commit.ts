/**
 * Making a decision permanent before it is carried out. When the database cannot be written, raises are off, and a
 * lowering is kept in the emergency journal (or at least in memory) and carried out all the same.
 */
import type { CanaryState, Decision } from '../core/rollout.ts';
import type { Journal } from '../store/journal.ts';
import { type Event, type Save, type Store, StoreError } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { Entry } from './memory.ts';

export interface CommitDeps {
  readonly store: Store;
  readonly journal: Journal;
  readonly log: Log;
}

/** Saves kept in memory for one Canary while the database is away; older ones are merged into one. */
const UNSAVED_KEPT = 50;

/**
 * Commits `decision` for `entry`, made at the monotonic time `decidedAt`, and puts it in force.
 * Throws a StoreError when it was not taken: another daemon leads now (STORE_FENCED), or the database cannot be
 * written and the decision would raise or hold a weight.
 */
export async function commit(
  deps: CommitDeps,
  entry: Entry,
  decision: Decision,
  decidedAt: number,
): Promise<void> {
  const save = saveOf(entry, decision);
  try {
    saveAwaited(deps, entry);
    await write(deps.store, save, decision.urgent);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code === 'STORE_FENCED') throw error;
    if (!mayGoOnUnsaved(decision)) throw error;
    keepUnsaved(deps, entry, save, decision, error);
  }
  putInForce(entry, decision, decidedAt);
}

/** Decisions that could not be saved come first, so that history keeps its order. */
function saveAwaited(deps: CommitDeps, entry: Entry): void {
  while (entry.unsaved[0] !== undefined) {
    deps.store.save(entry.unsaved[0]);
    entry.unsaved.shift();
  }
}

async function write(store: Store, save: Save, isUrgent: boolean): Promise<readonly Event[]> {
  return isUrgent ? store.save(save) : store.saveLater(save);
}

/** Without a saved intent nothing goes up. Going down, and merely counting looks, goes on. */
function mayGoOnUnsaved(decision: Decision): boolean {
  const { intent } = decision.state;
  return !decision.forget && (!decision.publish || intent === null || intent.direction === 'lower');
}

function keepUnsaved(
  deps: CommitDeps,
  entry: Entry,
  save: Save,
  decision: Decision,
  error: StoreError,
): void {
  entry.unsaved.push(save);
  if (entry.unsaved.length > UNSAVED_KEPT) entry.unsaved = [merged(entry.unsaved)];
  if (!decision.publish) return;
  const isKept = deps.journal.append({ canary: entry.name, state: decision.state });
  const where = isKept ? 'kept in the journal' : 'kept in memory only';
  deps.log.error({ canary: entry.name, code: error.code, where }, 'a lowering is carried out unsaved');
}

function merged(saves: readonly Save[]): Save {
  const last = saves.at(-1);
  if (last === undefined) throw new Error('nothing to merge');
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

/** What the journal kept of a run without a database: the newest state of each Canary. */
export function journalled(journal: Journal): Map<string, CanaryState> {
  const states = new Map<string, CanaryState>();
  for (const kept of journal.entries()) {
    if (!isJournalled(kept)) continue;
    states.set(kept.canary, kept.state);
  }
  return states;
}

function isJournalled(kept: unknown): kept is { canary: string; state: CanaryState } {
  return typeof kept === 'object' && kept !== null && 'canary' in kept && 'state' in kept;
}
