/** Which requests had better not share a query: learned from what went wrong, and forgotten after a while. */
import type { Clock } from '../lib/clock.ts';
import type { Ask, Batch } from './plan.ts';

const KEPT_MS = 600_000;
const MOST_KEPT = 20_000;

export interface Apart {
  /** Requests in different company never travel together. Empty: they have not been noticed. */
  companyOf(ask: Ask): string;
  /** Each of these was refused, or held up the search for the one that was: from now on it travels alone. */
  isolate(batch: Batch<Ask>): void;
  /** These were too much for one query: from now on each travels without the others. */
  divide(batches: readonly Batch<Ask>[]): void;
}

/**
 * What is learned holds for ten minutes, and for all arms of a name alike: a query for one arm beside others also
 * touches the series of the other (see `splitAnswer`).
 */
export function createApart(clock: Clock): Apart {
  const known = new Map<string, { readonly company: string | null; readonly until: number }>();
  let companies = 0;

  function keep({ units }: Batch<Ask>, company: string | null): void {
    const now = clock.monotonic();
    if (known.size >= MOST_KEPT) {
      for (const [id, { until }] of known) if (until <= now) known.delete(id);
    }
    for (const ask of units.flatMap(({ asks }) => asks.slice(0, 1))) {
      if (known.size < MOST_KEPT) known.set(idOf(ask), { company, until: now + KEPT_MS });
    }
  }

  return {
    companyOf(ask) {
      const entry = known.get(idOf(ask));
      if (entry === undefined || entry.until <= clock.monotonic()) return '';
      return entry.company ?? ask.query;
    },
    isolate: (batch) => keep(batch, null),
    divide(batches) {
      for (const batch of batches) {
        companies += 1;
        keep(batch, `company ${companies}`);
      }
    },
  };
}

function idOf({ shape, query }: Ask): string {
  return shape?.id ?? query;
}
