/** What holds the rule documents of a world, a Nacos or files: their texts, who wrote them, and what gateways see. */
import type { BetaReading } from '../../src/core/observation.ts';
import type { TrafficRouter } from '../../src/traffic/router.ts';
import type { Random } from './random.ts';
import type { ProcessClock, Timeline } from './timeline.ts';
import type { Tally, Weather } from './weather.ts';

/**
 * v3: database reads and compare-and-set. v1: runtime reads that lag, compare-and-set (2.5). old: runtime reads that
 * hardly lag, and compare-and-set ignored (2.2), so that the router reads just before it writes. file: no Nacos.
 */
export type Dialect = 'v3' | 'v1' | 'old' | 'file';

/** Whether reads show what is stored, never what was stored before. */
export function isAuthoritative(dialect: Dialect): boolean {
  return dialect === 'v3' || dialect === 'file';
}

export interface Landing {
  readonly name: string;
  /** Null: written by hand. */
  readonly operation: string | null;
  readonly before: string | null;
  readonly after: string | null;
}

/** The ends of a router that the simulation holds on to. */
export interface RouterProbe {
  /** A publish call, before it leaves. */
  publishing(name: string, operation: string, content: string): void;
  /** The answer to a question for a beta variant, as the process gets it. */
  askedBeta(name: string, answer: BetaReading | 'none' | 'unknown'): void;
  /** True: the process is killed at this place. */
  dies(place: 'publish' | 'published'): boolean;
}

export interface Rules {
  readonly dialect: Dialect;
  /** The text that is stored. */
  document(name: string): string | null;
  /** The text that gateways see. */
  served(name: string): string | null;
  /** Texts that the document had, oldest first, at most 20. */
  history(name: string): readonly string[];
  /** Puts a text there by somebody's hand; null deletes. */
  edit(name: string, content: string | null): void;
  /** Writes that are still on their way. */
  inFlight(): number;
  /** Shows gateways all that is stored, as a server does at its start. */
  serveAll(): void;
  /** The router of one process. */
  router(clock: ProcessClock, probe: RouterProbe): TrafficRouter;
}

export interface RulesOptions {
  readonly dialect: Dialect;
  readonly timeline: Timeline;
  readonly random: Random;
  readonly weather: Weather;
  readonly tally: Tally;
  readonly landed: (landing: Landing) => void;
  /** What gateways see has changed. */
  readonly dumped: (name: string) => void;
}

interface Stored {
  content: string | null;
  served: string | null;
  readonly history: string[];
}

/** Each document belongs to one Canary and bears its name. */
export interface Documents extends Pick<Rules, 'document' | 'served' | 'history' | 'serveAll'> {
  store(name: string, operation: string | null, content: string | null): void;
  /** Gateways see what is stored. */
  serve(name: string): void;
}

const HISTORY_KEPT = 20;

export function createDocuments({ landed, dumped }: Pick<RulesOptions, 'landed' | 'dumped'>): Documents {
  const documents = new Map<string, Stored>();

  function find(name: string): Stored {
    const found = documents.get(name) ?? { content: null, served: null, history: [] };
    documents.set(name, found);
    return found;
  }

  function serve(name: string): void {
    const document = find(name);
    if (document.served === document.content) return;
    document.served = document.content;
    dumped(name);
  }

  return {
    document: (name) => find(name).content,
    served: (name) => find(name).served,
    history: (name) => find(name).history,
    store(name, operation, content) {
      const document = find(name);
      const before = document.content;
      document.content = content;
      if (content !== null) document.history.push(content);
      if (document.history.length > HISTORY_KEPT) document.history.shift();
      landed({ name, operation, before, after: content });
    },
    serve,
    serveAll() {
      for (const name of documents.keys()) serve(name);
    },
  };
}
