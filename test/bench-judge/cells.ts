/** One cell of the benchmark: a rule in a scenario at a level of traffic, over many rollouts. */
import { type Ending, playPace, playPair, playSchedule } from './play.ts';
import type { RuleKind } from './rules/rule.ts';
import type { Scenario } from './scenarios.ts';
import { type Tally, tallyOf } from './tally.ts';

/** schedule: 10 minutes a step whatever the rule says. pace: the rule says when to go on. */
export type Mode = 'schedule' | 'pace';

export interface Cell {
  readonly mode: Mode;
  readonly scenario: string;
  readonly rps: number;
  readonly rule: string;
  readonly tally: Tally;
}

/** Which cell it is, whatever came of it. */
export function keyOf({ mode, scenario, rps, rule }: Cell): string {
  return `${mode}/${scenario}/${rps}/${rule}`;
}

/** All rules in the same rollouts. A rule that keeps the schedule has its cell at pace of them, too. */
export function scheduleCells(
  scenario: Scenario,
  rps: number,
  rules: readonly RuleKind[],
  runs: number,
  seed: number,
): Cell[] {
  const endings = rules.map((): Ending[] => []);
  for (let run = 0; run < runs; run += 1) {
    const present = rules.filter(({ mostRuns }) => run < (mostRuns ?? Infinity));
    playSchedule(scenario, rps, present, seed, run).forEach((ending, at) => {
      endings[rules.indexOf(present[at]!)]!.push(ending);
    });
  }
  return rules.flatMap(({ name, keepsSchedule }, at) => {
    const played = endings[at]!;
    const onSchedule = cell('schedule', scenario, rps, name, played);
    if (!keepsSchedule || scenario.isFull) return [onSchedule];
    const stayed = ({ kind }: Ending) => kind === 'inconclusive';
    const promoted = played.map((ending) =>
      stayed(ending) ? { ...ending, kind: 'promoted' as const } : ending,
    );
    return [onSchedule, cell('pace', scenario, rps, name, promoted)];
  });
}

export function paceCell(scenario: Scenario, rps: number, rule: RuleKind, runs: number, seed: number): Cell {
  const endings = Array.from({ length: runs }, (_, run) => playPace(scenario, rps, rule, seed, run));
  return cell('pace', scenario, rps, rule.name, endings);
}

/**
 * Rollouts with two metrics that share alpha: the first that asks for a rollback ends it. Both metrics of a rollout
 * are independent given the truth, so that each is played by itself.
 */
export function pairCell(
  scenarios: readonly [Scenario, Scenario],
  rps: number,
  rule: RuleKind,
  runs: number,
  seed: number,
): Cell {
  const endings = Array.from({ length: runs }, (_, run) => {
    const [one, other] = scenarios.map((scenario) => playSchedule(scenario, rps, [rule], seed, run)[0]!);
    return one!.kind === 'rolledBack' && one!.polls <= other!.polls ? one! : other!;
  });
  const id = scenarios.map((scenario) => scenario.id).join('+');
  return cell('schedule', { id }, rps, rule.name, endings);
}

/** Two metrics that share alpha, at the pace of the rule. */
export function pacePairCell(
  scenarios: readonly [Scenario, Scenario],
  rps: number,
  rule: RuleKind,
  runs: number,
  seed: number,
): Cell {
  const endings = Array.from({ length: runs }, (_, run) => playPair(scenarios, rps, rule, seed, run));
  const id = scenarios.map((scenario) => scenario.id).join('+');
  return cell('pace', { id }, rps, rule.name, endings);
}

function cell(
  mode: Mode,
  { id }: Pick<Scenario, 'id'>,
  rps: number,
  rule: string,
  endings: readonly Ending[],
): Cell {
  return { mode, scenario: id, rps, rule, tally: tallyOf(endings) };
}
