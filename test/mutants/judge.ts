/** Mutations of the sequential judge: each breaks what it promises, or what makes the promise hold. */
import type { Mutant } from './mutants.ts';

const PROMISE = 'false rollbacks stay below alpha and false promotions below beta, however often one looks';
const AWAKE = 'what fails wholly is seen at once, at every step and while a weight settles';
const LADDER = 'a step is left upward on its part of the evidence, of requests at its own weight';

const ENGINE = ['test/core/sequential/poll.test.ts'];
const LOOK = ['test/core/sequential/look.test.ts'];

export const JUDGE: readonly Mutant[] = [
  {
    name: 'the nearest point is any point of the line',
    guards: PROMISE,
    file: 'src/core/sequential/evidence.ts',
    text: '(-canaryRequests * (alternative.canary',
    by: '(-1 * (alternative.canary',
    tests: ['test/core/sequential/expectation.test.ts'],
  },
  {
    name: 'bursts count as independent failures',
    guards: PROMISE,
    file: 'src/core/sequential/mixture.ts',
    text: '(evidence[index] ?? 0) / dispersion',
    by: '(evidence[index] ?? 0)',
    tests: ENGINE,
  },
  {
    name: 'a settling weight is judged',
    guards: PROMISE,
    file: 'src/core/sequential/poll.ts',
    text: 'if (poll.settling) return { ...state, guard, unsettled',
    by: 'if (poll.alone) return { ...state, guard, unsettled',
    tests: ENGINE,
  },
  {
    name: 'every metric has all of alpha',
    guards: PROMISE,
    file: 'src/spec/resolve.ts',
    text: '(alpha * (metric.weight ?? 1)) / sum',
    by: 'alpha + 0 * sum',
    tests: ['test/spec/judge.test.ts'],
  },
  {
    name: 'the odds are forgotten from look to look',
    guards: PROMISE,
    file: 'src/core/looks.ts',
    text: 'const memory = state.sequential;',
    by: 'const memory = state.passes < 0 ? state.sequential : undefined;',
    tests: ['test/scenarios/scenarios.test.ts'],
  },
  {
    name: 'the guard bets all that it has at the first step',
    guards: AWAKE,
    file: 'src/core/sequential/settings.ts',
    text: 'GUARD_RESERVE = 0.5',
    by: 'GUARD_RESERVE = 0',
    tests: ENGINE,
  },
  {
    name: 'weight 100 is compared with nothing',
    guards: AWAKE,
    file: 'src/core/sequential/look.ts',
    text: 'const alone = rollout.frozenAt !== null;',
    by: 'const alone = false;',
    tests: LOOK,
  },
  {
    name: 'each step needs the first part of the evidence only',
    guards: LADDER,
    file: 'src/core/sequential/settings.ts',
    text: '(Math.max(stepIndex, 0) + 1)',
    by: 'Math.min(stepIndex + 1, 1)',
    tests: ENGINE,
  },
  {
    name: 'odds that hold hold nothing',
    guards: LADDER,
    file: 'src/core/sequential/poll.ts',
    text: "doubted !== undefined ? 'hold' : 'go'",
    by: "'go'",
    tests: ENGINE,
  },
  {
    name: 'a step is left on the requests of another weight',
    guards: LADDER,
    file: 'src/core/sequential/look.ts',
    text: 'if (memory.split.canary === 0)',
    by: 'if (memory.split.canary < 0)',
    tests: LOOK,
  },
  {
    name: 'a look without new samples ends the silence of the canary',
    guards: LADDER,
    file: 'src/core/sequential/look.ts',
    text: 'here, polled, answers.canary.at) : here;',
    by: 'here, polled, answers.canary.at) : { ...here, silentPolls: 0 };',
    tests: ['test/core/sequential/silence.test.ts'],
  },
  {
    name: 'a part of what stable was like before the rollout is all of it',
    guards: PROMISE,
    file: 'src/core/sequential/look.ts',
    text: "reading.kind === 'noData' && reading.why !== 'empty'",
    by: "reading.kind === 'noData' && reading.why === 'nan'",
    tests: LOOK,
  },
  {
    name: 'requests after the raise are what they are judged against',
    guards: PROMISE,
    file: 'src/core/sequential/before.ts',
    text: ' && to <= until);',
    by: ' && to <= Math.max(at, until));',
    tests: ['test/core/sequential/before.test.ts'],
  },
  {
    name: 'what was earned counts on where evidence starts again',
    guards: LADDER,
    file: 'src/core/turn.ts',
    text: 'metric.sequential = withoutEarned(metric.sequential);',
    by: 'withoutEarned(metric.sequential);',
    tests: ['test/core/sequential/again.test.ts'],
  },
  {
    name: 'losses are forgotten where evidence starts again',
    guards: PROMISE,
    file: 'src/core/sequential/mixture.ts',
    text: 'const gain = Math.max(0, logWealth(mixture));',
    by: 'const gain = logWealth(mixture);',
    tests: ['test/core/sequential/again.test.ts'],
  },
  {
    name: 'a look without new samples is a fresh pass',
    guards: LADDER,
    file: 'src/core/evidence.ts',
    text: 'else if (context.isNews) {',
    by: 'else {',
    tests: ['test/core/evidence.test.ts'],
  },
  {
    name: 'a wrong split holds nothing',
    guards: LADDER,
    file: 'src/core/sequential/look.ts',
    text: 'if (split !== null) return wait(',
    by: 'if (split === counts) return wait(',
    tests: LOOK,
  },
];
