import { describe, expect, it } from 'vitest';
import { MOST_POINTS } from '../../../src/core/mann-whitney/memory.ts';
import { needs } from '../../../src/core/needs.ts';
import type { Measurement, Reading } from '../../../src/core/observation.ts';
import type { MannWhitneyTerms, Metric, Scoring } from '../../../src/spec/canary.ts';
import { aMetric, aSpec, type CanaryParts, steps } from '../../support/a-canary.ts';
import { createDesk, type Desk, INTERVAL, type TickOptions } from '../desk.ts';
import { defaultEffect } from './published.ts';

const TERMS: MannWhitneyTerms = {
  direction: 'increase',
  tolerance: 0.25,
  confidence: 0.98,
  effectSize: defaultEffect('meanRatio'),
  nanStrategy: 'remove',
  outlierFactor: null,
  minPoints: 6,
  groups: ['all'],
  mustHaveData: true,
};
const SCORING: Scoring = { weights: {}, pass: 95, marginal: 75 };

function points(over: Partial<Metric> = {}, terms: Partial<MannWhitneyTerms> = {}): Metric {
  return aMetric({
    windowMs: INTERVAL,
    bounds: {},
    forMs: null,
    judge: 'mannWhitney',
    ...over,
    mannWhitney: { ...TERMS, ...over.mannWhitney, ...terms },
  });
}

const SLOW = points({
  name: 'p99',
  source: { kind: 'latency', histogram: 'l_bucket', quantile: 0.99, minRequests: 10 },
});
const HEAP = points({ name: 'heap', source: { kind: 'query', query: 'heap{version="{{version}}"}' } });

function deskWith(metrics: readonly Metric[], parts: CanaryParts = {}, scoring: Partial<Scoring> = {}): Desk {
  const { strategy, analysis, ...rest } = parts;
  const spec = aSpec({
    settleMs: 0,
    ...rest,
    strategy: {
      steps: steps(5, 100).map((step) => ({ ...step, bakeMs: 60_000, maxHoldMs: 1_200_000 })),
      ...strategy,
    },
    analysis: { metrics, scoring: { ...SCORING, ...scoring }, ...analysis },
  });
  const desk = createDesk(spec);
  desk.tick();
  return desk;
}

/** Values that differ a little from look to look, as measured ones do. */
function value(of: number, look: number, requests: number | null = 100): Reading {
  return { kind: 'value', value: of * (1 + (look % 5) / 100), requests };
}

const NAN: Reading = { kind: 'noData', why: 'nan', detail: 'no requests in the window' };
const EMPTY: Reading = { kind: 'noData', why: 'empty', detail: 'no series' };
const DOWN: Reading = { kind: 'error', structural: false, code: 'PROM_CONNECT', detail: 'refused' };
const REFUSED: Reading = { kind: 'error', structural: true, code: 'PROM_BAD_QUERY', detail: 'bad query' };

type Arms = Readonly<Record<string, readonly [canary: number | Reading, stable: number | Reading]>>;

let looks = 0;

/** One look an interval later; what is no reading is a value about that. */
function look(desk: Desk, arms: Arms, options: TickOptions = {}) {
  looks += 1;
  const at = desk.now() + (options.after ?? INTERVAL);
  const reading = (one: number | Reading) => (typeof one === 'number' ? value(one, looks) : one);
  const measurements = Object.entries(arms).flatMap(([name, [canary, stable]]): Measurement[] => {
    const one = (arm: string, of: number | Reading) => {
      return { id: `${name}/${arm}`, at, reading: reading(of), query: 'query', skewMs: 0 };
    };
    return [one('canary', canary), one('stable', stable)];
  });
  return desk.tick({ after: INTERVAL, measurements, ...options });
}

function lookTimes(desk: Desk, count: number, arms: Arms, options: TickOptions = {}) {
  for (let done = 0; done < count; done += 1) look(desk, arms, options);
}

