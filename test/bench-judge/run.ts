/** What a run of the benchmark plays: a few cells in seconds, or all of them. */
import { arch, cpus } from 'node:os';
import { pollSequential } from '../../src/core/sequential/poll.ts';
import { sequentialSettings } from '../../src/core/sequential/settings.ts';
import { startSequential } from '../../src/core/sequential/state.ts';
import { MARGIN_APART, SCRAPED_APART } from './apart.ts';
import { type Cell, keyOf, paceCell, pacePairCell, pairCell, scheduleCells } from './cells.ts';
import {
  AT_ONCE,
  HALF_ALPHA,
  HALF_SETTLED,
  IN_MEMORY,
  IN_MEMORY_ANY,
  IN_MEMORY_NO_SETTLE,
  IN_MEMORY_STRICT,
  NO_SETTLE,
  PACE_SETTERS,
  RIVALS,
  SCHEDULE_KEEPERS,
  SCRAPED,
  SEQUENTIAL,
} from './contestants.ts';
import type { RuleKind } from './rules/rule.ts';
import {
  EDGES,
  ERROR_SCENARIOS,
  FULL_SCENARIOS,
  LATENCY_SCENARIOS,
  PAIRS_AT_PACE,
  type Scenario,
  SILENT,
  TRAFFIC,
} from './scenarios.ts';
import { type Check, checksOf } from './targets.ts';

export interface Result {
  readonly kind: 'quick' | 'full';
  readonly seed: number;
  readonly machine: string;
  readonly cells: readonly Cell[];
  readonly checks: readonly Check[];
}

/** A piece of work with the cells that come of it. */
interface Part {
  readonly name: string;
  play(seed: number): Cell[];
}

/** Rollouts of a cell. */
export const FULL_RUNS = {
  errors: 1_000,
  latency: 400,
  pace: 400,
  edge: 10_000,
  pair: 400,
  apart: 1_000,
} as const;
/** The same for a rule behind scrapes, on schedule and at pace. */
export const SCRAPED_RUNS = { errors: 400, latency: 200, pace: 200, full: 100 } as const;
const QUICK_RUNS = 400;

export function quickParts(): Part[] {
  const judge = [NO_SETTLE, SEQUENTIAL];
  const timed = [...judge, IN_MEMORY, IN_MEMORY_NO_SETTLE];
  const on = (ids: string, rps: number, rules: readonly RuleKind[] = judge, runs = QUICK_RUNS) =>
    ids.split(' ').map((id) => schedule(scenario(id), rps, rules, runs));
  const at = (id: string, rps: number, runs = QUICK_RUNS) => pace(scenario(id), rps, SEQUENTIAL, runs);
  return [
    ...on('N2 N3 N5 N6 N7 N9 N10', 50),
    ...on('R1 R2 R3 R5', 50, timed),
    ...on('N2 N7', 5),
    ...on('R4', 5, timed),
    ...on('N8', 500),
    ...on('R1 R4', 500, timed),
    ...on('L1 L2 L4 L5', 50, judge, 100),
    schedule(FULL_SCENARIOS[0]!, 50, judge, 100),
    ...on('R4', 50, [...timed, ...RIVALS], 40),
    ...on('R1', 50, [HALF_ALPHA]),
    schedule(EDGES.balanced, 50, [IN_MEMORY_NO_SETTLE], 1_000),
    at('N1', 50, 100),
    at('N4', 50),
    at('L3', 50),
    pairAtPace('N1+L3', 50, 100),
  ];
}

export function fullParts(): Part[] {
  return [
    ...grid(ERROR_SCENARIOS, (one, rps) => [
      schedule(one, rps, AT_ONCE, FULL_RUNS.errors),
      schedule(one, rps, SCRAPED, SCRAPED_RUNS.errors),
    ]),
    ...grid(LATENCY_SCENARIOS, (one, rps) => [
      schedule(one, rps, AT_ONCE, FULL_RUNS.latency),
      schedule(one, rps, SCRAPED, SCRAPED_RUNS.latency),
    ]),
    ...grid(FULL_SCENARIOS, (one, rps) => [schedule(one, rps, [NO_SETTLE, SEQUENTIAL], SCRAPED_RUNS.full)]),
    ...grid([...ERROR_SCENARIOS, SILENT], (one, rps) => PACE_SETTERS.map((rule) => fullPace(one, rps, rule))),
    ...grid(LATENCY_SCENARIOS, (one, rps) =>
      PACE_SETTERS.filter((rule) => rule !== NO_SETTLE).map((rule) => fullPace(one, rps, rule)),
    ),
    ...grid([SILENT], (one, rps) => [schedule(one, rps, SCHEDULE_KEEPERS, FULL_RUNS.pace)]),
    ...grid(SCRAPED_APART, (one, rps) => [schedule(one, rps, [SEQUENTIAL], FULL_RUNS.apart)]),
    ...grid(MARGIN_APART, (one, rps) => [fullPace(one, rps, SEQUENTIAL)]),
    ...TRAFFIC.flatMap((rps) => [
      schedule(EDGES.balanced, rps, [IN_MEMORY_NO_SETTLE], FULL_RUNS.edge),
      schedule(EDGES.strict, rps, [IN_MEMORY_STRICT], FULL_RUNS.edge),
      schedule(EDGES.any, rps, [IN_MEMORY_ANY], FULL_RUNS.edge),
    ]),
    ...['R1', 'R2', 'R6', 'L6'].map((id) => schedule(scenario(id), 50, [HALF_ALPHA], FULL_RUNS.errors)),
    ...TRAFFIC.flatMap((rps) =>
      (['N3+L2', 'N1+L1', 'N7+L4'] as const).map((ids) => pair(ids, rps, FULL_RUNS.pair)),
    ),
    ...TRAFFIC.flatMap((rps) => PAIRS_AT_PACE.map(({ id }) => pairAtPace(id, rps, FULL_RUNS.pair))),
  ];
}

