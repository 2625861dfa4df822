/** What can be measured, and which of it a short run and a full run hold. */
import { measureAlerts } from './alerts.ts';
import { measureBacktest } from './backtest.ts';
import { findCores } from './cores.ts';
import { measureCounters } from './counters.ts';
import type { Daemon } from './daemon.ts';
import type { NacosVersion } from './documents.ts';
import { floorFigures } from './floor.ts';
import { measureIdle } from './idle.ts';
import type { Found } from './outcome.ts';
import { measureProgress, type ProgressPlan, rampUp, release } from './progress.ts';
import { measureReaders } from './readers.ts';
import { measureRestart, measureTakeover } from './restart.ts';
import { measureRollback } from './rollback.ts';
import type { BenchJudge } from './services.ts';
import { type World, withWorld } from './world.ts';

/** Numbers and words from the command line; each scenario has its own defaults. */
export interface Flags {
  readonly judge?: BenchJudge;
  readonly canaries?: number;
  readonly interval?: number;
  readonly seconds?: number;
  readonly runs?: number;
  readonly readers?: number;
  readonly nacos?: NacosVersion;
  /** Milliseconds. */
  readonly commitDelay?: number;
}

/** Takes what a scenario found, one after the other. */
export type Tell = (scenario: string, found: Found) => void;

export type Scenario = (flags: Flags, tell: Tell) => Promise<void>;

export const cores = findCores();

function planOf(flags: Flags): ProgressPlan {
  const {
    judge = 'threshold',
    canaries = 1_000,
    interval = 30,
    seconds = 3 * interval,
    commitDelay = 0,
  } = flags;
  return { judge, canaries, intervalS: interval, seconds, commitDelayMs: commitDelay };
}

/** A release of every canary begins in a fresh world, watched over by one daemon on an empty database. */
async function withReleases(
  flags: Flags,
  use: (world: World, daemon: Daemon, plan: ProgressPlan) => Promise<void>,
): Promise<void> {
  const plan = planOf(flags);
  const { judge, canaries, intervalS, commitDelayMs } = plan;
  await withWorld({ canaries, intervalS, cores }, async (world) => {
    release(world, judge, intervalS);
    await use(world, await world.daemon({ commitDelayMs }), plan);
  });
}

function progress(flags: Flags, tell: Tell): Promise<void> {
  return withReleases(flags, async (world, daemon, plan) =>
    tell('progress', await measureProgress(plan, world, daemon)),
  );
}

function restart(flags: Flags, tell: Tell): Promise<void> {
  return withReleases(flags, async (world, daemon, { judge, intervalS }) => {
    await rampUp(world, judge, intervalS);
    const { found } = await measureRestart(world, daemon);
    tell('restart', found);
  });
}

function takeover(flags: Flags, tell: Tell): Promise<void> {
  return withReleases(flags, async (world, daemon, { judge, intervalS }) => {
    await rampUp(world, judge, intervalS);
    tell('takeover', await measureTakeover(world, daemon));
  });
}

/** The three before with the same canaries: bringing thousands of them to their first step takes a while. */
function together(flags: Flags, tell: Tell): Promise<void> {
  return withReleases(flags, async (world, daemon, plan) => {
    tell('progress', await measureProgress(plan, world, daemon));
    const { found, last } = await measureRestart(world, daemon);
    tell('restart', found);
    tell('takeover', await measureTakeover(world, last));
  });
}

async function idle({ canaries = 2_000 }: Flags, tell: Tell): Promise<void> {
  await withWorld({ canaries, intervalS: 30, cores }, async (world) =>
    tell('idle', await measureIdle(world)),
  );
}

async function rollback({ runs = 240, interval = 5, nacos = '3.1' }: Flags, tell: Tell): Promise<void> {
  await withWorld({ canaries: runs, intervalS: interval, nacos, cores }, async (world) =>
    tell('rollback', await measureRollback(world, interval, nacos)),
  );
}

