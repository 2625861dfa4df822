import { describe, expect, test } from 'vitest';
import { diffSpecs, metricKey } from '../../src/spec/edit.ts';
import { parsed, RATIO } from './parsed.ts';

function specOf(analysis: string, steps = '{setWeight: 5, bake: 5m}, {setWeight: 100, bake: 5m}') {
  const { specs, diagnostics } = parsed(analysis, steps);
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return specs[0]!;
}

function canaryOf(...parts: Parameters<typeof specOf>) {
  return specOf(...parts).canary;
}

function metricsOf(analysis: string) {
  return canaryOf(analysis).analysis.metrics;
}

describe('the rollout budget of a file', () => {
  const metric = `{name: a, judge: sequential, ${RATIO}, maxDelta: 0.01, objective: 0.999}`;

  test('is 2 % of the error budget of 30 days unless it says otherwise, and makes objectives count', () => {
    const { rolloutBudget, metrics } = canaryOf(`{rolloutBudget: {}, metrics: [${metric}]}`).analysis;
    expect(rolloutBudget).toEqual({ share: 0.02, windowMs: 30 * 86_400_000 });
    expect(metrics).toMatchObject([{ objective: 0.999 }]);
    const own = canaryOf(`{rolloutBudget: {share: 0.1, window: 7d}, metrics: [${metric}]}`).analysis;
    expect(own.rolloutBudget).toEqual({ share: 0.1, windowMs: 7 * 86_400_000 });
  });

  test('is not there without the field, and nothing of a Canary without it is changed by an objective', () => {
    const margin = `{metrics: [{name: a, ${RATIO}, maxBurnRateDelta: 5, objective: 0.999}]}`;
    const { analysis } = canaryOf(margin);
    expect(analysis).not.toHaveProperty('rolloutBudget');
    expect(analysis.metrics[0]).not.toHaveProperty('objective');
  });

  test('starts no metric again when it is edited', () => {
    const before = canaryOf(`{judge: sequential, metrics: [{name: a, ${RATIO}, maxDelta: 0.01}]}`);
    const after = canaryOf(`{rolloutBudget: {}, metrics: [${metric}]}`);
    expect(metricKey(after, after.analysis.metrics[0]!)).toBe(metricKey(before, before.analysis.metrics[0]!));
    expect(diffSpecs(before, after)).toEqual([
      { field: 'analysis.rolloutBudget.share', before: '', after: '0.02' },
      { field: 'analysis.rolloutBudget.window', before: '', after: '30d' },
      { field: 'analysis.metrics[a].objective', before: '', after: '0.999' },
    ]);
  });
});

describe('an incident in a file', () => {
  test('is 14.4 times what the objective allows over an hour unless it says otherwise', () => {
    const metric = `{name: a, judge: threshold, ${RATIO}, max: 0.01, objective: 0.999}`;
    const { incident, metrics } = canaryOf(`{incident: {}, metrics: [${metric}]}`).analysis;
    expect(incident).toEqual({ burnRate: 14.4, windowMs: 3_600_000 });
    expect(metrics).toMatchObject([{ objective: 0.999 }]);
    const slow = canaryOf(`{incident: {burnRate: 6, window: 6h}, metrics: [${metric}]}`);
    expect(slow.analysis.incident).toEqual({ burnRate: 6, windowMs: 21_600_000 });
    const before = canaryOf(`{metrics: [{name: a, judge: threshold, ${RATIO}, max: 0.01}]}`);
    expect(diffSpecs(before, slow).map(({ field, after }) => [field, after])).toEqual([
      ['analysis.incident.burnRate', '6'],
      ['analysis.incident.window', '6h'],
      ['analysis.metrics[a].objective', '0.999'],
    ]);
  });
});

