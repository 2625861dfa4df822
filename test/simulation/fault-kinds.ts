/** Each kind of fault: the network, Nacos, Prometheus, the store, clocks, processes. */
import { BOUNDARIES, type Daemon, type Daemons } from './daemons.ts';
import type { Fleet } from './fleet.ts';
import type { Nacos } from './nacos.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';
import { NO_LOSS, type Tally, type Weather } from './weather.ts';

export interface FaultsOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly weather: Weather;
  readonly tally: Tally;
  readonly fleet: Fleet;
  readonly nacos: Nacos;
  readonly daemons: Daemons;
  readonly say: (line: string) => void;
}

/** Begins a fault; the returned function ends it. Null: it makes no sense now. */
type Begin = () => (() => void) | null;

export interface Kind {
  readonly name: string;
  readonly begin: Begin;
  /** Mean time between two of its kind, s. */
  readonly every: number;
  /** Shortest and longest duration, s. */
  readonly lasts: readonly [number, number];
}

/** Wrong for one Canary alone. */
export interface OwnKind extends Omit<Kind, 'begin'> {
  readonly begin: (name: string) => () => void;
}

export function ownKinds({ weather, random }: FaultsOptions): readonly OwnKind[] {
  const { hanging } = weather;
  return [
    {
      name: 'providers hang for one canary',
      every: 300,
      lasts: [10, 120],
      begin(name) {
        hanging.add(name);
        return () => void hanging.delete(name);
      },
    },
    {
      name: 'metrics of one canary broken',
      every: 300,
      lasts: [10, 180],
      begin(name) {
        weather.own.set(
          name,
          random.pick(['refused', 'hole', 'nan', 'empty', 'structural', 'partial'] as const),
        );
        return () => void weather.own.delete(name);
      },
    },
  ];
}

export function fleetKinds(options: FaultsOptions): readonly Kind[] {
  return [
    ...nacosKinds(options),
    ...prometheusKinds(options),
    ...storeKinds(options),
    ...processKinds(options),
  ];
}

function nacosKinds({ weather, nacos, random }: FaultsOptions): readonly Kind[] {
  const mode = (name: Weather['nacos']): Begin => {
    return () => {
      weather.nacos = name;
      return () => {
        weather.nacos = 'up';
      };
    };
  };
  return [
    { name: 'Nacos refuses connections', every: 500, lasts: [5, 120], begin: mode('refused') },
    { name: 'Nacos never answers', every: 500, lasts: [5, 60], begin: mode('hole') },
    { name: 'Nacos denies access', every: 900, lasts: [10, 60], begin: mode('denied') },
    {
      name: 'Nacos restarts',
      every: 600,
      lasts: [15, 20],
      begin() {
        weather.nacos = 'refused';
        return () => {
          weather.nacos = 'up';
          nacos.dumpAll();
        };
      },
    },
    {
      name: 'Nacos is slow',
      every: 500,
      lasts: [20, 120],
      begin() {
        weather.nacosLatencyMs = random.pick([200, 700, 3_000]);
        return () => {
          weather.nacosLatencyMs = 15;
        };
      },
    },
    {
      name: 'Nacos serves old texts',
      every: 600,
      lasts: [2, 20],
      begin() {
        weather.dumpStuck = true;
        return () => {
          weather.dumpStuck = false;
        };
      },
    },
    {
      name: 'the network to Nacos loses',
      every: 300,
      lasts: [30, 240],
      begin() {
        const share = () => random.between(0, 0.2);
        weather.loss = { lostRequest: share(), lostAnswer: share(), delayed: share(), liar: share() };
        return () => {
          weather.loss = NO_LOSS;
        };
      },
    },
  ];
}