async function alerts(flags: Flags, tell: Tell): Promise<void> {
  const { canaries = 200, interval = 5, seconds = 60, nacos = '3.1' } = flags;
  await withWorld({ canaries, intervalS: interval, nacos, cores }, async (world) =>
    tell('alerts', await measureAlerts(world, { intervalS: interval, seconds, nacos })),
  );
}

async function readers(flags: Flags, tell: Tell): Promise<void> {
  const { canaries = 200, interval = 5, seconds = 30, readers = 1_000 } = flags;
  await withWorld({ canaries, intervalS: interval, cores }, async (world) =>
    tell('readers', await measureReaders(world, { intervalS: interval, seconds, readers, cores })),
  );
}

/** No daemon: what the counters of one poll of a fleet cost to ask for, to answer and to count. */
async function counters({ canaries = 2_000, runs = 20 }: Flags, tell: Tell): Promise<void> {
  tell('counters', await measureCounters(canaries, runs));
}

/** No daemon: past releases of a fleet, judged by the program on its core. */
async function backtest({ canaries = 200 }: Flags, tell: Tell): Promise<void> {
  tell('backtest', await measureBacktest(canaries, cores));
}

async function floor(_flags: Flags, tell: Tell): Promise<void> {
  await withWorld({ canaries: 1, intervalS: 30, cores }, async (world) =>
    tell('floor', { title: 'The machine', load: {}, figures: floorFigures(world.floor), findings: [] }),
  );
}

/** Sizes of a fleet; what is measured at each of them shows how it grows. */
const SIZES = [100, 1_000, 2_000, 5_000] as const;
const MOST = 10_000;

interface Step {
  readonly scenario: string;
  readonly flags: Flags;
}

/** A few minutes: small numbers of canaries at short intervals. */
const QUICK: readonly Step[] = [
  { scenario: 'together', flags: { canaries: 500, interval: 5 } },
  { scenario: 'idle', flags: { canaries: 500 } },
  { scenario: 'rollback', flags: { runs: 80, interval: 2 } },
];

/** Everything in docs/benchmarks.md, in some 30 minutes where the daemon keeps up. */
const ALL: readonly Step[] = [
  ...SIZES.map((canaries) => ({ scenario: 'together', flags: { canaries, seconds: 60 } })),
  { scenario: 'together', flags: { canaries: MOST } },
  { scenario: 'progress', flags: { canaries: MOST, commitDelay: 3 } },
  ...[100, 1_000, 2_000, MOST].map((canaries) => ({ scenario: 'idle', flags: { canaries } })),
  { scenario: 'rollback', flags: { nacos: '3.1' } },
  { scenario: 'rollback', flags: { nacos: '2.5.1' } },
  { scenario: 'alerts', flags: { nacos: '3.1' } },
  { scenario: 'alerts', flags: { nacos: '2.5.1' } },
  { scenario: 'readers', flags: {} },
];

/** One after the other; one that breaks is a finding, and the others still run. */
export async function inTurn(steps: readonly Step[], tell: Tell): Promise<void> {
  for (const { scenario, flags } of steps) {
    try {
      await SCENARIOS[scenario]?.(flags, tell);
    } catch (error) {
      const findings = [`it ended by an error: ${error instanceof Error ? error.message : error}`];
      tell(scenario, { title: `${scenario}, broken off`, load: { ...flags }, figures: [], findings });
    }
  }
}

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  quick: (_flags, tell) => inTurn(QUICK, tell),
  all: (_flags, tell) => inTurn(ALL, tell),
  growth(flags, tell) {
    const at = (canaries: number) => ({ scenario: 'progress', flags: { ...flags, canaries } });
    return inTurn([...SIZES, MOST].map(at), tell);
  },
  progress,
  together,
  idle,
  rollback,
  alerts,
  readers,
  restart,
  takeover,
  counters,
  backtest,
  floor,
};
