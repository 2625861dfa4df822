/**
 * The keyed work queue. A name on it is worked on once, however often it was added: one run per name at a time, many
 * names at once, first come first served. A name added while it is being worked on runs again afterwards. `addAfter`
 * keeps the earliest time asked for. A run that throws puts its name back with exponential, fully jittered back-off;
 * a run that returns clears that. Nothing is ever lost: a name leaves the queue only by a run that returned or by
 * `remove`.
 */
import type { Clock } from '../lib/clock.ts';

export interface WorkQueue {
  /** Work on `name` as soon as there is room, also when it is backing off: something about it changed. */
  add(name: string): void;
  /** The same for a periodic resync: a name that is being worked on or is backing off is left alone. */
  offer(name: string): void;
  /** Work on `name` after `delayMs`, unless something earlier is planned. */
  addAfter(name: string, delayMs: number): void;
  /** Forgets what is planned for `name`; a run under way ends by itself. */
  remove(name: string): void;
  /** Whether `name` waits for a time in the future. */
  isPlanned(name: string): boolean;
  /** Names waiting for room now (not those with a time in the future). */
  depth(): number;
  /** Resolves once nothing runs and nothing is ready. Planned names do not count. */
  idle(): Promise<void>;
  /** Starts nothing more; resolves once every run under way has ended. */
  stop(): Promise<void>;
}

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** Works on one name. Throwing means: try again later. */
  readonly work: (name: string) => Promise<void>;
  readonly onError: (name: string, error: unknown, retryInMs: number) => void;
  /** Names to work on together with one whose planned time has come. Default none. */
  readonly companions?: (name: string) => readonly string[];
  /** Longest back-off after this error, ms. Default a minute. */
  readonly capMs?: (name: string, error: unknown) => number;
  /** Runs under way at once. They mostly wait for others, so this bounds memory, not CPU. */
  readonly concurrency: number;
  /** Uniform in [0, 1), for the jitter. Default Math.random. */
  readonly random?: () => number;
}

const BACKOFF_FIRST_MS = 500;
const BACKOFF_CAP_MS = 60_000;

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { clock, work, onError, capMs = () => BACKOFF_CAP_MS, concurrency, random = Math.random } = options;
  const { companions = () => [] } = options;
  const ready = new Set<string>();
  const running = new Set<string>();
  const again = new Set<string>();
  const planned = new Map<string, { at: number; cancel: () => void }>();
  const failures = new Map<string, number>();
  const waiters: (() => void)[] = [];
  let stopped = false;

  function add(name: string): void {
    if (stopped) return;
    cancelPlan(name);
    if (running.has(name)) again.add(name);
    else ready.add(name);
    pump();
  }

  function addAfter(name: string, delayMs: number): void {
    if (stopped) return;
    const waitMs = Math.max(0, delayMs);
    const at = clock.monotonic() + waitMs;
    const plan = planned.get(name);
    if (plan !== undefined && plan.at <= at) return;
    cancelPlan(name);
    const cancel = clock.after(waitMs, () => {
      planned.delete(name);
      add(name);
      for (const companion of companions(name)) offer(companion);
    });
    planned.set(name, { at, cancel });
  }

  function cancelPlan(name: string): void {
    planned.get(name)?.cancel();
    planned.delete(name);
  }

  function pump(): void {
    for (const name of ready) {
      if (stopped || running.size >= concurrency) break;
      ready.delete(name);
      running.add(name);
      void run(name);
    }
    if (running.size === 0 && (ready.size === 0 || stopped)) {
      for (const wake of waiters.splice(0)) wake();
    }
  }

  async function run(name: string): Promise<void> {
    try {
      await work(name);
      failures.delete(name);
    } catch (error) {
      backOff(name, error);
    } finally {
      running.delete(name);
      if (again.delete(name) && !stopped) {
        cancelPlan(name);
        ready.add(name);
      }
      pump();
    }
  }

  function backOff(name: string, error: unknown): void {
    const count = failures.get(name) ?? 0;
    failures.set(name, count + 1);
    const retryInMs = Math.ceil(random() * Math.min(BACKOFF_FIRST_MS * 2 ** count, capMs(name, error)));
    addAfter(name, retryInMs);
    onError(name, error, retryInMs);
  }

  function drained(): Promise<void> {
    return new Promise((resolve) => {
      waiters.push(resolve);
      pump();
    });
  }

  function offer(name: string): void {
    if (!running.has(name) && !failures.has(name)) add(name);
  }

  return {
    add,
    offer,
    addAfter,
    remove(name) {
      cancelPlan(name);
      ready.delete(name);
      again.delete(name);
      failures.delete(name);
    },
    isPlanned: (name) => planned.has(name),
    depth: () => ready.size,
    idle: drained,
    stop() {
      stopped = true;
      for (const name of [...planned.keys()]) cancelPlan(name);
      return drained();
    },
  };
}
