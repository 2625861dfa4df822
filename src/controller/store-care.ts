/** Looking after the store while leading: saving later what it could not take, emptying the journal, pruning the past. */
import type { Clock } from '../lib/clock.ts';
import type { Journal } from '../store/journal.ts';
import { type Store, StoreError } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { saveAwaited } from './commit.ts';
import type { Entry, Memory } from './memory.ts';

export interface StoreCare {
  /** Does what a store in trouble may keep from being done; false: it did, which was logged and counted. */
  attempt(stage: 'load' | 'save' | 'prune', act: () => unknown): boolean;
  /** Saves what the store could not take before. A Canary that went to rest meanwhile may not run again for a minute. */
  saveUnsaved(): void;
  /** What was just decided for `entry` may stand in the journal. */
  noteJournal(entry: Entry): void;
  /** Looks at the journal afresh: another process may have written it. */
  readJournal(): void;
  /** Empties the journal once all that it kept is in the database. */
  tidyJournal(): void;
  /** Runs `drop`, which forgets a Canary, and empties the journal: what it kept would be newer than the name's next life. */
  forgetting(drop: () => void): void;
  /** Prunes from now on, while this process leads. */
  begin(): void;
  end(): void;
}

export interface StoreCareDeps {
  readonly store: Pick<Store, 'save' | 'prune'>;
  readonly journal: Journal;
  readonly memory: Memory;
  readonly clock: Clock;
  readonly log: Log;
  readonly isLeading: () => boolean;
  readonly onFailed: (stage: 'load' | 'save' | 'prune') => void;
}

const PRUNE_EVERY_MS = 60_000;
/** Between two slices while there is more to delete: faster than the busiest store grows, slow enough to be no load. */
const PRUNE_MORE_MS = 250;

export function createStoreCare(deps: StoreCareDeps): StoreCare {
  const { store, journal, memory, clock, log, isLeading } = deps;
  let journalInUse = false;
  let cancelPrune = () => {};

  function attempt(stage: 'load' | 'save' | 'prune', act: () => unknown): boolean {
    try {
      act();
      return true;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      deps.onFailed(stage);
      log.warn({ code: error.code, detail: error.message, stage }, 'the store could not be used');
      return false;
    }
  }

  function saveUnsaved(): void {
    for (const entry of memory.entries()) {
      if (entry.unsaved.length === 0) continue;
      if (!attempt('save', () => saveAwaited(store, entry))) return;
      entry.storeTrouble = null;
    }
  }

  function tidyJournal(): void {
    const entries = [...memory.entries()];
    if (!journalInUse || entries.some(({ unsaved }) => unsaved.length > 0) || !journal.clear()) return;
    journalInUse = false;
    for (const entry of entries) entry.journalled = null;
  }

  function prune(): void {
    let deleted = 0;
    if (isLeading()) {
      attempt('prune', () => {
        deleted = store.prune(clock.now());
      });
    }
    cancelPrune = clock.after(deleted > 0 ? PRUNE_MORE_MS : PRUNE_EVERY_MS, prune);
  }

  return {
    attempt,
    saveUnsaved,
    noteJournal({ journalled }) {
      journalInUse ||= journalled !== null;
    },
    readJournal() {
      journalInUse = journal.entries().length > 0;
    },
    tidyJournal,
    forgetting(drop) {
      if (isLeading() && journalInUse) saveUnsaved();
      drop();
      if (isLeading()) tidyJournal();
    },
    begin() {
      cancelPrune = clock.after(PRUNE_EVERY_MS, prune);
    },
    end() {
      cancelPrune();
    },
  };
}
