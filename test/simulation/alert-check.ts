/** What alerts that were taken must lead to, and what only they may explain. */
import type { CanaryState } from '../../src/core/rollout.ts';
import { activeRollout, isWaiting } from '../../src/core/turn.ts';
import type { Event } from '../../src/store/store.ts';

export interface AlertCheck {
  /** What was recorded. */
  committed(event: Event): void;
  /** A new write was committed. `before`: the last committed state. */
  checkIntent(state: CanaryState, before: CanaryState | null): void;
  /** Whether an alert ever asked for a rollback of this Canary. */
  mayRollBack(name: string): boolean;
  /** The database was lost. */
  lose(): void;
}

interface Firing {
  readonly action: unknown;
  readonly since: number;
}

export function createAlertCheck(now: () => number, fail: (what: string) => void): AlertCheck {
  /** By Canary and alert. */
  let firing = new Map<string, Map<unknown, Firing>>();
  const asked = new Set<string>();

  return {
    committed({ type, canary, data }) {
      if (canary === null) return;
      const { signal: id, action } = data ?? {};
      const own = firing.get(canary) ?? new Map<unknown, Firing>();
      firing.set(canary, own);
      if (type === 'SignalReceived') own.set(id, { action, since: now() });
      if (type === 'SignalReceived' && action === 'rollback') asked.add(canary);
      if (type === 'SignalResolved') own.delete(id);
      if (type === 'Forgotten') own.clear();
    },
    checkIntent(state, before) {
      const rollout = activeRollout(state);
      const was = before === null ? null : activeRollout(before);
      const { intent, name } = state;
      if (intent?.direction !== 'raise' || intent.purpose !== 'step' || rollout === null) return;
      if (was !== null && was.id === rollout.id && !isWaiting(was)) return;
      // What was recorded in this very moment may be known a moment later.
      const known = [...(firing.get(name)?.values() ?? [])].filter(({ since }) => since < now());
      const holding = known.find(({ action }) => action === 'rollback' || action === 'pause');
      if (holding !== undefined) fail(`${name}: the first step although an alert asks for ${holding.action}`);
    },
    mayRollBack: (name) => asked.has(name),
    lose() {
      firing = new Map();
    },
  };
}
