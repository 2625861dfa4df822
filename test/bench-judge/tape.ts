/** A rollout of the benchmark on record: what was drawn poll by poll, and how it ended. */
import { type Ending, playPace } from './play.ts';
import type { RuleKind } from './rules/rule.ts';
import type { Scenario } from './scenarios.ts';
import { isSeen } from './seen.ts';
import type { Counts, Sli } from './sli.ts';
import type { Draw, Place, World } from './world.ts';

export type Recorded = Place & Pick<Draw, 'canary' | 'stable'>;

export interface Tape {
  readonly id: string;
  readonly sli: Sli;
  /** In order, those before the rollout included. */
  readonly polls: readonly Recorded[];
  readonly ending: Ending;
}

/** Plays a rollout at the pace of `rule`, and lets its traffic go on for `more` polls after its end. */
export function record(
  scenario: Scenario,
  rps: number,
  rule: RuleKind,
  { seed, run, more }: { readonly seed: number; readonly run: number; readonly more: number },
): Tape {
  const polls: Recorded[] = [];
  let world: World | null = null;
  const recording: Scenario = {
    ...scenario,
    world(random, all) {
      const { sli, draw } = scenario.world(random, all);
      world = {
        sli,
        draw(place) {
          const drawn = draw(place);
          polls.push({ ...place, canary: drawn.canary, stable: drawn.stable });
          return drawn;
        },
      };
      return world;
    },
  };
  const ending = playPace(recording, rps, rule, seed, run);
  const played = world as World | null;
  const last = polls.at(-1);
  if (played === null || last === undefined) throw new Error(`${scenario.id} was not played`);
  for (let on = 1; on <= more; on += 1) {
    played.draw({ ...last, poll: last.poll + on, pollInStep: last.pollInStep + on });
  }
  return { id: scenario.id, sli: played.sli, polls, ending };
}

export interface Span {
  readonly step: number;
  readonly canary: Counts;
  readonly stable: Counts;
}

/** What was injected between two scrapes at each weight, up to the decision at poll `until`. */
export function spansOf({ sli, polls }: Tape, until: number): Span[] {
  const spans: Span[] = [];
  for (const poll of polls) {
    if (poll.poll < 1 || poll.poll > until || !isSeen(poll)) continue;
    const span = spanAt(spans, poll.step, sli);
    for (const arm of ['canary', 'stable'] as const) {
      for (const [index, count] of poll[arm].entries()) span[arm][index]! += count;
    }
  }
  return spans;
}

/** That of a step, which is the last one or comes after it. */
export function spanAt(spans: Span[], step: number, { classes }: Sli): Span {
  const last = spans.at(-1);
  if (last?.step === step) return last;
  const span = { step, canary: new Float64Array(classes), stable: new Float64Array(classes) };
  spans.push(span);
  return span;
}
