/**
 * Loaded with `--import` into a daemon whose disk is to be full: on SIGUSR2 its database may not grow any more and has
 * no free page left, on the next one it may. SQLite itself refuses what is written in between.
 */
import { writeSync } from 'node:fs';
import Database from 'better-sqlite3';
import { FULL, ROOM } from './signs.ts';

/** Few writes fit into pages that are there already. */
const PAGE = 4_096;
const UNLIMITED = 4_294_967_294;

let store: Database.Database | null = null;
let isFull = false;

const { pragma } = Database.prototype;
Database.prototype.pragma = function watched(this: Database.Database, source, options) {
  // Only the connection that writes history asks for this.
  if (source === 'synchronous = FULL') store = this;
  return pragma.call(this, source, options);
};

function fill(db: Database.Database): void {
  db.exec('CREATE TABLE IF NOT EXISTS ballast (weight BLOB) STRICT');
  db.pragma(`max_page_count = ${db.pragma('page_count', { simple: true })}`);
  const add = db.prepare('INSERT INTO ballast VALUES (zeroblob(?))');
  for (;;) {
    try {
      add.run(PAGE);
    } catch (error) {
      if (error instanceof Database.SqliteError && error.code === 'SQLITE_FULL') return;
      throw error;
    }
  }
}

process.on('SIGUSR2', () => {
  if (store === null) return;
  if (isFull) store.pragma(`max_page_count = ${UNLIMITED}`);
  else fill(store);
  isFull = !isFull;
  writeSync(2, `${JSON.stringify({ msg: isFull ? FULL : ROOM })}\n`);
});
