/**
 * The daemon as a process of the simulation: the real controller, leader election, store and journal on a clock that
 * can be frozen or killed. What a dead process left behind is what the next one finds.
 */
import { rmSync } from 'node:fs';
import { type Controller, createController } from '../../src/controller/controller.ts';
import { createLeader, type Leader } from '../../src/controller/leader.ts';
import { lockFileOf } from '../../src/store/file-lock.ts';
import { createJournal, type Journal } from '../../src/store/journal.ts';
import type { Store } from '../../src/store/store.ts';
import type { Log } from '../../src/telemetry/log.ts';
import { silentLog } from '../support/silent-log.ts';
import { EPOCH_MS } from './epoch.ts';
import type { Fleet } from './fleet.ts';
import type { Oracle } from './oracle.ts';
import { Killed, processJournal, processStore } from './process-store.ts';
import type { Random } from './random.ts';
import type { Rules } from './rules.ts';
import type { Ruin, StoreFile } from './store-file.ts';
import { createProcessClock, type ProcessClock, type Timeline } from './timeline.ts';
import type { Traffic } from './traffic.ts';
import { count, type Tally, type Weather } from './weather.ts';

/** Where a process may be killed within a run. */
export const BOUNDARIES = ['beforeSave', 'afterSave', 'publish', 'published'] as const;
export type Boundary = (typeof BOUNDARIES)[number];

export interface Daemon {
  readonly name: string;
  readonly clock: ProcessClock;
  readonly store: Store;
  readonly journal: Journal;
  readonly leader: Leader;
  readonly controller: Controller;
  /** The place that this process dies at when it gets there. */
  doom: { readonly place: Boundary; left: number } | null;
  /** Canaries that it decided about since it leads. */
  readonly begun: Set<string>;
  /** True time at which it woke up last; null: it never slept. */
  thawedAt: number | null;
  /** Its database proved damaged, and it is about to end. */
  isFleeing: boolean;
}

export interface Daemons {
  /** Processes that are not dead, oldest first. */
  alive(): readonly Daemon[];
  leading(): Daemon | null;
  boot(): void;
  /** SIGKILL between two steps. */
  kill(daemon: Daemon): void;
  /** SIGTERM. */
  stop(daemon: Daemon): void;
  freeze(daemon: Daemon): void;
  thaw(daemon: Daemon): void;
  /** Somebody removes the lock file. */
  removeLock(): void;
  /** All processes die, and the database is ruined. */
  ruinStore(how: Ruin): void;
  /** Runs of the controller so far. */
  ticks(): number;
  /** Timers of all processes that fired so far. */
  fired(): number;
  close(): void;
}

export interface DaemonsOptions {
  readonly file: StoreFile;
  readonly timeline: Timeline;
  readonly random: Random;
  readonly weather: Weather;
  readonly tally: Tally;
  readonly fleet: Fleet;
  readonly rules: Rules;
  readonly traffic: Traffic;
  readonly oracle: Oracle;
  readonly say: (line: string) => void;
}

const TICK_MS = 15_000;
const STOP_GRACE_MS = 5_000;
/** Slower than the daemon's own, because each poll of a standby opens a file. */
const LEADER_POLL_MS = 4_000;
const RESTART_MS = [200, 20_000] as const;

