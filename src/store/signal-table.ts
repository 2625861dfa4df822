/** Alerts as they were told: which fire now, for which Canary, and what each telling changed. */
import type Database from 'better-sqlite3';
import type { NewEvent } from '../core/events.ts';
import type { Signal } from '../core/observation.ts';
import type { NewSignal, SignalReceipt } from './store.ts';

export interface SignalTable {
  /** Those that fire, in the order in which they were recorded. */
  firing(canary: string): Signal[];
  /** The same of every Canary that has any. */
  allFiring(): Map<string, Signal[]>;
  /**
   * Inside a write transaction. One fingerprint fires at most once at a time. `record` appends an event and returns
   * its number.
   */
  tell(signal: NewSignal, at: number, record: (event: NewEvent) => number): SignalReceipt;
  /** Inside a write transaction: the Canary is gone. */
  forget(canary: string): void;
  /** Inside a write transaction: drops what ended a week ago or was not told for a month. Returns the rows deleted. */
  prune(now: number): number;
}

interface SignalRow {
  readonly id: number;
  readonly canary: string;
  readonly fingerprint: string;
  readonly started_at: number;
  readonly resolved_at: number | null;
  readonly told_at: number;
  readonly signal: string;
}

/** What is kept as JSON. */
type Kept = Pick<Signal, 'name' | 'action' | 'summary' | 'eventId'>;

const DAY_MS = 24 * 3_600_000;
const KEEP_RESOLVED_MS = 7 * DAY_MS;
const KEEP_SILENT_MS = 30 * DAY_MS;
const SLICE_ROWS = 500;

export function createSignalTable(db: Database.Database): SignalTable {
  const find = db.prepare<[string], SignalRow>(
    'SELECT * FROM signals WHERE canary = ? AND resolved_at IS NULL ORDER BY id',
  );
  const findAll = db.prepare<[], SignalRow>('SELECT * FROM signals WHERE resolved_at IS NULL ORDER BY id');
  const findAlert = db.prepare<[string, string], SignalRow>(
    'SELECT * FROM signals WHERE canary = ? AND fingerprint = ? ORDER BY started_at',
  );
  const insert = db.prepare(`
    INSERT INTO signals (canary, fingerprint, started_at, told_at, signal) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (canary, fingerprint, started_at) DO UPDATE SET
      resolved_at = NULL, told_at = excluded.told_at, signal = excluded.signal`);
  const repeat = db.prepare('UPDATE signals SET told_at = ? WHERE id = ?');
  const resolve = db.prepare('UPDATE signals SET resolved_at = ? WHERE id = ?');
  const forget = db.prepare('DELETE FROM signals WHERE canary = ?');
  const deleteOld = db.prepare<[number, number]>(`
    DELETE FROM signals WHERE id IN (
      SELECT id FROM signals WHERE resolved_at < ? OR told_at < ? LIMIT ${SLICE_ROWS})`);

  function begin(told: NewSignal, known: readonly SignalRow[], at: number, record: Recorder): SignalReceipt {
    const startedAt = told.startedAt ?? at;
    // It fires anew, so what was not told as over is over.
    const ended = known.filter((row) => row.resolved_at === null);
    for (const row of ended) resolve.run(at, row.id);
    const { canary, fingerprint, name, action, summary } = told;
    const id = idOf(fingerprint, startedAt);
    const eventId = record(receivedEvent(told, id, startedAt));
    const kept: Kept = { name, action, summary, eventId };
    insert.run(canary, fingerprint, startedAt, at, JSON.stringify(kept));
    const signal = { id, ...kept, firing: true, startedAt, toldAt: at };
    return { result: 'recorded', signal, ended: ended.map(rowId) };
  }

  function end(told: NewSignal, known: readonly SignalRow[], at: number, record: Recorder): SignalReceipt {
    const endedAt = told.endedAt ?? at;
    const ended = known.filter((row) => row.resolved_at === null && row.started_at <= endedAt);
    for (const row of ended) {
      record(resolvedEvent(signalOf(row)));
      resolve.run(at, row.id);
    }
    const last = ended.at(-1);
    if (last === undefined) return { result: known.length > 0 ? 'known' : 'unheard', ...NOTHING };
    const signal = { ...signalOf(last), firing: false };
    return { result: 'resolved', signal, ended: ended.map(rowId) };
  }

  return {
    firing: (canary) => find.all(canary).map(signalOf),
    allFiring() {
      const rows = Map.groupBy(findAll.all(), ({ canary }) => canary);
      return new Map([...rows].map(([canary, found]) => [canary, found.map(signalOf)]));
    },
    tell(told, at, record) {
      const known = findAlert.all(told.canary, told.fingerprint);
      if (!told.firing) return end(told, known, at, record);
      const same = known.find((row) => isSameFiring(row, told));
      if (same === undefined) return begin(told, known, at, record);
      if (same.resolved_at !== null) return { result: 'known', ...NOTHING };
      repeat.run(at, same.id);
      return { result: 'known', signal: { ...signalOf(same), toldAt: at }, ended: [] };
    },
    forget: (canary) => void forget.run(canary),
    prune: (now) => deleteOld.run(now - KEEP_RESOLVED_MS, now - KEEP_SILENT_MS).changes,
  };
}

const NOTHING = { signal: null, ended: [] } as const;

type Recorder = (event: NewEvent) => number;

/**
 * Whether `told` repeats what `row` says. An earlier start is no other firing: Alertmanager merges what two Prometheus
 * servers tell of one alert and keeps the earlier start. One that was told as over fires again when it is told again,
 * because a partition may have ended it for its sender only; but then nothing may be promoted on it.
 */
function isSameFiring(row: SignalRow, told: NewSignal): boolean {
  if (signalOf(row).action !== told.action) return false;
  if (row.resolved_at !== null) return told.action === 'promote' && row.started_at === told.startedAt;
  return told.startedAt === null || told.startedAt <= row.started_at;
}

function signalOf(row: SignalRow): Signal {
  const kept: Kept = JSON.parse(row.signal);
  return {
    id: rowId(row),
    ...kept,
    firing: row.resolved_at === null,
    startedAt: row.started_at,
    toldAt: row.told_at,
  };
}

function rowId({ fingerprint, started_at }: SignalRow): string {
  return idOf(fingerprint, started_at);
}

function idOf(fingerprint: string, startedAt: number): string {
  return `${fingerprint}@${new Date(startedAt).toISOString()}`;
}

function receivedEvent({ name, action, summary }: NewSignal, id: string, startedAt: number): NewEvent {
  const said = summary === '' ? '' : `: ${summary}`;
  return {
    type: 'SignalReceived',
    message: `alert ${name} fires and asks for ${action}${said}`,
    rolloutId: null,
    causedBy: null,
    actor: null,
    data: { signal: id, alert: name, action, startedAt: new Date(startedAt).toISOString() },
  };
}

function resolvedEvent({ id, name, action, eventId }: Signal): NewEvent {
  return {
    type: 'SignalResolved',
    message: `alert ${name} is over`,
    rolloutId: null,
    causedBy: eventId,
    actor: null,
    data: { signal: id, alert: name, action },
  };
}
