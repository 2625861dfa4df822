/** What the sequential judge must reach, as named checks over the cells of a run. */
import { MARGIN_APART, SCRAPED_APART } from './apart.ts';
import type { Cell, Mode } from './cells.ts';
import { ALONE, HALF_ALPHA, HALF_SETTLED, NO_SETTLE, SEQUENTIAL } from './contestants.ts';
import {
  EDGES,
  ERROR_SCENARIOS,
  FULL_SCENARIOS,
  LATENCY_SCENARIOS,
  PAIRS_AT_PACE,
  type Scenario,
  SILENT,
  type Truth,
} from './scenarios.ts';

export interface Check {
  readonly name: string;
  /** The figure may be this at most. */
  readonly most: number;
  readonly unit: 'percent' | 'minutes' | 'percent longer' | 'microseconds';
  /** The worst cell's figure. Null: a rollout that never got there. */
  readonly worst: number | null;
  /** Where it was found. */
  readonly where: string;
  /** The worst figure of the judge in memory in these cells; null: not played. */
  readonly inMemory: number | null;
  /** met: at most the target. met within error: above it by 2.6 standard errors of so many rollouts at most. */
  readonly verdict: 'met' | 'met within error' | 'missed';
}

/** A target that is known to be missed. */
interface Miss {
  /** The figure may be this at most, in the unit of the check: beyond it something else is wrong, too. */
  readonly most: number;
  /** A sentence. */
  readonly why: string;
}

const GUARD_WHY =
  'Nothing is known of a weight before it was scraped twice, which takes half a minute at a scrape every 15 s.';
const SETTLE_WHY = 'The poll that lies across the end of the settle time is settling as a whole.';

/** By name of the check. */
const KNOWN_MISSES: Readonly<Record<string, Miss>> = {
  'all requests fail while settling, 50 rps and more': { most: 0.5, why: GUARD_WHY },
  'all requests fail while settling, 5 rps': { most: 0.75, why: GUARD_WHY },
  '+2 % at 50 rps': { most: 4, why: SETTLE_WHY },
  '+1 % at 500 rps': { most: 2.5, why: SETTLE_WHY },
};

/** Why a check is missed, where that is known. */
export function reasonOf({ name, verdict, worst }: Check): string | null {
  const known = KNOWN_MISSES[name];
  return verdict === 'missed' && known !== undefined && worst !== null && worst <= known.most
    ? known.why
    : null;
}

/** Those that are missed for no known reason. */
export function unexpected(checks: readonly Check[]): Check[] {
  return checks.filter((check) => check.verdict === 'missed' && reasonOf(check) === null);
}

interface Figure {
  readonly value: number | null;
  /** 2.6 standard errors below. */
  readonly least: number | null;
  readonly where: string;
}

const ALPHA = 0.01;
const BETA = 0.05;
const STANDARD_ERRORS = 2.6;

/** The checks whose cells are there. `costMicroseconds`: one poll of one metric; null: not measured. */
export function checksOf(cells: readonly Cell[], costMicroseconds: number | null): Check[] {
  const checks = [...shares(cells), ...times(cells), ...relative(cells), cost(costMicroseconds)];
  return checks.filter((check) => check !== null);
}

function shares(cells: readonly Cell[]): (Check | null)[] {
  const rolledBack = ({ tally }: Cell) => tally.rolledBack;
  const both = [SEQUENTIAL.name, NO_SETTLE.name];
  const good = (scenarios: readonly Scenario[]) => idsOf(scenarios, ['good', 'drifting']);
  const wrong = idsOf([...ERROR_SCENARIOS, ...LATENCY_SCENARIOS, SILENT], ['margin', 'bad']);
  const cold = (cell: Cell) => cell.scenario !== 'N10' || cell.rule === SEQUENTIAL.name;
  return [
    share(
      'false rollback, errors, both versions scraped at once',
      ALPHA,
      find(cells, 'schedule', good(ERROR_SCENARIOS), both).filter(cold),
      rolledBack,
    ),
    share(
      'false rollback, errors, with scrapes apart',
      ALPHA,
      find(cells, 'schedule', idsOf(SCRAPED_APART, ['good']), both),
      rolledBack,
    ),
    share(
      'false rollback, latency',
      ALPHA,
      find(cells, 'schedule', good(LATENCY_SCENARIOS), both),
      rolledBack,
    ),
    share(
      'false rollback, weight 100 included',
      ALPHA,
      find(cells, 'schedule', good(FULL_SCENARIOS), both),
      rolledBack,
    ),
    share(
      'false rollback, errors and latency at once',
      ALPHA,
      find(cells, 'schedule', ['N3+L2', 'N1+L1', 'N7+L4'], [HALF_ALPHA.name]),
      rolledBack,
    ),
    share(
      'false rollback exactly at the tolerated gap',
      ALPHA,
      find(cells, 'schedule', idsOf(Object.values(EDGES), ['good']), null),
      rolledBack,
    ),
    share(
      'false promotion at the margin and beyond',
      BETA,
      find(cells, 'pace', wrong, both),
      ({ tally }) => tally.promoted,
    ),
    share(
      'false promotion at the margin, with scrapes apart',
      BETA,
      find(cells, 'pace', idsOf(MARGIN_APART, ['margin']), both),
      ({ tally }) => tally.promoted,
    ),
    share(
      'false promotion, one of two metrics at the margin or beyond',
      BETA,
      find(cells, 'pace', idsOf(PAIRS_AT_PACE, ['margin', 'bad']), [HALF_SETTLED.name]),
      ({ tally }) => tally.promoted,
    ),
  ];
}

