/** How long a soak lasts and how fast everything in it goes. */
import type { Program } from './daemons.ts';

export interface Pace {
  /** Between two looks at a canary under way. Faults are measured in it too. */
  readonly intervalMs: number;
  readonly scrapeMs: number;
  readonly windowMs: number;
  readonly settleMs: number;
  readonly bakeMs: number;
  readonly verifyTimeoutMs: number;
  /** `--tick` of the daemon. */
  readonly tickMs: number;
  /** Between two samples of the daemon, `/metrics` among them. */
  readonly sampleMs: number;
  /** Mean time between two commits of one canary. */
  readonly commitEveryMs: number;
  /** How long after the last fault everything must be at rest. */
  readonly restWithinMs: number;
}

/** A rollout takes a bit more than a minute. */
export const HOUR_PACE: Pace = {
  intervalMs: 5_000,
  scrapeMs: 1_000,
  windowMs: 4_000,
  settleMs: 2_000,
  bakeMs: 10_000,
  verifyTimeoutMs: 30_000,
  tickMs: 5_000,
  sampleMs: 15_000,
  commitEveryMs: 600_000,
  restWithinMs: 600_000,
};

/** A rollout takes about ten seconds. */
export const SHORT_PACE: Pace = {
  intervalMs: 1_000,
  scrapeMs: 200,
  windowMs: 1_000,
  settleMs: 100,
  bakeMs: 1_000,
  verifyTimeoutMs: 10_000,
  tickMs: 1_000,
  sampleMs: 5_000,
  commitEveryMs: 15_000,
  restWithinMs: 90_000,
};

export interface SoakPlan {
  readonly program: Program;
  readonly seed: number;
  readonly canaries: number;
  /** Time of commits and faults that is judged; the coda comes on top. */
  readonly durationMs: number;
  readonly pace: Pace;
  readonly nacos: '2.5.1' | '3.1';
  /** Each sample is appended here as a line of JSON, so that an interrupted soak still tells something. */
  readonly samplesFile: string | null;
  /** Leaves the folder with files, database and logs, and says where it is. */
  readonly keepsFiles: boolean;
  /** Told what goes on. */
  readonly say: (line: string) => void;
}

/** Part of the duration in which daemons are ended: at its start, and once more in the coda after it. */
export const ENDINGS_SHARE = 0.2;
/** Length of the coda, in parts of the duration. */
export const CODA_SHARE = 1 / 12;
