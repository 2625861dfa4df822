/** Hints that the canaries directory changed. Never the truth: whatever they miss, the next tick's scan sees. */
import { resolve } from 'node:path';
import { watch } from 'chokidar';
import type { Clock } from '../lib/clock.ts';

const DEBOUNCE_MS = 100;

/**
 * Calls `onHint` a moment after something in the directory changed. Only the directory itself is watched: one handle
 * of the system instead of one a file, and its raw events tell of every write and rename in it.
 */
export function watchDirectory(directory: string, clock: Clock, onHint: () => void): () => Promise<void> {
  const root = resolve(directory);
  const watcher = watch(root, { depth: 0, ignoreInitial: true, ignored: (path) => resolve(path) !== root });
  let cancelHint = () => {};
  watcher.on('raw', () => {
    cancelHint();
    cancelHint = clock.after(DEBOUNCE_MS, onHint);
  });
  // Where watching fails (no handles left, no such directory) the tick scans all the same.
  watcher.on('error', () => {});
  return async () => {
    await watcher.close();
    cancelHint();
  };
}
