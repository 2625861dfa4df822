import { describe, expect, test } from 'vitest';
import { diffSpecs } from '../../src/spec/edit.ts';
import { parseFile } from '../../src/spec/parse.ts';
import { resolveTemplates } from '../../src/spec/shared-analysis.ts';
import { parsed, RATIO } from './parsed.ts';

/** Steps long enough for the points that the judge needs. */
function canaryOf(analysis: string) {
  const { specs, diagnostics } = parsed(analysis, '{setWeight: 5, bake: 15m}, {setWeight: 100, bake: 15m}');
  expect(diagnostics).toEqual([]);
  return specs[0]!.canary;
}

function metricsOf(analysis: string) {
  return canaryOf(analysis).analysis.metrics;
}

describe('the mannWhitney judge of a metric', () => {
  test('takes what is compared with stable, with a bound or without', () => {
    const metrics = metricsOf(`{judge: mannWhitney, metrics: [
      {name: a, ${RATIO}},
      {name: b, ${RATIO}, maxDelta: 0.01},
      {name: c, query: 'x{version="{{version}}"}'},
      {name: d, ${RATIO}, max: 0.01},
      {name: e, external: {alert: Good}},
      {name: f, ${RATIO}, maxDelta: 0.01, judge: sequential}]}`);
    expect(metrics.map(({ judge }) => judge)).toEqual([
      'mannWhitney',
      'mannWhitney',
      'mannWhitney',
      'threshold',
      'threshold',
      'sequential',
    ]);
    expect(metrics.map(({ forMs }) => forMs)).toEqual([null, null, null, 90_000, 90_000, null]);
  });

  test('has defaults: more errors are worse, and of a query nobody knows', () => {
    const [ratio, query] = metricsOf(`{judge: mannWhitney, minPoints: 7, metrics: [
      {name: a, ${RATIO}},
      {name: b, query: 'x{version="{{version}}"}', effectSize: {measure: cles, allowedIncrease: 0.7}}]}`);
    expect(ratio?.mannWhitney).toEqual({
      direction: 'increase',
      tolerance: 0.25,
      confidence: 0.98,
      effectSize: {
        measure: 'meanRatio',
        allowedIncrease: 1,
        allowedDecrease: 1,
        criticalIncrease: 1,
        criticalDecrease: 1,
      },
      nanStrategy: 'remove',
      outlierFactor: null,
      minPoints: 7,
      groups: ['all'],
      mustHaveData: true,
    });
    expect(query?.mannWhitney).toMatchObject({
      direction: 'either',
      effectSize: { measure: 'cles', allowedIncrease: 0.7, allowedDecrease: 0.5, criticalIncrease: 0.7 },
    });
  });

  test('has a score only where a metric has it, and a maxHold for each step', () => {
    const metrics = `metrics: [{name: a, ${RATIO}, maxDelta: 0.01}]`;
    const judged = canaryOf(`{judge: mannWhitney, score: {pass: 80}, ${metrics}}`);
    expect(judged.analysis.scoring).toEqual({ pass: 80, marginal: 75, weights: {} });
    expect(judged.strategy.steps[0]?.maxHoldMs).toBe(1_200_000);
    expect(canaryOf(`{judge: threshold, ${metrics}}`).analysis).not.toHaveProperty('scoring');
  });

  test('is told in the difference of two declarations', () => {
    const metrics = (more: string) => `metrics: [{name: a, ${RATIO}, groups: [x]${more}}]`;
    const before = canaryOf(`{judge: mannWhitney, ${metrics('')}}`);
    const score = 'score: {pass: 90, weights: {x: 100}}';
    const after = canaryOf(`{judge: mannWhitney, ${score}, ${metrics(', confidence: 0.99')}}`);
    expect(diffSpecs(before, after)).toEqual([
      { field: 'analysis.score.pass', before: '95', after: '90' },
      { field: 'analysis.score.weights.x', before: '', after: '100' },
      { field: 'analysis.metrics[a].confidence', before: '0.98', after: '0.99' },
    ]);
  });

  test('comes from a template, with the groups of the Canary in its score', () => {
    const shared = parseFile(
      `apiVersion: canary/v1
kind: AnalysisTemplate
metadata: {name: points}
spec:
  judge: mannWhitney
  score: {weights: {errors: 70, own: 30}}
  metrics: [{name: a, ${RATIO}, groups: [errors]}]
---
apiVersion: canary/v1
kind: Canary
metadata: {name: a}
spec:
  revision: v2
  strategy: {ready: {query: 'up{version="{{canary}}"}'}, steps: [{setWeight: 5, bake: 15m}, {setWeight: 100, bake: 15m}]}
  analysis:
    template: points
    metrics: [{name: b, query: 'x{version="{{version}}"}', groups: [own]}]
`,
      'a.yaml',
    );
    const [resolved] = resolveTemplates([shared]);
    expect(resolved?.diagnostics).toEqual([]);
    expect(resolved?.specs[0]?.canary.analysis.scoring?.weights).toEqual({ errors: 70, own: 30 });
  });
});
