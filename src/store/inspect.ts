/** What can be said about a database from outside, without changing it and without being in a daemon's way. */
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { err, ok, type Result } from '../lib/result.ts';
import { acquireLock, lockFileOf } from './file-lock.ts';
import { refuseForeign, SCHEMA_VERSION, schemaVersion } from './migrations.ts';

export interface StoreFacts {
  readonly schema: number;
  /** The schema of this program: an older one is brought forward at the next start. */
  readonly newestSchema: number;
  readonly sizeBytes: number;
  readonly canaries: number;
  readonly lastEvent: number;
  /** Who led last, and since when (Unix ms); null: nobody yet. */
  readonly leader: { readonly holder: string; readonly epoch: number; readonly since: number } | null;
  /** A daemon holds the lock now. */
  readonly isLed: boolean;
}

interface LeaderRow {
  readonly epoch: number;
  readonly holder: string;
  readonly since: number;
}

/** Null where there is no database yet; the error is a sentence about one that cannot be used. */
export function inspectStore(file: string): Result<StoreFacts | null, string> {
  if (!existsSync(file)) return ok(null);
  try {
    const db = new Database(file, { readonly: true, fileMustExist: true });
    try {
      return ok(factsOf(file, db));
    } finally {
      db.close();
    }
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}

function factsOf(file: string, db: Database.Database): StoreFacts {
  refuseForeign(db);
  const found = db.pragma('quick_check(1)', { simple: true });
  if (found !== 'ok') throw new Error(`the database is damaged: ${String(found)}`);
  const number = (sql: string) => Number(db.prepare(sql).pluck().get());
  const leader = db
    .prepare<[], LeaderRow>(
      'SELECT epoch, holder, claimed_at AS since FROM leadership ORDER BY epoch DESC LIMIT 1',
    )
    .get();
  return {
    schema: schemaVersion(db),
    newestSchema: SCHEMA_VERSION,
    sizeBytes: number('SELECT page_count * page_size FROM pragma_page_count, pragma_page_size'),
    canaries: number('SELECT count(*) FROM canaries'),
    lastEvent: number('SELECT coalesce(max(id), 0) FROM events'),
    leader: leader ?? null,
    isLed: isLocked(lockFileOf(file)),
  };
}

/** Asked by taking the lock for an instant; a file that is not there is not made, for it would be ours. */
function isLocked(lockFile: string): boolean {
  if (!existsSync(lockFile)) return false;
  const lock = acquireLock(lockFile, 0);
  lock?.release();
  return lock === null;
}
