/** Rollouts and their measurements, with retention. */
import type Database from 'better-sqlite3';
import type { RolloutRecord } from '../core/rollout.ts';
import type { EncodedRollout, EncodedVerdict } from './encode.ts';
import type { StoredMeasurement } from './store.ts';

export interface RolloutHistory {
  /** Inside a write transaction. */
  record(rollout: EncodedRollout): void;
  /** Inside a write transaction. */
  measure(verdict: EncodedVerdict): void;
  rollouts(canary: string, limit: number, after?: string): RolloutRecord[];
  rollout(id: string): RolloutRecord | null;
  measurements(rolloutId: string, limit: number): StoredMeasurement[];
  /** Inside a write transaction: one slice of expired measurements. Returns the rows deleted. */
  prune(now: number): number;
}

const MINUTE_MS = 60_000;
const KEEP_AFTER_END_MS = 7 * 86_400_000;
/** About two milliseconds of work. */
const SLICE_ROWS = 500;
const SLICE_ROLLOUTS = 50;

interface MeasurementRow {
  readonly metric: string;
  readonly at: number;
  readonly verdict: string;
}

export function createRolloutHistory(db: Database.Database): RolloutHistory {
  const upsert = db.prepare(`
    INSERT INTO rollouts (id, canary, started_at, ended_at, record) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at, record = excluded.record`);
  const ofCanary = db.prepare<[string, number], { record: string }>(
    'SELECT record FROM rollouts WHERE canary = ? ORDER BY rowid DESC LIMIT ?',
  );
  const ofCanaryBefore = db.prepare<[string, string, number], { record: string }>(`
    SELECT record FROM rollouts WHERE canary = ? AND rowid < (SELECT rowid FROM rollouts WHERE id = ?)
    ORDER BY rowid DESC LIMIT ?`);
  const byId = db.prepare<[string], { record: string }>('SELECT record FROM rollouts WHERE id = ?');
  const insertVerdict = db.prepare(`
    INSERT INTO measurements (rollout_id, slot, passed, metric, at, verdict) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (rollout_id, slot, passed, metric) DO UPDATE SET at = excluded.at, verdict = excluded.verdict`);
  const ofRollout = db.prepare<[string, number], MeasurementRow>(`
    SELECT metric, at, verdict FROM measurements WHERE rollout_id = ?
    ORDER BY slot DESC, passed DESC, metric DESC LIMIT ?`);

  return {
    record: ({ id, canary, startedAt, endedAt, record }) =>
      void upsert.run(id, canary, startedAt, endedAt, record),
    measure: ({ rolloutId, metric, at, passed, verdict }) =>
      void insertVerdict.run(rolloutId, slotOf(at, passed), passed ? 1 : 0, metric, at, verdict),
    rollouts(canary, limit, after) {
      const rows =
        after === undefined ? ofCanary.all(canary, limit) : ofCanaryBefore.all(canary, after, limit);
      return rows.map(({ record }) => JSON.parse(record));
    },
    rollout(id) {
      const row = byId.get(id);
      return row === undefined ? null : JSON.parse(row.record);
    },
    measurements: (rolloutId, limit) =>
      ofRollout
        .all(rolloutId, limit)
        .map(({ metric, at, verdict }) => ({ rolloutId, metric, at, verdict: JSON.parse(verdict) }))
        .sort((a, b) => b.at - a.at),
    prune: createPrune(db),
  };
}

/**
 * Where a measurement lies in its rollout. A pass takes the slot of its minute, so that the next one of that minute
 * replaces it: of passes one a minute stays, and the newest measurement always stays. The minute's end, not its
 * start, so that the newest pass is never sorted behind an older failure.
 */
function slotOf(at: number, passed: boolean): number {
  return passed ? at - (at % MINUTE_MS) + MINUTE_MS - 1 : at;
}

function createPrune(db: Database.Database): (now: number) => number {
  const expired = db.prepare<[number, number], { id: string }>(`
    SELECT id FROM rollouts WHERE ended_at IS NOT NULL AND pruned = 0 AND ended_at < ? ORDER BY ended_at LIMIT ?`);
  const deleteSome = db.prepare(`
    DELETE FROM measurements WHERE rowid IN (SELECT rowid FROM measurements WHERE rollout_id = ? LIMIT ?)`);
  const markPruned = db.prepare('UPDATE rollouts SET pruned = 1 WHERE id = ?');

  return (now) => {
    let rows = 0;
    for (const { id } of expired.all(now - KEEP_AFTER_END_MS, SLICE_ROLLOUTS)) {
      const room = SLICE_ROWS - rows;
      const deleted = deleteSome.run(id, room).changes;
      rows += deleted;
      if (deleted === room) break;
      markPruned.run(id);
    }
    return rows;
  };
}
