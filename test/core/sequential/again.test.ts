import { expect, it } from 'vitest';
import { newLedger } from '../../../src/core/ledger/ledger.ts';
import type { SequentialMemory } from '../../../src/core/sequential/memory.ts';
import { pollSequential } from '../../../src/core/sequential/poll.ts';
import { readSequential } from '../../../src/core/sequential/reading.ts';
import { startSequential } from '../../../src/core/sequential/state.ts';
import { steps } from '../../support/a-canary.ts';
import { createDesk, type Desk } from '../desk.ts';
import { aRule } from './a-rule.ts';

const RULE = aRule();

/** What is remembered after one poll of 1,000 requests of the canary at weight 25. */
function memoryAfter(failed: number): SequentialMemory {
  const before = startSequential(RULE, { requests: 30_000, score: 30 }, 1);
  const canary = { requests: 1000, score: failed };
  const stable = { requests: 3000, score: 3 };
  const poll = { canary, canaryScoreAtBound: failed, stable, settling: false, alone: false };
  return {
    ledger: newLedger(15_000),
    test: pollSequential(before, poll, RULE).state,
    threshold: null,
    traffic: null,
    judgedMs: 15_000,
    split: { canary: 1000, stable: 3000, peak: 0 },
    splitWeight: 25,
    silentPolls: 2,
  };
}

const quick = (...weights: number[]) => steps(...weights).map((step) => ({ ...step, bakeMs: 60_000 }));

/** A rollout at 25 % with that memory. */
function at25(failed: number): Desk {
  const desk = createDesk();
  desk.reach(25);
  desk.rollout().metrics['error-rate']!.sequential = memoryAfter(failed);
  return desk;
}

function odds(desk: Desk) {
  const memory = desk.rollout().metrics['error-rate']!.sequential!;
  return { ...readSequential(memory.test!, RULE), judged: memory.split.canary, silent: memory.silentPolls };
}

const EVENTS: readonly (readonly [string, (desk: Desk) => void])[] = [
  [
    'the steps are edited',
    (desk) => {
      desk.respec({ strategy: { steps: quick(10, 20, 40, 100) } });
      desk.tick();
    },
  ],
  ['the clock jumps', (desk) => desk.tick({ after: 1_000, jump: 7_200_000 })],
  [
    'a person goes on from a lower weight',
    (desk) => {
      desk.edit({ canaryWeight: 10 });
      desk.tick();
      desk.command({ verb: 'resume' });
    },
  ],
  [
    'a foreign weight above ours is taken back',
    (desk) => {
      desk.edit({ canaryWeight: 50 });
      desk.tick();
    },
  ],
];

it.each(EVENTS)(
  'what was earned starts again when %s, and needs requests of the weight held from then on',
  (_, happen) => {
    const desk = at25(0);
    const before = odds(desk);
    expect(before.nonInferiority).toBeGreaterThan(1);
    happen(desk);
    expect(odds(desk).nonInferiority).toBeCloseTo(0, 12);
    expect(odds(desk)).toMatchObject({
      judged: 0,
      silent: 0,
      regression: before.regression,
      guard: before.guard,
      canary: before.canary,
    });
  },
);

it.each(EVENTS)('what speaks against the revision stays when %s', (_, happen) => {
  const desk = at25(6);
  const { nonInferiority, regression } = odds(desk);
  expect(nonInferiority).toBeLessThan(0);
  happen(desk);
  expect(odds(desk)).toMatchObject({ nonInferiority, regression });
});

it('what was earned counts on at the steps after it', () => {
  const desk = at25(0);
  const { nonInferiority } = odds(desk);
  desk.reach(100);
  expect(odds(desk).nonInferiority).toBe(nonInferiority);
});

it('what was not begun yet stays so', () => {
  const desk = createDesk();
  desk.reach(25);
  desk.rollout().metrics['error-rate']!.sequential = { ...memoryAfter(0), test: null };
  desk.tick({ after: 1_000, jump: 7_200_000 });
  expect(desk.rollout().metrics['error-rate']!.sequential).toMatchObject({ test: null });
});