/** Plays the parts one after the other; `onPart` hears what is about to be played. */
export function playParts(
  kind: Result['kind'],
  parts: readonly Part[],
  seed: number,
  onPart: (name: string, at: number) => void = () => {},
): Result {
  const cells = parts.flatMap((part, at) => {
    onPart(part.name, at);
    return part.play(seed);
  });
  const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${arch()}, Node ${process.version}`;
  const spent = kind === 'full' ? measureCost() : null;
  return { kind, seed, machine, cells: merged(cells), checks: checksOf(merged(cells), spent) };
}

/** Of the same cell played twice, the one with more rollouts. */
function merged(cells: readonly Cell[]): Cell[] {
  const best = new Map<string, Cell>();
  for (const cell of cells) {
    const key = keyOf(cell);
    const known = best.get(key);
    if (known === undefined || known.tally.runs < cell.tally.runs) best.set(key, cell);
  }
  return [...best.values()];
}

function schedule(one: Scenario, rps: number, rules: readonly RuleKind[], runs: number): Part {
  return {
    name: `${one.id} at ${rps} rps, on schedule`,
    play: (seed) => scheduleCells(one, rps, rules, runs, seed),
  };
}

function pace(one: Scenario, rps: number, rule: RuleKind, runs: number): Part {
  return {
    name: `${one.id} at ${rps} rps, at the pace of ${rule.name}`,
    play: (seed) => [paceCell(one, rps, rule, runs, seed)],
  };
}

function fullPace(one: Scenario, rps: number, rule: RuleKind): Part {
  return pace(one, rps, rule, SCRAPED.includes(rule) ? SCRAPED_RUNS.pace : FULL_RUNS.pace);
}

function pair(ids: `${string}+${string}`, rps: number, runs: number): Part {
  return {
    name: `${ids} at ${rps} rps`,
    play: (seed) => [pairCell(bothOf(ids), rps, HALF_ALPHA, runs, seed)],
  };
}

function pairAtPace(ids: `${string}+${string}`, rps: number, runs: number): Part {
  return {
    name: `${ids} at ${rps} rps, at the pace of ${HALF_SETTLED.name}`,
    play: (seed) => [pacePairCell(bothOf(ids), rps, HALF_SETTLED, runs, seed)],
  };
}

function bothOf(ids: `${string}+${string}`): [Scenario, Scenario] {
  const [one = '', other = ''] = ids.split('+');
  return [scenario(one), scenario(other)];
}

function grid(scenarios: readonly Scenario[], make: (one: Scenario, rps: number) => Part[]): Part[] {
  return TRAFFIC.flatMap((rps) => scenarios.flatMap((one) => make(one, rps)));
}

function scenario(id: string): Scenario {
  const found = [...ERROR_SCENARIOS, ...LATENCY_SCENARIOS].find((one) => one.id === id);
  if (found === undefined) throw new Error(`there is no scenario ${id}`);
  return found;
}

/** Microseconds of the processor for one poll of one metric, everything that is shown of it included. */
function measureCost(): number {
  const polls = 20_000;
  const settings = sequentialSettings({
    source: 'ratio',
    maxDelta: 0.005,
    tail: 0.01,
    alpha: 0.01,
    beta: 0.05,
    sensitivity: 0.5,
    alphaShare: 1,
    steps: 4,
    pollMs: 15_000,
  });
  const counts = {
    canary: { requests: 75, score: 0 },
    stable: { requests: 675, score: 1 },
    settling: false,
    alone: false,
  };
  let state = startSequential(settings, { requests: 80_000, score: 80 }, 1);
  let from = process.cpuUsage();
  for (let poll = -polls; poll < polls; poll += 1) {
    if (poll === 0) from = process.cpuUsage();
    state = pollSequential(state, counts, settings).state;
  }
  const { user, system } = process.cpuUsage(from);
  return (user + system) / polls;
}
