/** Virtual time: one line of things to come, and the clocks of processes that may freeze or die on it. */
import type { Clock } from '../../src/lib/clock.ts';

export interface Timeline {
  /** Milliseconds since the start of time. */
  now(): number;
  /** Runs `callback` at `time`, after all that was planned for it before; the returned function cancels it. */
  at(time: number, callback: () => void): () => void;
  /** Moves on to the next thing planned and runs it. False: nothing is planned. */
  step(): boolean;
}

interface Planned {
  readonly time: number;
  readonly order: number;
  callback: (() => void) | null;
}

export function createTimeline(): Timeline {
  /** A binary heap, the earliest first. Cancelled entries stay until their time has come. */
  const heap: Planned[] = [];
  let elapsed = 0;
  let planned = 0;

  function push(entry: Planned): void {
    let place = heap.push(entry) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = entry;
  }

  function pop(): Planned | undefined {
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
    return first;
  }

  return {
    now: () => elapsed,
    at(time, callback) {
      const entry: Planned = { time: Math.max(time, elapsed), order: planned, callback };
      planned += 1;
      push(entry);
      return () => {
        entry.callback = null;
      };
    },
    step() {
      for (let entry = pop(); entry !== undefined; entry = pop()) {
        if (entry.callback === null) continue;
        elapsed = entry.time;
        entry.callback();
        return true;
      }
      return false;
    },
  };
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}

export interface ProcessClock extends Clock {
  state(): 'running' | 'frozen' | 'dead';
  /** SIGSTOP: what falls due waits. */
  freeze(): void;
  /** SIGCONT: what fell due meanwhile happens at once, in its order. */
  thaw(): void;
  /** SIGKILL: nothing of this process ever happens again. */
  kill(): void;
  /** Timers of this process that fired. */
  fired(): number;
}

/** The clock of one process, whose wall time is `wallOffset` from the start of time. */
export function createProcessClock(timeline: Timeline, wallOffset: () => number): ProcessClock {
  let state: ReturnType<ProcessClock['state']> = 'running';
  let due: (() => void)[] = [];
  let fired = 0;

  function fire(callback: () => void): void {
    if (state === 'frozen') due.push(callback);
    if (state !== 'running') return;
    fired += 1;
    callback();
  }

  return {
    now: () => Math.floor(wallOffset() + timeline.now()),
    monotonic: timeline.now,
    after(delayMs, callback) {
      if (state === 'dead') return () => {};
      let live = true;
      const cancel = timeline.at(timeline.now() + delayMs, () => fire(() => live && callback()));
      return () => {
        live = false;
        cancel();
      };
    },
    state: () => state,
    freeze() {
      if (state === 'running') state = 'frozen';
    },
    thaw() {
      if (state !== 'frozen') return;
      state = 'running';
      for (const callback of due.splice(0)) timeline.at(timeline.now(), () => fire(callback));
    },
    kill() {
      state = 'dead';
      due = [];
    },
    fired: () => fired,
  };
}
