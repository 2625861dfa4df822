import { describe, expect, test } from 'vitest';
import type { Canary, Metric } from '../../src/spec/canary.ts';
import { diffSpecs, indexForWeight, metricKey, stepsKey, targetKey } from '../../src/spec/edit.ts';
import { parseFile } from '../../src/spec/parse.ts';

const TEXT = `apiVersion: canary/v1
kind: Canary
metadata: {name: payments, labels: {team: a}}
spec:
  revision: v1
  strategy:
    ready: {query: 'up{version="{{canary}}"}'}
    steps: [{setWeight: 5, bake: 5m, approval: required}, {setWeight: 50, bake: 5m}, {setWeight: 100, bake: 10m}]
  analysis:
    judge: threshold
    metrics:
      - {name: errors, ratio: {bad: 'x{code="500"}', total: x}, maxDelta: 0.01}
      - {name: p99, latency: {histogram: x_bucket, quantile: 0.99}, max: 0.5}
      - {name: load, query: 'y{version="{{version}}"}', max: 0.8, failureLimit: 2}
`;

/** The canary of TEXT after replacements of pairs of words. */
function edited(...words: [from: string, to: string][]): Canary {
  const text = words.reduce((edit, [from, to]) => edit.replace(from, to), TEXT);
  expect(text !== TEXT || words.length === 0).toBe(true);
  return parseFile(text, 'a.yaml').specs[0]!.canary;
}

function metric(canary: Canary, name: string): Metric {
  return canary.analysis.metrics.find((one) => one.name === name)!;
}

describe('stepsKey', () => {
  test.each([
    ['a weight', 'setWeight: 5,', 'setWeight: 6,'],
    ['a bake', 'bake: 10m', 'bake: 11m'],
    ['an approval', ', approval: required', ''],
    ['a step more', '{setWeight: 50, bake: 5m}', '{setWeight: 25, bake: 5m}, {setWeight: 50, bake: 5m}'],
  ])('changes with %s', (_what, from, to) => {
    expect(stepsKey(edited([from, to]))).not.toBe(stepsKey(edited()));
  });

  test('stays the same when anything else changes', () => {
    expect(stepsKey(edited(['revision: v1', 'revision: v2'], ['max: 0.8', 'max: 0.9']))).toBe(
      stepsKey(edited()),
    );
  });
});

describe('metricKey', () => {
  const keyOf = (canary: Canary, name: string) => metricKey(canary, metric(canary, name));

  test.each([
    ['its selector', 'errors', 'total: x}', 'total: x, }'],
    ['its name', 'load', 'name: load', 'name: "load"'],
    ['another metric', 'errors', 'max: 0.8', 'max: 0.7'],
  ])('stays the same when %s is only written differently or somewhere else', (_what, name, from, to) => {
    expect(keyOf(edited([from, to]), name)).toBe(keyOf(edited(), name));
  });

  test.each([
    ['selector', 'errors', 'code="500"', 'code="503"'],
    ['bound', 'errors', 'maxDelta: 0.01', 'maxDelta: 0.02'],
    ['kind of bound', 'errors', 'maxDelta: 0.01', 'max: 0.01'],
    ['quantile', 'p99', 'quantile: 0.99', 'quantile: 0.9'],
    ['query', 'load', 'y{', 'z{'],
    ['limit', 'load', 'failureLimit: 2', 'failureLimit: 3'],
    ['window', 'load', 'failureLimit: 2', 'failureLimit: 2, window: 2m'],
    ['dry run', 'load', 'failureLimit: 2', 'failureLimit: 2, dryRun: true'],
  ])('changes with the %s', (_what, name, from, to) => {
    expect(keyOf(edited([from, to]), name)).not.toBe(keyOf(edited(), name));
  });

  test('changes with the service and the version label, which are in the query', () => {
    const canary = edited();
    expect(keyOf({ ...canary, service: 'elsewhere' }, 'load')).not.toBe(keyOf(canary, 'load'));
    const analysis = { ...canary.analysis, versionLabel: 'app_version' };
    expect(keyOf({ ...canary, analysis }, 'load')).not.toBe(keyOf(canary, 'load'));
  });

  test('does not hold the name, which is the key beside it', () => {
    const canary = edited();
    expect(metricKey(canary, { ...metric(canary, 'load'), name: 'other' })).toBe(keyOf(canary, 'load'));
  });
});

