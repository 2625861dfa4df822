/** What many random runs came to, as text. */
import type { ChanceTraffic } from '../../core/simulation/chance-world.ts';
import type { MissingInRuns, Odds, Quantiles } from '../../core/simulation/many-runs.ts';
import { alignColumns, compactNumber, percent, plural } from '../../lib/text.ts';

/** Reasons beyond this are rare, and for programs only. */
const TOLD = 5;

/** A table of endings with their shares and times, under a line that says of which traffic. */
export function renderOdds(name: string, { rps, stable, canary }: ChanceTraffic, odds: Odds): string {
  const { runs, promoted, rolledBack, inconclusive, minutes, excessBad, missing } = odds;
  const head = `${name}: ${runs} runs at ${rps} requests a second, ${percent(stable.error)} of stable's and ${percent(canary.error)} of the canary's fail`;
  const row = (word: string, count: number, times: Quantiles | null) => [
    word,
    String(count),
    percent(count / runs),
    times === null ? '' : `after ${times.p50} minutes, in nine of ten after ${times.p90}`,
  ];
  return [
    head,
    ...alignColumns([
      row('promoted', promoted, minutes.promote),
      row('rolled back', rolledBack, minutes.rollback),
      row('inconclusive', inconclusive, null),
    ]).map((line) => `  ${line}`),
    ...missing.slice(0, TOLD).map(missingLine),
    `  bad requests that stable would have served well: ${compactNumber(excessBad.mean)} a run`,
  ].join('\n');
}

/** "! p99, step 1 (5 %), in 22 runs, the first: no answer within maxHold 20m, ...": why people are called. */
function missingLine({ step, weight, metric, runs, first }: MissingInRuns): string {
  const place = step === null ? 'before step 1' : `step ${step + 1} (${weight} %)`;
  const where = metric === null ? place : `${metric}, ${place}`;
  return `  ! ${where}, in ${plural(runs, 'run')}, the first: ${first}`;
}
