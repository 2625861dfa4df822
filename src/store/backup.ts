/** A copy of the database while a daemon works on it: whole, of one moment, and proven before it gets its name. */
import { chmodSync, closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { err, ok, type Result } from '../lib/result.ts';
import { refuseForeign, schemaVersion } from './migrations.ts';

export interface BackupReport {
  readonly file: string;
  readonly sizeBytes: number;
  /** Number of the last event in the copy; 0: none. */
  readonly lastEvent: number;
  readonly canaries: number;
  readonly schema: number;
}

/** All that is left, in one step: a step that ends early begins anew with each write of the daemon. */
const ALL_PAGES = 2 ** 31 - 1;

/**
 * Copies the database `from` to the new file `to`, readable by its owner only. Neither waits for the daemon nor holds
 * it up. Nothing is left behind where it fails, and a file that exists is never replaced.
 */
export async function backUp(from: string, to: string): Promise<Result<BackupReport, string>> {
  if (!existsSync(from)) return err(`there is no database ${from}`);
  if (existsSync(to)) return err(`${to} exists; name a new file`);
  const draft = `${to}.partial-${process.pid}`;
  try {
    await copy(from, draft);
    const report = prove(draft, to);
    // A link fails where the name is taken meanwhile; a rename would replace what has it.
    linkSync(draft, to);
    syncToDisk(dirname(resolve(to)));
    return ok(report);
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  } finally {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(draft + suffix, { force: true });
  }
}

async function copy(from: string, draft: string): Promise<void> {
  // Made here, so that it is nobody else's from its first byte on.
  closeSync(openSync(draft, 'wx', 0o600));
  const source = new Database(from, { readonly: true, fileMustExist: true });
  try {
    refuseForeign(source);
    await source.backup(draft, { progress: () => ALL_PAGES });
  } finally {
    source.close();
  }
}

/** Reads the copy through; throws when it is not sound. */
function prove(draft: string, to: string): BackupReport {
  const db = new Database(draft);
  try {
    // A file of its own, without a write-ahead log beside it.
    db.pragma('journal_mode = DELETE');
    const found = db.pragma('integrity_check(1)', { simple: true });
    if (found !== 'ok') throw new Error(`the copy is damaged, and so is the database: ${String(found)}`);
    const count = (sql: string) => Number(db.prepare(sql).pluck().get());
    return {
      file: to,
      sizeBytes: count('SELECT page_count * page_size FROM pragma_page_count, pragma_page_size'),
      lastEvent: count('SELECT coalesce(max(id), 0) FROM events'),
      canaries: count('SELECT count(*) FROM canaries'),
      schema: schemaVersion(db),
    };
  } finally {
    db.close();
    chmodSync(draft, 0o600);
    syncToDisk(draft);
  }
}

function syncToDisk(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
