/** Where a daemon can be killed: the moments around one write, and which write it is. */

/** In the order in which they are passed. */
export const BOUNDARIES = [
  'before the intent is committed',
  'after the intent is committed',
  'before the publish',
  'after the publish',
  'before the read-back',
  'after the read-back',
  'before what was read back is committed',
  'after what was read back is committed',
] as const;

export type Boundary = (typeof BOUNDARIES)[number];

/** One write of a rollout, and the moment around it to die (or to be stopped) in. */
export interface Death {
  readonly boundary: Boundary;
  readonly purpose: 'step' | 'rollback' | 'promoted' | 'withdraw';
  /** Percent that is written. */
  readonly to: number;
  /** Default SIGKILL. */
  readonly signal?: 'SIGKILL' | 'SIGSTOP';
}

/** Tells a daemon its `Death`, as JSON. */
export const DEATH_VARIABLE = 'TEST_DEATH';

/** The line by which a dying daemon says where it is. */
export const DYING = 'killed at the boundary';
