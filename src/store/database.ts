/** Opens the database file: settings, integrity check, moving a damaged file aside, migrations. */
import { existsSync, renameSync } from 'node:fs';
import Database from 'better-sqlite3';
import { guarded } from './errors.ts';
import { acquireLock, lockFileOf } from './file-lock.ts';
import { migrate, refuseForeign, SCHEMA_VERSION, schemaVersion } from './migrations.ts';
import { StoreError } from './store.ts';

export interface DatabaseOptions {
  /** Wall time, Unix ms, for the name of a file moved aside. */
  readonly now: number;
  /** Longest wait for another process, ms. The whole process stands still meanwhile. */
  readonly busyTimeoutMs: number;
  /** Upper bound of the file in pages of 4 KiB; null: none. */
  readonly maxPages: number | null;
}

export interface OpenedDatabase {
  readonly db: Database.Database;
  /** What a person must know. */
  readonly notices: readonly string[];
}

/** How many busy timeouts a process that starts beside us gets to finish its own set-up. */
const SETUP_PATIENCE = 10;

/**
 * The database, ready for use, created where there is none. Throws a StoreError with advice when the file cannot be
 * used, belongs to another program or to a newer version, or is damaged while another daemon uses it.
 */
export function openDatabase(file: string, options: DatabaseOptions): OpenedDatabase {
  const notices: string[] = [];
  let db = connect(file, options.busyTimeoutMs);
  try {
    const damage = findDamage(db);
    if (damage !== null) {
      const aside = moveAside(file, db, damage, options.now);
      notices.push(
        `${file} was damaged (${damage}) and is now ${aside}; a new database was begun: ` +
          'history is lost, what is live is read from the traffic rules',
      );
      db = connect(file, options.busyTimeoutMs);
    }
    guarded(file, () => setUp(file, db, options));
    return { db, notices };
  } catch (error) {
    db.close();
    throw error;
  }
}

function connect(file: string, busyTimeoutMs: number): Database.Database {
  try {
    return new Database(file, { timeout: busyTimeoutMs });
  } catch (error) {
    throw new StoreError(
      'STORE_FAILED',
      `${file} cannot be opened: check that its directory exists and is writable`,
      { cause: error },
    );
  }
}

/** What the integrity check found, in one line; null for a sound database. */
function findDamage(db: Database.Database): string | null {
  try {
    const found = guarded(db.name, () => db.pragma('quick_check(1)', { simple: true }));
    return found === 'ok' ? null : String(found).replaceAll('\n', ' ').trim();
  } catch (error) {
    if (error instanceof StoreError && error.code === 'STORE_CORRUPT') return causeText(error);
    throw error;
  }
}

function causeText(error: StoreError): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}

/** Renames the file with its write-ahead log, so that all of it can still be opened for salvage. */
function moveAside(file: string, db: Database.Database, damage: string, now: number): string {
  const lock = acquireLock(lockFileOf(file), 0);
  if (lock === null) {
    throw new StoreError(
      'STORE_CORRUPT',
      `${file} is damaged (${damage}) and another daemon uses it: stop that one, then start again`,
    );
  }
  try {
    const aside = `${file}.corrupt-${new Date(now).toISOString().replaceAll(':', '-')}`;
    // Renamed before it is closed: closing would remove the write-ahead log by its name.
    for (const suffix of ['-wal', '-shm', '']) {
      if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
    }
    db.close();
    return aside;
  } finally {
    lock.release();
  }
}

function setUp(file: string, db: Database.Database, options: DatabaseOptions): void {
  refuseForeign(db);
  if (schemaVersion(db) < SCHEMA_VERSION || db.pragma('journal_mode', { simple: true }) !== 'wal') {
    setUpAlone(file, db, options.busyTimeoutMs * SETUP_PATIENCE);
  }
  // A promise made to the outside must survive a power cut; the default in WAL mode would not.
  db.pragma('synchronous = FULL');
  // Pages of the write-ahead log: fewer, larger checkpoints than the default of 1,000.
  db.pragma('wal_autocheckpoint = 4000');
  db.pragma('journal_size_limit = 67108864');
  // KiB. What is read again and again is in the memory of the controller; here the upper pages of the indexes are enough.
  db.pragma('cache_size = -16384');
  if (options.maxPages !== null) db.pragma(`max_page_count = ${options.maxPages}`);
}

/** The schema never changes below a running daemon, which may be of an older version. */
function setUpAlone(file: string, db: Database.Database, waitMs: number): void {
  const lock = acquireLock(lockFileOf(file), waitMs);
  if (lock === null) {
    throw new StoreError(
      'STORE_LOCKED',
      `${file} needs schema ${SCHEMA_VERSION} and another daemon uses it: stop that one, then start again`,
    );
  }
  try {
    db.pragma('journal_mode = WAL');
    migrate(db);
  } finally {
    lock.release();
  }
}
