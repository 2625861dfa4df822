/** What a declaration does with random traffic, many times over: how often it promotes, goes back, and cannot tell. */
import type { Spec } from '../../spec/canary.ts';
import type { CanaryState } from '../rollout.ts';
import { type ChanceTraffic, createChanceWorld } from './chance-world.ts';
import { createRandom } from './random.ts';
import { createRun } from './run.ts';
import { calledFor, minutesOf } from './story.ts';
import { EPOCH_MS } from './world.ts';

/** How one run ended. */
export interface Ending {
  readonly outcome: 'promoted' | 'rolledBack' | 'inconclusive';
  /** From the start of the rollout. */
  readonly ms: number;
  /** Requests, expected. */
  readonly excessBad: number;
}

export interface Quantiles {
  readonly p50: number;
  readonly p90: number;
}

/** Minutes are from the start of the rollout; null: no run ended so. */
export interface Odds {
  readonly runs: number;
  readonly promoted: number;
  readonly rolledBack: number;
  readonly inconclusive: number;
  readonly minutes: { readonly promote: Quantiles | null; readonly rollback: Quantiles | null };
  /** Requests that failed, or were slower than stable's p99, and would not have been on stable. */
  readonly excessBad: { readonly mean: number };
}

/** A run that takes so much longer than its bakes is left as inconclusive. */
const PATIENCE_MS = 6 * 3_600_000;

/** Run `number` of the seed: equal arguments, equal ending. */
export function playOnce(spec: Spec, traffic: ChanceTraffic, seed: number, number: number): Ending {
  const world = createChanceWorld(traffic, createRandom(seed, 'simulate', number), EPOCH_MS);
  const run = createRun(spec, world, EPOCH_MS);
  const bakesMs = spec.canary.strategy.steps.reduce((sum, { bakeMs }) => sum + bakeMs, 0);
  const until = EPOCH_MS + bakesMs + PATIENCE_MS;
  for (let at = run.dueAt(); at <= until && !isOver(run.state()); at = run.dueAt()) {
    run.moveTo(at);
    run.tick(run.requests().map((request) => world.measure(request, at)));
  }
  const { rollout, decidedAt } = run.state();
  const { outcome = null, startedAt = EPOCH_MS } = rollout ?? {};
  return {
    outcome: outcome === 'Promoted' ? 'promoted' : outcome === 'RolledBack' ? 'rolledBack' : 'inconclusive',
    ms: (rollout?.endedAt ?? decidedAt) - startedAt,
    excessBad: world.excessBad(),
  };
}

function isOver({ rollout }: CanaryState): boolean {
  return rollout !== null && (rollout.outcome !== null || calledFor(rollout) !== null);
}

export function oddsOf(endings: readonly Ending[]): Odds {
  const ended = (outcome: Ending['outcome']) => endings.filter((ending) => ending.outcome === outcome);
  const [promoted, rolledBack] = [ended('promoted'), ended('rolledBack')];
  const excess = endings.reduce((sum, { excessBad }) => sum + excessBad, 0);
  return {
    runs: endings.length,
    promoted: promoted.length,
    rolledBack: rolledBack.length,
    inconclusive: endings.length - promoted.length - rolledBack.length,
    minutes: { promote: quantilesOf(promoted), rollback: quantilesOf(rolledBack) },
    excessBad: { mean: Math.round((100 * excess) / Math.max(1, endings.length)) / 100 },
  };
}

function quantilesOf(endings: readonly Ending[]): Quantiles | null {
  if (endings.length === 0) return null;
  const sorted = endings.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (share: number) => minutesOf(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  return { p50: at(0.5), p90: at(0.9) };
}
