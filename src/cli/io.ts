/** The outside of a command: two streams, the environment and the clock. */
import { type Clock, systemClock } from '../lib/clock.ts';

export interface Io {
  /** Data: what the caller asked for. A newline is added. */
  out(text: string): void;
  /** Talk: progress, errors, advice. A newline is added. */
  talk(text: string): void;
  /** Empties the screen, where standard output is one. */
  clear(): void;
  /** Standard output is a terminal. */
  readonly isTerminal: boolean;
  /** Columns of the terminal; null where there is none, or none that knows its size. */
  readonly columns: number | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** The real streams. A reader that went away (`canary events -f | head`) ends the process without a word. */
export function processIo(): Io {
  const { stdout, stderr, env } = process;
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit();
    });
  }
  return {
    out: (text) => stdout.write(`${text}\n`),
    talk: (text) => stderr.write(`${text}\n`),
    clear() {
      if (stdout.isTTY) stdout.write('\u001b[2J\u001b[H');
    },
    isTerminal: stdout.isTTY === true,
    columns: (stdout.isTTY && stdout.columns) || null,
    env,
    clock: systemClock,
  };
}
