/** One world from one seed: a fleet, its surroundings, people and faults for a while, then quiet until all is at rest. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { openStore } from '../../src/store/sqlite.ts';
import { createDaemons } from './daemons.ts';
import { createFaults, type Faults } from './faults.ts';
import { createFleet, FIRST_REVISION } from './fleet.ts';
import { createNacos, type Dialect } from './nacos.ts';
import { createOracle } from './oracle.ts';
import { createPeople } from './people.ts';
import { createRandom } from './random.ts';
import { unrest } from './rest.ts';
import { createProcessClock, createTimeline } from './timeline.ts';
import { createTrace } from './trace.ts';
import { createTraffic } from './traffic.ts';
import { clearWeather, count, type Tally } from './weather.ts';

export interface WorldReport {
  readonly seed: number;
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
  /** Runs of the controller before the faults end. */
  readonly chaosTicks: number;
  readonly onLine?: (line: string) => void;
}

const LINES_SHOWN = 40;
const MINUTE_MS = 60_000;
/** Rollbacks are over by then, delayed writes have landed. */
const ENDINGS_MS = 6 * MINUTE_MS;
/** Every bake, deadline and grace of a fleet fits into this. */
const QUIET_MS = 120 * MINUTE_MS;
/** Once at rest it stays so: an idle look, and the longest delay of a write. */
const STAYS_MS = 4 * MINUTE_MS;
const TICKS_PER_MINUTE = 150;
const TIMERS_PER_MINUTE = 6_000;

