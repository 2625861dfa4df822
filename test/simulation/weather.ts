/** The state of everything around the controller: what is broken now, and how often each thing was. */
import type { StoreErrorCode } from '../../src/store/store.ts';
import type { FileCode } from '../../src/traffic/file.ts';

/** Shares of calls that go wrong in the same way. */
export interface Loss {
  /** The request never arrives. */
  readonly lostRequest: number;
  /** It is carried out, and the answer never arrives. */
  readonly lostAnswer: number;
  /** The caller gives up, and it is carried out much later. */
  readonly delayed: number;
  /** The server says yes and does nothing. */
  readonly liar: number;
}

export const NO_LOSS: Loss = { lostRequest: 0, lostAnswer: 0, delayed: 0, liar: 0 };

export type NacosMode = 'up' | 'refused' | 'hole' | 'denied';
export type PrometheusMode = 'up' | 'refused' | 'hole' | 'slow' | 'nan' | 'empty' | 'structural' | 'partial';

export interface Weather {
  nacos: NacosMode;
  /** Whiles of true time in which no rule document could be read, the newest last; until null: it still lasts. */
  readonly unreadable: { readonly from: number; until: number | null }[];
  /** Greatest time that a request takes on its way, ms. */
  nacosLatencyMs: number;
  /** Whether the server puts off dumping its database into what it serves. */
  dumpStuck: boolean;
  loss: Loss;
  /** Canaries whose document has a beta variant that was made for the daemon's host too. */
  readonly betas: Set<string>;
  /** What every access to rule documents in files ends with. */
  disk: FileCode | 'fine';
  prometheus: PrometheusMode;
  /** Canaries whose metrics and document answer nobody. */
  readonly hanging: Set<string>;
  /** Canaries with a Prometheus fault of their own. */
  readonly own: Map<string, PrometheusMode>;
  store: StoreErrorCode | null;
  /** The database is damaged and nobody knows yet. */
  isCorrupt: boolean;
  journalBroken: boolean;
  /** Distance of the daemon's wall clock from true time, ms. */
  wallOffset: number;
  /** The same before the newest step of that clock. */
  wallOffsetBefore: number;
  /** True time at which somebody last moved the daemon's clock. */
  wallSteppedAt: number;
  /** The same of Prometheus' clock. */
  prometheusOffset: number;
}

const WHILES_KEPT = 20;

export function clearWeather(): Weather {
  return {
    nacos: 'up',
    unreadable: [],
    nacosLatencyMs: 15,
    dumpStuck: false,
    loss: NO_LOSS,
    betas: new Set(),
    disk: 'fine',
    prometheus: 'up',
    hanging: new Set(),
    own: new Map(),
    store: null,
    isCorrupt: false,
    journalBroken: false,
    wallOffset: 0,
    wallOffsetBefore: 0,
    wallSteppedAt: 0,
    prometheusOffset: 0,
  };
}

/** From `now` on no rule document can be read. */
export function noteUnreadable({ unreadable }: Weather, now: number): void {
  if (unreadable.at(-1)?.until === null) return;
  unreadable.push({ from: now, until: null });
  if (unreadable.length > WHILES_KEPT) unreadable.shift();
}

/** From `now` on they can be read again. */
export function noteReadable({ unreadable }: Weather, now: number): void {
  const last = unreadable.at(-1);
  if (last?.until === null) last.until = now;
}

/** How often each thing happened. */
export type Tally = Record<string, number>;

export function count(tally: Tally, name: string, by = 1): void {
  tally[name] = (tally[name] ?? 0) + by;
}
