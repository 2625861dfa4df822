/** Looks at the whole once a minute: whether it is busy without end, and whether it comes to rest once all is quiet. */
import { unrest } from './rest.ts';
import type { Scene } from './scene.ts';
import { tryStore } from './store-trial.ts';
import type { Tally } from './weather.ts';

export interface Quiet {
  /** People go home and all faults end; a store that takes nothing is tried first, then nothing is wrong any more. */
  begin(): void;
  hasBegun(): boolean;
  /** All came to rest and stayed so for a while. */
  isOver(): boolean;
}

const MINUTE_MS = 60_000;
/** Rollbacks are over by then, and delayed writes have landed. */
const ENDINGS_MS = 6 * MINUTE_MS;
/** Every bake, deadline and grace of a fleet fits into this. */
const QUIET_MS = 120 * MINUTE_MS;
/** An idle look, and the longest delay of a write. */
const STAYS_MS = 4 * MINUTE_MS;
/** By then every Canary has noticed what the end of the faults changed, e.g. a clock that was put right. */
const NOTICED_MS = 2 * MINUTE_MS;
/** Samples again for so long are seen by every look. */
const SCRAPED_MS = 5 * MINUTE_MS;
/** Confirming a write takes a run a second, edits and commands some more; its polls take some timers each. */
const RUNS_PER_MINUTE = 80;
const TIMERS_PER_MINUTE = 1_000;

export function createQuiet(scene: Scene): Quiet {
  const { timeline, tally, fleet, oracle, daemons, people, alerts, faults } = scene;
  /** Since when each Canary is on its way to 0, by the time at which that was decided. */
  const endings = new Map<string, { readonly decided: number; readonly since: number }>();
  let last = { runs: 0, timers: 0 };
  let isEnding = false;
  let quietSince: number | null = null;
  let restingSince: number | null = null;

  function checkBusy(): void {
    const size = Math.max(1, fleet.names().length);
    const runs = Math.ceil((daemons.ticks() - last.runs) / size);
    const timers = Math.ceil((daemons.fired() - last.timers) / size);
    last = { runs: daemons.ticks(), timers: daemons.fired() };
    keepMost(tally, 'most runs of a canary in a minute', runs);
    keepMost(tally, 'most timers of a canary in a minute', timers);
    if (runs > RUNS_PER_MINUTE) oracle.fail(`${runs} runs in a minute for each canary`);
    if (timers > TIMERS_PER_MINUTE) oracle.fail(`${timers} timers in a minute for each canary`);
  }

  function checkRest(quietMs: number): void {
    const why = stirring(scene);
    if (quietMs < NOTICED_MS) return;
    if (why === null) restingSince ??= timeline.now();
    else if (restingSince !== null) oracle.fail(`it was at rest and is no more: ${why}`);
    else if (quietMs > QUIET_MS) oracle.fail(`not at rest after two hours of quiet: ${why}`);
  }

  function checkEndings(quietMs: number): void {
    for (const name of fleet.everyName()) {
      const state = oracle.state(name);
      const isForeign = state?.rollout?.pauses.some(({ reason }) => reason === 'ForeignController') ?? false;
      const decided = isForeign ? undefined : state?.ending?.since;
      const known = endings.get(name);
      if (decided === undefined) endings.delete(name);
      else if (known?.decided !== decided) endings.set(name, { decided, since: timeline.now() });
      else if (Math.min(quietMs, timeline.now() - known.since) > ENDINGS_MS) {
        oracle.fail(`${name}: not back at 0 after six minutes of quiet`);
      }
    }
  }

  function everyMinute(): void {
    checkBusy();
    oracle.checkPunctual();
    if (quietSince !== null) {
      const quietMs = timeline.now() - quietSince;
      checkRest(quietMs);
      checkEndings(quietMs);
    }
    timeline.at(timeline.now() + MINUTE_MS, everyMinute);
  }

  function beQuiet(): void {
    scene.trace.add('quiet begins');
    alerts.end();
    faults.end();
    if (daemons.alive().length === 0) daemons.boot();
    quietSince = timeline.now();
  }

  everyMinute();
  return {
    begin() {
      isEnding = true;
      people.end();
      faults.end();
      if (daemons.alive().length === 0) daemons.boot();
      for (const daemon of daemons.alive()) daemon.doom = null;
      tryStore(scene, beQuiet);
    },
    hasBegun: () => isEnding,
    isOver: () => restingSince !== null && timeline.now() - restingSince >= STAYS_MS,
  };
}

/** Why not all is at rest; null: it is. */
function stirring({ timeline, fleet, oracle, rules, traffic, alerts }: Scene): string | null {
  for (const name of fleet.everyName()) {
    const state = oracle.state(name);
    const { spec, state: fileState } = fleet.file(name);
    if (state === null) continue;
    const why = unrest({
      state,
      document: rules.document(name),
      truth: (revision) => traffic.truth(name, revision),
      isSuspended: spec.canary.suspend,
      endsByNoData: spec.canary.analysis.onNoData === 'rollback',
      asksReady: spec.canary.strategy.ready !== null,
      isRemoved: fileState === 'gone',
      isScraped: traffic.countedSince() < timeline.now() - SCRAPED_MS,
    });
    if (why !== null) return `${name}: ${why}`;
  }
  const [open] = oracle.openCommands();
  if (open !== undefined) return `command ${open} was never answered`;
  if (alerts.open() > 0) return 'the end of an alert was not taken';
  return rules.inFlight() > 0 ? 'a write is still on its way' : null;
}

function keepMost(tally: Tally, name: string, found: number): void {
  tally[name] = Math.max(tally[name] ?? 0, found);
}