export async function runWorld(options: WorldOptions): Promise<WorldReport> {
  const directory = mkdtempSync(join(memoryDirectory(), 'canary-simulation-'));
  try {
    return await simulate(options, join(directory, 'canary.db'));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function simulate({ seed, chaosTicks, onLine }: WorldOptions, file: string): Promise<WorldReport> {
  const random = createRandom(seed);
  const timeline = createTimeline();
  const weather = clearWeather();
  const tally: Tally = {};
  const trace = createTrace(timeline.now, onLine ?? (() => {}));
  const say = trace.add;
  const dialect = random.weighted<Dialect>([
    ['v3', 2],
    ['v1', 2],
    ['old', 1],
  ]);
  const traffic = createTraffic({
    timeline,
    random,
    weather,
    rps: (name) => fleet.rps(name),
    first: FIRST_REVISION,
  });
  const fleet = createFleet(random, (name, revision, truth) => {
    traffic.tell(name, revision, truth);
    say(`${name} ${revision} is ${truth.kind}${'from' in truth ? ` from ${truth.from}` : ''}`);
  });
  let faults: Faults | null = null;
  const oracle = createOracle({
    now: timeline.now,
    fleet,
    traffic,
    weather,
    dialect,
    tally,
    say,
    calmSince: (name) => calmSince(name),
  });
  const nacos = createNacos({
    dialect,
    timeline,
    random,
    weather,
    tally,
    landed(landing) {
      oracle.landed(landing);
      if (dialect === 'v3') oracle.seen(landing.name, landing.after);
    },
    dumped(name) {
      traffic.split(name, nacos.served(name));
      if (dialect !== 'v3') oracle.seen(name, nacos.served(name));
    },
  });
  createDatabase(file, seed);
  const daemons = createDaemons({
    file,
    timeline,
    random,
    weather,
    tally,
    fleet,
    nacos,
    traffic,
    oracle,
    say,
  });
  const parts = { timeline, random, weather, tally, fleet, nacos, daemons, say };
  faults = createFaults(parts);
  const people = createPeople(parts);
  say(`seed ${seed}: ${fleet.names().length} canaries, Nacos ${dialect}`);
  daemons.boot();

  function calmSince(name: string): number | null {
    const all = faults?.calmSince() ?? null;
    const own = faults?.ownCalmSince(name) ?? null;
    return all === null || own === null ? null : Math.max(all, own);
  }

  function unresting(): string | null {
    for (const name of fleet.everyName()) {
      const state = oracle.state(name);
      const { spec, state: fileState } = fleet.file(name);
      if (state === null) continue;
      const why = unrest({
        state,
        document: nacos.document(name),
        truth: (revision) => traffic.truth(name, revision),
        isSuspended: spec.canary.suspend,
        isRemoved: fileState === 'gone',
      });
      if (why !== null) return `${name}: ${why}`;
    }
    const [open] = oracle.openCommands();
    if (open !== undefined) return `command ${open} was never answered`;
    return nacos.inFlight() > 0 ? 'a write is still on its way' : null;
  }

  let lastMinute = { at: 0, ticks: 0, fired: 0 };
  function everyMinute(): void {
    const ticks = daemons.ticks() - lastMinute.ticks;
    const fired = daemons.fired() - lastMinute.fired;
    const most = Math.max(1, fleet.names().length);
    if (ticks > TICKS_PER_MINUTE * most) oracle.fail(`${ticks} runs in a minute for ${most} canaries`);
    if (fired > TIMERS_PER_MINUTE * most) oracle.fail(`${fired} timers in a minute for ${most} canaries`);
    tally['most runs in a minute per canary'] = Math.max(
      tally['most runs in a minute per canary'] ?? 0,
      Math.ceil(ticks / most),
    );
    tally['most timers in a minute per canary'] = Math.max(
      tally['most timers in a minute per canary'] ?? 0,
      Math.ceil(fired / most),
    );
    oracle.checkPunctual();
    lastMinute = { at: timeline.now(), ticks: daemons.ticks(), fired: daemons.fired() };
  }

  let quietSince: number | null = null;
  let restingSince: number | null = null;
  function checkQuiet(): void {
    if (quietSince === null) return;
    const quietMs = timeline.now() - quietSince;
    const why = unresting();
    if (why === null) restingSince ??= timeline.now();
    else if (restingSince !== null) oracle.fail(`it was at rest and is no more: ${why}`);
    if (why !== null && quietMs > QUIET_MS)
      oracle.fail(`not at rest after ${quietMs / MINUTE_MS} minutes of quiet: ${why}`);
    if (quietMs < ENDINGS_MS) return;
    for (const name of fleet.everyName()) {
      const state = oracle.state(name);
      const isForeign = state?.rollout?.pauses.some(({ reason }) => reason === 'ForeignController') ?? false;
      if (state?.ending != null && !isForeign && timeline.now() - enterEnding(name) > ENDINGS_MS)
        oracle.fail(`${name}: not at 0 after ${quietMs / MINUTE_MS} minutes of quiet`);
    }
  }

  const endings = new Map<string, { since: number; reason: string }>();
  function enterEnding(name: string): number {
    const ending = oracle.state(name)?.ending ?? null;
    const key = `${ending?.since}`;
    const found = endings.get(name);
    if (ending === null || found?.reason !== key) endings.set(name, { since: timeline.now(), reason: key });
    return endings.get(name)?.since ?? timeline.now();
  }

  function beQuiet(): void {
    say('quiet begins');
    people.end();
    faults?.end();
    if (daemons.alive().length === 0) daemons.boot();
    for (const daemon of daemons.alive()) daemon.doom = null;
    quietSince = timeline.now();
  }

  function minutes(): void {
    everyMinute();
    checkQuiet();
    timeline.at(timeline.now() + MINUTE_MS, minutes);
  }
  minutes();

  const isDone = () => restingSince !== null && timeline.now() - restingSince >= STAYS_MS;
  try {
    while (oracle.violation() === null && !isDone()) {
      if (quietSince === null && daemons.ticks() >= chaosTicks) beQuiet();
      timeline.step();
      await settled();
    }
  } finally {
    daemons.close();
    await settled();
  }
  const what = oracle.violation();
  count(tally, `Nacos ${dialect}`);
  return {
    seed,
    ticks: daemons.ticks(),
    virtualMs: timeline.now(),
    tally,
    hash: trace.hash(),
    violation: what === null ? null : { what, tick: daemons.ticks(), trace: trace.last(LINES_SHOWN) },
  };
}

/** All that is not a timer is a microtask: after one turn of the event loop everything that could happen has. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A new database whose random identity comes from the seed, because it is part of every document. */
function createDatabase(file: string, seed: number): void {
  const clock = createProcessClock(createTimeline(), () => 0);
  openStore(file, { clock }).close();
  const database = new Database(file);
  database.prepare('UPDATE identity SET store_id = ?').run(seed.toString(16).padStart(16, '0'));
  database.close();
}

/** Thousands of synced commits a second need a file system that lives in memory, where there is one. */
function memoryDirectory(): string {
  return process.platform === 'linux' ? '/dev/shm' : tmpdir();
}
