/** Bodies of webhooks as they came, for an audit: cut where they are long, and only the newest. */
import type Database from 'better-sqlite3';
import type { NewWebhook, StoredWebhook } from './store.ts';

export interface WebhookTable {
  /** Inside a write transaction. Returns its number. */
  add(webhook: NewWebhook, at: number): number;
  find(id: number): StoredWebhook | null;
  /** Inside a write transaction: drops one slice of what is too old or too much. Returns the rows deleted. */
  prune(now: number): number;
}

/** Characters of a body that are kept. */
const BODY_KEPT = 16 * 1024;
/** About 32 MiB at most. */
const KEPT = 2_000;
const KEEP_MS = 30 * 24 * 3_600_000;
const SLICE_ROWS = 500;

interface WebhookRow {
  readonly id: number;
  readonly at: number;
  readonly type: string;
  readonly address: string;
  readonly size: number;
  readonly body: string;
}

export function createWebhookTable(db: Database.Database): WebhookTable {
  const insert = db.prepare('INSERT INTO webhooks (at, type, address, size, body) VALUES (?, ?, ?, ?, ?)');
  const findOne = db.prepare<[number], WebhookRow>('SELECT * FROM webhooks WHERE id = ?');
  const deleteOld = db.prepare<[number]>(`
    DELETE FROM webhooks WHERE id IN (
      SELECT id FROM webhooks WHERE id <= (SELECT max(id) FROM webhooks) - ${KEPT} OR at < ?
      ORDER BY id LIMIT ${SLICE_ROWS})`);

  return {
    add({ type, address, body }, at) {
      const kept = body.slice(0, BODY_KEPT).toWellFormed();
      return Number(insert.run(at, type, address, Buffer.byteLength(body), kept).lastInsertRowid);
    },
    find(id) {
      const row = findOne.get(id);
      if (row === undefined) return null;
      return { ...row, isCut: row.size > Buffer.byteLength(row.body) };
    },
    prune: (now) => deleteOld.run(now - KEEP_MS).changes,
  };
}
