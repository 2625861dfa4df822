/** Puts one world together: a fleet, its surroundings, the daemon, people and faults, all from one seed. */
import { type Alerts, createAlerts } from './alerts.ts';
import { createDaemons, type Daemons } from './daemons.ts';
import { FIRST_REVISION } from './draw-canary.ts';
import { createFaults, type Faults } from './faults.ts';
import { createFleet, type Fleet } from './fleet.ts';
import { createNacos } from './nacos.ts';
import { createOracle, type Oracle } from './oracle.ts';
import { createPeople, type People } from './people.ts';
import { createRandom, type Random } from './random.ts';
import { createRuleFiles } from './rule-files.ts';
import { type Dialect, isAuthoritative, type Rules } from './rules.ts';
import { createStoreFile } from './store-file.ts';
import { createTimeline, type Timeline } from './timeline.ts';
import { createTrace, type Trace } from './trace.ts';
import { createTraffic, type Traffic } from './traffic.ts';
import { clearWeather, count, type Tally, type Weather } from './weather.ts';

export interface Scene {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly weather: Weather;
  readonly tally: Tally;
  readonly trace: Trace;
  readonly fleet: Fleet;
  readonly traffic: Traffic;
  readonly rules: Rules;
  readonly oracle: Oracle;
  readonly daemons: Daemons;
  readonly people: People;
  readonly alerts: Alerts;
  readonly faults: Faults;
}

/** `path`: where the database goes. `onLine` sees each line of the trace. */
export function createScene(seed: number, path: string, onLine: (line: string) => void): Scene {
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
    ['file', 1],
  ]);
  const common = { timeline, random, weather, tally, say };
  const traffic = createTraffic({ ...common, rps: (name) => fleet.rps(name), first: FIRST_REVISION });
  const fleet = createFleet(random, dialect === 'file', (name, revision, truth) => {
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
  const rules = (dialect === 'file' ? createRuleFiles : createNacos)({
    ...common,
    dialect,
    landed(landing) {
      oracle.landed(landing);
      if (isAuthoritative(dialect)) oracle.seen(landing.name, landing.after);
    },
    dumped(name) {
      traffic.split(name, rules.served(name));
      if (!isAuthoritative(dialect)) oracle.seen(name, rules.served(name));
    },
  });
  const file = createStoreFile(path, seed, timeline, tally);
  const daemons = createDaemons({ ...common, file, fleet, rules, traffic, oracle });
  const faults = createFaults({ ...common, fleet, rules, daemons });
  const people = createPeople({ ...common, fleet, rules, daemons });
  const alerts = createAlerts({ ...common, fleet, daemons, oracle });
  count(tally, `world of ${WORLDS[dialect]}`);
  say(`seed ${seed}: ${fleet.names().length} canaries, ${WORLDS[dialect]}`);
  return { ...common, trace, fleet, traffic, rules, oracle, daemons, people, alerts, faults };
}

const WORLDS: Readonly<Record<Dialect, string>> = {
  v3: 'Nacos 3, API v3',
  v1: 'Nacos 2.5, API v1',
  old: 'Nacos 2.2, no compare-and-set',
  file: 'rule files',
};

function calmSince(faults: Faults, name: string): number | null {
  const all = faults.calmSince();
  const own = faults.ownCalmSince(name);
  return all === null || own === null ? null : Math.max(all, own);
}
