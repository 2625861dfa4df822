/** Long work in slices, so that it never keeps the rest of the process waiting. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../lib/clock.ts';

/**
 * Longest stretch of work without a turn for the rest, ms. A quarter of the 20 ms that others may be kept waiting:
 * joining the pieces of a slice and handing them to the socket comes on top.
 */
const SLICE_MS = 5;

export interface Slices {
  /** True: time to `rest`. Cheap enough to ask for every item. */
  isOver(): boolean;
  /** Resolves when everything else had its turn; a new slice begins. */
  rest(): Promise<void>;
}

export function beginSlices(clock: Clock): Slices {
  let from = clock.monotonic();
  return {
    isOver: () => clock.monotonic() - from >= SLICE_MS,
    async rest() {
      await nextTurn();
      from = clock.monotonic();
    },
  };
}