function prometheusKinds({ weather, random, timeline }: FaultsOptions): readonly Kind[] {
  const mode = (name: Weather['prometheus']): Begin => {
    return () => {
      weather.prometheus = name;
      return () => {
        weather.prometheus = 'up';
      };
    };
  };
  return [
    { name: 'Prometheus refuses connections', every: 700, lasts: [5, 120], begin: mode('refused') },
    { name: 'Prometheus never answers', every: 700, lasts: [5, 120], begin: mode('hole') },
    { name: 'Prometheus answers too late', every: 700, lasts: [20, 120], begin: mode('slow') },
    { name: 'Prometheus answers NaN', every: 900, lasts: [10, 120], begin: mode('nan') },
    { name: 'Prometheus answers nothing', every: 900, lasts: [10, 120], begin: mode('empty') },
    { name: 'Prometheus answers several series', every: 900, lasts: [10, 60], begin: mode('structural') },
    { name: 'Prometheus answers in part', every: 900, lasts: [10, 120], begin: mode('partial') },
    {
      name: 'clock of Prometheus wrong',
      every: 900,
      lasts: [30, 300],
      begin() {
        weather.prometheusOffset += random.pick([-1, 1]) * random.between(2_000, 120_000);
        return () => {
          weather.prometheusOffset = weather.wallOffset;
        };
      },
    },
    {
      name: 'wall clock stepped',
      every: 700,
      lasts: [20, 600],
      begin() {
        const byMs = Math.round(random.pick([-1, 1]) * random.between(6_000, 1_200_000));
        const isShared = random.chance(0.5);
        weather.wallOffset += byMs;
        weather.wallSteppedAt = timeline.now();
        if (isShared) weather.prometheusOffset += byMs;
        return () => {
          weather.wallOffset -= byMs;
          weather.wallSteppedAt = timeline.now();
          if (isShared) weather.prometheusOffset -= byMs;
        };
      },
    },
  ];
}

function storeKinds({ weather }: FaultsOptions): readonly Kind[] {
  const trouble = (code: NonNullable<Weather['store']>): Begin => {
    return () => {
      weather.store = code;
      return () => {
        weather.store = null;
      };
    };
  };
  return [
    { name: 'database locked', every: 500, lasts: [1, 40], begin: trouble('STORE_LOCKED') },
    { name: 'disk full', every: 700, lasts: [5, 180], begin: trouble('STORE_FULL') },
    {
      name: 'emergency journal broken',
      every: 1_200,
      lasts: [30, 600],
      begin() {
        weather.journalBroken = true;
        return () => {
          weather.journalBroken = false;
        };
      },
    },
  ];
}

function processKinds({ daemons, random }: FaultsOptions): readonly Kind[] {
  const reboot = () => {
    if (daemons.alive().length === 0) daemons.boot();
  };
  /** Does something to the process that leads; another one starts when this fault ends. */
  const toLeader = (act: (daemon: Daemon) => void): Begin => {
    return () => {
      const daemon = daemons.leading();
      if (daemon === null) return null;
      act(daemon);
      return reboot;
    };
  };
  return [
    { name: 'daemon killed', every: 400, lasts: [0.2, 40], begin: toLeader(daemons.kill) },
    { name: 'daemon stopped', every: 900, lasts: [6, 30], begin: toLeader(daemons.stop) },
    {
      name: 'daemon doomed at a boundary',
      every: 250,
      lasts: [20, 90],
      begin() {
        const daemon = daemons.leading();
        if (daemon === null) return null;
        daemon.doom = { place: random.pick(BOUNDARIES), left: random.whole(1, 4) };
        return () => {
          // Else it would die in calm weather, with nobody who starts another one.
          daemon.doom = null;
          reboot();
        };
      },
    },
    {
      name: 'standby started',
      every: 700,
      lasts: [60, 300],
      begin() {
        if (daemons.alive().length !== 1) return null;
        daemons.boot();
        return reboot;
      },
    },
    {
      name: 'daemon frozen',
      every: 700,
      lasts: [1, 90],
      begin: frozen(daemons, () => {}),
    },
    {
      name: 'daemon frozen while another takes over',
      every: 700,
      lasts: [2, 90],
      begin: frozen(daemons, () => {
        daemons.removeLock();
        daemons.boot();
      }),
    },
    {
      name: 'lock file removed under the leader',
      every: 1_500,
      lasts: [1, 30],
      begin() {
        if (daemons.alive().length !== 1) return null;
        daemons.removeLock();
        daemons.boot();
        return reboot;
      },
    },
  ];
}

function frozen(daemons: Daemons, meanwhile: () => void): Begin {
  return () => {
    const daemon = daemons.leading();
    if (daemon === null || daemons.alive().length > 1) return null;
    daemons.freeze(daemon);
    meanwhile();
    return () => {
      if (daemon.clock.state() === 'frozen') daemons.thaw(daemon);
    };
  };
}
