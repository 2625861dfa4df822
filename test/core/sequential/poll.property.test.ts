/** What holds for the sequential judge whatever is counted. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PollCounts } from '../../../src/core/sequential/counts.ts';
import { enterStep, pollSequential } from '../../../src/core/sequential/poll.ts';
import { readSequential } from '../../../src/core/sequential/reading.ts';
import type { SequentialSettings } from '../../../src/core/sequential/settings.ts';
import { type SequentialState, startSequential } from '../../../src/core/sequential/state.ts';
import { aPoll, aRule, arm } from './a-rule.ts';

const settings: fc.Arbitrary<SequentialSettings> = fc
  .record({
    source: fc.constantFrom('ratio' as const, 'latency' as const),
    maxDelta: fc.double({ min: 1e-6, max: 1, noNaN: true }),
    tail: fc.double({ min: 1e-4, max: 0.5, noNaN: true }),
    alpha: fc.double({ min: 1e-6, max: 0.5, noNaN: true }),
    beta: fc.double({ min: 1e-6, max: 0.5, noNaN: true }),
    sensitivity: fc.double({ min: 0, max: 1, noNaN: true }),
    alphaShare: fc.double({ min: 0.01, max: 1, noNaN: true }),
    steps: fc.integer({ min: 0, max: 12 }),
  })
  .map(aRule);

const counts = fc
  .tuple(fc.integer({ min: 0, max: 1_000_000 }), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([requests, share]) => arm(requests, requests * share));
const poll: fc.Arbitrary<PollCounts> = fc
  .tuple(
    counts,
    counts,
    fc.boolean(),
    fc.boolean(),
    fc.constantFrom(null, 'canary' as const, 'stable' as const),
  )
  .map(([canary, stable, settling, alone, first]) =>
    aPoll(canary, stable, { settling, alone, ...(first === null ? {} : { first }) }),
  );
const move = fc.oneof(
  { weight: 6, arbitrary: poll },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 12 }) },
);
const life = fc.record({
  settings,
  before: counts,
  dispersion: fc.double({ min: 1, max: 50, noNaN: true }),
  moves: fc.array(move, { maxLength: 30 }),
});

function go(state: SequentialState, moved: PollCounts | number, rules: SequentialSettings): SequentialState {
  return typeof moved === 'number'
    ? enterStep(state, rules, moved)
    : pollSequential(state, moved, rules).state;
}

/** What a poll that waited may change once it counts. */
function bets({
  regression,
  nonInferiority,
  late,
}: Pick<SequentialState, 'regression' | 'nonInferiority' | 'late'>) {
  return { regression, nonInferiority, late };
}

function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

describe('the sequential judge, whatever is counted', () => {
  it('keeps only finite numbers and reads only finite odds', () => {
    fc.assert(
      fc.property(life, ({ settings: rules, before, dispersion, moves }) => {
        let state = startSequential(rules, before, dispersion);
        for (const moved of moves) {
          state = go(state, moved, rules);
          const numbers = [...numbersIn(state), ...numbersIn(readSequential(state, rules))];
          expect(numbers.every(Number.isFinite)).toBe(true);
        }
      }),
    );
  });

  it('goes on as if nothing had happened when it is stored and read back between two polls', () => {
    fc.assert(
      fc.property(life, ({ settings: rules, before, dispersion, moves }) => {
        let kept = startSequential(rules, before, dispersion);
        let stored = kept;
        for (const moved of moves) {
          kept = go(kept, moved, rules);
          stored = go(JSON.parse(JSON.stringify(stored)), moved, rules);
        }
        expect(stored).toEqual(kept);
      }),
    );
  });

  it('is not changed by polls without canary requests, but for a poll that waited for stable', () => {
    fc.assert(
      fc.property(life, ({ settings: rules, before, dispersion, moves }) => {
        let state = startSequential(rules, before, dispersion);
        for (const moved of moves) state = go(state, moved, rules);
        const { apart: _, ...next } = pollSequential(state, aPoll(arm(0, 0), arm(500, 3)), rules).state;
        const { apart, ...known } = state;
        if ((apart?.open ?? null) === null) expect(next).toEqual(known);
        else expect({ ...known, ...bets(next) }).toEqual(next);
      }),
    );
  });

  it('is not changed by polls with counts that are none', () => {
    const broken = fc.constantFrom(
      aPoll(arm(-1, 0), arm(500, 3)),
      aPoll(arm(10, Number.NaN), arm(500, 3)),
      aPoll(arm(Infinity, 1), arm(500, 3)),
      aPoll(arm(10, 1), arm(Number.NaN, 3)),
      aPoll(arm(10, 1), arm(1e300, 3)),
      aPoll(arm(10, 1), arm(500, 3), { canaryScoreAtBound: Number.NaN }),
    );
    fc.assert(
      fc.property(life, broken, ({ settings: rules, before, dispersion, moves }, empty) => {
        let state = startSequential(rules, before, dispersion);
        for (const moved of moves) state = go(state, moved, rules);
        expect(pollSequential(state, empty, rules).state).toBe(state);
      }),
    );
  });

  it('never has less wealth than it held back', () => {
    fc.assert(
      fc.property(life, ({ settings: rules, before, dispersion, moves }) => {
        let state = startSequential(rules, before, dispersion);
        for (const moved of moves) {
          state = go(state, moved, rules);
          const { reserve } = state.regression;
          const { regression } = readSequential(state, rules);
          expect(reserve).toBeGreaterThanOrEqual(0);
          if (reserve > 0) expect(regression).toBeGreaterThanOrEqual(Math.log(reserve) - 1e-12);
        }
      }),
    );
  });

  it('is not changed in its odds by beginning a step, and not at all by beginning it twice', () => {
    fc.assert(
      fc.property(life, fc.nat({ max: 12 }), ({ settings: rules, before, dispersion, moves }, step) => {
        let state = startSequential(rules, before, dispersion);
        for (const moved of moves) state = go(state, moved, rules);
        const entered = enterStep(state, rules, step);
        const odds = (of: SequentialState) => readSequential(of, rules).regression;
        expect(odds(entered)).toBeCloseTo(odds(state), 9);
        expect(enterStep(entered, rules, step)).toBe(entered);
      }),
    );
  });

  it('finds one more failure of the canary worse and less promotable, never the other way', () => {
    fc.assert(
      fc.property(life, poll, ({ settings: rules, before, dispersion, moves }, last) => {
        fc.pre(last.canary.requests > 0 && last.canary.score <= last.canary.requests - 1);
        let state = startSequential(rules, before, dispersion);
        for (const moved of moves) state = go(state, moved, rules);
        const odds = pollSequential(state, last, rules).reading;
        const worse = { ...last, canary: arm(last.canary.requests, last.canary.score + 1) };
        const worseOdds = pollSequential(state, worse, rules).reading;
        const slack = 1e-9 * (1 + Math.abs(odds.regression) + Math.abs(odds.nonInferiority));
        expect(worseOdds.regression).toBeGreaterThanOrEqual(odds.regression - slack);
        expect(worseOdds.guard).toBeGreaterThanOrEqual(odds.guard - slack);
        expect(worseOdds.alone).toBeGreaterThanOrEqual(odds.alone - slack);
        expect(worseOdds.nonInferiority).toBeLessThanOrEqual(odds.nonInferiority + slack);
      }),
    );
  });
});
