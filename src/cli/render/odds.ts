/** What many random runs came to, as text. */
import type { ChanceTraffic } from '../../core/simulation/chance-world.ts';
import type { Odds, Quantiles } from '../../core/simulation/many-runs.ts';
import { alignColumns, compactNumber, percent } from '../../lib/text.ts';

/** A table of endings with their shares and times, under a line that says of which traffic. */
export function renderOdds(name: string, { rps, stable, canary }: ChanceTraffic, odds: Odds): string {
  const { runs, promoted, rolledBack, inconclusive, minutes, excessBad } = odds;
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
    `  bad requests that stable would have served well: ${compactNumber(excessBad.mean)} a run`,
  ].join('\n');
}
