/** One soak from its beginning to the verdict. */
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { createRandom, type Random } from '../simulation/random.ts';
import type { Tally } from '../simulation/weather.ts';
import { sufferFaults } from './faults.ts';
import { type Comparison, compareQuarters, isFlat } from './flatness.ts';
import { CODA_SHARE, type SoakPlan } from './pace.ts';
import { callPeople } from './people.ts';
import { createReleases, type Releases } from './releases.ts';
import { awaitRest, examine, type Table } from './rest.ts';
import { type Sample, takeSamples } from './samples.ts';
import { createWitness } from './witness.ts';
import { createWorld, type World } from './world.ts';

export interface SoakReport {
  readonly samples: readonly Sample[];
  readonly comparisons: readonly Comparison[];
  readonly tally: Tally;
  readonly tables: readonly Table[];
  readonly rolloutsEnded: number;
  /** From the last fault until every canary was at rest. */
  readonly restMs: number;
  /** What was not as it must be, in sentences; empty: all was. */
  readonly violations: readonly string[];
}

/** Shorter soaks do not tell whether a process grows: it is still warming up. */
const JUDGES_GROWTH_FROM_MS = 30 * 60_000;

/** Commits at the very beginning, as a share of the canaries: faults need something to spoil. */
const FIRST_WAVE = 0.3;

export async function soak(plan: SoakPlan): Promise<SoakReport> {
  const world = await createWorld(plan);
  try {
    return await live(plan, world);
  } finally {
    await world.close();
  }
}

async function live(plan: SoakPlan, world: World): Promise<SoakReport> {
  const { pace, seed, durationMs } = plan;
  const { daemons, tally } = world;
  const witness = createWitness(world, pace);
  await daemons.start();
  const releases = createReleases(world, createRandom(seed), pace);
  const calm = await awaitRest(world, releases, pace.intervalMs / 5, pace.restWithinMs);
  const sampler = takeSamples(world, witness, plan);
  const people = callPeople(world, 2 * pace.intervalMs);
  const over = new AbortController();
  const committing = keepCommitting(releases, createRandom(seed + 1), plan, over.signal);
  const around = { world, releases, random: createRandom(seed + 2), intervalMs: pace.intervalMs };
  await Promise.all([sufferFaults(plan, around), wait(durationMs * (1 + CODA_SHARE))]);
  over.abort();
  await committing;
  plan.say('all faults are over');
  const calmAt = performance.now();
  const restless = await awaitRest(world, releases, pace.intervalMs / 2, pace.restWithinMs);
  const restMs = performance.now() - calmAt;
  await Promise.all([people.end(), sampler.end()]);
  const isTold = await sampler.catchUp();
  const code = await daemons.leader()?.end('SIGTERM');
  const { violations, tables } = examine(world, releases, witness, people);
  const comparisons = compareQuarters(sampler.samples, durationMs);
  return {
    samples: sampler.samples,
    comparisons,
    tally,
    tables,
    rolloutsEnded: witness.ended.size,
    restMs,
    violations: [
      ...calm.map((what) => `before the first fault: ${what}`),
      ...witness.violations,
      ...daemons.surprises,
      ...restless,
      ...(isTold ? [] : ['nobody leads at the end']),
      ...(code === 0 ? [] : [`told to stop, the daemon ended with ${code}`]),
      ...violations,
      ...growthOf(plan, comparisons, sampler.samples),
    ],
  };
}

async function keepCommitting(
  releases: Releases,
  random: Random,
  { canaries, pace }: SoakPlan,
  signal: AbortSignal,
): Promise<void> {
  for (let some = 0; some < FIRST_WAVE * canaries; some += 1) releases.commit();
  while (!signal.aborted) {
    const untilNext = wait(random.exponential(pace.commitEveryMs / canaries));
    await Promise.race([untilNext, once(signal, 'abort')]);
    if (!signal.aborted) releases.commit();
  }
}

function growthOf(
  { durationMs }: SoakPlan,
  comparisons: readonly Comparison[],
  samples: readonly Sample[],
): string[] {
  if (durationMs < JUDGES_GROWTH_FROM_MS) return [];
  if (comparisons.length === 0) return ['too few samples to compare'];
  const judged = samples.filter(({ atMs }) => atMs > durationMs / 4 && atMs <= durationMs);
  const processes = new Set(judged.map(({ pid }) => pid)).size;
  return [
    ...(processes === 1 ? [] : [`${processes} processes led in the time that is compared`]),
    ...comparisons
      .filter((comparison) => !isFlat(comparison))
      .map(({ name, second, last, unit }) => `${name} grew from ${second} to ${last} ${unit}`),
  ];
}
