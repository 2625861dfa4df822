/** What happened, line by line: the last lines to read, a hash of all of them to compare two runs. */
import { createHash } from 'node:crypto';

export interface Trace {
  add(line: string): void;
  /** The newest lines, oldest first. */
  last(count: number): readonly string[];
  /** Hash of every line so far. */
  hash(): string;
}

const KEPT = 400;

export function createTrace(now: () => number, onLine: (line: string) => void): Trace {
  const lines: string[] = [];
  const hash = createHash('sha256');
  return {
    add(text) {
      const line = `${(now() / 1000).toFixed(3)}s ${text}`;
      hash.update(line).update('\n');
      lines.push(line);
      if (lines.length > 2 * KEPT) lines.splice(0, KEPT);
      onLine(line);
    },
    last: (count) => lines.slice(-count),
    hash: () => hash.copy().digest('hex'),
  };
}
