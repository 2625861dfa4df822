/** The counters of one version, poll by poll, and their increments over windows. */
import type { Counts } from './sli.ts';

export interface Series {
  push(counts: Counts): void;
  /** How many polls are kept. */
  readonly length: number;
  /** Sum over the last `polls`, or over all of them when they are fewer. */
  last(polls: number): Counts;
  /** Increments of each poll, oldest first. */
  each(): readonly Counts[];
}

export function createSeries(classes: number): Series {
  const totals: Counts[] = [new Float64Array(classes)];
  const increments: Counts[] = [];

  function last(polls: number): Counts {
    const now = totals.at(-1)!;
    const then = totals[Math.max(0, totals.length - 1 - polls)]!;
    return now.map((total, at) => total - then[at]!);
  }

  return {
    push(counts) {
      increments.push(counts);
      const before = totals.at(-1)!;
      totals.push(before.map((total, at) => total + counts[at]!));
    },
    get length() {
      return totals.length - 1;
    },
    last,
    each: () => increments,
  };
}
