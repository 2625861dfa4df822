/** A second process that holds the write lock of a database. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Cleanup } from '../system/world.ts';

export interface Holder {
  /** Resolves once the lock is free. */
  release(): Promise<void>;
}

/** Resolves once another process holds the lock. */
export async function holdLock(cleanup: Cleanup, db: string): Promise<Holder> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'hold.ts'), db], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  cleanup(() => void child.kill('SIGKILL'));
  const exit = once(child, 'exit');
  const lost = exit.then(([code]) => Promise.reject(new Error(`the lock was not had: exit code ${code}`)));
  await Promise.race([once(child.stdout, 'data'), lost]);
  lost.catch(() => {});
  return {
    async release() {
      child.stdin.end();
      await exit;
    },
  };
}
