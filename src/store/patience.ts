/** How long one connection waits for another program's lock, while the event loop stands still. */
import type Database from 'better-sqlite3';

export interface Patience {
  /** Something waited in vain: nothing waits any more, each try fails at once. */
  lose(): void;
  /** A write got through: the next one that finds the database locked waits again. */
  regain(): void;
}

/**
 * Patience for `db`, which waits for `busyTimeoutMs`. A lock that outlasts one wait would cost one more with each write
 * of each Canary: hundreds of them would stand still for longer than they run.
 */
export function createPatience(db: Database.Database, busyTimeoutMs: number): Patience {
  let isLost = false;
  return {
    lose() {
      if (isLost) return;
      db.pragma('busy_timeout = 0');
      isLost = true;
    },
    regain() {
      if (!isLost) return;
      db.pragma(`busy_timeout = ${busyTimeoutMs}`);
      isLost = false;
    },
  };
}
