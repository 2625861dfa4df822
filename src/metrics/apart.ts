/** Which requests had better not share a query, or not take all the slots: learned from what went wrong. */
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
  /** It timed out: from now on its requests count as slow, and travel with others that do. */
  late(batch: Batch<Ask>): void;
  /** It was answered before its time was over, with whatever: its requests are slow no more. */
  inTime(batch: Batch<Ask>): void;
  /** 0: none of its requests is slow. Otherwise the higher, the later one of them last timed out. */
  lateness(batch: Batch<Ask>): number;
}

/**
 * What is learned holds for all arms of a name alike: a query for one arm beside others also touches the series of the
 * other (see `splitAnswer`). Company is forgotten after ten minutes; what was slow is slow until it is in time.
 */
export function createApart(clock: Clock): Apart {
  const known = new Map<string, { readonly company: string | null; readonly until: number }>();
  /** The count of time-outs at each one's last; who has been slow for longest comes first. */
  const slow = new Map<string, number>();
  let companies = 0;
  let timeouts = 0;

  function keep(batch: Batch<Ask>, company: string | null): void {
    const now = clock.monotonic();
    if (known.size >= MOST_KEPT) {
      for (const [id, { until }] of known) if (until <= now) known.delete(id);
    }
    for (const id of idsOf(batch)) {
      if (known.size < MOST_KEPT) known.set(id, { company, until: now + KEPT_MS });
    }
  }

  function learnedCompany(ask: Ask): string {
    const entry = known.get(idOf(ask));
    if (entry === undefined || entry.until <= clock.monotonic()) return '';
    return entry.company ?? ask.query;
  }

  return {
    companyOf: (ask) => (slow.has(idOf(ask)) ? `slow ${learnedCompany(ask)}` : learnedCompany(ask)),
    isolate: (batch) => keep(batch, null),
    divide(batches) {
      for (const batch of batches) {
        companies += 1;
        keep(batch, `company ${companies}`);
      }
    },
    late(batch) {
      timeouts += 1;
      for (const id of idsOf(batch)) slow.set(id, timeouts);
      for (const id of slow.keys()) {
        if (slow.size <= MOST_KEPT) break;
        slow.delete(id);
      }
    },
    inTime(batch) {
      for (const id of idsOf(batch)) slow.delete(id);
    },
    lateness: (batch) => Math.max(0, ...idsOf(batch).map((id) => slow.get(id) ?? 0)),
  };
}

/** One ask of a unit stands for all of it. */
function idsOf({ units }: Batch<Ask>): string[] {
  return units.flatMap(({ asks }) => asks.slice(0, 1).map(idOf));
}

function idOf({ shape, query }: Ask): string {
  return shape?.id ?? query;
}
