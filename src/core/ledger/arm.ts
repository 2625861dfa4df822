/** One arm at one poll: its targets as they were answered, and what they grew by since the poll before. */
import type { Reading } from '../observation.ts';
import { type Target, targetsOf } from './rows.ts';
import { FORGOTTEN_AFTER_MS, type Growth, type TargetMemory, walkTarget } from './walk.ts';

/** What is remembered of one arm, as plain JSON. */
export interface ArmMemory {
  readonly targets: Readonly<Record<string, TargetMemory>>;
  /** Newest sample of all targets that were forgotten; null: none was. */
  readonly forgottenAt: number | null;
}

export interface SeenArm {
  readonly memory: ArmMemory;
  readonly reading: Reading;
  /** None where the reading holds no series. */
  readonly targets: ReadonlyMap<string, Target>;
}

export const UNKNOWN_ARM: ArmMemory = { targets: {}, forgottenAt: null };

export function seeArm(memory: ArmMemory, reading: Reading, versionLabel: string): SeenArm {
  const series = reading.kind === 'series' ? reading.series : [];
  return { memory, reading, targets: targetsOf(series, versionLabel) };
}

/** Time of the newest sample of a counter, Unix ms; null without any. */
export function newestIn({ targets }: SeenArm): number | null {
  let newest: number | null = null;
  for (const target of targets.values()) {
    const at = newestOf(target);
    if (at !== null && at > (newest ?? -Infinity)) newest = at;
  }
  return newest;
}

function newestOf({ rows }: Target): number | null {
  let newest: number | null = null;
  for (const { samples } of rows.values()) {
    const at = samples.at(-1)?.[0];
    if (at !== undefined && at > (newest ?? -Infinity)) newest = at;
  }
  return newest;
}

/** Whether a counter has a sample that no poll has walked yet. */
export function hasNews({ memory, targets }: SeenArm): boolean {
  return [...targets].some(([key, target]) => isNew(memory.targets[key], target));
}

/** Mean time of the newest samples of the targets that have a new one, Unix ms; null: none has. */
export function newsAt({ memory, targets }: SeenArm): number | null {
  let [sum, count] = [0, 0];
  for (const [key, target] of targets) {
    const at = newestOf(target);
    if (at === null || !isNew(memory.targets[key], target)) continue;
    sum += at;
    count += 1;
  }
  return count === 0 ? null : sum / count;
}

function isNew(known: TargetMemory | undefined, { rows }: Target): boolean {
  for (const [row, { samples }] of rows) {
    const walkedAt = known?.lags[row] ?? known?.at ?? -Infinity;
    if ((samples.at(-1)?.[0] ?? -Infinity) > walkedAt) return true;
  }
  return false;
}

/** Everything new, and what to remember for the poll after the one at `at` (Unix ms). */
export function walkArm(
  { memory, targets }: SeenArm,
  at: number,
): { readonly memory: ArmMemory; readonly growths: readonly Growth[] } {
  const growths: Growth[] = [];
  const remembered: Record<string, TargetMemory> = { ...memory.targets };
  for (const [key, target] of targets) {
    const walk = walkTarget(memory.targets[key], target, key !== '', memory.forgottenAt);
    remembered[key] = walk.memory;
    for (const growth of walk.growths) growths.push(growth);
  }
  let { forgottenAt } = memory;
  for (const [key, target] of Object.entries(remembered)) {
    if (target.at >= at - FORGOTTEN_AFTER_MS) continue;
    delete remembered[key];
    forgottenAt = Math.max(forgottenAt ?? target.at, target.at);
  }
  return { memory: { targets: remembered, forgottenAt }, growths };
}
