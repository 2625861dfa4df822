/** What is remembered about one Canary between two ticks, as plain JSON. `decide` is the only writer. */
import type { JudgeName, TrafficTarget } from '../spec/canary.ts';
import type { Comparison, PointsMemory } from './mann-whitney/memory.ts';
import type {
  Alarms,
  Approval,
  Ending,
  Failure,
  Held,
  Known,
  OwnWrite,
  Promotion,
  Spending,
  StateDiagnostic,
  WritePurpose,
} from './memory.ts';
import type { Outcome } from './outcome.ts';
import type { SequentialMemory } from './sequential/memory.ts';

export const PHASES = [
  'Initializing',
  'Stable',
  'Waiting',
  'Progressing',
  'Paused',
  'RollingBack',
  'RolledBack',
  'Succeeded',
  'Terminating',
] as const;

export type Phase = (typeof PHASES)[number];

export const HEALTHS = ['Progressing', 'Healthy', 'Paused', 'Degraded'] as const;

export type Health = (typeof HEALTHS)[number];

export function healthOf(phase: Phase): Health {
  if (phase === 'Stable' || phase === 'Succeeded') return 'Healthy';
  if (phase === 'Paused') return 'Paused';
  return phase === 'RolledBack' ? 'Degraded' : 'Progressing';
}

/**
 * Why a rollout stands still, each with its own way out.
 * By a person: Manual, Alert, Inconclusive, NoEvidence, NoData when `resume` accepts it, every Drift, State and
 * Foreign reason. By itself: Errors, NoData (data is back), BadQuery (a look without it). By the file: Suspended.
 * By `approve`: Approval. Failed leaves by abort or retry only.
 */
export type PauseReason =
  | 'Manual'
  | 'Suspended'
  | 'Approval'
  | 'Alert'
  | 'Errors'
  | 'NoData'
  | 'BadQuery'
  | 'Inconclusive'
  | 'NoEvidence'
  | 'Failed'
  | 'Drift'
  | 'DriftLower'
  | 'DriftPair'
  | 'DriftFight'
  | 'StateRebuilt'
  | 'StateConflict'
  | 'ForeignController';

export interface Pause {
  readonly reason: PauseReason;
  /** One sentence for people. */
  readonly detail: string;
  readonly since: number;
}

/** A recorded permission to go on without evidence; preflight: to start although stable is in an incident. */
export interface Exemption {
  readonly kind: 'resume' | 'promote' | 'skip' | 'adopt' | 'rebuilt' | 'preflight';
  readonly actor: string;
  readonly reason: string;
  readonly stepIndex: number;
  readonly at: number;
}

export type VerdictClass = 'pass' | 'fail' | 'inconclusive' | 'noData' | 'error' | 'pending';

/** One metric at one look, with its numbers. */
export interface Verdict {
  readonly metric: string;
  readonly class: VerdictClass;
  readonly at: number;
  /** Evaluation window: (at - windowMs, at]. */
  readonly windowMs: number;
  readonly canary: number | null;
  readonly stable: number | null;
  readonly canaryRequests: number | null;
  readonly stableRequests: number | null;
  /** E.g. "maxDelta 0.005". */
  readonly bound: string;
  /** One sentence with the numbers compared. */
  readonly detail: string;
  readonly query: string;
  readonly structural: boolean;
  /** The always-on guard tripped at this look. */
  readonly guard: boolean;
  /** False: the look lies in a settle period or the like and counts neither way. */
  readonly counted: boolean;
  /** Set when the stable arm was asked at the time of the raise to 100. */
  readonly stableFrozenAt: number | null;
  /** Of the Mann-Whitney judge. */
  readonly comparison?: Comparison;
}

