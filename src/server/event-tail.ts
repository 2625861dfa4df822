/** The end of the event log as readers of the stream get it: recent events once in memory, older ones from the store. */
import type { Event, Store } from '../store/store.ts';
import { eventView } from '../view/build.ts';
import { eventFrame } from './frames.ts';

/** Events that are kept in memory, at least and at most. */
const KEPT = 500;
const KEPT_AT_MOST = 2 * KEPT;
/** Events of one page: a few milliseconds of work when they come from the store. */
const PAGE = 100;

/** The next events for a reader. */
export interface Page {
  /** Frames, shared by all readers that stand at the same place; null: nothing for this one. */
  readonly bytes: Buffer | null;
  /** Number of the last event that was looked at: where the reader stands with these frames. */
  readonly upTo: number;
}

export interface EventTail {
  /** Number of the newest event that is known; 0 before the first `refresh`. */
  end(): number;
  /** Takes events that this process committed. Reads nothing. */
  add(events: readonly Event[]): void;
  /** Takes what other processes committed, and what `add` could not place. Throws a StoreError. */
  refresh(): void;
  /** The first events after `position`, of one Canary or of all (null). Throws a StoreError. */
  pageAfter(position: number, canary: string | null): Page;
  /** Drops what is kept in memory. */
  clear(): void;
}

interface Framed {
  readonly id: number;
  readonly canary: string | null;
  readonly frame: string;
}

export function createEventTail(store: Pick<Store, 'events' | 'lastEventId'>): EventTail {
  let kept: Framed[] = [];
  let end = 0;

  function append(events: readonly Event[]): void {
    for (const event of events) {
      if (event.id <= end) continue;
      kept.push({ id: event.id, canary: event.canary, frame: eventFrame(eventView(event)) });
      end = event.id;
    }
    if (kept.length > KEPT_AT_MOST) kept = kept.slice(-KEPT);
  }

  /** Numbers have no gaps, so the place of an event follows from its number. */
  function fromMemory(position: number, canary: string | null): Page {
    const later = kept.slice(position + 1 - (kept[0]?.id ?? end + 1));
    return pageOf(canary === null ? later : later.filter((event) => event.canary === canary), end);
  }

  function fromStore(position: number, canary: string | null): Page {
    const atEnd = end;
    const events = store.events({ after: position, limit: PAGE, ...(canary === null ? {} : { canary }) });
    return pageOf(
      events.map((event) => ({ ...event, frame: eventFrame(eventView(event)) })),
      atEnd,
    );
  }

  return {
    end: () => end,
    add(events) {
      // A gap is what another process committed meanwhile: `refresh` takes both in their order.
      const fresh = events.filter(({ id }) => id > end);
      if (fresh[0]?.id === end + 1) append(fresh);
    },
    refresh() {
      const newest = store.lastEventId();
      if (newest - end > KEPT) {
        kept = [];
        end = newest;
      } else if (newest > end) append(store.events({ after: end, limit: KEPT }));
    },
    pageAfter(position, canary) {
      const isKept = position + 1 >= (kept[0]?.id ?? end + 1);
      return isKept ? fromMemory(position, canary) : fromStore(position, canary);
    },
    clear() {
      kept = [];
      end = 0;
    },
  };
}

/** `end`: what was looked at when there is no further page. */
function pageOf(found: readonly { readonly id: number; readonly frame: string }[], end: number): Page {
  const page = found.slice(0, PAGE);
  const last = page.at(-1)?.id ?? 0;
  return {
    bytes: page.length === 0 ? null : Buffer.from(page.map(({ frame }) => frame).join('')),
    upTo: page.length < PAGE ? Math.max(last, end) : last,
  };
}
