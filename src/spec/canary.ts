/**
 * The Canary declaration in the form the rest of the program works with: every default filled in, every
 * duration in milliseconds. `schema.ts` says what users may write; this file says what it means.
 */
import type { Diagnostic } from './diagnostic.ts';

/** What happens when looks cannot tell: keep the weight, stop and wait, or go back to 0. */
export type Reaction = 'hold' | 'pause' | 'rollback';

export interface NacosTarget {
  readonly kind: 'nacos';
  /** Namespace id; the public namespace is always the empty string here. */
  readonly namespace: string;
  readonly group: string;
  readonly dataId: string;
}

export interface FileTarget {
  readonly kind: 'file';
  /** Relative to the canaries directory, inside it. */
  readonly path: string;
}

export type TrafficTarget = NacosTarget | FileTarget;

export interface Step {
  /** Percent of traffic for the canary revision, integer 1 to 100. */
  readonly weight: number;
  readonly bakeMs: number;
  /** True: a person must approve before the *next* step. */
  readonly approval: boolean;
  /** How long a judge may go without an answer; there where one of the metrics has a judge that may. */
  readonly maxHoldMs?: number;
}

/** At least one is set. `canary - stable` for deltas; `maxRatio` means canary <= maxRatio x stable. */
export interface Bounds {
  readonly max?: number;
  readonly min?: number;
  readonly maxDelta?: number;
  readonly minDelta?: number;
  readonly maxRatio?: number;
}

export type MetricSource =
  | { readonly kind: 'ratio'; readonly bad: string; readonly total: string; readonly minRequests: number }
  | {
      readonly kind: 'latency';
      readonly histogram: string;
      readonly quantile: number;
      readonly minRequests: number;
    }
  | { readonly kind: 'query'; readonly query: string }
  /** Good while an alert of this name with the action promote is told; measured by nobody. */
  | { readonly kind: 'external'; readonly alert: string };

export type JudgeName = 'threshold' | 'sequential' | 'mannWhitney';

/** What the sequential judge promises for a metric, per rollout. */
export interface SequentialPromise {
  /** Probability of rolling back what is within tolerance: this metric's part of `analysis.alpha`. */
  readonly alpha: number;
  /** Probability of promoting what is beyond `maxDelta`. */
  readonly beta: number;
  /** Part of `maxDelta` that is tolerated: 1 strict, 0 any increase. */
  readonly sensitivity: number;
  /** How much burstier than independent requests failures come, 1 or more; null: estimated from stable. */
  readonly dispersion: number | null;
}

/** How the Mann-Whitney judge compares the points of a metric; its margin is the metric's bound. */
export interface MannWhitneyTerms {
  /** Which way is worse. */
  readonly direction: 'increase' | 'decrease' | 'either';
  /** A shift counts once its interval clears this share of the estimated shift. */
  readonly tolerance: number;
  /** Of the interval, both ends together. */
  readonly confidence: number;
  readonly effectSize: EffectSize;
  /** What becomes of a result that is NaN: no point, or a point of 0. */
  readonly nanStrategy: 'remove' | 'replace';
  /** Interquartile ranges beyond the quartiles where outliers begin; null: all points stay. */
  readonly outlierFactor: number | null;
  /** Fewer points of either arm tell nothing. */
  readonly minPoints: number;
  /** At least one. */
  readonly groups: readonly string[];
  /** False: without data the other metrics decide. */
  readonly mustHaveData: boolean;
}

/** A certain shift is let through while its effect is short of what is allowed. */
export interface EffectSize {
  readonly measure: 'meanRatio' | 'cles';
  readonly allowedIncrease: number;
  readonly allowedDecrease: number;
  /** From here on a critical metric fails the canary by itself. */
  readonly criticalIncrease: number;
  readonly criticalDecrease: number;
}

/** How the verdicts of all metrics of the Mann-Whitney judge become one. */
export interface Scoring {
  /** Of a group, in percent of the score; groups that are not named share the rest equally. */
  readonly weights: Readonly<Record<string, number>>;
  /** The canary passes with this score or a higher one, 0 to 100. */
  readonly pass: number;
  /** It fails below this one; between the two it neither passes nor fails. */
  readonly marginal: number;
}

export interface Metric {
  readonly name: string;
  readonly source: MetricSource;
  readonly bounds: Bounds;
  readonly windowMs: number;
  /** How long a breach must last without a pass. Null when `failureLimit` or the odds decide instead. */
  readonly forMs: number | null;
  /** More counted failures than this in a rollout fail it. Null when `forMs` or the odds decide. */
  readonly failureLimit: number | null;
  readonly critical: boolean;
  readonly dryRun: boolean;
  readonly judge: JudgeName;
  /** There exactly where `judge` is sequential. */
  readonly sequential?: SequentialPromise;
  /** There exactly where `judge` is mannWhitney. */
  readonly mannWhitney?: MannWhitneyTerms;
  /** Share of good events that is promised; there where the analysis asks what is left of the error budget. */
  readonly objective?: number;
}

