/** Rollouts played through: on a fixed schedule, all rules beside each other, or at the pace of one rule. */
import { createRandom } from '../../src/core/simulation/random.ts';
import type { Rule, RuleKind, Setup, View } from './rules/rule.ts';
import type { Scenario } from './scenarios.ts';
import { createSeries, type Series } from './series.ts';
import { type Place, POLLS_BEFORE, POLLS_PER_MINUTE, WEIGHTS, type World } from './world.ts';

/** On the fixed schedule a step has 10 minutes. */
export const POLLS_PER_STEP = 10 * POLLS_PER_MINUTE;
/** A rollout at a rule's own pace that has not ended by then never will. */
const LAST_POLL = 6 * 60 * POLLS_PER_MINUTE;

/** How a rollout ended under one rule. */
export interface Ending {
  readonly kind: 'rolledBack' | 'promoted' | 'inconclusive';
  /** From the start of the rollout. */
  readonly polls: number;
  /** From the canary turning bad to the end: 0 or less when it ended before. */
  readonly pollsSinceOnset: number;
  /** Expected bad requests beyond what stable would have made of the same ones. */
  readonly excess: number;
}

interface Stage {
  readonly world: World;
  readonly canary: Series;
  readonly stable: Series;
  readonly baseline: Series;
  readonly setup: Setup;
}

function openStage(scenario: Scenario, rps: number, seed: number, stream: string, run: number): Stage {
  const world = scenario.world(createRandom(seed, stream, run), rps);
  const { sli } = world;
  const [stable, before] = [createSeries(sli.classes), createSeries(sli.classes)];
  for (let poll = 1 - POLLS_BEFORE; poll <= 0; poll += 1) {
    const counts = world.draw({ poll, step: 0, pollInStep: 0, weight: 0 }).stable;
    stable.push(counts);
    before.push(counts);
  }
  const { first } = scenario;
  const setup = { sli, steps: WEIGHTS.length, before, ...(first === undefined ? {} : { first }) };
  return { world, canary: createSeries(sli.classes), baseline: createSeries(sli.classes), stable, setup };
}

/** Draws the poll at `place`; returns what it adds to the excess. */
function live({ world, canary, stable, baseline }: Stage, place: Place): number {
  const draw = world.draw(place);
  canary.push(draw.canary);
  stable.push(draw.stable);
  baseline.push(draw.baseline);
  return draw.excess;
}

/**
 * One rollout on the fixed schedule: all rules see the same counters, and each ends with its first rollback. A rule
 * that never asks for one is inconclusive here: the schedule promotes nothing.
 */
export function playSchedule(
  scenario: Scenario,
  rps: number,
  rules: readonly RuleKind[],
  seed: number,
  run: number,
): Ending[] {
  const stage = openStage(scenario, rps, seed, `${scenario.id}/${rps}`, run);
  const running: (Rule | null)[] = rules.map((kind) => kind.start(stage.setup));
  const endings = rules.map((): Ending | null => null);
  const onset = scenario.onsetStep * POLLS_PER_STEP;
  const weights = scenario.isFull ? [...WEIGHTS, 100] : WEIGHTS;
  const last = weights.length * POLLS_PER_STEP;
  let excess = 0;
  for (let poll = 1; poll <= last && running.some((rule) => rule !== null); poll += 1) {
    const step = Math.floor((poll - 1) / POLLS_PER_STEP);
    const place = { poll, step, pollInStep: ((poll - 1) % POLLS_PER_STEP) + 1, weight: weights[step]! };
    excess += live(stage, place);
    const view: View = { ...place, ...stage };
    running.forEach((rule, at) => {
      if (rule?.look(view) !== 'rollback') return;
      running[at] = null;
      endings[at] = { kind: 'rolledBack', polls: poll, pollsSinceOnset: poll - onset, excess };
    });
  }
  const stayed: Ending = { kind: 'inconclusive', polls: last, pollsSinceOnset: last - onset, excess };
  return endings.map((ending) => ending ?? stayed);
}

/** One rollout at the pace of a rule: it ends by rollback, by leaving the last step, or by neither. */
export function playPace(scenario: Scenario, rps: number, kind: RuleKind, seed: number, run: number): Ending {
  return playTogether(
    [openStage(scenario, rps, seed, `${scenario.id}/${rps}/${kind.name}`, run)],
    kind,
    scenario.onsetStep,
  );
}

/**
 * One rollout with two metrics: the first that rolls back or stops ends it, and a step is left when both would. Both are
 * independent given the truth.
 */
export function playPair(
  [one, other]: readonly [Scenario, Scenario],
  rps: number,
  kind: RuleKind,
  seed: number,
  run: number,
): Ending {
  const stages = [one, other].map((scenario, at) =>
    openStage(scenario, rps, seed, `${one.id}+${other.id}/${at}/${rps}/${kind.name}`, run),
  );
  return playTogether(stages, kind, Math.max(one.onsetStep, other.onsetStep));
}

function playTogether(stages: readonly Stage[], kind: RuleKind, onsetStep: number): Ending {
  const rules = stages.map(({ setup }) => kind.start(setup));
  let excess = 0;
  let step = 0;
  let begun = 0;
  let onset = onsetStep === 0 ? 0 : Infinity;
  for (let poll = 1; poll <= LAST_POLL; poll += 1) {
    const place = { poll, step, pollInStep: poll - begun, weight: WEIGHTS[step]! };
    for (const stage of stages) excess += live(stage, place);
    const answers = rules.map((rule, at) => rule.look({ ...place, ...stages[at]! }));
    const ended = (ending: Ending['kind']) => ({
      kind: ending,
      polls: poll,
      pollsSinceOnset: poll - onset,
      excess,
    });
    if (answers.includes('rollback')) return ended('rolledBack');
    if (answers.includes('stop')) return ended('inconclusive');
    if (answers.some((answer) => answer !== 'advance')) continue;
    if (step === WEIGHTS.length - 1) return ended('promoted');
    step += 1;
    begun = poll;
    if (step === onsetStep) onset = poll;
  }
  return { kind: 'inconclusive', polls: LAST_POLL, pollsSinceOnset: LAST_POLL - onset, excess };
}
