/** Whether a beta variant was looked for before the first write of a rollout, and told of where one is known. */
import type { BetaReading } from '../../src/core/observation.ts';
import type { CanaryState } from '../../src/core/rollout.ts';
import type { Daemon } from './daemons.ts';

export interface BetaCheck {
  told(daemon: Daemon, name: string, answer: BetaReading | 'none' | 'unknown'): void;
  /** A new write was committed. */
  checkIntent(daemon: Daemon, state: CanaryState): void;
}

interface Told {
  readonly at: number;
  readonly answer: BetaReading | 'none' | 'unknown';
}

/** From the answer over the end of the look to the commit. */
const FRESH_MS = 12_000;

export function createBetaCheck(now: () => number, fail: (what: string) => void): BetaCheck {
  const last = new Map<string, Told>();
  const keyOf = (daemon: Daemon, name: string) => `${daemon.name} ${name}`;
  return {
    told: (daemon, name, answer) => void last.set(keyOf(daemon, name), { at: now(), answer }),
    checkIntent(daemon, { name, intent, rollout, diagnostics }) {
      const isFirst = intent?.purpose === 'step' && rollout?.held.weight === 0 && rollout.held.index === -1;
      if (!isFirst || daemon.thawedAt !== null) return;
      const told = last.get(keyOf(daemon, name));
      if (told === undefined || told.at < now() - FRESH_MS) {
        fail(`${name}: the first step is made and nobody looked for a beta variant`);
        return;
      }
      if (told.answer === 'unknown') return;
      const isTold = diagnostics.some(({ code }) => code === 'BETA_PRESENT');
      if (isTold !== (told.answer !== 'none'))
        fail(`${name}: the first step ${isTold ? 'tells of a' : 'hides the'} beta`);
    },
  };
}
