/** Restarts: what a running server loses and what it keeps. */
import { sleep } from '../../src/lib/clock.ts';
import type { Listening } from './listening.ts';
import type { Parts } from './parts.ts';

export interface Lifecycle {
  /** Aborts when the incarnation that is running now ends. */
  signal(): AbortSignal;
  /** Loses polls, delayed requests and the runtime view; comes back after `downMs` with what was stored. */
  restart(downMs?: number): Promise<void>;
  close(): Promise<void>;
}

export function createLifecycle(parts: Parts, listening: Listening): Lifecycle {
  let incarnation = new AbortController();
  return {
    signal: () => incarnation.signal,
    async restart(downMs = 0) {
      incarnation.abort();
      incarnation = new AbortController();
      await listening.refuse();
      parts.polls.cutAll();
      parts.dump.rebuild();
      if (downMs > 0) await sleep(parts.clock, downMs);
      await listening.accept();
    },
    async close() {
      incarnation.abort();
      await listening.close();
      parts.polls.cutAll();
      parts.dump.close();
    },
  };
}
