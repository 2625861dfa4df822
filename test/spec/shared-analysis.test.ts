import { describe, expect, test } from 'vitest';
import type { Spec } from '../../src/spec/canary.ts';
import { lintDirectory } from '../../src/spec/directory.ts';
import { metricKey } from '../../src/spec/edit.ts';
import { parseFile } from '../../src/spec/parse.ts';
import { resolveTemplates } from '../../src/spec/shared-analysis.ts';

const ERRORS = `{name: errors, ratio: {bad: 'r{job="{{service}}",code="5"}', total: 'r{job="{{service}}"}'}, maxDelta: 0.01, for: 2m}`;
const P99 = `{name: p99, latency: {histogram: 'l_bucket', quantile: 0.99}, max: 1, minRequests: 5}`;

function aTemplate(name: string, rest = '', ...metrics: string[]): string {
  const list = metrics.length === 0 ? [ERRORS] : metrics;
  return `apiVersion: canary/v1
kind: AnalysisTemplate
metadata: {name: ${name}}
spec:
  ${rest}
  metrics:
${list.map((metric) => `    - ${metric}\n`).join('')}`;
}

function aUser(name: string, analysis: string, bake = '10m'): string {
  return `apiVersion: canary/v1
kind: Canary
metadata: {name: ${name}}
spec:
  revision: v2
  strategy: {ready: {query: 'up{version="{{canary}}"}'}, steps: [{setWeight: 100, bake: ${bake}}]}
  analysis: ${analysis}
`;
}

function directory(files: Record<string, string>, running: readonly Spec[] = [], unread: string[] = []) {
  const parsed = Object.entries(files).map(([file, text]) => parseFile(text, file));
  const linted = lintDirectory(resolveTemplates(parsed, running, new Set(unread)), running);
  return {
    specs: linted.flatMap(({ specs }) => specs),
    told: linted
      .flatMap(({ diagnostics }) => diagnostics)
      .map(({ file, line, column, code, detail }) => `${file}:${line}:${column} ${code} ${detail}`),
  };
}

function only({ specs, told }: ReturnType<typeof directory>): Spec {
  expect(told).toEqual([]);
  expect(specs).toHaveLength(1);
  return specs[0]!;
}

describe('a Canary with a template', () => {
  test('is what it would be with the template written out', () => {
    const { canary, hash } = only(
      directory({ 'a.yaml': aUser('pay', '{template: slo}'), 'b.yaml': aTemplate('slo', 'interval: 20s') }),
    );
    const metrics = ERRORS.replaceAll('{{service}}', 'pay');
    const plain = only(directory({ 'a.yaml': aUser('pay', `{interval: 20s, metrics: [${metrics}]}`) }));
    expect(canary).toEqual(plain.canary);
    expect(hash).toBe(plain.hash);
  });

  test('lets its own fields win, also when they say what is the default', () => {
    const { canary } = only(
      directory({
        'a.yaml': aUser('pay', '{template: slo, interval: 30s, onNoData: hold}'),
        'b.yaml': aTemplate('slo', 'interval: 20s\n  onNoData: pause\n  errorLimit: 9'),
      }),
    );
    expect(canary.analysis).toMatchObject({ intervalMs: 30_000, onNoData: 'hold', errorLimit: 9 });
  });

  test('changes parts of a metric and adds others, its own ones first', () => {
    const own = `{name: extra, query: 'x{version="{{version}}"}', max: 1}, {name: errors, maxDelta: 0.02, failureLimit: 3}`;
    const { canary } = only(
      directory({
        'a.yaml': aUser('pay', `{template: slo, metrics: [${own}]}`),
        'b.yaml': aTemplate('slo', '', ERRORS, P99),
      }),
    );
    expect(canary.analysis.metrics.map(({ name }) => name)).toEqual(['extra', 'errors', 'p99']);
    expect(canary.analysis.metrics[1]).toMatchObject({
      source: { kind: 'ratio', total: 'r{job="pay"}' },
      bounds: { maxDelta: 0.02 },
      forMs: null,
      failureLimit: 3,
    });
  });

  test('replaces the source of a metric, and what only that source has', () => {
    const query = 'x{version="{{version}}"}';
    const { canary } = only(
      directory({
        'a.yaml': aUser('pay', `{template: slo, metrics: [{name: p99, query: '${query}'}]}`),
        'b.yaml': aTemplate('slo', '', P99),
      }),
    );
    expect(canary.analysis.metrics[0]).toMatchObject({
      source: { kind: 'query', query },
      bounds: { max: 1 },
    });
    const alert = only(
      directory({
        'a.yaml': aUser('pay', `{template: slo, metrics: [{name: errors, external: {alert: Good}}]}`),
        'b.yaml': aTemplate('slo', '', ERRORS, P99),
      }),
    );
    const source = { kind: 'external', alert: 'Good' };
    expect(alert.canary.analysis.metrics[0]).toMatchObject({ source, bounds: {} });
  });

  test('may share a file with it, in any order', () => {
    const text = `${aUser('pay', '{template: slo}')}---\n${aTemplate('slo')}`;
    expect(only(directory({ 'a.yaml': text })).template).toMatchObject({ name: 'slo', file: 'a.yaml' });
  });

  test('has another hash and another metric key after an edit of the template', () => {
    const [first, second] = ['0.01', '0.02'].map((delta) =>
      only(
        directory({
          'a.yaml': aUser('pay', '{template: slo}'),
          'b.yaml': aTemplate('slo', '', ERRORS.replace('0.01', delta)),
        }),
      ),
    );
    expect(first!.hash).not.toBe(second!.hash);
    const keyOf = ({ canary }: Spec) => metricKey(canary, canary.analysis.metrics[0]!);
    expect(keyOf(first!)).not.toBe(keyOf(second!));
  });
});

