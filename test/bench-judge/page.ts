/** A result of the benchmark as a page of Markdown. */
import { table } from '../bench/markdown.ts';
import { MARGIN_APART, SCRAPED_APART } from './apart.ts';
import type { Cell, Mode } from './cells.ts';
import {
  AT_PACE,
  HALF_ALPHA,
  HALF_SETTLED,
  IN_MEMORY_ANY,
  IN_MEMORY_NO_SETTLE,
  IN_MEMORY_STRICT,
  NO_SETTLE,
  ON_SCHEDULE,
  SEQUENTIAL,
} from './contestants.ts';
import type { Result } from './run.ts';
import {
  EDGES,
  ERROR_SCENARIOS,
  FULL_SCENARIOS,
  LATENCY_SCENARIOS,
  PAIRS_AT_PACE,
  type Scenario,
  SILENT,
  TRAFFIC,
  type Truth,
} from './scenarios.ts';
import { compareSeeds } from './seeds.ts';
import { type Check, reasonOf } from './targets.ts';

const MEANINGS: Readonly<Record<Truth, string>> = {
  good: 'good',
  drifting: 'good on average',
  margin: 'at the margin',
  bad: 'bad',
};

/** @param other of another seed */
export function pageOf(result: Result, other: Result | null = null): string {
  return `${[
    '# How good the judges are',
    INTRODUCTION,
    `Made by \`npm run -s bench:judge${result.kind === 'full' ? ' -- --full' : ' --'} --seed ${result.seed}\` on ${result.machine}.`,
    '## How to read it',
    READING,
    '## Targets',
    TARGETS,
    checkTable(result.checks),
    ...missedList(result.checks),
    ...apartTable(result),
    ...(other === null ? [] : seedTable(result, other)),
    '## Rules',
    RULES,
    table(
      ['rule', 'judges by'],
      [...ON_SCHEDULE, HALF_ALPHA, HALF_SETTLED, IN_MEMORY_STRICT, IN_MEMORY_ANY].map(({ name, from }) => [
        name,
        from,
      ]),
    ),
    '## On a fixed schedule',
    SCHEDULE,
    ...scheduleTables(result, 'Errors', ERROR_SCENARIOS),
    ...scheduleTables(result, 'Latency', LATENCY_SCENARIOS),
    ...fullTable(result),
    ...edgeTable(result),
    ...paceTables(result),
    ...pairTable(result),
    ...excessTable(result),
  ].join('\n\n')}\n`;
}

const INTRODUCTION = `Every rule of judgment makes two mistakes: it rolls back canaries that are fine, and promotes ones that are not.
This page counts both, for the judges of this controller and for the rules that others publish, in the same simulated rollouts.
It is written by the benchmark; any seed can be played again, and none is special.

