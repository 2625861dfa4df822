/** Results of the benchmark as text: JSON, one object a line, so that two of them can be compared by line. */
import type { Cell } from './cells.ts';
import type { Result } from './run.ts';
import type { Check } from './targets.ts';

const DIGITS = 6;

/** First the run, then its checks, then its cells; six digits of every number. */
export function asLines({ kind, seed, machine, checks, cells }: Result): string {
  const line = (object: object) => `${JSON.stringify(object, shortened)}\n`;
  return [{ kind, seed, machine }, ...checks, ...cells].map(line).join('');
}

export function readResult(text: string): Result {
  const [run, ...rest] = text
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  const objects = rest as (Check | Cell)[];
  return {
    ...(run as Pick<Result, 'kind' | 'seed' | 'machine'>),
    checks: objects.filter((object) => 'verdict' in object),
    cells: objects.filter((object) => 'tally' in object),
  };
}

function shortened(_: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(DIGITS)) : value;
}
