/**
 * One active writer: a lock that the kernel frees when its holder dies, and an epoch that fences whoever lost the
 * lock without noticing.
 */
import { hostname } from 'node:os';
import type { Clock } from '../lib/clock.ts';
import { acquireLock, type FileLock } from '../store/file-lock.ts';
import { type Store, StoreError, type StoreErrorCode } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';

export interface LeaderChange {
  readonly leader: boolean;
  /** The epoch that began or ended. */
  readonly epoch: number;
  /** Half a sentence for the log. */
  readonly reason: string;
}

export interface LeaderOptions {
  /** `lockFileOf(DB)`. */
  readonly lockFile: string;
  readonly store: Pick<Store, 'claimEpoch' | 'epoch' | 'shareEpoch'>;
  readonly clock: Clock;
  readonly log: Pick<Log, 'warn'>;
  /** Called at every change, also from inside `start` and `confirm`, not from `stop`. */
  readonly onChange: (change: LeaderChange) => void;
  /** Names this process in the event log. Default "HOST/PID". */
  readonly holder?: string;
  /** Time between two tries to lead, and between two checks that we still do. Default 500. */
  readonly pollMs?: number;
}

export interface Leader {
  /** Tries at once, then keeps trying. Throws a StoreError when the lock file cannot be used at all. */
  start(): void;
  isLeader(): boolean;
  /** The epoch we lead with; 0 while we do not. */
  epoch(): number;
  /**
   * Whether we may write to the outside now; to be asked before each write, and cheap. A process that did not run
   * for 10 s or more looks at its lock and its epoch first.
   */
  confirm(): boolean;
  /** Gives the lock back: a standby leads at its next try. Nothing runs afterwards. */
  stop(): void;
}

const POLL_MS = 500;
const STOPPED_MS = 10_000;
const TAKES_NOTHING: readonly StoreErrorCode[] = ['STORE_FULL', 'STORE_LOCKED'];

interface Leadership {
  readonly lock: FileLock;
  readonly epoch: number;
  /** False: the database took nothing, and the epoch is still the last leader's. */
  readonly claimed: boolean;
}

export function createLeader(options: LeaderOptions): Leader {
  const { lockFile, store, clock, log, onChange, pollMs = POLL_MS } = options;
  const holder = options.holder ?? `${hostname()}/${process.pid}`;
  let held: Leadership | null = null;
  let checked = { wall: 0, monotonic: 0 };
  let cancelPoll = () => {};
  let trouble: string | null = null;

  function tryToLead(): void {
    const lock = acquireLock(lockFile, 0);
    if (lock === null) return;
    try {
      held = { lock, ...claim() };
    } catch (error) {
      lock.release();
      throw error;
    }
    checked = { wall: clock.now(), monotonic: clock.monotonic() };
    onChange({ leader: true, epoch: held.epoch, reason: 'no other daemon holds the lock' });
  }

  /**
   * A full disk, or a database that another program holds, keeps nobody from leading: it can still be read, nothing is
   * raised without being saved first, and what must be lowered still is. The lock alone keeps others away until a
   * later claim succeeds.
   */
  function claim(): Omit<Leadership, 'lock'> {
    try {
      return { epoch: store.claimEpoch(holder, clock.now()), claimed: true };
    } catch (error) {
      if (!(error instanceof StoreError && TAKES_NOTHING.includes(error.code))) throw error;
      return { epoch: store.shareEpoch(), claimed: false };
    }
  }

  function check(leadership: Leadership): void {
    checked = { wall: clock.now(), monotonic: clock.monotonic() };
    if (!leadership.lock.isHeld()) {
      stepDown(leadership, 'the lock file was removed or replaced');
    } else if (!leadership.claimed) {
      claimAtLast(leadership);
    } else if (store.epoch() !== leadership.epoch) {
      stepDown(leadership, 'another daemon claimed a newer epoch');
    }
  }

  /** Until now the last leader could still write, if somebody took the lock file away from it: all is read afresh. */
  function claimAtLast({ lock }: Leadership): void {
    held = { lock, ...claim() };
    if (!held.claimed) return;
    onChange({ leader: true, epoch: held.epoch, reason: 'the epoch could be claimed at last' });
  }

  function stepDown({ lock, epoch }: Leadership, reason: string): void {
    held = null;
    lock.release();
    onChange({ leader: false, epoch, reason });
  }

  /** A store that cannot be asked changes nothing: whoever holds the lock goes on, the others try again. */
  function despiteStore(attempt: () => void): void {
    try {
      attempt();
      trouble = null;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (error.message !== trouble)
        log.warn({ err: error, leader: held !== null }, 'leadership check failed');
      trouble = error.message;
    }
  }

  function poll(): void {
    const leadership = held;
    despiteStore(() => (leadership === null ? tryToLead() : check(leadership)));
    cancelPoll = clock.after(pollMs, poll);
  }

  function ranAllTheTime(): boolean {
    const passed = Math.max(clock.now() - checked.wall, clock.monotonic() - checked.monotonic);
    return passed < STOPPED_MS;
  }

  return {
    start() {
      // Opened once outside `poll`, where a lock file that can never be used would only be logged.
      acquireLock(lockFile, 0)?.release();
      poll();
    },
    isLeader: () => held !== null,
    epoch: () => held?.epoch ?? 0,
    confirm() {
      const leadership = held;
      if (leadership === null) return false;
      if (!leadership.claimed || !ranAllTheTime()) despiteStore(() => check(leadership));
      return held !== null;
    },
    stop() {
      cancelPoll();
      held?.lock.release();
      held = null;
    },
  };
}