A rollout has steps of 5, 10, 25 and 50 % and is polled every 15 seconds.
Requests arrive as a Poisson process and fail independently, unless the scenario says otherwise; all samplers are exact.
The margin is 0.5 % more errors, or a 99th percentile 50 ms higher; the sequential judge tolerates half of it, and between the two it may do either: [what it promises](how-it-judges.md#what-is-promised).`;

const READING = `- A rule is a point between two mistakes: compare whole columns. One that always rolls back is the fastest.
- A small difference needs many requests, whoever judges. Where traffic is low the sequential judge says *inconclusive* instead of guessing; look for it at 5 requests a second.
- A rule that takes its estimate at face value can be faster on a small regression, and pays for it in the rows of good canaries.
- The thresholds are the same for all rules. Others would move a rule along its curve, not off it.
- The sequential columns play what the product sees, where every target is scraped once between two looks: nothing of a weight's first poll, which lies across the raise, and nothing but settling of the one that lies across the end of the settle time. *In memory* is the same judge with the counts of each poll at once, as the other columns have them: what the odds take, without the way to them.
- The rules of others see every request up to their look. That is their best case: of a real Prometheus their queries see a scrape that is up to an interval old.
- Kayenta is played in 200 rollouts a cell. In the full form other cells at once have 1,000 (errors) or 400 (latency, pace), and sequential columns 400 or 200, at weight 100 a hundred.
- Every version has one series for each status here. With more instances, \`rate\` loses more first failures, and the article's rule is slower.
- Rollouts are simulated: real traffic has shapes that nobody thought of. The bursts and drifts here are what we could think of.
- Some of these rollouts also go through a real Prometheus and the product's own way from raw counters to a decision. What it counts of both versions at each weight (requests, failures, latencies by bucket) equals what was injected exactly, over restarts, missed scrapes and series that come late; and it decides as the sequential columns here, at the same poll where no scrape is missed. [A test](../test/bench-judge/real.test.ts) holds that.`;

const TARGETS = `Each line is the worst of all cells that it is about, as the product sees the counters, and *in memory* where times are compared.
*Met within error*: above the target by 2.6 standard errors of so many rollouts at most.`;

const RULES = `The rules of others are written from their documentation, with their defaults where no number is given.
The article's rule has no result while a version has never failed, as \`code=~"5.."\` has no series then; \`rate\` misses the failures of the scrape that a series is born with; and an alert \`for\` 5 minutes fires at the first evaluation that comes 5 minutes after the first violation.
Flagger counts failed checks over the whole analysis and rolls back at the tick after the last allowed one.
Kayenta has no margin: it looks for any increase. It is judged with a third deployment as large as the canary, as its documentation asks for, and without one; its documentation also asks for hours where these rollouts have 40 minutes.`;

const SCHEDULE = `Ten minutes a step, whatever a rule says; all rules see the same counters, and nothing is promoted.
A cell is the percentage rolled back, and where most are, the minutes from the canary turning bad to its rollback: the median, and what nine of ten stay within where that is more.
In a *good* scenario a rollback is a mistake, in a *bad* one its absence is.
*Good on average* means beyond the margin at times: no guarantee covers it, and it is counted among the good ones all the same.`;

function checkTable(checks: readonly Check[]): string {
  return table(
    ['target', 'at most', 'worst', 'where', 'in memory', 'target was'],
    checks.map(({ name, most, unit, worst, where, inMemory, verdict }) => [
      name,
      amount(most, unit),
      worst === null ? 'never' : amount(worst, unit),
      where,
      inMemory === null ? '' : amount(inMemory, unit),
      verdict === 'missed' && worst !== null ? `**missed** by ${amount(worst - most, unit)}` : verdict,
    ]),
  );
}

function amount(value: number, unit: Check['unit']): string {
  switch (unit) {
    case 'percent':
      return `${rounded(value, 2)} %`;
    case 'minutes':
      return `${rounded(value, 2)} min`;
    case 'percent longer':
      return `${rounded(value, 1)} % longer`;
    case 'microseconds':
      return `${rounded(value, 1)} µs`;
  }
}

const COLUMNS = ON_SCHEDULE.map(({ name }) => name).filter((name) => name !== IN_MEMORY_NO_SETTLE.name);

function scheduleTables({ cells }: Result, title: string, scenarios: readonly Scenario[]): string[] {
  return TRAFFIC.flatMap((rps) => {
    const rules = COLUMNS.filter((rule) =>
      cells.some((cell) => cell.rule === rule && cell.rps === rps && cell.mode === 'schedule'),
    );
    const rows = scenarios.flatMap((scenario) => {
      const found = rules.map((rule) => cellOf(cells, 'schedule', scenario.id, rps, rule));
      if (found.every((cell) => cell === undefined)) return [];
      return [[...labels(scenario), ...found.map(detection)]];
    });
    if (rows.length === 0) return [];
    return [`### ${title} at ${rps} requests a second`, table(['', 'scenario', 'truth', ...rules], rows)];
  });
}

function missedList(checks: readonly Check[]): string[] {
  const missed = Map.groupBy(checks, reasonOf);
  const reasons = [...missed].flatMap(([why, those]) =>
    why === null ? [] : [`- ${those.map(({ name }) => `*${name}*`).join(', ')}: ${why}`],
  );
  return reasons.length === 0 ? [] : ['Why those are missed that are:', reasons.join('\n')];
}

function apartTable({ cells }: Result): string[] {
  const row = (mode: Mode, figure: (cell: Cell | undefined) => string) => (one: Scenario) => {
    const found = TRAFFIC.map((rps) => cellOf(cells, mode, one.id, rps, SEQUENTIAL.name));
    return found.some((cell) => cell === undefined) ? [] : [[one.title, ...found.map(figure)]];
  };
  const rows = [
    ...SCRAPED_APART.flatMap(row('schedule', detection)),
    ...MARGIN_APART.flatMap(row('pace', ending)),
  ];
  if (rows.length === 0) return [];
  return ['## Where scrapes lie apart', APART, table(['', ...TRAFFIC.map((rps) => `${rps} rps`)], rows)];
}

const APART = `Prometheus scrapes each target at a time of its own, so that one version may show what hits both a poll before the other.
A poll of the canary is then [held against both polls of stable](how-it-judges.md#what-it-assumes-and-where-it-ends) that cover its time.
Here is one instance of each version: rolled back in percent, with the median minutes, on the fixed schedule; of the canaries at the margin what the tables at pace show.
A judge that does not know of the two times (this one before) rolled back 94.5 % of the good canaries of *N5, canary after stable by 0.75 of an interval* at 500 requests a second.`;

function seedTable(result: Result, other: Result): string[] {
  const { figures, differences } = compareSeeds(result, other);
  const missed = other.checks.filter(({ verdict }) => verdict === 'missed');
  const alike = missed.every(({ name }) =>
    result.checks.some((check) => check.name === name && check.verdict === 'missed'),
  );
  const text = `The ${other.kind} form, played again with seed ${other.seed}, has ${figures} figures of this page; ${differences.length} of them ${differences.length === 1 ? 'differs' : 'differ'} by more than 2.6 standard errors, which one of a hundred does by chance.
It misses ${missed.length === 0 ? 'no target' : `${alike ? 'no other target than this page' : 'other targets than this page'}: ${missed.map(({ name }) => `*${name}*`).join(', ')}`}.`;
  const rows = differences.map(({ cell, figure, one, other: another }) => [
    `${cell.scenario} at ${cell.rps} rps, ${cell.rule}${cell.mode === 'pace' ? ', at its pace' : ''}`,
    figure,
    rounded(one, 2),
    rounded(another, 2),
  ]);
  const heads = ['cell', 'figure', `seed ${result.seed}`, `seed ${other.seed}`];
  return ['## Another seed', text, ...(rows.length === 0 ? [] : [table(heads, rows)])];
}

function fullTable({ cells }: Result): string[] {
  const rules = [NO_SETTLE.name, SEQUENTIAL.name];
  const rows = FULL_SCENARIOS.flatMap((scenario) =>
    TRAFFIC.flatMap((rps) => {
      const found = rules.map((rule) => cellOf(cells, 'schedule', scenario.id, rps, rule));
      if (found.every((cell) => cell === undefined)) return [];
      return [[...labels(scenario), String(rps), ...found.map(detection)]];
    }),
  );
  if (rows.length === 0) return [];
  return [
    '## At weight 100',
    'Ten more minutes with all traffic on the canary: stable has none left, and its rate is bounded from what it did before.',
    table(['', 'scenario', 'truth', 'rps', ...rules], rows),
  ];
}

function edgeTable({ cells }: Result): string[] {
  const rules = {
    balanced: IN_MEMORY_NO_SETTLE.name,
    strict: IN_MEMORY_STRICT.name,
    any: IN_MEMORY_ANY.name,
  };
  const rows = Object.entries(EDGES).flatMap(([key, { id, title }]) =>
    TRAFFIC.flatMap((rps) => {
      const cell = cellOf(cells, 'schedule', id, rps, rules[key as keyof typeof EDGES]);
      if (cell === undefined) return [];
      const { rolledBack, runs } = cell.tally;
      const error = 196 * Math.sqrt((rolledBack * (1 - rolledBack)) / runs);
      return [[title, String(rps), `${rounded(100 * rolledBack, 2)} ± ${rounded(error, 2)}`, String(runs)]];
    }),
  );
  if (rows.length === 0) return [];
  return [
    '## Exactly at the tolerated gap',
    'The worst canary that must not be rolled back, judged 160 times a rollout; the stated bound is 1 %.',
    table(['scenario', 'rps', '% rolled back', 'rollouts'], rows),
  ];
}

function paceTables({ cells }: Result): string[] {
  const scenarios = [...ERROR_SCENARIOS, SILENT, ...LATENCY_SCENARIOS];
  const tables = TRAFFIC.flatMap((rps) => {
    const rules = AT_PACE.map(({ name }) => name).filter((rule) =>
      cells.some((cell) => cell.rule === rule && cell.rps === rps && cell.mode === 'pace'),
    );
    const rows = scenarios.flatMap((scenario) => {
      const found = rules.map((rule) => cellOf(cells, 'pace', scenario.id, rps, rule));
      if (found.every((cell) => cell === undefined)) return [];
      return [[...labels(scenario), ...found.map(ending)]];
    });
    if (rows.length === 0) return [];
    return [`### At ${rps} requests a second`, table(['', 'scenario', 'truth', ...rules], rows)];
  });
  if (tables.length === 0) return [];
  return [
    '## At the pace of the rule',
    `The rule says when to go on; leaving the 50 % step promotes.
The sequential judge needs two minutes and its evidence for each step, and is inconclusive after twenty; Flagger goes on with each passed check, the article after five good minutes.
Argo and Kayenta keep a schedule that is given to them: what they have not rolled back after the forty minutes above is promoted.
A cell is the percentages rolled back / promoted / inconclusive with the minutes to the first two (the median, and the 90th percentile of rollbacks where it is another one), then the mean number of bad requests beyond stable's.`,
    ...tables,
  ];
}

function excessTable({ cells }: Result): string[] {
  const bad = ERROR_SCENARIOS.filter(({ truth }) => truth === 'bad');
  const rules = COLUMNS;
  const rows = bad.flatMap((scenario) =>
    TRAFFIC.flatMap((rps) => {
      const found = rules.map((rule) => cellOf(cells, 'schedule', scenario.id, rps, rule));
      if (found.some((cell) => cell === undefined)) return [];
      return [[scenario.id, scenario.title, String(rps), ...found.map((cell) => harm(cell!))]];
    }),
  );
  if (rows.length === 0) return [];
  return [
    '## Harm',
    'Mean number of requests that failed beyond what stable would have failed, until the rollback or the end of the fixed schedule.',
    table(['', 'scenario', 'rps', ...rules], rows),
  ];
}

function pairTable({ cells }: Result): string[] {
  const rows = PAIRS_AT_PACE.flatMap(({ id, title, truth }) => {
    const found = TRAFFIC.map((rps) => cellOf(cells, 'pace', id, rps, HALF_SETTLED.name));
    return found.every((cell) => cell === undefined)
      ? []
      : [[id, title, MEANINGS[truth], ...found.map(ending)]];
  });
  if (rows.length === 0) return [];
  return [
    '## Two metrics at the pace of the rule',
    'Errors and latency share alpha, and both must be good for a step to be left; any of them rolls back.',
    table(['', 'scenario', 'truth', ...TRAFFIC.map((rps) => `${rps} rps`)], rows),
  ];
}

function labels({ id, title, truth }: Scenario): string[] {
  return [id, title, MEANINGS[truth]];
}

function detection(cell: Cell | undefined): string {
  if (cell === undefined) return '';
  const { rolledBack, detectMedian, detectP90 } = cell.tally;
  const share = rounded(100 * rolledBack, 1);
  return rolledBack > 0.5 && detectMedian !== null ? `${share} (${spread(detectMedian, detectP90)})` : share;
}

function ending(cell: Cell | undefined): string {
  if (cell === undefined) return '';
  const { rolledBack, promoted, inconclusive, detectMedian, detectP90, promoteMedian } = cell.tally;
  const timed = (share: number, minutes: number | null, most: number | null) =>
    share > 0 && minutes !== null
      ? `${rounded(100 * share, 1)} (${spread(minutes, most)})`
      : rounded(100 * share, 1);
  const shares = [
    timed(rolledBack, detectMedian, detectP90),
    timed(promoted, promoteMedian, null),
    rounded(100 * inconclusive, 1),
  ];
  return `${shares.join(' / ')}; ${harm(cell)}`;
}

/** A median, and the 90th percentile where it is another one. */
function spread(median: number, p90: number | null): string {
  const [half, most] = [rounded(median, 2), rounded(p90 ?? median, 2)];
  return half === most ? half : `${half}, ${most}`;
}

function harm({ tally }: Cell): string {
  return rounded(tally.excess, tally.excess < 10 ? 1 : 0);
}

function cellOf(
  cells: readonly Cell[],
  mode: Mode,
  scenario: string,
  rps: number,
  rule: string,
): Cell | undefined {
  return cells.find(
    (cell) => cell.mode === mode && cell.scenario === scenario && cell.rps === rps && cell.rule === rule,
  );
}

function rounded(value: number, decimals: number): string {
  return String(Number(value.toFixed(decimals)));
}