describe('targetKey', () => {
  test('tells documents apart and reads well', () => {
    expect(targetKey({ kind: 'nacos', namespace: 'prod', group: 'G', dataId: 'a.json' })).toBe(
      'nacos:prod/G/a.json',
    );
    expect(targetKey({ kind: 'file', path: 'weights/a.json' })).toBe('file:weights/a.json');
  });
});

describe('indexForWeight', () => {
  const { steps } = edited().strategy;

  test.each([
    [0, -1],
    [4, -1],
    [5, 0],
    [49, 0],
    [50, 1],
    [99, 1],
    [100, 2],
  ])('of %i is %i for steps of 5, 50 and 100', (weight, index) => {
    expect(indexForWeight(steps, weight)).toBe(index);
  });

  test('is -1 without steps', () => {
    expect(indexForWeight([], 50)).toBe(-1);
  });
});

describe('diffSpecs', () => {
  test('is empty for the same meaning', () => {
    expect(diffSpecs(edited(), edited(['bake: 10m', 'bake: 600s']))).toEqual([]);
    expect(diffSpecs(null, null)).toEqual([]);
  });

  test('names each changed field as the file does, metrics by name', () => {
    const after = edited(
      ['revision: v1', 'revision: v2\n  traffic: {settle: 90s}'],
      ['team: a', 'area: b'],
      ['bake: 5m, approval: required', 'bake: 10m'],
      ['max: 0.5', 'max: 0.45, maxRatio: 2'],
      ['failureLimit: 2', 'for: 5m'],
    );
    expect(diffSpecs(edited(), after)).toEqual([
      { field: 'labels.area', before: '', after: 'b' },
      { field: 'revision', before: 'v1', after: 'v2' },
      { field: 'traffic.settle', before: '1m', after: '1m30s' },
      { field: 'strategy.steps[0]', before: '5 % for 5m, then approval', after: '5 % for 10m' },
      { field: 'analysis.metrics[p99].max', before: '0.5', after: '0.45' },
      { field: 'analysis.metrics[p99].maxRatio', before: '', after: '2' },
      { field: 'analysis.metrics[load].for', before: '', after: '5m' },
      { field: 'labels.team', before: 'a', after: '' },
      { field: 'analysis.metrics[load].failureLimit', before: '2', after: '' },
    ]);
  });

  test('shows a metric that comes or goes, and another router, in few lines', () => {
    const after = edited(
      ['name: load', 'name: cpu'],
      ['  strategy:', '  traffic: {file: {path: a.json}}\n  strategy:'],
    );
    expect(diffSpecs(edited(), after)).toEqual([
      { field: 'traffic.file.path', before: '', after: 'a.json' },
      { field: 'analysis.metrics[cpu]', before: '', after: 'query, max 0.8' },
      { field: 'traffic.nacos.group', before: 'CANARY_GROUP', after: '' },
      { field: 'traffic.nacos.dataId', before: 'canary-rules.payments.json', after: '' },
      { field: 'analysis.metrics[load]', before: 'query, max 0.8', after: '' },
    ]);
  });

  test('shows every field of a canary that comes or goes', () => {
    const comes = diffSpecs(null, edited());
    expect(comes.every(({ before }) => before === '')).toBe(true);
    expect(comes.map(({ field }) => field)).toContain('strategy.steps[2]');
    expect(diffSpecs(edited(), null).map(({ before }) => before)).toEqual(comes.map(({ after }) => after));
  });
});
