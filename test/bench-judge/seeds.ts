/** Whether two seeds say the same: their figures for the same cells, beside the error of so many rollouts. */
import { type Cell, keyOf } from './cells.ts';
import type { Result } from './run.ts';

export interface Difference {
  readonly cell: Cell;
  readonly figure: string;
  readonly one: number;
  readonly other: number;
}

export interface Comparison {
  /** Figures that both have. */
  readonly figures: number;
  /** Those that differ by more than 2.6 standard errors: of a hundred, one does by chance. */
  readonly differences: readonly Difference[];
}

const STANDARD_ERRORS = 2.6;

export function compareSeeds(result: Result, other: Result): Comparison {
  const known = new Map(result.cells.map((cell) => [keyOf(cell), cell]));
  const pairs = other.cells.flatMap((cell) => {
    const same = known.get(keyOf(cell));
    return same === undefined ? [] : [{ one: same, other: cell }];
  });
  const compared = pairs.flatMap((pair) => [...shares(pair), ...medians(pair)]);
  return { figures: compared.length, differences: compared.filter((found) => found !== null) };
}

interface Pair {
  readonly one: Cell;
  readonly other: Cell;
}

function shares({ one, other }: Pair): (Difference | null)[] {
  const kinds =
    one.mode === 'pace' ? (['rolledBack', 'promoted', 'inconclusive'] as const) : (['rolledBack'] as const);
  return kinds.map((kind) => {
    const [a, b] = [one.tally, other.tally];
    const pooled = (a[kind] * a.runs + b[kind] * b.runs) / (a.runs + b.runs);
    const error = Math.sqrt(pooled * (1 - pooled) * (1 / a.runs + 1 / b.runs));
    const differs = Math.abs(a[kind] - b[kind]) > STANDARD_ERRORS * error;
    const figure = { rolledBack: '% rolled back', promoted: '% promoted', inconclusive: '% inconclusive' }[
      kind
    ];
    return differs ? { cell: one, figure, one: 100 * a[kind], other: 100 * b[kind] } : null;
  });
}

/** Of what most rollouts of both come to; a median differs where it lies below what the other one is at least. */
function medians({ one, other }: Pair): (Difference | null)[] {
  const figures = [
    ['minutes to detect', 'rolledBack', 'detectMedian', 'detectMedianLeast'],
    ['minutes to promote', 'promoted', 'promoteMedian', 'promoteMedianLeast'],
  ] as const;
  return figures.flatMap(([figure, share, median, least]) => {
    const [a, b] = [one.tally, other.tally];
    if (a[share] <= 0.5 || b[share] <= 0.5) return [];
    if (a[median] === null || b[median] === null || a[least] === null || b[least] === null) return [];
    const differs = a[median] < b[least] || b[median] < a[least];
    return [differs ? { cell: one, figure, one: a[median], other: b[median] } : null];
  });
}