const memory = (desk: Desk, name = 'error-rate') => desk.rollout().metrics[name]?.points;
const verdict = (desk: Desk, name = 'error-rate') => desk.rollout().metrics[name]?.verdict;

const EQUAL: Arms = { 'error-rate': [0.01, 0.01] };
const WORSE: Arms = { 'error-rate': [0.05, 0.01] };

describe('the mannWhitney judge', () => {
  it('tells nothing below the least number of points, however long it bakes, and says how many there are', () => {
    const desk = deskWith([points()]);
    lookTimes(desk, 5, EQUAL);
    expect(verdict(desk)).toMatchObject({
      class: 'pending',
      counted: true,
      comparison: { label: 'noData', canaryPoints: 5, stablePoints: 5, shift: null },
    });
    expect(verdict(desk)?.detail).toBe('5 points of canary and 5 of stable, at least 6 of each are needed');
    expect(desk.rollout().weight).toBe(5);
    expect(desk.state().reason).toContain('at least 6 of each are needed');
  });

  it('promotes what is as good as stable, a step at a time', () => {
    const desk = deskWith([points()]);
    lookTimes(desk, 6, EQUAL);
    expect(desk.rollout().weight).toBe(100);
    expect(desk.log().join('\n')).toContain('StepLeft: step 1 (5 %) is good');
    lookTimes(desk, 6, { 'error-rate': [0.01, EMPTY] });
    expect(desk.rollout().outcome).toBe('Promoted');
    expect(desk.rollout().judge).toBe('mannWhitney');
  });

  it('rolls back what is worse as soon as there are enough points, and says all that it saw', () => {
    const desk = deskWith([points({ bounds: { maxDelta: 0.005 } })]);
    lookTimes(desk, 6, WORSE);
    expect(desk.state().phase).toBe('RolledBack');
    expect(verdict(desk)).toMatchObject({
      class: 'fail',
      bound: 'increase, maxDelta 0.005, confidence 0.98',
      comparison: { label: 'high', canaryPoints: 6, measure: 'meanRatio', score: 0 },
    });
    expect(verdict(desk)?.detail).toMatch(
      /^canary is higher: shift 0\.04\d* \(0\.0\d+ to 0\.0\d+\), 0\.01\d* is allowed, its mean is 5 times stable's, 6 points of canary, 6 of stable; score 0 is below marginal 75$/,
    );
  });

  it('lets a shift within the margin pass, however certain it is', () => {
    const desk = deskWith([points({ bounds: { maxDelta: 0.1 } })]);
    lookTimes(desk, 6, WORSE);
    expect(desk.rollout().weight).toBe(100);
  });

  it('lets what is better pass, unless either way is worse', () => {
    const better: Arms = { 'error-rate': [0.01, 0.05] };
    const glad = deskWith([points()]);
    lookTimes(glad, 6, better);
    expect(glad.rollout().weight).toBe(100);
    const wary = deskWith([points({}, { direction: 'either' })]);
    lookTimes(wary, 6, better);
    expect(wary.state().phase).toBe('RolledBack');
  });

  it('does not wait for points where the guard trips', () => {
    const desk = deskWith([points()]);
    look(desk, { 'error-rate': [0.9, 0.01] });
    expect(desk.state().phase).toBe('RolledBack');
    expect(verdict(desk)).toMatchObject({ class: 'fail', guard: true });
  });

  it('has the guard at weight 100, too, against the last point of stable', () => {
    const desk = deskWith([points()]);
    lookTimes(desk, 6, EQUAL);
    look(desk, { 'error-rate': [0.9, EMPTY] });
    expect(verdict(desk)).toMatchObject({ class: 'fail', guard: true });
  });
});