describe('what is wrong', () => {
  test('with a name that nobody declares is said where it stands, with what is near', () => {
    const { specs, told } = directory({
      'a.yaml': `# first\n---\n${aUser('pay', '{template: sloo, interval: 1x}')}`,
      'b.yaml': aTemplate('slo'),
    });
    expect(specs).toEqual([]);
    expect(told).toEqual([
      'a.yaml:9:24 SPEC_TEMPLATE There is no AnalysisTemplate sloo in this directory. Did you mean slo?',
      'a.yaml:9:40 SPEC_DURATION spec.analysis.interval must be a duration such as 30s, 5m or 1h30m, found "1x".',
    ]);
  });

  test('only with both together is said at the name, and doubts about a template only at the template', () => {
    const filled = `{name: filled, query: 'x{version="{{version}}"} or vector(0)', max: 1}`;
    const { told } = directory({
      'a.yaml': aUser('pay', '{template: slo}', '3m'),
      'b.yaml': aTemplate('slo', 'window: 10m', ERRORS, filled),
    });
    expect(told.map((line) => line.split(' ', 2).join(' '))).toEqual([
      'a.yaml:7:24 SPEC_WINDOW',
      'a.yaml:7:24 SPEC_WINDOW',
      'b.yaml:8:22 SPEC_FILLED_QUERY',
    ]);
    expect(told[0]).toContain('With the template slo: The window 10m is longer than step 1');
  });

  test('with two templates of one name falls on the second, unless it runs already', () => {
    const user = { 'c.yaml': aUser('pay', '{template: slo}') };
    const both = { 'a.yaml': aTemplate('slo'), 'b.yaml': aTemplate('slo'), ...user };
    const { specs, told } = directory(both);
    expect(specs[0]!.template!.file).toBe('a.yaml');
    expect(told).toEqual([
      'b.yaml:3:1 SPEC_DUPLICATE_NAME The name slo belongs to the AnalysisTemplate at a.yaml:3: choose another metadata.name.',
    ]);
    const running = directory({ 'b.yaml': aTemplate('slo'), ...user }).specs;
    expect(directory(both, running).specs[0]!.template!.file).toBe('b.yaml');
  });

  test('in a template is not told of the Canary that has its name', () => {
    const { diagnostics } = parseFile(aTemplate('pay', 'interval: 1x'), 'b.yaml');
    expect(diagnostics.map(({ canary, template }) => [canary, template])).toEqual([[undefined, 'pay']]);
  });
});

describe('a template that broke', () => {
  const user = { 'a.yaml': aUser('pay', '{template: slo}') };
  const whole = { ...user, 'b.yaml': aTemplate('slo', 'interval: 20s') };
  const broken = { ...user, 'b.yaml': 'kind: [' };
  const { specs: running } = directory(whole);

  test('goes on in the form that its user has, also when the user is edited', () => {
    const edited = { ...broken, 'a.yaml': aUser('pay', '{template: slo, errorLimit: 7}') };
    const { specs, told } = directory(edited, running);
    expect(specs[0]!.canary.analysis).toMatchObject({ intervalMs: 20_000, errorLimit: 7 });
    expect(told.filter((line) => line.startsWith('a.yaml'))).toEqual([
      'a.yaml:5:1 SPEC_TEMPLATE_KEPT The AnalysisTemplate slo cannot be used as it is now; the form it had goes on. Correct b.yaml:3.',
    ]);
  });

  test('goes on too when only its own document is wrong, and while its file was not read yet', () => {
    const wrong = directory({ ...user, 'b.yaml': aTemplate('slo', 'interval: 1x') }, running);
    expect(wrong.specs.map(({ hash }) => hash)).toEqual(running.map(({ hash }) => hash));
    expect(directory(user, running, ['b.yaml']).specs).toHaveLength(1);
  });

  test('cannot be begun to use', () => {
    const { specs, told } = directory({ ...broken, 'c.yaml': aUser('shop', '{template: slo}') }, running);
    expect(specs.map(({ canary }) => canary.name)).toEqual(['pay']);
    expect(told.find((line) => line.startsWith('c.yaml'))).toContain(
      'SPEC_TEMPLATE The AnalysisTemplate slo cannot be used: correct b.yaml:3.',
    );
  });

  test('keeps its name against another file', () => {
    const { specs, told } = directory({ ...broken, 'c.yaml': aTemplate('slo', 'interval: 5s') }, running);
    expect(specs[0]!.canary.analysis.intervalMs).toBe(20_000);
    expect(told.some((line) => line.startsWith('c.yaml:3:1 SPEC_DUPLICATE_NAME'))).toBe(true);
  });

  test('is an error for its users once its file is gone', () => {
    const { specs, told } = directory(user, running);
    expect(specs).toEqual([]);
    expect(told).toEqual(['a.yaml:7:24 SPEC_TEMPLATE There is no AnalysisTemplate slo in this directory.']);
  });
});
