/**
 * What one tick saw of the world. Everything that can fail is data here: `decide` never learns of a failure by
 * an exception, and never reads anything itself.
 */
import type { MetricSource } from '../spec/canary.ts';

/** Which of the two traffic destinations a number belongs to. */
export type Arm = 'canary' | 'stable';

/** Where a number comes from that can be asked for. */
export type MeasuredSource = Exclude<MetricSource, { readonly kind: 'external' }>;

/** When a process started, Unix seconds. Client libraries export it (Prometheus documentation, "Writing client libraries"). */
export const START_METRIC = 'process_start_time_seconds';

/**
 * The raw samples of a selector's counters in `(at - windowMs, at]`, and of `START_METRIC` with the same labels. The
 * ledger builds these requests (`ledger/polls.ts`), and it alone reads what they give.
 */
export interface CountersSource {
  readonly kind: 'counters';
  readonly selector: string;
  /** It names native histograms, whose buckets are the counters. */
  readonly isNative?: true;
}

/** One number that must be asked for, as structure, so that many of one shape can travel as one query. */
export interface MeasureRequest {
  /** Unique in its tick, e.g. "error-rate/canary". */
  readonly id: string;
  readonly source: MeasuredSource | { readonly kind: 'presence'; readonly selector: string } | CountersSource;
  /** Value of `versionLabel` for this arm (a query has it rendered in). */
  readonly version: string;
  readonly versionLabel: string;
  readonly windowMs: number;
  /** Evaluation time, Unix ms; null: now. */
  readonly at: number | null;
  /** The looks' interval, which sets the deadline: min(10 s, interval). */
  readonly intervalMs: number;
}

/** The answer to one request. */
export type Reading =
  | {
      readonly kind: 'value';
      readonly value: number;
      /** Requests in the window (ratio and latency), else null. */
      readonly requests: number | null;
    }
  /** The quantile lies in the +Inf bucket: all that is known is that it is above the highest finite bound. */
  | { readonly kind: 'above'; readonly bound: number; readonly requests: number }
  /** Counters only; at least one series that is not a start time. */
  | { readonly kind: 'series'; readonly series: readonly CounterSeries[] }
  | {
      readonly kind: 'noData';
      /** empty: no series; nan: series without traffic; stale: newest sample too old; partial: the server warned. */
      readonly why: 'empty' | 'nan' | 'stale' | 'partial';
      readonly detail: string;
    }
  | {
      readonly kind: 'error';
      /** Structural errors do not heal by asking again: 400, 422, several series for a single number. */
      readonly structural: boolean;
      readonly code: string;
      readonly detail: string;
    };

/** A counter as Prometheus keeps it. */
export interface CounterSeries {
  /** With the metric's name as `__name__`. */
  readonly labels: Readonly<Record<string, string>>;
  /**
   * One bucket of a native histogram: it counts what is above this and up to `le`, where a classic bucket counts all up
   * to `le`. All of the histogram is above -Infinity and up to +Inf; what is no number is above Infinity.
   */
  readonly above?: number;
  readonly samples: readonly CounterSample[];
}

/** Time in Unix ms, and the counter's value then. */
export type CounterSample = readonly [at: number, value: number];

/** An answered request. `at` is the evaluation time of the query, Unix ms. */
export interface Measurement {
  readonly id: string;
  readonly at: number;
  readonly reading: Reading;
  /** The PromQL that a person can paste to see this number (the single form, also when it travelled in a batch). */
  readonly query: string;
  /** Prometheus' clock minus ours in ms, from its Date header (one second resolution); null: unknown. */
  readonly skewMs: number | null;
}

/** Our rule in a document, as the article writes it, plus our ownership block where it is there. */
export interface Rule {
  readonly canaryVersion: string;
  /** 0 to 100. */
  readonly canaryWeight: number;
  readonly stableVersion: string;
  readonly enabled: boolean;
  readonly managedBy: ManagedBy | null;
}

export interface ManagedBy {
  /** "canary-controller/STORE-ID". */
  readonly controller: string;
  readonly rolloutId: string;
  readonly step: number;
  readonly operation: string;
  readonly epoch: number;
  readonly promoted: boolean;
}

/** One attempt to read the live document. */
export type RouteReading =
  | {
      readonly kind: 'document';
      readonly at: number;
      readonly content: string;
      /** Lower-case hex MD5 of the UTF-8 content. */
      readonly md5: string;
      /** True when the read comes from the database (Admin read) or a file, never stale. */
      readonly authoritative: boolean;
    }
  | { readonly kind: 'absent'; readonly at: number; readonly authoritative: boolean }
  | { readonly kind: 'unreadable'; readonly at: number; readonly code: string; readonly detail: string }
  /**
   * Not read for this decision: commands and signals are answered before anything is read. `isLate`: it was asked
   * for, and the measurements came first.
   */
  | { readonly kind: 'notRead'; readonly isLate?: true };

/** What became of the last attempt to publish the open intent. */
export interface PublishReport {
  readonly operation: string;
  readonly at: number;
  /**
   * accepted: the server said yes (proof is the read-back only). conflict: a compare-and-set failed.
   * denied: 401 or 403, or the server cannot do it; trying at once again is useless. failed: anything else, it may
   * have landed.
   */
  readonly result: 'accepted' | 'conflict' | 'denied' | 'failed';
  readonly code: string;
  readonly detail: string;
}

/** A beta (gray) variant that hides our document from some gateways. */
export interface BetaReading {
  readonly rule: string;
}

export type CommandVerb =
  | 'start'
  | 'pause'
  | 'resume'
  | 'approve'
  | 'promote'
  | 'abort'
  | 'retry'
  | 'undo'
  | 'forget';

/** Something a person or CI asked for. Its id is the number of the event that recorded it. */
export interface Command {
  readonly id: number;
  readonly at: number;
  readonly verb: CommandVerb;
  readonly actor: string;
  readonly reason: string;
  readonly force: boolean;
  readonly full: boolean;
  /** start only. */
  readonly revision: string | null;
  readonly restart: boolean;
}

/** What an alert asks for. `ignore` is told to nobody. */
export type SignalAction = 'rollback' | 'pause' | 'promote' | 'ignore';

/** An alert pushed in from outside. Identity: fingerprint and start time. */
export interface Signal {
  readonly id: string;
  readonly name: string;
  readonly action: SignalAction;
  readonly firing: boolean;
  readonly startedAt: number;
  readonly summary: string;
  /** Number of the event that recorded that it fires: a later one is news. */
  readonly eventId: number;
  /** When its sender last said that it fires. */
  readonly toldAt: number;
}

/** All that one tick saw. */
export interface Observation {
  readonly route: RouteReading;
  readonly publish: PublishReport | null;
  /** Null: not asked. */
  readonly beta: BetaReading | 'none' | 'unknown' | null;
  /** Answers to all requests of `needs`, by request id. Empty when no look was due. */
  readonly measurements: readonly Measurement[];
  readonly commands: readonly Command[];
  readonly signals: readonly Signal[];
}

export const ROUTE_LATE: RouteReading = { kind: 'notRead', isLate: true };

export const NOTHING_SEEN: Observation = {
  route: { kind: 'notRead' },
  publish: null,
  beta: null,
  measurements: [],
  commands: [],
  signals: [],
};