describe('the judge of a metric', () => {
  test.each([
    ['a ratio with maxDelta', `${RATIO}, maxDelta: 0.01`],
    ['a ratio with a burn rate', `${RATIO}, maxBurnRateDelta: 5, objective: 0.999`],
    ['a latency with maxDelta', 'latency: {histogram: l_bucket, quantile: 0.99}, maxDelta: 0.05'],
    ['one with fields that mean nothing to it', `${RATIO}, maxDelta: 0.01, window: 2m, critical: false`],
    ['one with a weight', `${RATIO}, maxDelta: 0.01, weight: 2`],
  ])('is sequential for %s where the file names none', (_what, metric) => {
    const [judged] = metricsOf(`{metrics: [{name: a, ${metric}}]}`);
    expect(judged).toMatchObject({ judge: 'sequential', forMs: null });
    expect(judged).toHaveProperty('sequential');
  });

  test.each([
    ['an absolute bound', `${RATIO}, max: 0.05`],
    ['an absolute bound beside maxDelta', `${RATIO}, maxDelta: 0.01, max: 0.05`],
    ['a relative bound', 'latency: {histogram: l_bucket, quantile: 0.99}, maxRatio: 1.2'],
    ['no margin', `${RATIO}, maxDelta: 0`],
    ['for', `${RATIO}, maxDelta: 0.01, for: 5m`],
    ['failureLimit', `${RATIO}, maxDelta: 0.01, failureLimit: 2`],
    ['minRequests', `${RATIO}, maxDelta: 0.01, minRequests: 50`],
    ['critical', `${RATIO}, maxDelta: 0.01, critical: true`],
    [
      'a selector that only Prometheus can apply',
      `ratio: {bad: 'r{code=~"5.*1.*2.*3.*"}', total: r}, maxDelta: 0.01`,
    ],
    ['a query', `query: 'x{version="{{version}}"}', maxDelta: 1`],
  ])('is threshold for a metric with %s where the file names none', (_what, metric) => {
    const [judged] = metricsOf(`{metrics: [{name: a, ${metric}}]}`);
    expect(judged?.judge).toBe('threshold');
    expect(judged).not.toHaveProperty('sequential');
  });

  test('is of the whole analysis where that names one, and of a metric where that does', () => {
    const metrics = `metrics: [{name: a, ${RATIO}, maxDelta: 0.01}, {name: b, ${RATIO}, maxDelta: 0.01, judge: sequential}]`;
    expect(metricsOf(`{judge: threshold, ${metrics}}`).map(({ judge }) => judge)).toEqual([
      'threshold',
      'sequential',
    ]);
  });

  test('is that of the analysis where it can take the metric', () => {
    const metrics = metricsOf(`{judge: sequential, metrics: [
      {name: a, ${RATIO}, maxDelta: 0.01},
      {name: b, latency: {histogram: l_bucket, quantile: 0.99}, maxDelta: 0.05},
      {name: c, ${RATIO}, max: 0.01},
      {name: d, ${RATIO}, maxDelta: 0.01, max: 0.1},
      {name: e, query: 'x{version="{{version}}"}', maxDelta: 1},
      {name: f, ${RATIO}, maxDelta: 0.01, judge: threshold}]}`);
    expect(metrics.map(({ judge }) => judge)).toEqual([
      'sequential',
      'sequential',
      'threshold',
      'threshold',
      'threshold',
      'threshold',
    ]);
  });

  test('waits for nothing when it is sequential, and shares alpha by weight among the metrics that count', () => {
    const metrics =
      metricsOf(`{judge: sequential, alpha: 0.02, beta: 0.1, sensitivity: 1, dispersion: 3, metrics: [
      {name: a, ${RATIO}, maxDelta: 0.01, weight: 3},
      {name: b, ${RATIO}, maxDelta: 0.02},
      {name: c, ${RATIO}, maxDelta: 0.03, dryRun: true},
      {name: d, ${RATIO}, max: 0.01}]}`);
    expect(metrics.map(({ forMs }) => forMs)).toEqual([null, null, null, 90_000]);
    expect(metrics.map(({ sequential }) => sequential?.alpha)).toEqual([0.015, 0.005, 0.02, undefined]);
    expect(metrics[0]?.sequential).toMatchObject({ beta: 0.1, sensitivity: 1, dispersion: 3 });
  });

  test('gives steps their maxHold only where a metric is sequential', () => {
    const steps = '{setWeight: 5, bake: 5m, maxHold: 1h}, {setWeight: 100, bake: 5m}';
    const metrics = `metrics: [{name: a, ${RATIO}, maxDelta: 0.01}]`;
    const held = canaryOf(`{judge: sequential, ${metrics}}`, steps).strategy.steps;
    expect(held.map(({ maxHoldMs }) => maxHoldMs)).toEqual([3_600_000, 1_200_000]);
    expect(canaryOf(`{judge: threshold, ${metrics}}`).strategy.steps[0]).not.toHaveProperty('maxHoldMs');
  });

  test('takes a burn rate for a margin', () => {
    const [metric] = metricsOf(`{metrics: [{name: a, ${RATIO}, maxBurnRateDelta: 5, objective: 0.999}]}`);
    expect(metric?.bounds).toEqual({ maxDelta: 0.005 });
  });

  test('is told in the difference of two declarations', () => {
    const metrics = `metrics: [{name: a, ${RATIO}, maxDelta: 0.01}]`;
    const changes = diffSpecs(
      canaryOf(`{judge: threshold, ${metrics}}`),
      canaryOf(`{judge: sequential, ${metrics}}`),
    );
    expect(changes.map(({ field, after }) => [field, after])).toEqual([
      ['strategy.steps[0]', expect.stringContaining('held 20m at most')],
      ['strategy.steps[1]', expect.stringContaining('held 20m at most')],
      ['analysis.metrics[a].judge', 'sequential'],
      ['analysis.metrics[a].alpha', '0.01'],
      ['analysis.metrics[a].beta', '0.05'],
      ['analysis.metrics[a].sensitivity', '0.5'],
      ['analysis.metrics[a].dispersion', 'auto'],
      ['analysis.metrics[a].for', ''],
    ]);
  });
});

