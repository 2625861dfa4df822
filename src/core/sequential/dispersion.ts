/** How much burstier than independent requests failures come: what the evidence of each poll is divided by. */
import { type ArmCounts, addCounts, NO_REQUESTS } from './counts.ts';

/** Polls in a bin: bursts of seconds show in the small ones, waves of minutes in the large ones. */
const BIN_SIZES = [1, 4, 20] as const;
/** A bin size speaks only when its figure is beyond what chance does in one case of twenty. */
const ONE_SIDED_95 = 1.645;
const MOST = 50;

/**
 * The factor by which the variance of stable's failures exceeds that of independent ones, from its polls before the
 * rollout, oldest first: Pearson's statistic over bins of 1, 4 and 20 polls, the largest that is significant. 1 where
 * none is, 50 at most.
 */
export function dispersionOf(polls: readonly ArmCounts[]): number {
  const all = polls.reduce(addCounts, NO_REQUESTS);
  const mean = all.score / all.requests;
  if (!(mean > 0 && mean < 1)) return 1;
  return BIN_SIZES.reduce<number>((most, size) => Math.max(most, excess(binsOf(polls, size), mean)), 1);
}

function excess(bins: readonly ArmCounts[], mean: number): number {
  if (bins.length < 2) return 1;
  const sum = bins.reduce((total, { requests, score }) => {
    const expected = requests * mean;
    return total + (score - expected) ** 2 / (expected * (1 - mean));
  }, 0);
  const statistic = sum / bins.length;
  const limit = 1 + ONE_SIDED_95 * Math.sqrt(2 / (bins.length - 1));
  return statistic > limit ? Math.min(statistic, MOST) : 1;
}

/** Sums of so many polls in a row; an unfinished last bin is left out, and so are bins without a request. */
function binsOf(polls: readonly ArmCounts[], size: number): ArmCounts[] {
  const bins: ArmCounts[] = [];
  for (let start = 0; start + size <= polls.length; start += size) {
    const bin = polls.slice(start, start + size).reduce(addCounts, NO_REQUESTS);
    if (bin.requests > 0) bins.push(bin);
  }
  return bins;
}
