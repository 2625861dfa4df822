/** Parts of the memory that only the core looks into: the held weight, approvals, our writes, what is live. */
import type { Outcome } from './outcome.ts';
import type { ArmCounts } from './sequential/counts.ts';

export interface Approval {
  readonly actor: string;
  readonly reason: string;
  readonly stepIndex: number;
  /** The approval is void once the spec changes. */
  readonly specHash: string;
  readonly at: number;
}

/** Alerts that paused a rollout, by the numbers of the events that recorded them: which were taken, which are settled. */
export interface Alarms {
  /** The newest that paused it: what was recorded after it is news. */
  readonly taken: number;
  /** The newest of those whose pause a person or their own end has ended. */
  readonly settled: number;
}

/** The last weight that was read back, and the time spent at it. */
export interface Held {
  /** Index of the step whose weight is held; -1: none of them (0, or a weight between). */
  index: number;
  readonly weight: number;
  /** When the weight was first read back. */
  verifiedAt: number;
  /** Windows must start at or after this (settle included) to count. */
  clearFrom: number;
  bakedMs: number;
  /** Progress clock: runs after the bake, not in pauses or outages. */
  stalledMs: number;
  /** A counted failure since the bake was over. */
  failedSinceBake: boolean;
}

/** A document of ours that may still be seen: read lag, or a delayed write. */
export interface OwnWrite {
  readonly operation: string;
  readonly md5: string;
  readonly weight: number;
  readonly rolloutId: string;
  readonly at: number;
  /** When it was superseded or cancelled; null while current. */
  cancelledAt: number | null;
  readonly stepIndex: number;
}

/** The live document as last read and understood. */
export interface Known {
  readonly content: string;
  readonly md5: string;
  readonly at: number;
}

export interface StateDiagnostic {
  /** E.g. STABLE_UNKNOWN, BETA_PRESENT, TRAFFIC_TARGET_CHANGED, CLOCK_SKEW. */
  readonly code: string;
  readonly detail: string;
}

/** A person's `promote`, waiting to take effect. */
export interface Promotion {
  readonly actor: string;
  readonly reason: string;
  readonly full: boolean;
  readonly force: boolean;
  readonly commandId: number;
}

/** Why a revision needs `retry`: the rollout that failed, and when its 0 was verified. */
export interface Failure {
  readonly rolloutId: string;
  readonly reason: string;
  readonly zeroAt: number | null;
  /** It had been promoted, and a person took that back. */
  readonly undone?: true;
}

/** What a write of the document is for. */
export type WritePurpose =
  | 'step'
  | 'rollback'
  | 'absent'
  | 'correct'
  | 'promoted'
  | 'withdraw'
  | 'takeover'
  | 'recreate'
  | 'restore';

/** Where a rollout goes once 0 is verified. */
export interface Ending {
  readonly outcome: Outcome;
  readonly reason: string;
  readonly since: number;
  /** Writes tried so far. */
  tries: number;
  /** Critical notification sent after the third try. */
  alarmed: boolean;
  /** Why the last try to write 0 did nothing; null where it was accepted, or is not known yet. */
  trouble?: string | null;
}

/** What a rollout has spent of one metric's budget, as plain JSON. */
export interface Spending {
  /** Requests a second of the service before the rollout; null: not known yet. */
  readonly rps: number | null;
  /** Excess at the weights before this one. */
  readonly before: number;
  /** Percent; the counts below are of the time at it. */
  readonly weight: number;
  readonly canary: ArmCounts;
  readonly stable: ArmCounts;
}