describe('a point', () => {
  it('is taken at most once a window, so that no request is in two of them', () => {
    const desk = deskWith([points({ windowMs: 3 * INTERVAL })]);
    lookTimes(desk, 9, EQUAL);
    expect(memory(desk)?.canary).toHaveLength(3);
  });

  it('is taken of a look that comes a little early', () => {
    const desk = deskWith([points()]);
    look(desk, EQUAL);
    look(desk, EQUAL, { after: INTERVAL - 3_000 });
    expect(memory(desk)?.canary).toHaveLength(2);
  });

  it('is none while the weight settles, or before its window lies in the step', () => {
    const desk = deskWith([points()], { settleMs: 60_000 });
    lookTimes(desk, 2, EQUAL);
    expect(memory(desk)?.canary).toEqual([]);
    lookTimes(desk, 2, EQUAL);
    expect(memory(desk)?.canary).toHaveLength(2);
  });

  it('is none while the live rule cannot be read, for nobody knows which weight it is of', () => {
    const desk = deskWith([points()]);
    const route = { kind: 'unreadable', at: 0, code: 'NACOS_UNAVAILABLE', detail: 'down' } as const;
    lookTimes(desk, 3, EQUAL, { route });
    expect(memory(desk)?.canary).toEqual([]);
  });

  it('is taken back where the live rule turns out to be unreadable only after the look, or is never heard of', () => {
    const late = { kind: 'notRead', isLate: true } as const;
    const unreadable = { kind: 'unreadable', at: 0, code: 'NACOS_UNAVAILABLE', detail: 'down' } as const;
    const desk = deskWith([points()]);
    lookTimes(desk, 3, EQUAL);
    look(desk, EQUAL, { route: late });
    desk.tick();
    expect(memory(desk)?.canary).toHaveLength(4);
    look(desk, EQUAL, { route: late });
    desk.tick({ route: unreadable });
    desk.tick({ route: unreadable });
    expect(memory(desk)).toMatchObject({ canary: { length: 4 }, stable: { length: 4 } });
    look(desk, EQUAL, { route: late });
    desk.restart();
    desk.tick();
    expect(memory(desk)?.canary).toHaveLength(4);
  });

  it('of one weight is no evidence for the next, but stable keeps its own for weight 100', () => {
    const parts = { strategy: { steps: steps(5, 50, 100).map((step) => ({ ...step, bakeMs: 60_000 })) } };
    const desk = deskWith([points()], parts);
    lookTimes(desk, 7, EQUAL);
    expect(desk.rollout().held.weight).toBe(50);
    expect(memory(desk)).toMatchObject({ canary: [expect.any(Number)], stable: [expect.any(Number)] });
    lookTimes(desk, 6, EQUAL);
    expect(desk.rollout().held.weight).toBe(100);
    expect(memory(desk)?.canary).toHaveLength(1);
    expect(memory(desk)?.stable).toHaveLength(6);
  });

  it('asks stable nothing at weight 100', () => {
    const desk = deskWith([points()]);
    const asked = () => {
      const due = { ...desk.state(), nextLookAt: 0 };
      const spec = aSpec({ analysis: { metrics: [points()] } });
      return needs(spec, due, [], desk.now()).requests.map(({ id }) => id);
    };
    expect(asked()).toEqual(['error-rate/canary', 'error-rate/stable']);
    lookTimes(desk, 6, EQUAL);
    expect(asked()).toEqual(['error-rate/canary']);
  });

  it('is forgotten, oldest first, once there are very many', () => {
    const hold = { strategy: { progressDeadlineMs: 0 }, analysis: { onInconclusive: 'hold' as const } };
    const desk = deskWith([points({}, { minPoints: MOST_POINTS + 1 })], hold);
    lookTimes(desk, MOST_POINTS + 3, EQUAL);
    expect(memory(desk)?.canary).toHaveLength(MOST_POINTS);
    expect(memory(desk)?.stable).toHaveLength(MOST_POINTS);
  });

  it('outlives a restart of the controller', () => {
    const desk = deskWith([points()]);
    lookTimes(desk, 4, EQUAL);
    desk.restart();
    look(desk, EQUAL);
    expect(memory(desk)?.canary).toHaveLength(5);
    look(desk, EQUAL);
    expect(desk.rollout().weight).toBe(100);
  });

  it('is a NaN that counts as 0 only where the metric says so and there is a series', () => {
    const metric = points(HEAP, { nanStrategy: 'replace' });
    const replaced = deskWith([metric]);
    lookTimes(replaced, 3, { heap: [NAN, NAN] });
    expect(memory(replaced, 'heap')).toMatchObject({ canary: [null, null, null] });
    lookTimes(replaced, 3, { heap: [EMPTY, NAN] });
    expect(memory(replaced, 'heap')?.canary).toHaveLength(3);
    expect(verdict(replaced, 'heap')?.class).toBe('noData');
  });
});

