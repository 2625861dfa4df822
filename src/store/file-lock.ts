/**
 * A lock that the kernel frees when its holder dies: an exclusive transaction held open on a small SQLite file.
 * SQLite is used only because it brings the file locking that Node lacks; nothing is ever written to the file.
 * https://sqlite.org/lockingv3.html
 */
import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { toStoreError } from './errors.ts';
import { StoreError } from './store.ts';

export interface FileLock {
  /** False once the lock file was removed or replaced: another process may then hold a lock of the same name. */
  isHeld(): boolean;
  release(): void;
}

/** The lock that guards the database `file`: held by the one daemon that writes. */
export function lockFileOf(file: string): string {
  return `${file}.lock`;
}

/**
 * The lock, or null while another process (or another caller in this one) holds it. Waits up to `waitMs`, blocking.
 * Throws a StoreError when the file cannot be used at all.
 */
export function acquireLock(lockFile: string, waitMs: number): FileLock | null {
  const db = openLockFile(lockFile, waitMs);
  try {
    // Without this an empty rollback journal would be left behind by each killed process.
    db.pragma('journal_mode = MEMORY');
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (error instanceof Database.SqliteError) {
      if (error.code.startsWith('SQLITE_BUSY')) return null;
      if (error.code === 'SQLITE_NOTADB') throw notALock(lockFile, error);
    }
    throw toStoreError(error, lockFile);
  }
  const taken = inodeOf(lockFile);
  return {
    isHeld: () => db.open && db.inTransaction && ['unknown', taken].includes(inodeOf(lockFile)),
    release: () => void db.close(),
  };
}

function openLockFile(lockFile: string, waitMs: number): Database.Database {
  try {
    return new Database(lockFile, { timeout: waitMs });
  } catch (error) {
    throw new StoreError(
      'STORE_FAILED',
      `${lockFile} cannot be opened: check that its directory is writable`,
      {
        cause: error,
      },
    );
  }
}

function notALock(lockFile: string, cause: unknown): StoreError {
  return new StoreError('STORE_FAILED', `${lockFile} is not a lock file: remove it or choose another --db`, {
    cause,
  });
}

/** Device and inode, 'absent', or 'unknown' where the disk does not answer: a failing disk takes no lock away. */
function inodeOf(file: string): string {
  try {
    const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? 'absent' : `${stat.dev}:${stat.ino}`;
  } catch {
    return 'unknown';
  }
}