function times(cells: readonly Cell[]): (Check | null)[] {
  const detect = (
    name: string,
    most: number,
    ids: readonly string[],
    rule: string,
    traffic: readonly number[],
  ) => {
    const of = (played: string) =>
      minutes(name, most, find(cells, 'schedule', ids, [played], traffic), ({ tally }) =>
        tally.rolledBack - tally.early > 0.5 ? [tally.detectMedian, tally.detectMedianLeast] : null,
      );
    const check = of(rule);
    return check && { ...check, inMemory: of(ALONE.get(rule) ?? '')?.worst ?? null };
  };
  const [settled, plain] = [SEQUENTIAL.name, NO_SETTLE.name];
  return [
    detect('all requests fail, settle over (15 s and a scrape)', 0.5, ['R4'], plain, [5, 50, 500]),
    detect('all requests fail while settling, 50 rps and more', 0.25, ['R4'], settled, [50, 500]),
    detect('all requests fail while settling, 5 rps', 0.5, ['R4'], settled, [5]),
    detect('+5 % at 50 rps, settle excluded', 1.5, ['R3'], plain, [50]),
    detect('+2 % at 50 rps', 3.5, ['R2'], settled, [50]),
    detect('+1 % at 50 rps', 11, ['R1'], settled, [50]),
    detect('+1 % at 500 rps', 2, ['R1'], settled, [500]),
    detect('+2 % from the 25 % step at 50 rps', 2.5, ['R5'], settled, [50]),
    minutes(
      'a healthy canary is promoted, 50 rps and more',
      10,
      find(cells, 'pace', ['N1'], [settled], [50, 500]),
      ({ tally }) => (tally.promoted > 0.5 ? [tally.promoteMedian, tally.promoteMedianLeast] : null),
    ),
  ];
}

/** Two metrics share alpha: how much longer one of them takes than alone. */
function relative(cells: readonly Cell[]): (Check | null)[] {
  const ids = ['R1', 'R2', 'R6', 'L6'];
  const figures = find(cells, 'schedule', ids, [HALF_ALPHA.name]).flatMap((half): Figure[] => {
    const [alone] = find(cells, 'schedule', [half.scenario], [NO_SETTLE.name], [half.rps]);
    const [longer, shorter] = [half.tally.detectMean, alone?.tally.detectMean ?? null];
    if (longer === null || shorter === null) return [];
    const value = 100 * (longer / shorter - 1);
    return [{ value, least: value, where: placeOf(half) }];
  });
  return [judged('two metrics share alpha: time to detect', 15, 'percent longer', figures)];
}

function cost(value: number | null): Check | null {
  const figures = value === null ? [] : [{ value, least: value, where: 'one poll of one metric' }];
  return judged('engine cost', 50, 'microseconds', figures);
}

function share(name: string, most: number, cells: readonly Cell[], of: (cell: Cell) => number): Check | null {
  const figures = cells.map((cell) => {
    const value = 100 * of(cell);
    // The error is that of a judge that is as bad as the target allows.
    const error = 100 * STANDARD_ERRORS * Math.sqrt((most * (1 - most)) / cell.tally.runs);
    return { value, least: value - error, where: placeOf(cell) };
  });
  return judged(name, 100 * most, 'percent', figures);
}

/** `of`: a median and what it is at least; null: most rollouts of the cell never got there. */
function minutes(
  name: string,
  most: number,
  cells: readonly Cell[],
  of: (cell: Cell) => readonly [median: number | null, least: number | null] | null,
): Check | null {
  const figures = cells.map((cell) => {
    const [value, least] = of(cell) ?? [null, null];
    return { value, least, where: placeOf(cell) };
  });
  return judged(name, most, 'minutes', figures);
}

/** By the figure that is farthest beyond the target for certain, or else the highest one. */
function judged(name: string, most: number, unit: Check['unit'], figures: readonly Figure[]): Check | null {
  const isOver = ({ least }: Figure) => (least ?? Infinity) > most;
  const over = figures.filter(isOver);
  const worst = (over.length > 0 ? over : figures).toSorted(
    (a, b) => (b.value ?? Infinity) - (a.value ?? Infinity),
  )[0];
  if (worst === undefined) return null;
  const isMet = worst.value !== null && worst.value <= most;
  const verdict = isMet ? 'met' : isOver(worst) ? 'missed' : 'met within error';
  return { name, most, unit, worst: worst.value, where: worst.where, inMemory: null, verdict };
}

function find(
  cells: readonly Cell[],
  mode: Mode,
  ids: readonly string[],
  rules: readonly string[] | null,
  traffic: readonly number[] | null = null,
): Cell[] {
  return cells.filter(
    (cell) =>
      cell.mode === mode &&
      ids.includes(cell.scenario) &&
      (rules?.includes(cell.rule) ?? true) &&
      (traffic?.includes(cell.rps) ?? true),
  );
}

function idsOf(scenarios: readonly Pick<Scenario, 'id' | 'truth'>[], truths: readonly Truth[]): string[] {
  return scenarios.filter(({ truth }) => truths.includes(truth)).map(({ id }) => id);
}

function placeOf({ scenario, rps, rule }: Cell): string {
  return `${scenario} at ${rps} rps, ${rule}`;
}
