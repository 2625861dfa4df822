/** One world from one seed: people and faults for a while, then quiet until all is at rest. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createQuiet } from './quiet.ts';
import { createScene, type Scene } from './scene.ts';
import type { Tally } from './weather.ts';

export interface WorldReport {
  readonly seed: number;
  /** Runs of the controller. */
  readonly ticks: number;
  readonly virtualMs: number;
  readonly tally: Tally;
  /** Hash of the whole trace: equal for equal seeds. */
  readonly hash: string;
  readonly violation: {
    readonly what: string;
    readonly tick: number;
    readonly trace: readonly string[];
  } | null;
}

export interface WorldOptions {
  readonly seed: number;
  /** Runs of the controller before all becomes quiet. */
  readonly chaosTicks: number;
  /** Sees each line of the trace. */
  readonly onLine?: (line: string) => void;
}

const LINES_SHOWN = 40;
/** Thousands of synced commits a second need a file system that lives in memory, where there is one. */
const MEMORY_DIRECTORY = '/dev/shm';

/** Lives through the world of `seed`, until it is over or a promise is broken. */
export async function runWorld({ seed, chaosTicks, onLine = () => {} }: WorldOptions): Promise<WorldReport> {
  const parent = existsSync(MEMORY_DIRECTORY) ? MEMORY_DIRECTORY : tmpdir();
  const directory = mkdtempSync(join(parent, 'canary-simulation-'));
  try {
    const scene = createScene(seed, join(directory, 'canary.db'), onLine);
    await live(scene, chaosTicks);
    return reportOf(seed, scene);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function live(scene: Scene, chaosTicks: number): Promise<void> {
  const { timeline, oracle, daemons } = scene;
  const quiet = createQuiet(scene);
  daemons.boot();
  try {
    while (oracle.violation() === null && !quiet.isOver()) {
      if (!quiet.hasBegun() && daemons.ticks() >= chaosTicks) quiet.begin();
      timeline.step();
      await settled();
    }
  } finally {
    daemons.close();
    await settled();
  }
}

function reportOf(seed: number, { timeline, tally, trace, oracle, daemons }: Scene): WorldReport {
  const what = oracle.violation();
  const ticks = daemons.ticks();
  return {
    seed,
    ticks,
    virtualMs: timeline.now(),
    tally,
    hash: trace.hash(),
    violation: what === null ? null : { what, tick: ticks, trace: trace.last(LINES_SHOWN) },
  };
}

/** All that is not a timer is a microtask: after one turn of the event loop everything that could happen has. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
