/** The benchmark as a command: its flags, what it says, and how it ends. */
import { parseArgs } from 'node:util';
import { asLines, readResult } from './kept.ts';
import { pageOf } from './page.ts';
import type { Result } from './run.ts';
import { unexpected } from './targets.ts';

const USAGE = 'usage: npm run -s bench:judge -- [--full] [--seed N] [--out FILE]';

/** What the command does outside itself. */
export interface Bench {
  play(kind: Result['kind'], seed: number): Result;
  /** Standard output and standard error; a newline is added. */
  out(text: string): void;
  talk(text: string): void;
  write(file: string, text: string): void;
}

/** The exit code. 1: a target was missed for no known reason; 2: the flags say nothing that can be played. */
export function runCommand(args: readonly string[], { play, out, talk, write }: Bench): 0 | 1 | 2 {
  const flags = readFlags(args);
  if (flags === null) {
    talk(USAGE);
    return 2;
  }
  const played = play(flags.full ? 'full' : 'quick', flags.seed);
  // The page is made of the figures as they are kept, so that it can be made of them again.
  const kept = asLines(played);
  const result = readResult(kept);
  out(pageOf(result).trimEnd());
  if (flags.out !== undefined) write(flags.out, kept);
  return unexpected(result.checks).length > 0 ? 1 : 0;
}

interface Flags {
  readonly full: boolean;
  readonly seed: number;
  readonly out: string | undefined;
}

function readFlags(args: readonly string[]): Flags | null {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        full: { type: 'boolean', default: false },
        seed: { type: 'string', default: '1' },
        out: { type: 'string' },
      },
    });
    const seed = Number(values.seed);
    return Number.isSafeInteger(seed) ? { full: values.full, seed, out: values.out } : null;
  } catch {
    return null;
  }
}