export function createDaemons(options: DaemonsOptions): Daemons {
  const { file, timeline, random, weather, tally, oracle, say } = options;
  let daemons: Daemon[] = [];
  let booted = 0;
  let ticks = 0;
  let firedByDead = 0;
  let isClosed = false;

  function boot(): void {
    if (weather.isCorrupt) ruin('overwritten');
    booted += 1;
    const name = `daemon-${booted}`;
    const clock = createProcessClock(timeline, () => EPOCH_MS + weather.wallOffset);
    const real = file.open(clock);
    real.onCommit((events) => oracle.committed(events));
    const dies = (place: Boundary) => meetsDoom(daemon, place);
    const store = processStore(real, {
      weather,
      oracle,
      daemon: () => daemon,
      dies,
      foundCorrupt: () => flee(daemon),
    });
    const journal = processJournal(createJournal(file.journal, real.storeId), clock, weather, tally);
    const daemon: Daemon = {
      name,
      clock,
      store,
      journal,
      doom: null,
      begun: new Set(),
      thawedAt: null,
      isFleeing: false,
      leader: createLeader({
        lockFile: lockFileOf(file.path),
        store: {
          claimEpoch(holder, at) {
            const epoch = store.claimEpoch(holder, at);
            file.fenced();
            return epoch;
          },
          epoch: real.epoch,
          shareEpoch: real.shareEpoch,
        },
        clock,
        log: silentLog,
        onChange: ({ leader, epoch, reason }) => {
          say(`${name} ${leader ? 'leads' : 'leads no more'} (epoch ${epoch}): ${reason}`);
          if (leader) takeLead(daemon, epoch);
          else daemon.controller.follow();
        },
        holder: name,
        pollMs: LEADER_POLL_MS,
      }),
      controller: createController({
        store,
        journal,
        router: options.rules.router(clock, {
          publishing: (canary, operation, content) => oracle.publishing(daemon, canary, operation, content),
          askedBeta: (canary, answer) => oracle.askedBeta(daemon, canary, answer),
          dies,
        }),
        measure: options.traffic.measure(clock),
        specs: options.fleet.index(),
        clock,
        log: logOf(name, clock),
        tickMs: TICK_MS,
        epoch: () => daemon.leader.epoch(),
        confirmLeader: () => clock.state() === 'running' && daemon.leader.confirm(),
        isPrometheusUp: () => weather.prometheus === 'up',
        metrics: {
          looked: (canary, verdicts) => oracle.looked(daemon, canary, verdicts),
          wrote: (_canary, result) => count(tally, `write ${result}`),
          reconciled: () => {
            ticks += 1;
          },
          reconcileFailed(stage) {
            if (clock.state() !== 'running') return;
            count(tally, `failed at ${stage}`);
          },
        },
        random: random.next,
      }),
    };
    daemons.push(daemon);
    say(`${name} starts`);
    void daemon.controller.start().then(() => {
      if (clock.state() === 'running') daemon.leader.start();
    });
  }

  function takeLead(daemon: Daemon, epoch: number): void {
    oracle.leads(daemon, epoch);
    daemon.controller.lead();
  }

  /** What is logged with an error object is a fault of the program. */
  function logOf(name: string, clock: ProcessClock): Log {
    return {
      ...silentLog,
      error(fields, text) {
        if (clock.state() !== 'running' || !('err' in fields)) return;
        const { err } = fields;
        oracle.fail(`${name}: ${text}: ${err instanceof Error ? err.stack : err}`);
      },
    };
  }

  function meetsDoom(daemon: Daemon, place: Boundary): boolean {
    if (daemon.clock.state() === 'dead') return true;
    if (daemon.doom?.place !== place) return false;
    daemon.doom.left -= 1;
    if (daemon.doom.left > 0) return false;
    count(tally, `killed ${place}`);
    end(daemon, `killed at ${place}`);
    file.leave(daemon.store);
    return true;
  }

  /** The kernel takes the lock back; nothing of this process happens again. */
  function end(daemon: Daemon, how: string): void {
    say(`${daemon.name} is ${how}`);
    daemon.clock.kill();
    daemon.leader.stop();
    daemon.journal.close();
    firedByDead += daemon.clock.fired();
    daemons = daemons.filter((other) => other !== daemon);
    // As a supervisor does: what died comes back, unless another one runs by then.
    timeline.at(timeline.now() + random.between(...RESTART_MS), () => {
      if (daemons.length === 0 && !isClosed) boot();
    });
  }

  async function terminate(daemon: Daemon): Promise<void> {
    say(`${daemon.name} is told to stop`);
    await daemon.controller.stop(STOP_GRACE_MS).catch((error: unknown) => {
      if (!(error instanceof Killed)) throw error;
    });
    if (daemon.clock.state() === 'dead') return;
    end(daemon, 'stopped');
    daemon.store.close();
  }

  /** A database that proves damaged ends the process, as the daemon does: the next start moves the file aside. */
  function flee(daemon: Daemon): void {
    if (daemon.isFleeing) return;
    daemon.isFleeing = true;
    count(tally, 'daemon ended by a damaged database');
    timeline.at(timeline.now(), () => void terminate(daemon));
  }

  function ruin(how: Ruin): void {
    for (const daemon of [...daemons]) {
      end(daemon, 'killed');
      file.leave(daemon.store);
    }
    say(`the database is ${how}`);
    if (!file.ruin(how)) oracle.fail(`a database that was ${how} was not begun anew as it should`);
    weather.isCorrupt = false;
    oracle.lost();
    options.fleet.lost();
  }

  return {
    alive: () => daemons,
    leading: () =>
      daemons.find(({ leader, clock }) => clock.state() === 'running' && leader.isLeader()) ?? null,
    boot,
    kill(daemon) {
      end(daemon, 'killed');
      if (random.chance(0.5)) file.leave(daemon.store);
      else daemon.store.close();
    },
    stop: (daemon) => void terminate(daemon),
    freeze(daemon) {
      say(`${daemon.name} is frozen`);
      daemon.clock.freeze();
    },
    thaw(daemon) {
      say(`${daemon.name} wakes up`);
      daemon.thawedAt = timeline.now();
      daemon.clock.thaw();
    },
    removeLock() {
      say('the lock file is removed');
      rmSync(lockFileOf(file.path), { force: true });
    },
    ruinStore: ruin,
    ticks: () => ticks,
    fired: () => daemons.reduce((sum, { clock }) => sum + clock.fired(), firedByDead),
    close() {
      isClosed = true;
      for (const daemon of [...daemons]) {
        end(daemon, 'put away');
        file.leave(daemon.store);
      }
      file.close();
    },
  };
}
