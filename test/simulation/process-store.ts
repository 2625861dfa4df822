/** The store and the emergency journal as one process has them: the weather in front of them, the oracle behind. */
import type { Journal } from '../../src/store/journal.ts';
import { type Save, type Store, StoreError } from '../../src/store/store.ts';
import type { Boundary, Daemon } from './daemons.ts';
import type { Oracle } from './oracle.ts';
import type { ProcessClock } from './timeline.ts';
import { count, type Tally, type Weather } from './weather.ts';

/** Unwinds the stack of a process that was killed. */
export class Killed extends Error {}

export interface ProcessStoreOptions {
  readonly weather: Weather;
  readonly oracle: Oracle;
  readonly daemon: () => Daemon;
  /** True: the process is killed at this place. */
  readonly dies: (place: Boundary) => boolean;
  /** The process finds out that its database is damaged. */
  readonly foundCorrupt: () => void;
}

/** `real` without what the weather keeps from working. */
export function processStore(real: Store, options: ProcessStoreOptions): Store {
  const { weather, oracle, daemon, dies, foundCorrupt } = options;

  function failAsTheWeather(): void {
    if (weather.isCorrupt) {
      foundCorrupt();
      throw new StoreError('STORE_CORRUPT', 'the database is damaged');
    }
    if (weather.store !== null) throw new StoreError(weather.store, 'the weather is bad');
  }

  function guard<A extends readonly unknown[], R>(work: (...args: A) => R): (...args: A) => R {
    return (...args) => {
      failAsTheWeather();
      return work(...args);
    };
  }

  /** Shows a decision to the oracle before the weather has its way. */
  function announce(save: Save): void {
    oracle.deciding(daemon(), save);
    if (weather.store !== null || weather.isCorrupt) oracle.refused(daemon(), save);
    failAsTheWeather();
  }

  async function queue(write: Store['saveLater'], save: Save): ReturnType<Store['saveLater']> {
    if (dies('beforeSave')) throw new Killed();
    announce(save);
    const events = await write(save);
    oracle.decided(daemon(), save);
    if (dies('afterSave')) throw new Killed();
    return events;
  }

  return {
    ...real,
    addCommand: guard(real.addCommand),
    appendEvents: guard(real.appendEvents),
    putSpecs: guard(real.putSpecs),
    prune: guard(real.prune),
    async addWebhook(webhook, at) {
      failAsTheWeather();
      return real.addWebhook(webhook, at);
    },
    claimEpoch(holder, at) {
      failAsTheWeather();
      const epoch = real.claimEpoch(holder, at);
      oracle.claimed(epoch);
      return epoch;
    },
    save(save) {
      // Its database may be closed by now: what still runs of a dead process gets no further.
      if (daemon().clock.state() === 'dead') throw new Killed();
      announce(save);
      const events = real.save(save);
      oracle.decided(daemon(), save);
      return events;
    },
    saveSoon: (save) => queue(real.saveSoon, save),
    saveLater: (save) => queue(real.saveLater, save),
  };
}

/** A dead process writes nothing, whatever of it still runs: its file descriptor may be another file's by now. */
export function processJournal(real: Journal, clock: ProcessClock, weather: Weather, tally: Tally): Journal {
  const isDead = () => clock.state() === 'dead';
  return {
    problem: real.problem,
    append(entry) {
      if (isDead() || weather.journalBroken || !real.append(entry)) return false;
      count(tally, 'lowering kept in the journal');
      return true;
    },
    entries: () => (isDead() ? [] : real.entries()),
    clear: () => !isDead() && real.clear(),
    close: real.close,
  };
}
