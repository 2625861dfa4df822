/** The database schema as numbered steps that only go forward; the number reached is SQLite's `user_version`. */
import type Database from 'better-sqlite3';
import { StoreError } from './store.ts';

/** Marks a file as ours ("CNRY"), so that another program's database is never taken for one of ours. */
export const APPLICATION_ID = 0x434e5259;

/**
 * Step N leads from schema N - 1 to schema N. A released step is never edited; a change is a new step.
 *
 * Columns exist for what is searched by; the rest of a row is one JSON text, so that a new field of the core needs
 * no migration. `events` and `decisions` are the audit log: triggers keep them append-only
 * (INSERT OR REPLACE deletes without firing the delete trigger, hence the third one of each).
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE identity (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    store_id TEXT NOT NULL
  ) STRICT;
  INSERT INTO identity VALUES (1, lower(hex(randomblob(8))));

  CREATE TABLE leadership (
    epoch INTEGER PRIMARY KEY,
    holder TEXT NOT NULL,
    claimed_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE canaries (
    name TEXT NOT NULL UNIQUE,
    next_check_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    explanation TEXT NOT NULL
  ) STRICT;

  CREATE TABLE decisions (
    id INTEGER PRIMARY KEY,
    explanation TEXT NOT NULL
  ) STRICT;

  CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    canary TEXT,
    rollout_id TEXT,
    caused_by INTEGER,
    actor TEXT,
    message TEXT NOT NULL,
    facts TEXT,
    decision_id INTEGER REFERENCES decisions (id)
  ) STRICT;
  CREATE INDEX events_by_canary ON events (canary, id) WHERE canary IS NOT NULL;
  CREATE INDEX events_by_cause ON events (caused_by) WHERE caused_by IS NOT NULL;

  CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
  BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
  CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
  BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
  CREATE TRIGGER events_are_never_replaced BEFORE INSERT ON events
  WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id)
  BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
  CREATE TRIGGER decisions_are_never_changed BEFORE UPDATE ON decisions
  BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
  CREATE TRIGGER decisions_are_never_deleted BEFORE DELETE ON decisions
  BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
  CREATE TRIGGER decisions_are_never_replaced BEFORE INSERT ON decisions
  WHEN EXISTS (SELECT 1 FROM decisions WHERE id = NEW.id)
  BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;

  CREATE TABLE commands (
    id INTEGER PRIMARY KEY REFERENCES events (id),
    canary TEXT NOT NULL,
    command TEXT NOT NULL
  ) STRICT;
  CREATE INDEX commands_by_canary ON commands (canary, id);

  CREATE TABLE rollouts (
    id TEXT NOT NULL UNIQUE,
    canary TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    pruned INTEGER NOT NULL DEFAULT 0 CHECK (pruned IN (0, 1)),
    record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX rollouts_by_canary ON rollouts (canary, started_at);
  CREATE INDEX rollouts_to_prune ON rollouts (ended_at) WHERE ended_at IS NOT NULL AND pruned = 0;

  CREATE TABLE measurements (
    rollout_id TEXT NOT NULL,
    slot INTEGER NOT NULL,
    passed INTEGER NOT NULL CHECK (passed IN (0, 1)),
    metric TEXT NOT NULL,
    at INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    UNIQUE (rollout_id, slot, passed, metric)
  ) STRICT;

  CREATE TABLE specs (
    name TEXT NOT NULL UNIQUE,
    spec TEXT NOT NULL
  ) STRICT;

  CREATE TABLE parses (
    id INTEGER PRIMARY KEY,
    content_hash TEXT NOT NULL,
    schema_hash TEXT NOT NULL,
    parsed TEXT NOT NULL,
    UNIQUE (content_hash, schema_hash)
  ) STRICT;

  CREATE TABLE cursors (
    sink TEXT NOT NULL UNIQUE,
    event_id INTEGER NOT NULL
  ) STRICT;
  `,
  // Numbers of bodies are named by events, so none is given twice.
  `
  CREATE TABLE webhooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    address TEXT NOT NULL,
    size INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;

  CREATE TABLE signals (
    id INTEGER PRIMARY KEY,
    canary TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    resolved_at INTEGER,
    told_at INTEGER NOT NULL,
    signal TEXT NOT NULL,
    UNIQUE (canary, fingerprint, started_at)
  ) STRICT;
  CREATE INDEX signals_that_fire ON signals (canary) WHERE resolved_at IS NULL;
  `,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** The schema that the file has; 0 for a new one. */
export function schemaVersion(db: Database.Database): number {
  return Number(db.pragma('user_version', { simple: true }));
}

/**
 * Throws a StoreError when the file belongs to another program or to a newer version of this one: writing to either
 * would destroy what we do not understand.
 */
export function refuseForeign(db: Database.Database): void {
  const applicationId = Number(db.pragma('application_id', { simple: true }));
  const tables = db.prepare<[], { n: number }>('SELECT count(*) AS n FROM sqlite_schema').get()?.n ?? 0;
  if (applicationId !== APPLICATION_ID && (applicationId !== 0 || tables > 0)) {
    throw new StoreError(
      'STORE_FAILED',
      `${db.name} is a database of another program: choose another file for --db`,
    );
  }
  const version = schemaVersion(db);
  if (version > SCHEMA_VERSION) {
    throw new StoreError(
      'STORE_FAILED',
      `${db.name} has schema ${version}, but this version of canary knows only up to ${SCHEMA_VERSION}: ` +
        'start the newer version again, or choose another file for --db',
    );
  }
}

/** Applies the missing steps, all or none. Safe to call by two processes at once. */
export function migrate(db: Database.Database): void {
  db.transaction(() => {
    // Asked again inside the transaction: another process may have been faster.
    for (const step of MIGRATIONS.slice(schemaVersion(db))) db.exec(step);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.pragma(`user_version = ${SCHEMA_VERSION}`);
  }).immediate();
}
