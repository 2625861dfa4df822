/** Lines of history: which there are, and what each tells. */

/** A line of history as `decide` reports it; the store gives it its number. */
export interface NewEvent {
  readonly type: EventType;
  readonly message: string;
  readonly rolloutId: string | null;
  readonly causedBy: number | null;
  readonly actor: string | null;
  readonly data?: EventData;
}

/**
 * Facts of an event for programs, so that nobody has to read them out of the message.
 * RolloutEnded: `outcome` (an `Outcome`), `weight` (percent when the ending was decided), `revision`.
 * StepLeft: `step`, `weight`, `seconds` at it, and the values of each metric, `METRIC/canary` and `METRIC/stable`.
 * Paused: `pauseReason` (a `PauseReason`), `weight`, `revision`. RollbackStuck: `weight`, `tries`, `revision`.
 */
export type EventData = Readonly<Record<string, string | number | boolean | null>>;

export const EVENT_TYPES = [
  'CommandReceived',
  'CommandApplied',
  'CommandRefused',
  'SignalReceived',
  'SignalResolved',
  'SignalApplied',
  'SpecChanged',
  'SpecInvalid',
  'StableAdopted',
  'RolloutStarted',
  'StartHeld',
  'StepStarted',
  'WeightVerified',
  'RaiseCancelled',
  'StepLeft',
  'IncidentSeen',
  'IncidentOver',
  'Paused',
  'PauseEnded',
  'Approved',
  'Exempted',
  'RollbackStarted',
  'RollbackStuck',
  'RolloutEnded',
  'DriftCorrected',
  'DriftSeen',
  'LateWriteLowered',
  'DocumentAdopted',
  'DocumentRecreated',
  'DocumentMissing',
  'CanaryAbsent',
  'RevisionSkipped',
  'ClockJump',
  'MassDeletion',
  'Forgotten',
  'LeaderChanged',
  'Diagnostic',
] as const;

export type EventType = (typeof EVENT_TYPES)[number];
