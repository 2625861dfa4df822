/** How far a long command has come, said on a terminal now and then. */
import type { Io } from './io.ts';

const QUIET_MS = 2_000;

/** Tells at most every two seconds, the first time after two. @param noun "runs", as in "37 of 400 runs" */
export function createProgress(
  { isTerminal, clock, talk }: Io,
  noun: string,
  total: number,
): (done: number) => void {
  let toldAt = clock.monotonic();
  return (done) => {
    const now = clock.monotonic();
    if (!isTerminal || now - toldAt < QUIET_MS || done === total) return;
    toldAt = now;
    talk(`${done} of ${total} ${noun}`);
  };
}
