/** The database file of a world: opened by each process, outlived by stores of killed ones, lost or damaged at times. */
import { closeSync, openSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import Database from 'better-sqlite3';
import { openStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { EPOCH_MS } from './epoch.ts';
import { createProcessClock, type ProcessClock, type Timeline } from './timeline.ts';
import { count, type Tally } from './weather.ts';

/** What may become of a database while no process uses it. */
export const RUINS = ['lost', 'lost with its journal', 'emptied', 'cut short', 'overwritten'] as const;
export type Ruin = (typeof RUINS)[number];

/** Those that leave something behind, which the next start moves aside. */
const DAMAGES: readonly Ruin[] = ['cut short', 'overwritten'];

export interface StoreFile {
  readonly path: string;
  readonly journal: string;
  open(clock: ProcessClock): Store;
  /** A killed process left its store open. */
  leave(store: Store): void;
  /** Another process claimed the next epoch: what stores of killed ones still held back comes to nothing. */
  fenced(): void;
  /**
   * Ruins the database and begins a new one. The caller made sure that no process is alive. False: the damage was not
   * noticed, or there was none to notice.
   */
  ruin(how: Ruin): boolean;
  close(): void;
}

const BUSY_MS = 0;
const PAGE = 4_096;

/** Begins a database, whose identity comes from `seed` because it is part of every document. */
export function createStoreFile(path: string, seed: number, timeline: Timeline, tally: Tally): StoreFile {
  const journal = `${path}.journal`;
  let left: Store[] = [];
  let lives = 0;

  function closeLeft(): void {
    for (const store of left.splice(0)) store.close();
    left = [];
  }

  function open(clock: ProcessClock): Store {
    return openStore(path, { clock, busyTimeoutMs: BUSY_MS });
  }

  function aClock(): ProcessClock {
    return createProcessClock(timeline, () => EPOCH_MS);
  }

  /** What the daemon does at its start, but for the identity. Returns whether the old file was moved aside. */
  function begin(): boolean {
    lives += 1;
    const store = open(aClock());
    store.close();
    const id = seed.toString(16).padStart(14, '0') + lives.toString(16).padStart(2, '0');
    const database = new Database(path);
    database.prepare('UPDATE identity SET store_id = ?').run(id);
    database.close();
    return store.notices.length > 0;
  }

  begin();
  return {
    path,
    journal,
    open,
    leave: (store) => void left.push(store),
    fenced: closeLeft,
    ruin(how) {
      const last = open(aClock());
      last.claimEpoch('nobody', EPOCH_MS);
      closeLeft();
      last.close();
      ruinFile(path, how);
      if (how === 'lost with its journal') rmSync(journal, { force: true });
      count(tally, `database ${how}`);
      const isMoved = begin();
      if (isMoved) count(tally, 'damaged database moved aside');
      return isMoved === DAMAGES.includes(how);
    },
    close: closeLeft,
  };
}

function ruinFile(path: string, how: Ruin): void {
  switch (how) {
    case 'emptied':
      truncateSync(path, 0);
      return;
    case 'cut short':
      truncateSync(path, PAGE * Math.floor(statSync(path).size / PAGE / 2));
      return;
    case 'overwritten':
      overwrite(path);
      return;
    default:
      for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
  }
}

/** Everything but the first page. */
function overwrite(path: string): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(statSync(path).size - PAGE, 0xff), 0, undefined, PAGE);
  closeSync(file);
}
