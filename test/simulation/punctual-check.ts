/** Whether every Canary is looked at when it is due, as soon as nothing has been wrong for a while. */
import type { CanaryState } from '../../src/core/rollout.ts';
import type { Save } from '../../src/store/store.ts';
import type { Daemon } from './daemons.ts';
import type { Fleet } from './fleet.ts';

export interface Punctual {
  /** A decision is about to be saved. */
  deciding(save: Save): void;
  /** What was due under another leader is due no more. */
  forget(name: string): void;
  forgetAll(): void;
  /** Looks whether all is in time. `states`: what was committed last, by name. */
  check(leader: Daemon | null, states: ReadonlyMap<string, CanaryState>): void;
}

export interface PunctualOptions {
  readonly now: () => number;
  readonly fleet: Fleet;
  readonly calmSince: (name: string) => number | null;
  readonly fail: (what: string) => void;
}

/** The look and route deadlines, the confirming of a write, and back-off after what was wrong before. */
const CALM_MS = 75_000;
const LATE_MS = 4_000;
const LOST_MS = 10_000;

export function createPunctual({ now, fleet, calmSince, fail }: PunctualOptions): Punctual {
  const due = new Map<string, number>();

  /** What rests is not saved while nothing changes, so the leader itself is asked. */
  function checkResting(leader: Daemon | null, name: string): void {
    const calm = calmSince(name);
    if (calm === null || now() < calm + CALM_MS + LOST_MS || leader?.clock.state() !== 'running') return;
    const last = leader.controller.explanation(name);
    if (!leader.controller.isLeader() || last === null) return;
    const lateMs = leader.clock.now() - last.nextCheckAt;
    if (lateMs > LOST_MS) fail(`${name}: rests, and is ${lateMs} ms late in calm weather`);
  }

  function checkDue(name: string, at: number): void {
    const calm = calmSince(name);
    if (calm === null || at < calm + CALM_MS || fleet.file(name).state === 'forgotten') return;
    if (now() - at > LOST_MS) fail(`${name}: due since ${now() - at} ms in calm weather`);
  }

  return {
    deciding({ canary: name, state, nextCheckAt, explanation }) {
      const since = due.get(name);
      const calm = calmSince(name);
      const lateMs = since === undefined || calm === null || since < calm + CALM_MS ? 0 : now() - since;
      if (lateMs > LATE_MS) fail(`${name}: decided ${lateMs} ms late in calm weather`);
      due.set(name, now() + Math.max(0, nextCheckAt - Math.floor(explanation.at)));
      if (state === null || isResting(state)) due.delete(name);
    },
    forget: (name) => void due.delete(name),
    forgetAll: () => due.clear(),
    check(leader, states) {
      for (const [name, at] of due) checkDue(name, at);
      for (const [name, state] of states) if (isResting(state)) checkResting(leader, name);
    },
  };
}

function isResting({ rollout }: CanaryState): boolean {
  return rollout === null || rollout.outcome !== null;
}
