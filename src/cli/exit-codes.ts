/** What the process ends with. Scripts depend on these numbers. */
export const EXIT = {
  ok: 0,
  /** Failed, refused or not found. */
  failed: 1,
  usage: 2,
  /** The rollout ended in another way than was waited for. */
  endedBadly: 3,
  unreachable: 4,
  /** `plan --exit-code` sees changes. */
  changes: 5,
  timedOut: 6,
  /** `serve` with settings that cannot work, or the wrong Node.js (sysexits.h: EX_CONFIG). */
  badSettings: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
