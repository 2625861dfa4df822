import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyMetric, type MannWhitneyRule } from '../../../src/core/mann-whitney/classify.ts';
import {
  defaultEffect,
  KAYENTA_RULE,
  type PublishedCases,
  type PublishedClassification,
} from './published.ts';

const PUBLISHED: PublishedCases = JSON.parse(
  readFileSync(resolve(import.meta.dirname, 'published-cases.json'), 'utf8'),
);

/** Published cases that are judged otherwise on purpose; each has its reason in a test of its own below. */
const ON_PURPOSE = ['Tied Observations', 'Missing Experiment Data with NaN Replacement'];

const isOnPurpose = ({ name }: PublishedClassification) => ON_PURPOSE.includes(name);

function ruleOf(published: PublishedClassification): MannWhitneyRule {
  const { tolerance, confidence, direction, nanStrategy, critical, measure } = published;
  const effect = defaultEffect(measure ?? 'meanRatio');
  return {
    ...KAYENTA_RULE,
    tolerance,
    confidence,
    direction,
    nanStrategy: nanStrategy ?? 'remove',
    critical: critical ?? false,
    effectSize: {
      ...effect,
      allowedIncrease: published.allowedIncrease ?? effect.allowedIncrease,
      allowedDecrease: published.allowedDecrease ?? effect.allowedDecrease,
      criticalIncrease: published.criticalIncrease ?? effect.criticalIncrease,
      criticalDecrease: published.criticalDecrease ?? effect.criticalDecrease,
    },
  };
}

function publishedCase(name: string): PublishedClassification {
  return PUBLISHED.classifications.find((published) => published.name === name)!;
}

const RISING = Array.from({ length: 20 }, (_, index) => index / 10);

describe('the published cases', () => {
  it('are all there', () => {
    expect(PUBLISHED.classifications).toHaveLength(33);
    expect(PUBLISHED.classifications.filter(isOnPurpose)).toHaveLength(ON_PURPOSE.length);
  });

  it.each(PUBLISHED.classifications.filter((published) => !isOnPurpose(published)))(
    'are classified as published: $name',
    (published) => {
      const { expected, canary, stable } = published;
      const found = classifyMetric(ruleOf(published), canary, stable);
      expect(found.label).toBe(expected.label);
      if (expected.critical !== undefined) expect(found.critical).toBe(expected.critical);
      if (expected.effect !== undefined) expect(found.effect).toBe(expected.effect);
      expect(found.detail).not.toBe('');
    },
  );
});

describe('on purpose not as Kayenta', () => {
  it('no data is no pass, even where NaN is replaced: a canary that reports nothing is not healthy', () => {
    const published = publishedCase('Missing Experiment Data with NaN Replacement');
    expect(published.expected.label).toBe('pass');
    expect(classifyMetric(ruleOf(published), published.canary, published.stable).label).toBe('noData');
    const silent = published.stable.map(() => Number.NaN);
    expect(classifyMetric(ruleOf(published), silent, silent).label).toBe('noData');
  });

  it('so few points that nothing could ever show are no pass', () => {
    const published = publishedCase('Tied Observations');
    expect(published.expected.label).toBe('pass');
    const found = classifyMetric(ruleOf(published), published.canary, published.stable);
    expect(found).toMatchObject({ label: 'noData', canaryPoints: 3, stablePoints: 2 });
    expect(found.detail).toContain('cannot show any difference at confidence 0.95');
  });

  it('nor are they a failure: one point against one has no interval, whatever its bracket is', () => {
    expect(classifyMetric(KAYENTA_RULE, [10], [1]).label).toBe('noData');
  });

  it('the unit of a metric decides nothing: in Kayenta the root finder misses by 1e-4 of it', () => {
    const spread = (scale: number, by: number) =>
      Array.from({ length: 60 }, (_, index) => scale * ((index % 7) + by));
    for (const by of [0, 0.6, 3]) {
      const labels = [1, 1e-3, 1e-6, 1e-9, 1e6].map(
        (scale) => classifyMetric(KAYENTA_RULE, spread(scale, by), spread(scale, 0)).label,
      );
      expect(new Set(labels).size).toBe(1);
    }
  });

  it('a shift up to the margin is allowed, however certain: in Kayenta any shift fails in the end', () => {
    const canary = RISING.map((point) => point + 5);
    expect(classifyMetric(KAYENTA_RULE, canary, RISING).label).toBe('high');
    expect(classifyMetric({ ...KAYENTA_RULE, margin: 5 }, canary, RISING).label).toBe('pass');
    expect(classifyMetric({ ...KAYENTA_RULE, margin: 3 }, canary, RISING).label).toBe('high');
  });

  it('looking again costs confidence: each look spends its share', () => {
    const canary = RISING.map((point) => point + 0.75);
    expect(classifyMetric(KAYENTA_RULE, canary, RISING).label).toBe('high');
    expect(classifyMetric({ ...KAYENTA_RULE, looks: 200 }, canary, RISING).label).toBe('pass');
  });

  it('two constants are compared without noise added: the same points give the same answer', () => {
    const [tens, ones] = [Array(8).fill(10), Array(8).fill(1)];
    const found = classifyMetric(KAYENTA_RULE, tens, ones);
    expect(found).toMatchObject({ label: 'high', shift: { lower: 9, upper: 9, estimate: 9 } });
    expect(classifyMetric(KAYENTA_RULE, tens, ones)).toEqual(found);
  });

  it.each([
    ['an infinite point', {}, [...RISING, Infinity], 'divides by 0'],
    ['a confidence of 1', { confidence: 1 }, RISING, 'confidence 1'],
    ['no look', { looks: 0 }, RISING, 'looks 0'],
    ['a tolerance below 0', { tolerance: -1 }, RISING, 'tolerance -1'],
    ['a margin that is not a number', { margin: Number.NaN }, RISING, 'margin NaN'],
  ])('%s is an error, not an exception that leaves the count', (_, change, canary, why) => {
    const found = classifyMetric({ ...KAYENTA_RULE, ...change }, canary, RISING);
    expect(found.label).toBe('error');
    expect(found.detail).toContain(why);
  });
});

