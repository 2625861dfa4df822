/**
 * Loaded with `--import` into the daemon that is soaked: answers what only the process itself knows. It does nothing
 * until it is asked.
 */
export interface Inside {
  readonly heapBytes: number;
  /** Memory of objects outside of the heap that belong to objects in it. */
  readonly externalBytes: number;
  /** What V8 holds for its heap, whether there is anything in it or not. */
  readonly committedBytes: number;
  /** Whether a full collection came first. */
  readonly isCollected: boolean;
}

export type Question = 'as it is' | 'after a full collection';

process.on('message', (question: Question) => {
  const isCollected = question === 'after a full collection' && globalThis.gc !== undefined;
  if (isCollected) globalThis.gc?.();
  const { heapUsed, heapTotal, external } = process.memoryUsage();
  const inside: Inside = {
    heapBytes: heapUsed,
    externalBytes: external,
    committedBytes: heapTotal,
    isCollected,
  };
  process.send?.(inside);
});
// The channel must not keep a daemon alive that was told to stop.
process.channel?.unref();
