/**
 * The runtime view: the copy of the database that reads, listeners and md5 comparisons use. It follows the database
 * with the lag measured on real servers, which is the commonest trap for a program that reads back what it wrote.
 */
import type { Clock } from '../../src/lib/clock.ts';
import type { Documents, Part, StoredBeta, StoredDocument } from './documents.ts';

/** When a write becomes visible to runtime reads. */
export interface DumpLag {
  /** Writes become visible at the next multiple of this. */
  readonly tickMs: number;
  /** Share of the writes, 0 to 1, that miss their tick. */
  readonly tailShare: number;
  /** Upper bound of the lag of those, milliseconds. */
  readonly tailMs: number;
}

/** Real standalone servers: a tick of 100 ms; one or two writes in a hundred take about 1.1 s. */
export const MEASURED_LAG: DumpLag = { tickMs: 100, tailShare: 0.015, tailMs: 1_100 };

/** What one client address is served. */
export interface View {
  readonly document: StoredDocument;
  readonly isBeta: boolean;
}

export interface Dump {
  /** Tells the dump that the database changed. */
  changed(key: string, part: Part): void;
  view(key: string, ip: string): View | null;
  /** MD5 that a listener at `ip` is compared with; empty when there is nothing for it. */
  md5(key: string, ip: string): string;
  /** Loads everything anew, as a starting server does; changes that were still waiting are loaded with it. */
  rebuild(): void;
  close(): void;
}

export interface DumpOptions {
  readonly documents: () => Documents;
  readonly clock: Clock;
  /** Null: every write is visible at once. */
  readonly lag: DumpLag | null;
  /** Uniform in [0, 1); decides which writes miss their tick. */
  random(): number;
  /** Called when a change becomes visible. */
  onVisible(key: string): void;
}

interface Entry {
  formal: StoredDocument | null;
  beta: StoredBeta | null;
  betaIps: ReadonlySet<string>;
}

const NOBODY: ReadonlySet<string> = new Set();

function addresses(ips: string): ReadonlySet<string> {
  return new Set(ips.split(',').map((ip) => ip.trim()));
}

export function createDump(options: DumpOptions): Dump {
  const { documents, clock, lag, random, onVisible } = options;
  const entries = new Map<string, Entry>();
  const waiting = new Map<string, () => void>();
  const origin = clock.monotonic();

  function entryOf(key: string): Entry {
    const known = entries.get(key);
    if (known !== undefined) return known;
    const fresh = { formal: null, beta: null, betaIps: NOBODY };
    entries.set(key, fresh);
    return fresh;
  }

  function loadFormal(key: string): boolean {
    const formal = documents().find(key);
    const before = entries.get(key)?.formal ?? null;
    if (formal !== undefined) {
      entryOf(key).formal = formal;
      return before?.md5 !== formal.md5;
    }
    // A deletion forgets the whole entry: the beta sleeps in the database until a restart loads it again.
    entries.delete(key);
    return before !== null;
  }

  function loadBeta(key: string): boolean {
    const beta = documents().findBeta(key) ?? null;
    const entry = entryOf(key);
    const isChanged = entry.beta?.md5 !== beta?.md5 || entry.beta?.ips !== beta?.ips;
    entry.beta = beta;
    entry.betaIps = beta === null ? NOBODY : addresses(beta.ips);
    if (entry.formal === null && beta === null) entries.delete(key);
    return isChanged;
  }

  function load(key: string, part: Part): void {
    const isChanged = part === 'formal' ? loadFormal(key) : loadBeta(key);
    if (isChanged) onVisible(key);
  }

  function delayMs(measured: DumpLag): number {
    const elapsed = clock.monotonic() - origin;
    const extra = random() < measured.tailShare ? Math.max(0, measured.tailMs - measured.tickMs) : 0;
    return (Math.floor((elapsed + extra) / measured.tickMs) + 1) * measured.tickMs - elapsed;
  }

  function cancelAll(): void {
    for (const cancel of waiting.values()) cancel();
    waiting.clear();
  }

  function view(key: string, ip: string): View | null {
    const entry = entries.get(key);
    if (entry === undefined) return null;
    if (entry.beta !== null && entry.betaIps.has(ip)) return { document: entry.beta, isBeta: true };
    return entry.formal === null ? null : { document: entry.formal, isBeta: false };
  }

  return {
    changed(key, part) {
      if (lag === null) {
        load(key, part);
        return;
      }
      // Writes that follow each other before the tick are dumped together, as one look at the database.
      const slot = `${part}\u0001${key}`;
      if (waiting.has(slot)) return;
      const cancel = clock.after(delayMs(lag), () => {
        waiting.delete(slot);
        load(key, part);
      });
      waiting.set(slot, cancel);
    },
    view,
    md5: (key, ip) => view(key, ip)?.document.md5 ?? '',
    rebuild() {
      cancelAll();
      entries.clear();
      for (const key of documents().keys()) {
        loadFormal(key);
        loadBeta(key);
      }
    },
    close: cancelAll,
  };
}