describe('classifying a metric', () => {
  it('asks for the declared number of points in each arm', () => {
    const rule = { ...KAYENTA_RULE, minPoints: 50 };
    const found = classifyMetric(rule, RISING, RISING);
    expect(found).toMatchObject({ label: 'noData', critical: false });
    expect(found.detail).toBe('20 points of canary and 20 of stable, at least 50 of each are needed');
  });

  it('removes outliers of each arm by its own fences', () => {
    const usual = Array.from({ length: 120 }, (_, index) => index % 10);
    const found = classifyMetric({ ...KAYENTA_RULE, outlierFactor: 3 }, [...usual, 1e6], usual);
    expect(found).toMatchObject({ label: 'pass', canaryPoints: 120, effect: 1 });
  });

  it('does not tell one that is high from one that is not by the order of its points', () => {
    const canary = RISING.map((point) => point + 4);
    expect(classifyMetric(KAYENTA_RULE, canary.toReversed(), RISING)).toEqual(
      classifyMetric(KAYENTA_RULE, canary, RISING.toReversed()),
    );
  });

  it('says what it saw', () => {
    const higher = classifyMetric(
      KAYENTA_RULE,
      RISING.map((point) => point + 4),
      RISING,
    );
    expect(higher.detail).toMatch(/^canary is higher: shift 4 \(3\.\d+ to 4\.\d+\), 1 is allowed$/);
    const rule = { ...KAYENTA_RULE, effectSize: { ...KAYENTA_RULE.effectSize, allowedIncrease: 10 } };
    const small = classifyMetric(
      rule,
      RISING.map((point) => point + 4),
      RISING,
    );
    expect(small.detail).toContain('but its effect size 5.211 is allowed too');
    expect(
      classifyMetric(
        KAYENTA_RULE,
        RISING.map((point) => point + 0.01),
        RISING,
      ).detail,
    ).toContain('no certain difference');
    const spikes = [...Array.from({ length: 40 }, () => 0), 3, 3, 3, 3, 3, 3];
    const some = classifyMetric(
      KAYENTA_RULE,
      spikes,
      Array.from({ length: 40 }, () => 0),
    );
    expect(some.detail).toBe(
      'canary is higher in more of its points than chance explains: shift 0 (0 to 0), 0 is allowed',
    );
  });

  it('is the mirror image of itself, and never high where an increase is no harm', () => {
    const points = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { maxLength: 25 });
    const mirrored = { pass: 'pass', high: 'low', low: 'high', noData: 'noData', error: 'error' } as const;
    // The ratio of means is no mirror image of its inverse: only the test itself is.
    const rule = {
      ...KAYENTA_RULE,
      effectSize: defaultEffect('cles'),
    };
    fc.assert(
      fc.property(points, points, (canary, stable) => {
        const there = classifyMetric(rule, canary, stable);
        expect(classifyMetric(rule, stable, canary).label).toBe(mirrored[there.label]);
        expect(classifyMetric({ ...rule, direction: 'decrease' }, canary, stable).label).not.toBe('high');
        expect(there.label).not.toBe('error');
      }),
    );
  });
});