/** Counters of one metric in one rollout. */
export interface MetricState {
  /** Hash of what was judged: another one starts the counters again (failures already counted stay). */
  readonly key: string;
  /** Consecutive counted passes at the verified weight. */
  passes: number;
  lastPassAt: number | null;
  /** Stopwatch of `for`, ms. */
  failingMs: number;
  /** Time of the last counted failing look since the last counted pass: not null means that it is failing. */
  lastFailAt: number | null;
  /** Counted failures for `failureLimit`, at most one a window, over the whole rollout. */
  failures: number;
  lastFailureCountedAt: number | null;
  /** Consecutive looks with a transient error. */
  errors: number;
  /** First of the consecutive counted looks without data. */
  noDataSince: number | null;
  lastLookAt: number | null;
  /** Stable's last value while it had traffic; absent: none yet. */
  lastStable?: { readonly at: number; readonly value: number; readonly requests: number | null };
  /** Stable's reading frozen for weight 100. */
  frozen: { readonly at: number; readonly value: number | null; readonly requests: number | null } | null;
  verdict: Verdict | null;
  sequential?: SequentialMemory;
  points?: PointsMemory;
}

export interface RolloutState {
  readonly id: string;
  readonly revision: string;
  readonly stable: string;
  readonly judge: JudgeName;
  /** Judges what it can of the metrics that name no judge; absent: threshold does, as when this rollout began. */
  readonly defaultJudge?: 'sequential';
  readonly startedAt: number;
  readonly startedBy: string;
  /** Hash of the steps, to notice an edit. */
  stepsKey: string;
  /** Index of the step wanted now: changes when the intent is saved. -1 before the first step. */
  stepIndex: number;
  /** Percent wanted now. */
  weight: number;
  held: Held;
  /** True once a raise was saved or a weight was found: from then on ending it means writing 0. */
  written: boolean;
  pauses: Pause[];
  approvals: Approval[];
  exemptions: Exemption[];
  /** A person's `promote`, waiting to take effect at the gate of that step. */
  promote: Promotion | null;
  analysed: boolean;
  metrics: Record<string, MetricState>;
  /** Of the rollout budget, by metric: an edit of the metric gives nothing back. Absent: nothing was counted. */
  spent?: Record<string, Spending>;
  corrections: number;
  lastCorrectionAt: number | null;
  canarySeen: boolean;
  /** Time at which the intent to raise to 100 was saved. */
  frozenAt: number | null;
  /** Looks of `strategy.ready` that held, in a row. */
  readyLooks: number;
  /** What its last look found where it did not hold; absent: it held, or was not asked yet. */
  unready?: string;
  /** When stable was last asked how fast it burns its error budget, and what speaks against a start; absent: never. */
  preflight?: { readonly at: number; readonly trouble: string | null };
  /** Both versions burn their error budget, since when and how: the clocks of the step stand still. Absent: they do not. */
  incident?: { readonly since: number; readonly text: string };
  /** Waiting with CanaryAbsent until then. */
  absentUntil: number | null;
  absences: number;
  firstFailAt: number | null;
  /** When the last look was judged, if that was before the live rule was there; absent once it was heard of. */
  unreadAt?: number;
  /** Which alerts paused this rollout; absent: none yet. */
  alarms?: Alarms;
  /** The rollout that this one undoes. */
  readonly undoes: string | null;
  /** When the 0 of an earlier rollout of this revision was verified: windows before it tell of that rollout. */
  notBefore: number;
  /** Samples of times before it may be of earlier ones: Prometheus' clock was ahead, up to here. Absent: it never was. */
  misdatedUntil?: number;
  /** No raise before this time: a raise was cancelled and is backed off. */
  raiseAfter: number;
  raiseFailures: number;
  /** A raise was cancelled and may still land: the held rule must be published once more under a new operation. */
  withdrawDue: boolean;
  /** Weights reached, with the time each was read back. */
  reached: { readonly index: number; readonly weight: number; readonly verifiedAt: number }[];
  outcome: Outcome | null;
  endedAt: number | null;
  endReason: string;
  /** Percent wanted when its ending was decided. */
  endWeight: number;
}

/**
 * A write that was saved before it was made. raise: more than was verified, never written twice. lower: less, written
 * until it is read back. hold: the same weight again (a mark, withdrawing a raise), dropped when it is not seen.
 */
