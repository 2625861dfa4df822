/** Nothing is released: what it costs to watch over canaries at rest. */
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { floorFigures, measureFloor } from './floor.ts';
import { watch } from './load.ts';
import type { Found } from './progress.ts';
import { createWorld } from './world.ts';

/** A canary at rest is read once a minute. */
const ROUND_S = 60;
const INTERVAL_S = 30;

export async function measureIdle(plan: {
  readonly canaries: number;
  readonly seconds: number;
}): Promise<Found> {
  const { canaries } = plan;
  const declare = () => ({ intervalS: INTERVAL_S, bakeS: INTERVAL_S, idle: true, critical: false });
  const world = await createWorld({ canaries, intervalS: INTERVAL_S, nacos: '3.1', declare });
  try {
    const floor = await measureFloor(world.directory, world.nacosUrl, world.cores);
    const daemon = await world.daemon(join(world.directory, 'canary.db'));
    await untilAtRest(daemon.sample, canaries);
    const { cpuMs, seconds, after } = await watch(daemon, world.others, plan.seconds * 1_000);
    const readMs = cpuMs / ((canaries * seconds) / ROUND_S);
    const astray = canaries - after.inPhase('Stable');
    return {
      figures: [
        { name: 'share of a core', value: cpuMs / seconds / 10, unit: '%', most: 2 },
        { name: 'resident memory', value: after.rssBytes / 2 ** 20, unit: 'MiB', most: 150 },
        { name: 'heap in use', value: after.heapBytes / 2 ** 20, unit: 'MiB' },
        { name: 'CPU per read of a rule', value: readMs, unit: 'ms', timesEmpty: readMs / floor.emptyLookMs },
        { name: 'ready, with files never seen before', value: daemon.readyMs / 1_000, unit: 's' },
        ...floorFigures(floor),
      ],
      findings: astray > 0 ? [`${astray} canaries are not at rest`] : [],
      cores: world.cores.note,
    };
  } finally {
    await world.close();
  }
}

async function untilAtRest(
  sample: () => Promise<{ inPhase(phase: string): number }>,
  canaries: number,
): Promise<void> {
  const deadline = performance.now() + ROUND_S * 2_000;
  while ((await sample()).inPhase('Stable') < canaries) {
    if (performance.now() > deadline) throw new Error('the canaries do not come to rest');
    await wait(1_000);
  }
}
