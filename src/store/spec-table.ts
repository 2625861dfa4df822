/** What was last read from the canaries directory: valid specs, and parses by content so that a start is quick. */
import type Database from 'better-sqlite3';
import type { Spec } from '../spec/canary.ts';

export interface SpecTable {
  specs(): Spec[];
  /** Inside a write transaction. */
  put(changed: readonly Spec[], removed: readonly string[]): void;
  cachedParse(contentHash: string, schemaHash: string): string | null;
  /** Inside a write transaction. */
  cacheParse(contentHash: string, schemaHash: string, parsed: string): void;
  /** Inside a write transaction: drops parses beyond the newest 20,000. Returns the rows deleted. */
  prune(): number;
}

/** Twice the largest directory we build for; a file whose parse was dropped is parsed once more at the next start. */
const KEPT_PARSES = 20_000;
const SLICE_ROWS = 500;

export function createSpecTable(db: Database.Database): SpecTable {
  const all = db.prepare<[], { spec: string }>('SELECT spec FROM specs ORDER BY name');
  const upsert = db.prepare(
    'INSERT INTO specs (name, spec) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET spec = excluded.spec',
  );
  const remove = db.prepare('DELETE FROM specs WHERE name = ?');
  const findParse = db.prepare<[string, string], { parsed: string }>(
    'SELECT parsed FROM parses WHERE content_hash = ? AND schema_hash = ?',
  );
  const insertParse = db.prepare(`
    INSERT INTO parses (content_hash, schema_hash, parsed) VALUES (?, ?, ?)
    ON CONFLICT (content_hash, schema_hash) DO UPDATE SET parsed = excluded.parsed`);
  const deleteOldParses = db.prepare(`
    DELETE FROM parses WHERE id IN (
      SELECT id FROM parses WHERE id <= (SELECT max(id) FROM parses) - ${KEPT_PARSES} ORDER BY id LIMIT ${SLICE_ROWS})`);

  return {
    specs: () => all.all().map(({ spec }) => JSON.parse(spec)),
    put(changed, removed) {
      for (const name of removed) remove.run(name);
      for (const spec of changed) upsert.run(spec.canary.name, JSON.stringify(spec));
    },
    cachedParse: (contentHash, schemaHash) => findParse.get(contentHash, schemaHash)?.parsed ?? null,
    cacheParse: (contentHash, schemaHash, parsed) => void insertParse.run(contentHash, schemaHash, parsed),
    prune: () => deleteOldParses.run().changes,
  };
}