describe('a file that names no judge', () => {
  const RATIOS = `metrics: [{name: a, ${RATIO}, maxDelta: 0.01}`;

  test('keeps what it meant, under its hash, while threshold was the default', () => {
    const { earlier, hash } = specOf(`{${RATIOS}]}`);
    const named = specOf(`{judge: threshold, ${RATIOS}]}`);
    // Written down by versions of that time.
    expect(earlier?.hash).toBe('268a3488ae11b4bb562b78c964e8f571f81326b04588203a5ce383c4f90acb0b');
    expect(earlier).toEqual({
      hash: named.hash,
      steps: named.canary.strategy.steps,
      metrics: named.canary.analysis.metrics,
    });
    expect(new Set([hash, named.hash, specOf(`{judge: sequential, ${RATIOS}]}`).hash]).size).toBe(3);
  });

  test('keeps the odds of a metric that named its judge then', () => {
    const { earlier, canary } = specOf(
      `{${RATIOS}, {name: b, ${RATIO}, maxDelta: 0.01, judge: sequential}]}`,
    );
    expect(earlier?.hash).toBe('a3289f5a783697f6f9374123cbfcd60966b9f1de0ee3c49bf45dc17f5be36116');
    expect(earlier?.metrics.map(({ sequential }) => sequential?.alpha)).toEqual([undefined, 0.01]);
    expect(canary.analysis.metrics.map(({ sequential }) => sequential?.alpha)).toEqual([0.005, 0.005]);
  });

  test.each([
    ['names a judge', `{judge: sequential, ${RATIOS}]}`],
    ['has nothing for the sequential judge', `{metrics: [{name: a, ${RATIO}, max: 0.01}]}`],
    ['names a judge for each metric', `{metrics: [{name: a, ${RATIO}, maxDelta: 0.01, judge: sequential}]}`],
  ])('means one thing where it %s', (_what, analysis) => {
    expect(specOf(analysis)).not.toHaveProperty('earlier');
  });
});
