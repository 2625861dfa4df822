import { describe, expect, it } from 'vitest';
import type { Classification } from '../../../src/core/mann-whitney/classify.ts';
import type { Label } from '../../../src/core/mann-whitney/memory.ts';
import { type RunScore, type ScoredMetric, scoreRun } from '../../../src/core/mann-whitney/score.ts';
import type { Scoring } from '../../../src/spec/canary.ts';

const SCORING: Scoring = { weights: {}, pass: 95, marginal: 75 };

function classified(label: Label, critical = false): Classification {
  return {
    label,
    critical,
    shift: null,
    effect: null,
    canaryPoints: 9,
    stablePoints: 9,
    detail: `is ${label}`,
  };
}

function metric(name: string, label: Label, change: Partial<ScoredMetric> = {}): ScoredMetric {
  return {
    name,
    groups: ['all'],
    dryRun: false,
    mustHaveData: true,
    classification: classified(label),
    ...change,
  };
}

function several(labels: Partial<Record<Label, number>>, change: Partial<ScoredMetric> = {}): ScoredMetric[] {
  return Object.entries(labels).flatMap(([label, count]) =>
    Array.from({ length: count }, (_, index) => metric(`${label}-${index}`, label as Label, change)),
  );
}

function scored(metrics: readonly ScoredMetric[], scoring: Partial<Scoring> = {}): RunScore {
  const result = scoreRun(metrics, { ...SCORING, ...scoring });
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

describe('the score', () => {
  it('is the share of metrics that pass', () => {
    expect(scored(several({ pass: 3, high: 1 }))).toMatchObject({ verdict: 'marginal', score: 75 });
    expect(scored(several({ pass: 20, low: 1 }))).toMatchObject({ verdict: 'pass', score: 95.24 });
    expect(scored(several({ pass: 2, high: 1 }))).toMatchObject({ verdict: 'fail', score: 66.67 });
  });

  it('weighs groups, and those without a weight share the rest', () => {
    const metrics = [
      metric('errors', 'pass', { groups: ['errors'] }),
      metric('p99', 'high', { groups: ['latency'] }),
      metric('cpu', 'pass', { groups: ['machine'] }),
    ];
    const { score, groups } = scored(metrics, { weights: { errors: 60 } });
    expect(score).toBe(80);
    expect(groups).toEqual([
      { name: 'errors', score: 100, weight: 60 },
      { name: 'latency', score: 0, weight: 20 },
      { name: 'machine', score: 100, weight: 20 },
    ]);
  });

  it('counts a metric in each of its groups', () => {
    const metrics = [
      metric('errors', 'high', { groups: ['errors', 'all'] }),
      metric('p99', 'pass', { groups: ['all'] }),
    ];
    expect(scored(metrics, { weights: { errors: 50, all: 50 }, marginal: 0 }).score).toBe(25);
  });

  it('shows what is in dry run and does not count it', () => {
    const metrics = [metric('errors', 'pass'), metric('p99', 'high', { dryRun: true })];
    expect(scored(metrics)).toMatchObject({ verdict: 'pass', score: 100 });
  });

  it('is 0 when a critical metric fails', () => {
    const metrics = [
      ...several({ pass: 30 }),
      metric('errors', 'high', { classification: classified('high', true) }),
    ];
    expect(scored(metrics)).toMatchObject({
      verdict: 'fail',
      score: 0,
      detail: 'errors is critical: is high',
    });
  });

  it.each([
    [{ weights: { latency: 50 } }, 'the weights name the group "latency", which no metric belongs to'],
    [{ weights: { all: 90 } }, 'the weights of the groups sum to 90, not to 100'],
    [{ weights: { all: -1 } }, 'a weight is less than 0'],
    [{ pass: 70 }, 'marginal 75 and pass 70 must satisfy 0 <= marginal <= pass <= 100'],
    [{ pass: Number.NaN }, 'marginal 75 and pass NaN must satisfy 0 <= marginal <= pass <= 100'],
  ])('refuses %j', (change, error) => {
    expect(scoreRun([metric('errors', 'pass')], { ...SCORING, ...change })).toEqual({ ok: false, error });
  });
});

describe('on purpose not as Kayenta', () => {
  it('an error is no pass: in Kayenta it leaves the count, and a single one passes with 100', () => {
    expect(scored([metric('errors', 'error')])).toMatchObject({ verdict: 'error', score: 0 });
    expect(scored(several({ pass: 50, error: 1 }))).toMatchObject({
      verdict: 'error',
      detail: 'error-0: is error',
    });
  });

  it('a group without data gives its weight to the others: in Kayenta it counts 100', () => {
    const metrics = [
      metric('errors', 'high', { groups: ['errors'] }),
      metric('p99', 'noData', { groups: ['latency'], mustHaveData: false }),
      metric('cpu', 'pass', { groups: ['machine'] }),
    ];
    const { score, groups } = scored(metrics, { weights: { errors: 30, latency: 60, machine: 10 } });
    expect(score).toBe(25);
    expect(groups[1]).toEqual({ name: 'latency', score: null, weight: 60 });
  });

  it('a metric without data leaves the verdict open, unless it need not have any', () => {
    expect(scored(several({ pass: 9, noData: 1 })).verdict).toBe('noData');
    expect(scored(several({ pass: 9, noData: 1 }, { mustHaveData: false })).verdict).toBe('pass');
  });

  it('a critical metric without data leaves it open even if it need not have any', () => {
    const missing = metric('errors', 'noData', {
      mustHaveData: false,
      classification: classified('noData', true),
    });
    expect(scored([...several({ pass: 9 }), missing])).toMatchObject({ verdict: 'noData' });
  });

  it('half of the metrics without data decide nothing: in Kayenta they fail the canary', () => {
    const half = several({ pass: 2, noData: 2 }, { mustHaveData: false });
    expect(scored(half)).toMatchObject({ verdict: 'noData', detail: '2 of 4 metrics have no data' });
    expect(scored([])).toMatchObject({ verdict: 'noData', detail: 'no metric counts' });
  });

  it('what is missing does not save a canary that fails without it', () => {
    const metrics = several({ pass: 1, high: 3, error: 1 });
    expect(scored(metrics)).toMatchObject({ verdict: 'fail', score: 20 });
  });

  it('a score equal to marginal is marginal: Kayenta says so and fails it', () => {
    expect(scored(several({ pass: 3, high: 1 }), { marginal: 75 }).verdict).toBe('marginal');
    expect(scored(several({ pass: 19, high: 1 }), { pass: 95 }).verdict).toBe('pass');
  });
});
