/** The epoch of leadership: a process whose epoch is no longer the newest may not write. */
import type Database from 'better-sqlite3';
import { StoreError } from './store.ts';

export interface Fence {
  epoch(): number;
  /** Who claimed the newest epoch; null before the first. */
  holder(): string | null;
  /** Inside a write transaction, first of all: throws STORE_FENCED when another process claimed an epoch after ours. */
  check(): void;
  /** Inside a write transaction: takes the next epoch. It is ours once it is committed and `adopt` was called. */
  claim(holder: string, at: number): number;
  adopt(epoch: number): void;
}

export function createFence(db: Database.Database): Fence {
  const newest = db.prepare<[], { epoch: number | null }>('SELECT max(epoch) AS epoch FROM leadership');
  const newestHolder = db.prepare<[], { holder: string }>(
    'SELECT holder FROM leadership ORDER BY epoch DESC LIMIT 1',
  );
  const insert = db.prepare('INSERT INTO leadership (epoch, holder, claimed_at) VALUES (?, ?, ?)');
  let own: number | null = null;

  function epoch(): number {
    return newest.get()?.epoch ?? 0;
  }

  return {
    epoch,
    holder: () => newestHolder.get()?.holder ?? null,
    check() {
      if (own === null) return;
      const current = epoch();
      if (current !== own) {
        throw new StoreError(
          'STORE_FENCED',
          `epoch ${own} ended: another daemon leads with epoch ${current}`,
        );
      }
    },
    claim(holder, at) {
      const next = epoch() + 1;
      insert.run(next, holder, at);
      return next;
    },
    adopt(claimed) {
      own = claimed;
    },
  };
}
