/** Puts one world together: a fleet, its surroundings, the daemon, people and faults, all from one seed. */
import Database from 'better-sqlite3';
import { openStore } from '../../src/store/sqlite.ts';
import { createDaemons, type Daemons } from './daemons.ts';
import { createFaults, type Faults } from './faults.ts';
import { createFleet, FIRST_REVISION, type Fleet } from './fleet.ts';
import { createNacos, type Dialect, type Nacos } from './nacos.ts';
import { createOracle, type Oracle } from './oracle.ts';
import { createPeople, type People } from './people.ts';
import { createRandom } from './random.ts';
import { createProcessClock, createTimeline, type Timeline } from './timeline.ts';
import { createTrace, type Trace } from './trace.ts';
import { createTraffic, type Traffic } from './traffic.ts';
import { clearWeather, count, type Tally } from './weather.ts';

export interface Scene {
  readonly timeline: Timeline;
  readonly tally: Tally;
  readonly trace: Trace;
  readonly fleet: Fleet;
  readonly traffic: Traffic;
  readonly nacos: Nacos;
  readonly oracle: Oracle;
  readonly daemons: Daemons;
  readonly people: People;
  readonly faults: Faults;
}

/** `file`: where the database goes. `onLine` sees each line of the trace. */
export function createScene(seed: number, file: string, onLine: (line: string) => void): Scene {
  const random = createRandom(seed);
  const timeline = createTimeline();
  const weather = clearWeather();
  const tally: Tally = {};
  const trace = createTrace(timeline.now, onLine);
  const say = trace.add;
  const dialect = random.weighted<Dialect>([
    ['v3', 2],
    ['v1', 2],
    ['old', 1],
  ]);
  const common = { timeline, random, weather, tally, say };
  const traffic = createTraffic({ ...common, rps: (name) => fleet.rps(name), first: FIRST_REVISION });
  const fleet = createFleet(random, (name, revision, truth) => {
    traffic.tell(name, revision, truth);
    say(`${name} ${revision} is ${truth.kind}${'from' in truth ? ` from ${truth.from}` : ''}`);
  });
  const oracle = createOracle({
    ...common,
    now: timeline.now,
    fleet,
    traffic,
    dialect,
    calmSince: (name) => calmSince(faults, name),
  });
  const nacos = createNacos({
    ...common,
    dialect,
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
  const daemons = createDaemons({ ...common, file, fleet, nacos, traffic, oracle });
  const faults = createFaults({ ...common, fleet, nacos, daemons });
  const people = createPeople({ ...common, fleet, nacos, daemons });
  count(tally, `Nacos ${dialect}`);
  say(`seed ${seed}: ${fleet.names().length} canaries, Nacos ${dialect}`);
  return { timeline, tally, trace, fleet, traffic, nacos, oracle, daemons, people, faults };
}

function calmSince(faults: Faults, name: string): number | null {
  const all = faults.calmSince();
  const own = faults.ownCalmSince(name);
  return all === null || own === null ? null : Math.max(all, own);
}

/** A new database whose random identity comes from the seed, because it is part of every document. */
function createDatabase(file: string, seed: number): void {
  const clock = createProcessClock(createTimeline(), () => 0);
  openStore(file, { clock }).close();
  const database = new Database(file);
  database.prepare('UPDATE identity SET store_id = ?').run(seed.toString(16).padStart(16, '0'));
  database.close();
}
