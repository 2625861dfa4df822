/** Nothing is released: what it costs to watch over canaries at rest. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Daemon } from './daemon.ts';
import { floorFigures } from './floor.ts';
import { watch } from './load.ts';
import type { Found } from './outcome.ts';
import { say } from './say.ts';
import type { World } from './world.ts';

/** A canary at rest is read once a minute. */
const ROUND_S = 60;
const REST_MS = 120_000;
const INTERVAL_S = 30;
/** What the targets are for; what more of them cost shows how it grows. */
const TARGET_CANARIES = 2_000;

/** Reads of at least one whole round are measured. */
export async function measureIdle(world: World): Promise<Found> {
  const canaries = world.services.length;
  for (const service of world.services) {
    world.declare(service, {
      judge: 'threshold',
      intervalS: INTERVAL_S,
      bakeS: INTERVAL_S,
      idle: true,
      critical: false,
    });
  }
  const daemon = await world.daemon();
  await rest(daemon, canaries);
  say(`measuring for ${ROUND_S} s`);
  const { cpuMs, seconds, after } = await watch(daemon, world.others, ROUND_S * 1_000);
  const readMs = (cpuMs * ROUND_S) / (canaries * seconds);
  const target = (most: number) => (canaries <= TARGET_CANARIES ? { most } : {});
  const atRest = await daemon.inPhase('Stable');
  return {
    title: `${canaries} idle canaries`,
    load: { canaries },
    figures: [
      { name: 'share of a core', value: cpuMs / seconds / 10, unit: '%', ...target(2) },
      { name: 'resident memory', value: after.rssBytes / 2 ** 20, unit: 'MiB', ...target(150) },
      { name: 'heap in use', value: after.heapBytes / 2 ** 20, unit: 'MiB' },
      { name: 'CPU per read', value: readMs, unit: 'ms', timesEmpty: readMs / world.floor.emptyLookMs },
      { name: 'ready, with files never seen before', value: daemon.readyMs / 1_000, unit: 's' },
      ...floorFigures(world.floor),
    ],
    findings: atRest === canaries ? [] : [`${atRest ?? 'an unknown number'} of the canaries are at rest`],
  };
}

async function rest(daemon: Daemon, canaries: number): Promise<void> {
  const deadline = performance.now() + REST_MS;
  while ((await daemon.inPhase('Stable')) !== canaries) {
    if (performance.now() > deadline) throw new Error(`not all of ${canaries} canaries came to rest`);
    await wait(1_000);
  }
}
