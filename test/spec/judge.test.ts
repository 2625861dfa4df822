import { describe, expect, test } from 'vitest';
import { diffSpecs } from '../../src/spec/edit.ts';
import { parseFile } from '../../src/spec/parse.ts';

const RATIO = `ratio: {bad: 'r{code="5"}', total: r}`;

function canaryOf(analysis: string, steps = '{setWeight: 5, bake: 5m}, {setWeight: 100, bake: 5m}') {
  const { specs, diagnostics } = parseFile(
    `apiVersion: canary/v1
kind: Canary
metadata: {name: a}
spec:
  revision: v2
  strategy: {ready: {query: 'up{version="{{canary}}"}'}, steps: [${steps}]}
  analysis: ${analysis}
`,
    'a.yaml',
  );
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return specs[0]!.canary;
}

function metricsOf(analysis: string) {
  return canaryOf(analysis).analysis.metrics;
}

describe('the judge of a metric', () => {
  test('is threshold unless the file says otherwise', () => {
    const [metric] = metricsOf(`{metrics: [{name: a, ${RATIO}, maxDelta: 0.01}]}`);
    expect(metric).toMatchObject({ judge: 'threshold', forMs: 90_000 });
    expect(metric).not.toHaveProperty('sequential');
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
    expect(canaryOf(`{${metrics}}`).strategy.steps[0]).not.toHaveProperty('maxHoldMs');
  });

  test('takes a burn rate for a margin', () => {
    const [metric] = metricsOf(`{metrics: [{name: a, ${RATIO}, maxBurnRateDelta: 5, objective: 0.999}]}`);
    expect(metric?.bounds).toEqual({ maxDelta: 0.005 });
  });

  test('is told in the difference of two declarations', () => {
    const metrics = `metrics: [{name: a, ${RATIO}, maxDelta: 0.01}]`;
    const changes = diffSpecs(canaryOf(`{${metrics}}`), canaryOf(`{judge: sequential, ${metrics}}`));
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