describe('what is not known', () => {
  it.each([
    ['no requests', NAN],
    ['no series', EMPTY],
    ['too few requests', { kind: 'value', value: 0, requests: 9 }],
    ['no finite number', { kind: 'value', value: Number.POSITIVE_INFINITY, requests: 100 }],
    ['no stable', null],
  ] as const)('is never a pass, whatever the points before say: %s', (_, reading) => {
    const desk = deskWith([points()], { strategy: { steps: steps(5, 100) } });
    lookTimes(desk, 8, EQUAL);
    expect(verdict(desk)?.class).toBe('pass');
    lookTimes(desk, 20, { 'error-rate': reading === null ? [0.01, EMPTY] : [reading, 0.01] });
    expect(verdict(desk)).toMatchObject({ class: 'noData', counted: true });
    expect(desk.rollout().weight).toBe(5);
  });

  it('is no data after noDataGrace', () => {
    const desk = deskWith([points()], { analysis: { onNoData: 'pause', noDataGraceMs: 60_000 } });
    lookTimes(desk, 4, { 'error-rate': [NAN, 0.01] });
    expect(desk.rollout().pauses).toMatchObject([{ reason: 'NoData' }]);
  });

  it('is an error as for the other judges: it pauses after some looks and goes on by itself', () => {
    const desk = deskWith([points()]);
    lookTimes(desk, 4, { 'error-rate': [DOWN, DOWN] });
    expect(desk.rollout().pauses).toMatchObject([{ reason: 'Errors' }]);
    look(desk, EQUAL);
    expect(desk.rollout().pauses).toEqual([]);
    look(desk, { 'error-rate': [REFUSED, 0.01] });
    expect(desk.rollout().pauses).toMatchObject([{ reason: 'BadQuery' }]);
  });

  it('takes nothing back of what is proven to be worse', () => {
    const desk = deskWith([points(), SLOW], {}, { pass: 100, marginal: 50 });
    lookTimes(desk, 6, { 'error-rate': [0.05, 0.01], p99: [1, 1] });
    expect(verdict(desk)?.class).toBe('pending');
    look(desk, { 'error-rate': [NAN, 0.01], p99: [1, 1] });
    expect(verdict(desk)).toMatchObject({ class: 'noData', comparison: { label: 'high', score: 50 } });
  });

  it('is a point of at least the highest finite bound where the canary is above it, and no pass', () => {
    const above: Reading = { kind: 'above', bound: 10, requests: 100 };
    const desk = deskWith([SLOW]);
    lookTimes(desk, 5, { p99: [above, 1] });
    expect(memory(desk, 'p99')?.canary).toEqual([10, 10, 10, 10, 10]);
    expect(verdict(desk, 'p99')?.class).toBe('noData');
    look(desk, { p99: [above, 1] });
    expect(desk.state().phase).toBe('RolledBack');
    const both = deskWith([SLOW]);
    lookTimes(both, 8, { p99: [above, above] });
    expect(memory(both, 'p99')?.canary).toEqual([]);
  });

  it('leaves the decision to the other metrics only where the metric says so', () => {
    const arms: Arms = { 'error-rate': [0.01, 0.01], p99: [1, 1], heap: [EMPTY, EMPTY] };
    const strict = deskWith([points(), SLOW, HEAP]);
    lookTimes(strict, 8, arms);
    expect(strict.rollout().weight).toBe(5);
    const lenient = deskWith([points(), SLOW, points(HEAP, { mustHaveData: false })]);
    lookTimes(lenient, 6, arms);
    expect(lenient.rollout().weight).toBe(100);
  });

  it('is a metric that was not asked: none is judged without it', () => {
    const desk = deskWith([points(), SLOW]);
    lookTimes(desk, 8, EQUAL);
    expect(verdict(desk)).toBeNull();
    expect(desk.rollout().weight).toBe(5);
  });
});

