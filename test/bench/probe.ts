/**
 * Loaded with `--import` into the daemon that is measured: answers what only the process itself knows, and makes each
 * commit slower where that is asked for, as a slower disk would. Nothing of it is in the shipped code.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import Database from 'better-sqlite3';
import { COMMIT_DELAY, type Commit, type Inside, KEEP_COMMITS } from './inside.ts';

const delayMs = Number(process.env[COMMIT_DELAY] ?? 0);
const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));
const loopDelay = monitorEventLoopDelay({ resolution: 10 });
const keepsCommits = process.env[KEEP_COMMITS] === '1';
const kept: Commit[] = [];
let commits = 0;

/** The whole process stands still, without using the processor, as it does during an fsync. */
function committed(db: Database.Database): void {
  commits += 1;
  if (keepsCommits) keep(db);
  if (delayMs > 0) Atomics.wait(nobodyWakes, 0, 0, delayMs);
}

function keep(db: Database.Database): void {
  const upTo = Number(db.prepare('SELECT max(id) FROM events').pluck().get() ?? 0);
  if (upTo > (kept.at(-1)?.[0] ?? 0)) kept.push([upTo, performance.timeOrigin + performance.now()]);
}

/** The store writes in `immediate` transactions only; its `deferred` ones read. */
const original = Database.prototype.transaction;
Database.prototype.transaction = function transaction(this: Database.Database, work) {
  const made = original.call(this, work);
  const immediate = (...values: unknown[]) => {
    const result: unknown = made.immediate(...values);
    committed(this);
    return result;
  };
  return Object.assign((...values: unknown[]) => made(...values), {
    deferred: made.deferred,
    immediate,
  });
} as typeof original;

loopDelay.enable();
process.on('message', (question) => {
  if (question === 'commits') {
    process.send?.(kept);
    return;
  }
  const inside: Inside = {
    commits,
    heapBytes: process.memoryUsage().heapUsed,
    loopDelayMs: { p99: loopDelay.percentile(99) / 1e6, max: loopDelay.max / 1e6 },
  };
  loopDelay.reset();
  process.send?.(inside);
});
// The channel must not keep a daemon alive that was told to stop.
process.channel?.unref();
