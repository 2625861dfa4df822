/** What each canary is doing now: its state, its last decision, and the commands that wait for it. */
import type Database from 'better-sqlite3';
import type { Command } from '../core/observation.ts';
import type { CanaryState } from '../core/rollout.ts';
import type { EncodedSave } from './encode.ts';
import type { Store } from './store.ts';

export interface CanaryTable {
  /** As committed, with `queued` (oldest first) laid over it. Inside a transaction. */
  load(canary: string, queued: readonly EncodedSave[]): Omit<ReturnType<Store['load']>, 'signals'>;
  /** Inside a transaction. */
  readonly index: Store['index'];
  /** Inside a write transaction. Returns commands that wait for a canary that this save forgets. */
  write(save: EncodedSave): readonly Command[];
  /** Inside a write transaction. */
  addCommand(canary: string, command: Command): void;
}

interface CanaryRow {
  readonly name: string;
  readonly next_check_at: number;
  readonly state: string;
  readonly explanation: string;
}

export function createCanaryTable(db: Database.Database): CanaryTable {
  const find = db.prepare<[string], CanaryRow>('SELECT * FROM canaries WHERE name = ?');
  const all = db.prepare<[], CanaryRow>('SELECT name, next_check_at, state FROM canaries ORDER BY name');
  const upsert = db.prepare(`
    INSERT INTO canaries (name, next_check_at, state, explanation) VALUES (?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET
      next_check_at = excluded.next_check_at, state = excluded.state, explanation = excluded.explanation`);
  const remove = db.prepare('DELETE FROM canaries WHERE name = ?');
  const commandsOf = db.prepare<[string], { command: string }>(
    'SELECT command FROM commands WHERE canary = ? ORDER BY id',
  );
  const allCommands = db.prepare<[], { canary: string; command: string }>(
    'SELECT canary, command FROM commands ORDER BY id',
  );
  const insertCommand = db.prepare('INSERT INTO commands (id, canary, command) VALUES (?, ?, ?)');
  const deleteCommand = db.prepare('DELETE FROM commands WHERE id = ?');

  function waitingCommands(canary: string): Command[] {
    return commandsOf.all(canary).map(({ command }) => JSON.parse(command));
  }

  return {
    load(canary, queued) {
      const row = find.get(canary);
      const newest = queued.at(-1);
      const state = newest === undefined ? row?.state : newest.state;
      const explanation = newest === undefined ? row?.explanation : newest.explanationJson;
      const taken = new Set(queued.flatMap(({ consumed }) => consumed));
      return {
        state: parseOrNull<CanaryState>(state),
        commands: waitingCommands(canary).filter(({ id }) => !taken.has(id)),
        explanation: state === null || explanation === undefined ? null : JSON.parse(explanation),
      };
    },
    index() {
      const waiting = Map.groupBy(allCommands.all(), ({ canary }) => canary);
      return all.all().map((row) => ({
        canary: row.name,
        nextCheckAt: row.next_check_at,
        state: JSON.parse(row.state),
        commands: (waiting.get(row.name) ?? []).map(({ command }) => JSON.parse(command)),
      }));
    },
    write({ canary, nextCheckAt, state, explanationJson, consumed }) {
      for (const id of consumed) deleteCommand.run(id);
      if (state !== null) {
        upsert.run(canary, nextCheckAt, state, explanationJson);
        return [];
      }
      remove.run(canary);
      const orphans = waitingCommands(canary);
      for (const { id } of orphans) deleteCommand.run(id);
      return orphans;
    },
    addCommand: (canary, command) => void insertCommand.run(command.id, canary, JSON.stringify(command)),
  };
}

function parseOrNull<T>(json: string | null | undefined): T | null {
  return json === null || json === undefined ? null : JSON.parse(json);
}
