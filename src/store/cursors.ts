/** How far each sink of the event log has come. */
import type Database from 'better-sqlite3';

export interface Cursors {
  get(sink: string): number | null;
  /** Inside a write transaction. */
  set(sink: string, eventId: number): void;
}

export function createCursors(db: Database.Database): Cursors {
  const find = db.prepare<[string], { event_id: number }>('SELECT event_id FROM cursors WHERE sink = ?');
  const upsert = db.prepare(`
    INSERT INTO cursors (sink, event_id) VALUES (?, ?)
    ON CONFLICT (sink) DO UPDATE SET event_id = excluded.event_id`);
  return {
    get: (sink) => find.get(sink)?.event_id ?? null,
    set: (sink, eventId) => void upsert.run(sink, eventId),
  };
}