export interface Intent {
  readonly operation: string;
  readonly direction: 'raise' | 'lower' | 'hold';
  readonly purpose: WritePurpose;
  readonly from: number;
  readonly to: number;
  readonly stepIndex: number;
  /** The whole document to write. */
  readonly content: string;
  readonly md5: string;
  /** MD5 that the live document had in the run that decided; 'absent'; null when it could not be read. */
  readonly expectMd5: string | 'absent' | null;
  readonly savedAt: number;
  /** When it was last written. */
  readonly writtenAt: number;
  readonly epoch: number;
  /** Identifies the process run that saved it: another run does not know whether it was written. */
  readonly bootId: string;
  attempts: number;
  /** Earliest time of the next attempt. */
  retryAt: number;
}

export interface CanaryState {
  readonly name: string;
  /** The document in use: a changed `spec.traffic` is taken over only while nothing runs. */
  route: TrafficTarget;
  phase: Phase;
  phaseSince: number;
  /** What is live and trusted; null only in Initializing. */
  stable: string | null;
  /** The revision wanted: git's if it names one, else the API's last. */
  target: string | null;
  /** Revision that `start` asked for. */
  requested: { readonly revision: string; readonly actor: string; readonly commandId: number } | null;
  rollout: RolloutState | null;
  ending: Ending | null;
  intent: Intent | null;
  /** Last verified or adopted content. Null: never seen or known absent. */
  known: Known | null;
  /** Last reading of the weight, whatever it was; null while unknown. */
  observed: { readonly weight: number; readonly at: number } | null;
  /** Recent writes, newest last, at most 20. */
  writes: OwnWrite[];
  /** Revisions that need `retry`, with the rollout that failed and when its 0 was verified. */
  failed: Record<string, Failure>;
  /** When the 0 of the last written rollout of a revision was verified: windows before it tell of that rollout. */
  zeroed: Record<string, number>;
  /** Revision refused by `onRevisionChange: reject`. */
  rejected: string | null;
  /** The last rollout that was promoted, for `undo`. */
  promoted: { readonly rolloutId: string; readonly revision: string; readonly stable: string } | null;
  /** Pauses outside a rollout (Initializing, Stable, Succeeded). */
  pauses: Pause[];
  /** One sentence: why the phase is what it is. */
  reason: string;
  nextLookAt: number;
  /** When a deleted Canary may be forgotten, its document settled. */
  deletedAt: number | null;
  /** First of an unbroken run of reads that showed the document an open intent expects to replace. */
  unchangedSince: number | null;
  /** First of an unbroken run of reads that found no document although there was one. */
  missingSince: number | null;
  /** A rollout that must begin once the running one has ended, under an id already told to whoever asked. */
  reserved: {
    readonly revision: string;
    readonly rolloutId: string;
    readonly actor: string;
    /** The reason that was given for starting whatever stable does; absent: nobody asked for that. */
    readonly override?: string;
  } | null;
  /** Counters for deterministic names. */
  seq: { rollout: number; operation: number; decision: number };
  specHash: string | null;
  /** The process run that last decided: another one asks fresh passes. */
  bootId: string;
  /** Wall time of this process run's first decision. */
  bootAt: number;
  decidedAt: number;
  /** Live diagnostics of the canary (not of its file). */
  diagnostics: StateDiagnostic[];
}

/** A rollout as history keeps it. */
export interface RolloutRecord {
  readonly id: string;
  readonly canary: string;
  readonly revision: string;
  readonly stable: string;
  readonly judge: JudgeName;
  readonly analysed: boolean;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly outcome: Outcome | null;
  readonly reason: string;
  readonly undoes: string | null;
  /** Weights reached, with the time each was read back. */
  readonly steps: readonly { readonly index: number; readonly weight: number; readonly verifiedAt: number }[];
  /** Who exempted what. */
  readonly exemptions: readonly Exemption[];
  /** Milliseconds from the first fail to the verified 0, where it was rolled back. */
  readonly rollbackMs: number | null;
}
