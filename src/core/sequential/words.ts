/** The sequential judge in words: counts, gap, odds, and what is still missing. */
import { compactNumber, percent, roughDuration } from '../../lib/text.ts';
import { type ArmCounts, addCounts, share } from './counts.ts';
import type { GapInterval } from './gap-interval.ts';
import type { SequentialReading } from './reading.ts';

/** What the scores are: failed requests, or requests slower than a threshold in the histogram's unit. */
export type Scored =
  | { readonly kind: 'failed'; readonly margin: number; readonly tolerated: number }
  | {
      readonly kind: 'slow';
      readonly threshold: number;
      readonly margin: number;
      readonly tolerated: number;
    };

/** Beyond this nobody cares how many zeros it has. */
const GREATEST_ODDS = 1_000_000;

/** "340 : 1", "1 : 12", "over 1000000 : 1", from ln of the odds. */
export function oddsText(log: number): string {
  const odds = Math.exp(Math.abs(log));
  const shown = odds > GREATEST_ODDS ? `over ${GREATEST_ODDS}` : compactNumber(odds);
  return log < 0 ? `1 : ${shown.replace('over ', '')}` : `${shown} : 1`;
}

/**
 * "canary 3 of 1200 failed (0.25 %), stable 30 of 22800 (0.132 %), gap 0.118 %, between -0.25 % and 0.5 %"; what the
 * test that speaks has counted, and what divides its evidence.
 */
export function countsText(reading: SequentialReading, scored: Scored): string {
  const { dispersion } = reading;
  const divided = dispersion > 1 ? `, evidence divided by dispersion ${compactNumber(dispersion)}` : '';
  return `${heardText(reading, scored)}${divided}`;
}

function heardText(reading: SequentialReading, { kind }: Scored): string {
  const { canary, stable, solo, unsettled, interval } = reading;
  if (reading.by === 'guard') {
    const all = addCounts(addCounts(canary, solo), unsettled);
    return `canary ${armText(all, kind)}, settling weights included`;
  }
  if (solo.requests > 0) return `canary ${armText(solo, kind)} at weight 100`;
  const parts = [`canary ${armText(canary, kind)}`];
  if (stable.requests > 0) parts.push(`stable ${armText(stable, '')}`);
  if (canary.requests > 0 && stable.requests > 0) {
    parts.push(`gap ${percent(share(canary) - share(stable))}${intervalText(interval)}`);
  }
  return parts.join(', ');
}

/** What a test that asks for a rollback or a hold has found; `stable`: its name, with the time it is frozen at. */
export function againstText(reading: SequentialReading, scored: Scored, stable: string): string {
  const log = reading.by === null ? reading.regression : reading[reading.by];
  return `odds ${oddsText(log)} against "${nullText(reading, scored, stable)}"`;
}

/** What a pass at weight 100 rests on; `stable`: its name, with the time it is frozen at. */
export function aloneText({ alone, stableBound }: SequentialReading, scored: Scored, stable: string): string {
  const most = percent(stableBound ?? 1);
  const held =
    scored.kind === 'failed'
      ? `at most ${most} failed, ${percent(scored.tolerated)} more are tolerated`
      : `at most ${most} were slower than ${compactNumber(scored.threshold)}, ${compactNumber(scored.tolerated)} slower is tolerated`;
  return `${alone > 0 ? `odds of ${oddsText(alone)} against it are too few` : 'nothing speaks against it'}: of ${stable}, ${held}`;
}

/** How far the evidence for the step has come, and about how long the rest will take; null: nobody knows. */
export function forText(reading: SequentialReading, needed: number, remainingMs: number | null): string {
  const have = `odds ${oddsText(reading.nonInferiority)} against "too bad to promote"`;
  if (reading.nonInferiority >= needed) return `${have}, ${oddsText(needed)} needed`;
  const rest =
    remainingMs === null ? '' : `, about ${roughDuration(Math.max(remainingMs, 1000))} more at this traffic`;
  return `${have}, ${oddsText(needed)} needed to leave the step${rest}`;
}

function nullText({ by, stableBound }: SequentialReading, scored: Scored, stable: string): string {
  if (by === 'guard') return `less than 20 % of requests more ${scored.kind} than stable's`;
  if (by === 'alone')
    return `no worse than tolerated above ${percent(stableBound ?? 1)}, the bound of ${stable}`;
  return scored.kind === 'failed'
    ? `at most ${percent(scored.tolerated)} more failed than stable's`
    : `at most ${compactNumber(scored.tolerated)} slower than stable's ${compactNumber(scored.threshold)}`;
}

function armText(arm: ArmCounts, what: string): string {
  const score = Number.isInteger(arm.score) ? String(arm.score) : compactNumber(arm.score);
  const counted = `${score} of ${compactNumber(arm.requests)}${what === '' ? '' : ` ${what}`}`;
  return arm.requests === 0 ? counted : `${counted} (${percent(share(arm))})`;
}

function intervalText({ low, high }: GapInterval): string {
  if (low === null && high === null) return '';
  if (low === null) return `, at most ${percent(high ?? 1)}`;
  if (high === null) return `, at least ${percent(low)}`;
  return `, between ${percent(low)} and ${percent(high)}`;
}
