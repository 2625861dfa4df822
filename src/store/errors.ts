/** SQLite's result codes in the store's own words. */
import Database from 'better-sqlite3';
import { StoreError, type StoreErrorCode } from './store.ts';

/** Runs `work`; a SQLite error leaves as a `StoreError`, any other error unchanged. */
export function guarded<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw toStoreError(error, file);
  }
}

/** A `StoreError` for what SQLite threw. Errors that are not SQLite's are bugs and come back as they are. */
export function toStoreError(error: unknown, file: string): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const code = storeErrorCode(error.code);
  return new StoreError(code, `${file}: ${ADVICE[code]} (${error.code}: ${error.message})`, { cause: error });
}

const ADVICE: Readonly<Record<StoreErrorCode, string>> = {
  STORE_LOCKED: 'another program holds the database; it is tried again',
  STORE_FULL: 'the disk is full or fails; free some space',
  STORE_CORRUPT: 'the database is damaged; restart to have it moved aside and begun anew',
  STORE_FAILED: 'the database cannot be used; check that the file and its directory are writable',
  STORE_FENCED: 'another daemon leads now',
};

/** Extended codes start with the name of their primary code, e.g. SQLITE_IOERR_FSYNC: https://sqlite.org/rescode.html */
function storeErrorCode(sqlite: string): StoreErrorCode {
  if (sqlite.startsWith('SQLITE_BUSY') || sqlite.startsWith('SQLITE_LOCKED')) return 'STORE_LOCKED';
  // An I/O error is nearly always a full or failing disk, and asks for the same: lower, journal, try again.
  if (sqlite.startsWith('SQLITE_FULL') || sqlite.startsWith('SQLITE_IOERR')) return 'STORE_FULL';
  if (sqlite.startsWith('SQLITE_CORRUPT') || sqlite === 'SQLITE_NOTADB') return 'STORE_CORRUPT';
  return 'STORE_FAILED';
}
