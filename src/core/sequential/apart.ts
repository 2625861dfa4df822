/**
 * Where Prometheus scrapes the versions at two times, what hits both of them at once shows in one of them a poll
 * earlier. The canary is worse only where it is worse than stable was both before and after that moment: each poll of
 * the canary is held against the two of stable that cover its time.
 */
import type { ArmCounts, PollCounts } from './counts.ts';

/** What was seen last of a canary whose scrapes lie apart from stable's, as plain JSON. */
export interface ApartState {
  /** Stable's counts of the newest poll. */
  readonly stable: ArmCounts;
  /** A poll of the canary that reaches beyond stable's: what it is worth is known with the next one. Null: none. */
  readonly open: OpenPoll | null;
}

interface OpenPoll {
  readonly canary: ArmCounts;
  /** ln of the e-value of each alternative, against stable's counts of the same poll. */
  readonly evidence: readonly number[];
}

/** ln of the e-value of each alternative. */
export type Against = (canary: ArmCounts, stable: ArmCounts) => readonly number[];

/**
 * What a poll says against the canary: of each alternative the least that is said by the polls of stable which cover
 * the canary's time. So each e-value is at most that of one pair alone, and what that promises still holds.
 *
 * @param isJudged false while a weight settles: only what was open before may count
 * @returns evidence to bet on one after the other, none where it has to wait for the next poll
 */
export function coverPoll(
  known: ApartState | undefined,
  { canary, stable, first }: PollCounts,
  isJudged: boolean,
  against: Against,
): { readonly apart: ApartState; readonly evidence: readonly (readonly number[])[] } {
  const evidence: (readonly number[])[] = [];
  const open = known?.open ?? null;
  if (open !== null) evidence.push(least(open.evidence, open.canary, stable, against));
  if (!isJudged) return { apart: { stable, open: null }, evidence };
  const here = against(canary, stable);
  if (first === 'stable') return { apart: { stable, open: { canary, evidence: here } }, evidence };
  const isCovered = first === 'canary' && known !== undefined;
  evidence.push(isCovered ? least(here, canary, known.stable, against) : here);
  return { apart: { stable, open: null }, evidence };
}

function least(
  evidence: readonly number[],
  canary: ArmCounts,
  stable: ArmCounts,
  against: Against,
): readonly number[] {
  if (stable.requests === 0) return evidence;
  const other = against(canary, stable);
  return evidence.map((log, at) => Math.min(log, other[at] ?? log));
}