/** How much of the error budget one rollout may spend before it goes back to 0. */
export interface RolloutBudget {
  /** Above 0, 1 at most. */
  readonly share: number;
  /** What the objectives are promised over. */
  readonly windowMs: number;
}

/** When the service itself is in an incident: an objective's budget burns this fast over both windows. */
export interface Incident {
  /** Times what the objective allows; 1 just keeps it. */
  readonly burnRate: number;
  /** The long window; the short one is a twelfth of it. */
  readonly windowMs: number;
}

export interface Analysis {
  /** True: no metrics at all, said explicitly; the rollout is recorded as unanalysed. */
  readonly skip: boolean;
  readonly intervalMs: number;
  readonly versionLabel: string;
  readonly onNoData: Reaction;
  readonly noDataGraceMs: number;
  readonly onError: Reaction;
  readonly errorLimit: number;
  readonly onInconclusive: Reaction;
  /** True: a pause that an alert made ends once that alert is resolved. */
  readonly resumeOnResolved: boolean;
  readonly metrics: readonly Metric[];
  /** There exactly where one of the metrics has the Mann-Whitney judge. */
  readonly scoring?: Scoring;
  /** Absent: any amount may be spent. */
  readonly rolloutBudget?: RolloutBudget;
  /** Absent: what stable burns holds nothing. */
  readonly incident?: Incident;
  /** The traffic was not split by these weights, because it is of the past: it is not held against them. Never declared. */
  readonly anySplit?: true;
}

export interface Strategy {
  /** Strictly ascending, the last one 100. */
  readonly steps: readonly Step[];
  readonly ready: { readonly query: string; readonly min: number } | null;
  readonly onRevisionChange: 'restart' | 'queue' | 'reject';
  readonly onFailure: 'rollback' | 'pause';
  readonly onDelete: 'rollback' | 'retain';
  /** 0: never. */
  readonly progressDeadlineMs: number;
}

export interface Canary {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly service: string;
  /** The version git wants live; null: only the API sets it. */
  readonly revision: string | null;
  /** Used once, when neither the store nor the live rule knows what is live. */
  readonly stableRevision: string | null;
  readonly suspend: boolean;
  readonly target: TrafficTarget;
  readonly settleMs: number;
  readonly verifyTimeoutMs: number;
  readonly onDrift: 'correct' | 'pause' | 'adopt';
  readonly strategy: Strategy;
  readonly analysis: Analysis;
}

/** An AnalysisTemplate: what the Canaries that name it leave out of their `spec.analysis`. */
export interface AnalysisTemplate {
  readonly name: string;
  /** Path as given by the directory scan. */
  readonly file: string;
  /** Line of `metadata`, 1-based. */
  readonly line: number;
  /** sha256 of the canonical JSON of `analysis`. */
  readonly hash: string;
  /** As written, without defaults: a default must not hide what a Canary leaves to the program. */
  readonly analysis: Readonly<Record<string, unknown>>;
}

/** A Canary that names a template, before the two are put together. */
export interface TemplateUser {
  /** metadata.name, where it could be read. */
  readonly name: string | null;
  readonly template: string;
  readonly file: string;
  /** As in `Spec`. */
  readonly line: number;
  /** The document as plain values. */
  readonly values: Readonly<Record<string, unknown>>;
  /** The document's text, for the places of what is wrong with it. */
  readonly text: string;
  /** Line of the file where `text` begins, 1-based. */
  readonly firstLine: number;
}

/** A Canary and where it was written: what the controller runs. */
export interface Spec {
  readonly canary: Canary;
  /** Path as given by the directory scan, for messages. */
  readonly file: string;
  /** Line of `spec.revision` (or of the document's start), 1-based: the API says which line owns the revision. */
  readonly line: number;
  /** sha256 of the canonical JSON of `canary`, with `earlier` where that is there: equal hashes, equal meaning. */
  readonly hash: string;
  /** There exactly where the document leaves the choice of a judge to the default, and the default makes a difference. */
  readonly earlier?: EarlierMeaning;
  /** The template that went into `canary`, in the form that it had. */
  readonly template?: AnalysisTemplate;
  /** What told `canary.stableRevision`, for messages; absent: the file. */
  readonly stableToldBy?: string;
}

/**
 * What a document meant while every judge that nobody named was threshold. Rollouts that began then go on by it; all
 * else is as in the Canary.
 */
export interface EarlierMeaning {
  /** sha256 of the canonical JSON of the whole Canary of that meaning. */
  readonly hash: string;
  readonly steps: readonly Step[];
  readonly metrics: readonly Metric[];
}

/** What a file holds: the Canaries that are valid, and everything that is wrong or doubtful. */
export interface ParsedFile {
  readonly specs: readonly Spec[];
  readonly templates?: readonly AnalysisTemplate[];
  /** Canaries that wait for their templates; `resolveTemplates` makes specs of them. */
  readonly users?: readonly TemplateUser[];
  readonly diagnostics: readonly Diagnostic[];
}
