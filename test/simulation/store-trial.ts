/**
 * Between the faults and the quiet: raises are lost, then nothing is wrong but the store, which takes nothing for a
 * long while. What is broken and can be measured must be back at 0 all the same, whatever was owed when that began.
 */

import { parseRule } from '../../src/core/rule.ts';
import { activeRollout } from '../../src/core/turn.ts';
import type { Fault } from './fault-kinds.ts';
import type { Scene } from './scene.ts';
import { count, NO_LOSS } from './weather.ts';

/** Long enough for most fleets to make a raise, and to give it up. */
const LIES_S = 90;
/** The longest verify timeout, settle, window and `for` or `failureLimit` of a fleet, one after the other, twice. */
const TRIAL_S = 15 * 60;
/** The odds against a broken revision are made of the requests of this time, if not of less. */
const COUNTED_MS = 5 * 60_000;
/** By so many requests in a window chance cannot make a broken revision pass. */
const REQUESTS = 100;
/** More than any metric allows, and too few for a guard: failures have to be counted. */
const BROKEN = { kind: 'broken', from: 0, badShare: 0.15 } as const;

/** Begins the trial; `done` is called when it is over. */
export function tryStore(scene: Scene, done: () => void): void {
  const { timeline, random, weather, tally, fleet, traffic, rules, oracle, daemons, faults } = scene;

  /**
   * The revision that is found out as soon as it is broken, because its traffic is enough, and so is that of the
   * stable version that it is compared with; null: none.
   */
  function measuredRevision(name: string): string | null {
    const document = rules.document(name);
    const rule = document === null ? null : parseRule(document);
    if (rule === null || !rule.ok || !rule.value.enabled) return null;
    const { canaryVersion, canaryWeight, stableVersion } = rule.value;
    const share = canaryWeight / 100;
    const { skip, metrics } = fleet.file(name).spec.canary.analysis;
    const requests = (fleet.rps(name) * share * (metrics[0]?.windowMs ?? 0)) / 1_000;
    // Points from before it broke keep on speaking for it.
    const isByPoints = metrics[0]?.judge === 'mannWhitney';
    // A Prometheus whose clock was set back takes no sample until it has come so far again.
    const isCounted =
      metrics[0]?.judge !== 'sequential' || traffic.countedSince() < timeline.now() - COUNTED_MS;
    const isTold =
      share < 1 && !isByPoints && isCounted && traffic.truth(name, stableVersion).kind === 'healthy';
    return isTold && requests >= REQUESTS && !skip ? canaryVersion : null;
  }

  /** Somebody may have given the document another one than the rollout compares with. */
  function servedStable(name: string): string | null {
    const rule = parseRule(rules.document(name) ?? '');
    return rule.ok ? rule.value.stableVersion : null;
  }

  /** The rollout is under way, and nobody has to be asked before it goes back. */
  function isWatched(name: string): boolean {
    const state = daemons.leading()?.controller.state(name) ?? oracle.state(name);
    const rollout = state === null ? null : activeRollout(state);
    if (rollout === null || rollout.revision !== measuredRevision(name)) return false;
    if (rollout.stable !== servedStable(name)) return false;
    // Held at 100, stable is what it was before; a weight that somebody lowered since is taken up by `resume`.
    if (rollout.frozenAt !== null) return false;
    // Its file was removed, and said that the weight stays.
    const { state: file, spec } = fleet.file(name);
    if (file === 'gone' && spec.canary.strategy.onDelete === 'retain') return false;
    return !rollout.pauses.some(({ reason }) => reason === 'ForeignController' || reason === 'Failed');
  }

  function isBroken(name: string): boolean {
    return traffic.truth(name, measuredRevision(name) ?? '') === BROKEN;
  }

  /** What was good so far may break now. */
  function breakSome(): void {
    for (const name of fleet.everyName().filter(isWatched)) {
      const revision = measuredRevision(name);
      if (revision !== null && random.chance(0.7)) traffic.tell(name, revision, BROKEN);
      if (isBroken(name)) count(tally, 'broken revision while the store took nothing');
      if (isBroken(name) && isOwed(name)) count(tally, 'the same with a write owed that was no lowering');
    }
  }

  function isOwed(name: string): boolean {
    const { intent = null, rollout = null } = oracle.state(name) ?? {};
    return (intent !== null && intent.direction !== 'lower') || rollout?.withdrawDue === true;
  }

  function check(): void {
    if (daemons.leading() === null) oracle.fail('nobody leads while the store takes nothing');
    for (const name of fleet.everyName()) {
      const isLeft = isWatched(name) && isBroken(name);
      if (isLeft) oracle.fail(`${name}: broken, measured, and not at 0 while the store takes nothing`);
    }
  }

  const full: Fault = {
    name: 'the store takes nothing for long',
    lasts: [TRIAL_S, TRIAL_S],
    begin() {
      weather.store = random.pick(['STORE_LOCKED', 'STORE_FULL'] as const);
      breakSome();
      const leader = daemons.leading();
      if (leader !== null && random.chance(0.5)) daemons.kill(leader);
      return () => {
        check();
        weather.store = null;
        done();
      };
    },
  };
  faults.begin({
    name: 'raises are lost before the store takes nothing',
    lasts: [LIES_S, LIES_S],
    begin() {
      weather.loss = { ...NO_LOSS, liar: 1 };
      return () => {
        weather.loss = NO_LOSS;
        faults.begin(full);
      };
    },
  });
}
