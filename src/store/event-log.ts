/** The append-only log of events, each with the decision that made it. */
import type Database from 'better-sqlite3';
import type { Explanation } from '../core/decision.ts';
import type { EventData, EventType, NewEvent } from '../core/events.ts';
import type { Event, Store } from './store.ts';

export interface LogEntry {
  readonly canary: string | null;
  readonly event: NewEvent;
}

/** The decision behind some events, also as the JSON that is kept. */
export interface DecisionText {
  readonly explanation: Explanation;
  readonly json: string;
}

export interface EventLog {
  /** Inside a write transaction. Keeps the explanation once for all its events. */
  append(entries: readonly LogEntry[], at: number, decision: DecisionText | null): Event[];
  readonly query: Store['events'];
  find(id: number): Event | null;
  isAnswered(commandId: number): boolean;
  lastId(): number;
}

interface EventRow {
  readonly id: number;
  readonly at: number;
  readonly type: EventType;
  readonly canary: string | null;
  readonly rollout_id: string | null;
  readonly caused_by: number | null;
  readonly actor: string | null;
  readonly message: string;
  readonly facts: string | null;
  readonly explanation: string | null;
}

const SELECT = `
  SELECT e.id, e.at, e.type, e.canary, e.rollout_id, e.caused_by, e.actor, e.message, e.facts, d.explanation
  FROM events AS e LEFT JOIN decisions AS d ON d.id = e.decision_id`;

export function createEventLog(db: Database.Database): EventLog {
  const insertDecision = db.prepare('INSERT INTO decisions (explanation) VALUES (?)');
  const insertEvent = db.prepare(`
    INSERT INTO events (at, type, canary, rollout_id, caused_by, actor, message, facts, decision_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const findById = db.prepare<[number], EventRow>(`${SELECT} WHERE e.id = ?`);
  const findAnswer = db.prepare<[number]>('SELECT 1 FROM events WHERE caused_by = ? LIMIT 1');
  const findLast = db.prepare<[], { id: number | null }>('SELECT max(id) AS id FROM events');
  const query = createQuery(db);

  return {
    append(entries, at, decision) {
      if (entries.length === 0) return [];
      const decisionId = decision === null ? null : insertDecision.run(decision.json).lastInsertRowid;
      const explanation = decision?.explanation ?? null;
      return entries.map(({ canary, event }) => {
        const { type, message, rolloutId, causedBy, actor, data } = event;
        const facts = data === undefined ? null : JSON.stringify(data);
        const { lastInsertRowid } = insertEvent.run(
          ...[at, type, canary, rolloutId, causedBy, actor, message, facts, decisionId],
        );
        return { ...event, id: Number(lastInsertRowid), at, canary, explanation };
      });
    },
    query,
    find(id) {
      const row = findById.get(id);
      return row === undefined ? null : toEvent(row);
    },
    isAnswered: (commandId) => findAnswer.get(commandId) !== undefined,
    lastId: () => findLast.get()?.id ?? 0,
  };
}

/** One statement for each combination of conditions, so that each finds its index. */
function createQuery(db: Database.Database): Store['events'] {
  const statements = new Map<string, Database.Statement<unknown[], EventRow>>();

  function prepared(sql: string): Database.Statement<unknown[], EventRow> {
    const statement = statements.get(sql) ?? db.prepare<unknown[], EventRow>(sql);
    statements.set(sql, statement);
    return statement;
  }

  return ({ canary, after, limit, types }) => {
    const conditions: string[] = [];
    const values: unknown[] = [];
    if (canary !== undefined) {
      conditions.push('e.canary = ?');
      values.push(canary);
    }
    if (after !== undefined) {
      conditions.push('e.id > ?');
      values.push(after);
    }
    if (types !== undefined) {
      conditions.push('e.type IN (SELECT value FROM json_each(?))');
      values.push(JSON.stringify(types));
    }
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    const newestFirst = after === undefined;
    const rows = prepared(`${SELECT} ${where} ORDER BY e.id ${newestFirst ? 'DESC' : ''} LIMIT ?`)
      .all(...values, limit)
      .map(toEvent);
    return newestFirst ? rows.reverse() : rows;
  };
}

function toEvent(row: EventRow): Event {
  const facts: EventData | null = row.facts === null ? null : JSON.parse(row.facts);
  return {
    id: row.id,
    at: row.at,
    canary: row.canary,
    rolloutId: row.rollout_id,
    type: row.type,
    message: row.message,
    causedBy: row.caused_by,
    actor: row.actor,
    ...(facts === null ? {} : { data: facts }),
    explanation: row.explanation === null ? null : JSON.parse(row.explanation),
  };
}
