/** Stores in a directory of their own, closed and removed when the test ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openStore, type StoreOptions } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'canary-store-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export interface TempStore {
  readonly dir: string;
  readonly file: string;
  readonly clock: VirtualClock;
  /** Opens the file (once more); what is open at the end is closed. */
  open(options?: Partial<StoreOptions>): Store;
}

export function tempStore(): TempStore {
  const dir = tempDir();
  const file = join(dir, 'canary.db');
  const clock = createVirtualClock();
  return {
    dir,
    file,
    clock,
    open(options = {}) {
      const store = openStore(file, { clock, busyTimeoutMs: 20, ...options });
      onTestFinished(() => store.close());
      return store;
    },
  };
}
