/** Faults of the host: its store, its clocks, and the daemon as a process. */
import { BOUNDARIES, type Daemon, type Daemons } from './daemons.ts';
import type { Begin, FaultsOptions, Kind } from './fault-kinds.ts';
import { RUINS } from './store-file.ts';
import type { Weather } from './weather.ts';

export function storeKinds({ weather, daemons, random }: FaultsOptions): readonly Kind[] {
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
    {
      name: 'database ruined while nothing runs',
      every: 2_500,
      lasts: [0.2, 40],
      begin() {
        daemons.ruinStore(random.pick(RUINS));
        return reboot(daemons);
      },
    },
    {
      name: 'database damaged in use',
      every: 3_000,
      lasts: [5, 40],
      begin() {
        if (daemons.leading() === null) return null;
        weather.isCorrupt = true;
        return () => {
          // Nobody used it meanwhile: a restart finds out.
          if (weather.isCorrupt) daemons.ruinStore('overwritten');
          reboot(daemons)();
        };
      },
    },
  ];
}

export function clockKinds({ weather, random, timeline }: FaultsOptions): readonly Kind[] {
  return [
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
        weather.wallOffsetBefore = weather.wallOffset;
        weather.wallOffset += byMs;
        weather.wallSteppedAt = timeline.now();
        if (isShared) weather.prometheusOffset += byMs;
        return () => {
          weather.wallOffsetBefore = weather.wallOffset;
          weather.wallOffset -= byMs;
          weather.wallSteppedAt = timeline.now();
          if (isShared) weather.prometheusOffset -= byMs;
        };
      },
    },
  ];
}

export function processKinds({ daemons, random }: FaultsOptions): readonly Kind[] {
  const rebooted = reboot(daemons);
  /** Does something to the process that leads; another one starts when this fault ends. */
  const toLeader = (act: (daemon: Daemon) => void): Begin => {
    return () => {
      const daemon = daemons.leading();
      if (daemon === null) return null;
      act(daemon);
      return rebooted;
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
          rebooted();
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
        return rebooted;
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
        return rebooted;
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

function reboot(daemons: Daemons): () => void {
  return () => {
    if (daemons.alive().length === 0) daemons.boot();
  };
}
