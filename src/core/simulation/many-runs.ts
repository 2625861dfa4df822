/** What a declaration does with random traffic, many times over: how often it promotes, goes back, and cannot tell. */
import type { Spec } from '../../spec/canary.ts';
import type { CanaryState } from '../rollout.ts';
import { type ChanceTraffic, createChanceWorld } from './chance-world.ts';
import { createRandom } from './random.ts';
import { createRun, type Run } from './run.ts';
import { calledFor, minutesOf } from './story.ts';
import { EPOCH_MS } from './world.ts';

/** How one run ended. */
export interface Ending {
  readonly outcome: 'promoted' | 'rolledBack' | 'inconclusive';
  /** From the start of the rollout. */
  readonly ms: number;
  /** Requests, expected. */
  readonly excessBad: number;
  /** Why it is inconclusive; empty where it is not. */
  readonly missing: readonly Missing[];
}

/** What had no good answer where a run ended inconclusive. */
export interface Missing {
  /** Index, from 0; null: the first one had not begun. */
  readonly step: number | null;
  /** Percent, of that step. */
  readonly weight: number;
  /** Null: it was none of the metrics. */
  readonly metric: string | null;
  readonly detail: string;
}

/** The same in several runs. */
export interface MissingInRuns extends Omit<Missing, 'detail'> {
  readonly runs: number;
  /** As the first of them put it. */
  readonly first: string;
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
  /** What was missing in most runs comes first. */
  readonly missing: readonly MissingInRuns[];
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
  const startedAt = rollout?.startedAt ?? EPOCH_MS;
  const outcome = OUTCOMES[rollout?.outcome ?? ''] ?? 'inconclusive';
  return {
    outcome,
    ms: (rollout?.endedAt ?? decidedAt) - startedAt,
    excessBad: world.excessBad(),
    missing: outcome === 'inconclusive' ? missingOf(spec, run) : [],
  };
}

const OUTCOMES: Readonly<Record<string, Ending['outcome']>> = {
  Promoted: 'promoted',
  RolledBack: 'rolledBack',
};

function missingOf({ canary: { strategy, analysis } }: Spec, run: Run): readonly Missing[] {
  const { state, explanation } = run.result();
  const index = state.rollout?.stepIndex ?? -1;
  const place = { step: index < 0 ? null : index, weight: strategy.steps[index]?.weight ?? 0 };
  const unanswered = analysis.metrics.flatMap(({ name, dryRun }) => {
    const verdict = state.rollout?.metrics[name]?.verdict ?? null;
    const isGood = dryRun || verdict === null || verdict.class === 'pass';
    return isGood ? [] : [{ ...place, metric: name, detail: verdict.detail }];
  });
  if (unanswered.length > 0) return unanswered;
  const reasons = explanation?.because.map(({ text }) => text) ?? [];
  return [{ ...place, metric: null, detail: reasons.join('; ') }];
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
    missing: missingInRuns(endings),
  };
}

function missingInRuns(endings: readonly Ending[]): MissingInRuns[] {
  const all = endings.flatMap(({ missing }) => missing);
  const alike = [...Map.groupBy(all, ({ step, metric }) => JSON.stringify([step, metric])).values()];
  return alike
    .flatMap(([one, ...others]) => {
      if (one === undefined) return [];
      const { detail: first, ...where } = one;
      return [{ ...where, runs: 1 + others.length, first }];
    })
    .sort((a, b) => b.runs - a.runs);
}

function quantilesOf(endings: readonly Ending[]): Quantiles | null {
  if (endings.length === 0) return null;
  const sorted = endings.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (share: number) => minutesOf(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  return { p50: at(0.5), p90: at(0.9) };
}