describe('the score', () => {
  const errors = points({}, { groups: ['errors'] });
  const slow = { ...SLOW, mannWhitney: { ...TERMS, groups: ['speed'] } };
  const slower: Arms = { 'error-rate': [0.01, 0.01], p99: [2, 1] };

  it('holds a marginal canary, and is inconclusive after maxHold', () => {
    const desk = deskWith([errors, slow], {}, { weights: { errors: 80 } });
    lookTimes(desk, 6, slower);
    expect(verdict(desk)).toMatchObject({ class: 'pending', comparison: { label: 'pass', score: 80 } });
    expect(verdict(desk)?.detail).toContain(
      'score 80 reaches marginal 75, not pass 95 (errors 100, weight 80; speed 0, weight 20)',
    );
    lookTimes(desk, 40, slower);
    expect([verdict(desk)?.class, verdict(desk, 'p99')?.class]).toEqual(['pending', 'inconclusive']);
    expect(desk.rollout().pauses).toMatchObject([
      {
        reason: 'Inconclusive',
        detail: expect.stringMatching(/^p99: no answer within maxHold 20m, canary is higher: /),
      },
    ]);
  });

  it('fails together what is below marginal, by the metrics that are worse', () => {
    const desk = deskWith([errors, slow], {}, { weights: { errors: 40 } });
    lookTimes(desk, 6, slower);
    expect(desk.state().phase).toBe('RolledBack');
    expect(desk.rollout().endReason).toMatch(/^p99: canary is higher: .*; score 40 is below marginal 75/);
  });

  it('passes what is worse in a part that weighs little', () => {
    const desk = deskWith([errors, slow], {}, { weights: { errors: 96 } });
    lookTimes(desk, 6, slower);
    expect(desk.rollout().weight).toBe(100);
  });

  it('is 0 where a critical metric is worse, whatever it weighs', () => {
    const desk = deskWith([errors, { ...slow, critical: true }], {}, { weights: { errors: 96 } });
    lookTimes(desk, 6, slower);
    expect(desk.rollout().endReason).toMatch(/^a critical metric failed: p99: .*; p99 is critical$/);
  });

  it('does not count a dry run, which is shown as it is', () => {
    const desk = deskWith([errors, { ...slow, dryRun: true }], {}, { weights: { errors: 50 } });
    lookTimes(desk, 6, slower);
    expect(verdict(desk, 'p99')?.class).toBe('fail');
    expect(desk.rollout().weight).toBe(100);
  });

  it('is that of the groups that are there, where a backtest leaves out what was not recorded', () => {
    const desk = deskWith([errors], {}, { weights: { errors: 30, speed: 70 } });
    lookTimes(desk, 6, EQUAL);
    expect(desk.rollout().weight).toBe(100);
  });

  it('that nobody can mean passes nothing', () => {
    const desk = deskWith([errors], {}, { pass: 50, marginal: 60 });
    lookTimes(desk, 8, EQUAL);
    expect(desk.rollout().weight).toBe(5);
  });
});
