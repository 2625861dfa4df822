/**
 * Where Prometheus scrapes the versions at two times, what hits both of them at once shows in one of them a poll
 * earlier. The canary is worse, or good enough, only where it is so beside stable as it was both before and after that
 * moment: each poll of the canary is held against the two of stable that cover its time.
 */
import { type ArmCounts, clamp, type PollCounts, share } from './counts.ts';

/** ln of the e-value of each alternative, of both tests. */
export interface Evidence {
  readonly regression: readonly number[];
  readonly nonInferiority: readonly number[];
}

/** What was seen last of a canary whose scrapes lie apart from stable's, as plain JSON. */
export interface ApartState {
  /** Stable's counts of the newest poll. */
  readonly stable: ArmCounts;
  /** A poll of the canary that reaches beyond stable's: what it is worth is known with the next one. Null: none. */
  readonly open: OpenPoll | null;
}

interface OpenPoll {
  readonly canary: CanaryCounts;
  /** Stable's counts of the same poll. */
  readonly stable: ArmCounts;
  /** What it is worth beside these. */
  readonly evidence: Evidence;
}

export type CanaryCounts = Pick<PollCounts, 'canary' | 'canaryScoreAtBound'>;

export type Against = (canary: CanaryCounts, stable: ArmCounts) => Evidence;

/** What the polls of stable are compared by. */
export interface Comparison {
  readonly against: Against;
  /** Stable's expected mean score. */
  readonly rate: number;
}

/**
 * What a poll says of the canary: of each alternative the least that is said by the polls of stable which cover the
 * canary's time. So each e-value is at most that of one pair alone, and what that promises still holds.
 *
 * @returns evidence to bet on one after the other, none where it has to wait for the next poll, or the weight settles
 */
export function coverPoll(
  known: ApartState | undefined,
  poll: PollCounts,
  comparison: Comparison,
): { readonly apart: ApartState; readonly evidence: readonly Evidence[] } {
  const { stable, first } = poll;
  const ended = endOpen(known, stable, comparison);
  const apart = (open: OpenPoll | null) => ({ stable, open });
  if (poll.settling) return { apart: apart(null), evidence: ended };
  const canary = countsOf(poll);
  const evidence = comparison.against(canary, stable);
  const here: OpenPoll = { canary, stable, evidence };
  if (first === 'stable') return { apart: apart(here), evidence: ended };
  const isCovered = first === 'canary' && known !== undefined;
  const now = isCovered ? least(here, known.stable, comparison) : evidence;
  return { apart: apart(null), evidence: [...ended, now] };
}

/** What a poll that waits is worth beside the next one of stable; none waits: nothing. */
export function endOpen(
  known: ApartState | undefined,
  stable: ArmCounts,
  comparison: Comparison,
): readonly Evidence[] {
  const open = known?.open ?? null;
  return open === null ? [] : [least(open, stable, comparison)];
}

/** An open poll goes on to speak against the canary, and no longer for it. */
export function withoutOpenGain({ stable, open }: ApartState): ApartState {
  if (open === null) return { stable, open };
  const { regression, nonInferiority } = open.evidence;
  const evidence = { regression, nonInferiority: nonInferiority.map((log) => Math.min(log, 0)) };
  return { stable, open: { ...open, evidence } };
}

function countsOf({ canary, canaryScoreAtBound }: PollCounts): CanaryCounts {
  return canaryScoreAtBound === undefined ? { canary } : { canary, canaryScoreAtBound };
}

function least(
  { canary, stable, evidence: here }: OpenPoll,
  other: ArmCounts,
  { against, rate }: Comparison,
): Evidence {
  if (other.requests === 0) return here;
  const there = against(canary, other);
  const both = against(canary, together(stable, other, rate));
  const lesser = (logs: readonly number[], ...others: readonly (readonly number[])[]) =>
    logs.map((log, at) => Math.min(log, ...others.map((one) => one[at] ?? log)));
  return {
    regression: lesser(here.regression, there.regression, both.regression),
    nonInferiority: lesser(here.nonInferiority, there.nonInferiority),
  };
}

/**
 * As if all that two polls of stable have above its rate had hit it in one: an incident shorter than a poll lies whole
 * in the canary's and is split over both of them.
 */
function together(one: ArmCounts, other: ArmCounts, rate: number): ArmCounts {
  const requests = (one.requests + other.requests) / 2;
  return { requests, score: requests * clamp(share(one) + share(other) - rate, 0, 1) };
}
