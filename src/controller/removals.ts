/**
 * Which Canaries are really gone. A file must be missing for 30 s and in two full scans; when much vanishes at once,
 * nothing is believed and a person is told. Pure: time comes in.
 */

export type FileStatus = 'present' | 'missing' | 'gone';

export interface Removals {
  /**
   * Takes one full scan, made at the monotonic time `now`: a wall clock that jumps makes nothing gone. `baseline`:
   * every Canary the store knows. `found`: those the scan found, also in files that are invalid now.
   */
  judge(baseline: readonly string[], found: ReadonlySet<string>, now: number): Verdict;
}

export interface Verdict {
  readonly status: (name: string) => FileStatus;
  /** Set while so much is missing at once that nothing is deleted. */
  readonly massDeletion: string | null;
}

export const GONE_AFTER_MS = 30_000;
const MASS_SHARE = 0.3;
const MASS_LEAST = 3;

export function createRemovals(): Removals {
  const missing = new Map<string, { since: number; scans: number }>();
  return {
    judge(baseline, found, now) {
      const absent = new Set(baseline.filter((name) => !found.has(name)));
      for (const name of missing.keys()) {
        if (!absent.has(name)) missing.delete(name);
      }
      for (const name of absent) {
        const before = missing.get(name);
        missing.set(name, { since: before?.since ?? now, scans: (before?.scans ?? 0) + 1 });
      }
      const massDeletion = massDeletionIn(baseline.length, absent.size, found.size);
      return {
        massDeletion,
        status(name) {
          const gap = missing.get(name);
          if (gap === undefined) return 'present';
          const isOver = gap.scans >= 2 && now - gap.since >= GONE_AFTER_MS;
          return isOver && massDeletion === null ? 'gone' : 'missing';
        },
      };
    },
  };
}

function massDeletionIn(known: number, absent: number, found: number): string | null {
  if (absent === 0) return null;
  const advice = 'nothing is deleted; `canary forget NAME --reason WHY` confirms an intended removal';
  if (found === 0) return `the directory holds no canary any more (${known} known): ${advice}`;
  if (absent >= MASS_LEAST && absent > MASS_SHARE * known) {
    return `${absent} of ${known} canaries vanished at once: ${advice}`;
  }
  return null;
}
