/** What a run under the core came to, for people and programs: how it ended, when, and every decision with its reason. */
import type { Outcome } from '../outcome.ts';
import type { Pause, Phase, RolloutState } from '../rollout.ts';
import type { Simulation } from './run.ts';

/** What `simulate` and `backtest` print of a Canary. Times are RFC 3339, UTC. */
export interface Story {
  readonly canary: string;
  /** Of the last rollout. Inconclusive: it did not end, or there was none. */
  readonly outcome: Outcome | 'Inconclusive';
  /** When that outcome was decided, or a person was called because nothing could be told; null: neither. */
  readonly decidedAt: string | null;
  /** From the start of the rollout until then, to a hundredth. */
  readonly minutes: number | null;
  readonly timeline: readonly StoryLine[];
}

export interface StoryLine {
  readonly at: string;
  /** Index, from 0; null before the first step. */
  readonly step: number | null;
  /** Percent. */
  readonly weight: number;
  /** What the core did: raise, lower, promote, pause, hold, wait, or none. */
  readonly decision: string;
  readonly reason: string;
  /** Type of the event; null for the last line of a rollout that did not end, which says what it waits for. */
  readonly event: string | null;
  readonly phase: Phase;
}

const MINUTE_MS = 60_000;

/** @param start Unix ms at which the run began */
export function storyOf({ timeline, state, explanation }: Simulation, start: number): Story {
  const { rollout, name } = state;
  const outcome = rollout?.outcome ?? 'Inconclusive';
  const endedAt = rollout?.endedAt ?? (rollout === null ? null : (calledFor(rollout)?.since ?? null));
  const lines = timeline.map(
    ({ at, step, weight, action, event, phase }): StoryLine => ({
      at: timeOf(start + at),
      step: step < 0 ? null : step,
      weight,
      decision: action,
      reason: event.message,
      event: event.type,
      phase,
    }),
  );
  if (explanation !== null && outcome === 'Inconclusive') {
    const { at, action, to, because, phase } = explanation;
    lines.push({
      at: timeOf(at),
      step: rollout === null || rollout.stepIndex < 0 ? null : rollout.stepIndex,
      weight: to,
      decision: action,
      reason: because.map(({ text }) => text).join('; '),
      event: null,
      phase,
    });
  }
  return {
    canary: name,
    outcome,
    decidedAt: endedAt === null ? null : timeOf(endedAt),
    minutes: rollout === null || endedAt === null ? null : minutesOf(endedAt - rollout.startedAt),
    timeline: lines,
  };
}

/** The pause that no look and no time ends: the judges could not tell, and a person is called. Null: none. */
export function calledFor({ pauses }: RolloutState): Pause | null {
  return pauses.find(({ reason }) => reason === 'Inconclusive' || reason === 'NoEvidence') ?? null;
}

/** To a hundredth. */
export function minutesOf(ms: number): number {
  return Math.round((100 * ms) / MINUTE_MS) / 100;
}

function timeOf(at: number): string {
  return new Date(at).toISOString();
}
