import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { ensurePrometheus } from '../../infra/prometheus/fetch.ts';
import { type AlertRule, alertRules } from '../../src/cli/alert-rules.ts';
import type { Canary } from '../../src/spec/canary.ts';
import { parseFile } from '../../src/spec/parse.ts';
import { missing as noPrometheus } from '../metrics/real.ts';
import { begin, type Ran } from './run.ts';

const EXAMPLES = new URL('../../canaries', import.meta.url).pathname;
const README = new URL('../../README.md', import.meta.url).pathname;

const RATIO = `ratio: { bad: 'http_requests_total{job="shop",code=~"5.."}', total: 'http_requests_total{job="shop"}' }`;

/** A Canary with these metrics (lines of YAML), with these fields more in its spec, and with a judge or the default. */
function canaryOf(metrics: string, more = '', judge = 'judge: threshold'): Canary {
  const text = `apiVersion: canary/v1
kind: Canary
metadata: { name: shop }
spec:
  strategy: { onFailure: rollback, steps: [{ setWeight: 100, bake: 10m }] }
  ${more}
  analysis:
    interval: 20s
    window: 2m
    ${judge}
    metrics:
      - { ${metrics.trim().split('\n').join(' }\n      - { ')} }
`;
  const { specs, diagnostics } = parseFile(text, 'shop.yaml');
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return specs[0]!.canary;
}

function rulesOf(canary: Canary): readonly AlertRule[] {
  return alertRules([canary]).groups.flatMap(({ rules }) => rules);
}

function exportOf(...args: readonly string[]): Promise<Ran> {
  return begin(null, ['grafana', 'export', ...args]).ended;
}

function folder(files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'export-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

describe('a rule', () => {
  test('on a metric of the default judge lasts three of its windows, and pauses', () => {
    const canary = canaryOf(
      `name: a, ${RATIO}, maxDelta: 0.005
name: b, latency: { histogram: 'took_bucket{job="shop"}', quantile: 0.99 }, maxDelta: 0.05, window: 5m
name: c, ${RATIO}, maxDelta: 0.01, dryRun: true`,
      '',
      '',
    );
    expect(canary.analysis.metrics.map(({ judge }) => judge)).toEqual(Array(3).fill('sequential'));
    const rules = rulesOf(canary);
    expect(
      rules.map(({ alert, limit, forMs, labels }) => [alert, limit, forMs / 60_000, labels['canary_action']]),
    ).toEqual([
      ['shop a maxDelta', 0.005, 6, 'pause'],
      ['shop b maxDelta', 0.05, 15, 'pause'],
      ['shop c maxDelta', 0.01, 6, 'ignore'],
    ]);
    expect(rules[0]?.description).toMatch(/coarser than the sequential judge.*last 2m, broken for 6m/);
  });

  test('on a metric of the default judge asks for a request beyond the quantile', () => {
    const latency = (quantile: number) =>
      `name: a, latency: { histogram: 'took_bucket', quantile: ${quantile} }, maxDelta: 0.05`;
    const least = (quantile: number) =>
      rulesOf(canaryOf(latency(quantile), '', ''))[0]
        ?.value.split('>= ')
        .at(-1);
    expect([least(0.5), least(0.95), least(0.99), least(0.999)]).toEqual(['10', '20', '100', '1000']);
  });

  test('on a native histogram takes its quantile and its count, without buckets', () => {
    const latency = `name: a, latency: { histogram: 'took_seconds{job="shop"}', quantile: 0.99 }, max: 0.5`;
    const [rule] = rulesOf(canaryOf(latency));
    const expression = JSON.stringify(rule);
    expect(expression).toContain(
      'histogram_quantile(0.99, sum by (version) (rate(took_seconds{job=\\"shop\\"}[2m])))',
    );
    expect(expression).toContain(
      'histogram_count(sum by (version) (increase(took_seconds{job=\\"shop\\"}[2m])))',
    );
  });

  test('asks for what failing the rollout would do, after the same time', () => {
    const rules = rulesOf(
      canaryOf(`name: a, ${RATIO}, maxDelta: 0.005
name: b, ${RATIO}, max: 0.1, for: 3m
name: c, ${RATIO}, max: 0.2, critical: true
name: d, ${RATIO}, max: 0.3, failureLimit: 2
name: e, ${RATIO}, max: 0.4, dryRun: true`),
    );
    expect(rules.map(({ alert, forMs, labels }) => [alert, forMs / 1_000, labels['canary_action']])).toEqual([
      ['shop a maxDelta', 60, 'rollback'],
      ['shop b max', 180, 'rollback'],
      ['shop c max', 0, 'rollback'],
      ['shop d max', 240, 'rollback'],
      ['shop e max', 60, 'ignore'],
    ]);
    const pausing = canaryOf(`name: a, ${RATIO}, max: 0.1`);
    const [rule] = rulesOf({ ...pausing, strategy: { ...pausing.strategy, onFailure: 'pause' } });
    expect(rule?.labels).toMatchObject({ canary_action: 'pause', severity: 'warning' });
  });

  test('is made for each bound', () => {
    const rules = rulesOf(
      canaryOf(`name: all, ${RATIO}, max: 0.5, min: 0.1, maxDelta: 0.2, minDelta: -0.2, maxRatio: 3`),
    );
    expect(rules.map(({ alert, breach, limit }) => [alert, breach, limit])).toEqual([
      ['shop all max', 'above', 0.5],
      ['shop all min', 'below', 0.1],
      ['shop all maxDelta', 'above', 0.2],
      ['shop all minDelta', 'below', -0.2],
      ['shop all maxRatio', 'above', 3],
    ]);
  });

  test('finds the Canary by labels that the webhook reads, the service too', () => {
    const [rule] = rulesOf(canaryOf(`name: a, ${RATIO}, max: 0.1`, 'service: shop-api'));
    expect(rule?.labels).toEqual({
      canary: 'shop',
      service: 'shop-api',
      canary_action: 'rollback',
      severity: 'critical',
      metric: 'a',
      bound: 'max',
    });
  });
});

test.each([
  ['an external metric', 'name: sales, external: { alert: SalesGood }', /the alert SalesGood/],
  [
    'a metric of the mannWhitney judge',
    `name: r, ratio: {bad: 'x{code="500"}', total: x}, window: 1m, judge: mannWhitney`,
    /keeps points/,
  ],
  ['a query that names a version', `name: q, query: 'x{version="{{version}}"}', max: 1`, /names a version/],
  ['a dollar sign in backquotes', `name: q, query: 'x{path=~\`a$\`}', max: 1`, /dollar sign/],
])('%s has no rule, and it is said why', (_, metric, why) => {
  const { groups, leftOut } = alertRules([canaryOf(metric)]);
  expect(groups).toEqual([]);
  expect(leftOut).toEqual([
    { canary: 'shop', metric: expect.any(String), reason: expect.stringMatching(why) },
  ]);
});

test('a metric without a bound has no rule, and it is said', () => {
  const canary = canaryOf(`name: a, ${RATIO}, max: 0.1`);
  const metrics = canary.analysis.metrics.map((metric) => ({ ...metric, bounds: {} }));
  const { groups, leftOut } = alertRules([{ ...canary, analysis: { ...canary.analysis, metrics } }]);
  expect(groups).toEqual([]);
  expect(leftOut).toMatchObject([{ metric: 'a', reason: expect.stringContaining('no bound') }]);
});

test('a service whose name would be read as a template has no rule', () => {
  const { groups, leftOut } = alertRules([
    canaryOf(
      `name: a, ${RATIO}, max: 0.1`,
      `service: 'shop {{ x }}'\n  traffic: { nacos: { dataId: shop.json } }`,
    ),
  ]);
  expect(groups).toEqual([]);
  expect(leftOut).toMatchObject([{ canary: 'shop', metric: null }]);
});

describe.each(['grafana', 'prometheus'])('the export for %s', (format) => {
  test('is the same text again, in the order of the names', async () => {
    const [first, again] = [
      await exportOf(EXAMPLES, '--format', format),
      await exportOf(EXAMPLES, '--format', format),
    ];
    expect(first.out).toBe(again.out);
    const names = (parse(first.out) as { groups: { name: string }[] }).groups.map(({ name }) => name);
    expect(names.length).toBeGreaterThan(2);
    expect(names).toEqual(names.toSorted());
  });

  test('says what has no rule, in the file and on standard error', async () => {
    const { out, talk } = await exportOf(EXAMPLES, '--format', format);
    const sentence = 'No rule for static-site: it has no metrics on purpose.';
    expect(talk.split('\n')).toContain(sentence);
    expect(out.split('\n')).toContain(`# ${sentence}`);
  });

  test('fails, and names them, where Canaries that measure something got no rule at all', async () => {
    const { code, out, talk } = await exportOf(EXAMPLES, '--format', format);
    expect(code).toBe(1);
    expect(talk).toContain('error: watched by no rule at all: ranking, recommendations');
    expect(out).toContain('payment-service error-rate maxDelta');
  });

  test("succeeds for the README's own Canary, with a rule for each metric", async () => {
    const [, canary = ''] = /```yaml\n(apiVersion[\s\S]*?)```/.exec(readFileSync(README, 'utf8')) ?? [];
    const dir = folder({ 'payment.yaml': canary });
    const { code, out, talk } = await exportOf(dir, '--format', format);
    expect({ code, talk }).toEqual({ code: 0, talk: '' });
    expect(out).toContain('payment-service error-rate maxDelta');
    expect(out).toContain('payment-service p99-latency maxDelta');
    expect(out).toMatch(/description: .*A second pair of eyes/);
  });

  test('succeeds where there is nothing to measure, on purpose', async () => {
    const { code } = await exportOf(join(EXAMPLES, '05-file-router.yaml'), '--format', format);
    expect(code).toBe(0);
  });

  test('is not written while a file has an error', async () => {
    const dir = folder({ 'broken.yaml': 'apiVersion: canary/v1\nkind: Canary\n' });
    const { code, out, talk } = await exportOf(dir, EXAMPLES, '--format', format);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(talk).toContain('broken.yaml:');
  });

  test('knows what a template gives', async () => {
    const dir = folder({
      'template.yaml': `apiVersion: canary/v1
kind: AnalysisTemplate
metadata: { name: usual }
spec:
  judge: threshold
  metrics:
    - { name: errors, maxDelta: 0.01, ratio: { bad: 'r{job="{{service}}",code="5"}', total: 'r{job="{{service}}"}' } }
`,
      'shop.yaml': `apiVersion: canary/v1
kind: Canary
metadata: { name: shop }
spec:
  strategy: { steps: [{ setWeight: 100, bake: 10m }] }
  analysis: { template: usual }
`,
    });
    const { code, out } = await exportOf(join(dir, 'shop.yaml'), '--format', format);
    expect(code).toBe(0);
    expect(out).toContain('shop errors maxDelta');
    expect(out).toContain('r{job="shop",code="5"}');
  });
});

describe('for Grafana', () => {
  interface Rule {
    readonly uid: string;
    readonly title: string;
    readonly condition: string;
    readonly data: readonly { readonly refId: string; readonly datasourceUid: string }[];
  }

  test('no two rules share a uid or a title, and each asks the datasource that was named', async () => {
    const { out } = await exportOf(EXAMPLES, '--datasource', 'my-prometheus');
    const { groups } = parse(out) as { groups: { interval: string; rules: Rule[] }[] };
    const rules = groups.flatMap((group) => group.rules);
    expect(new Set(rules.map(({ uid }) => uid)).size).toBe(rules.length);
    expect(new Set(rules.map(({ title }) => title)).size).toBe(rules.length);
    for (const { uid, condition, data } of rules) {
      expect(uid).toMatch(/^[a-zA-Z0-9_-]{1,40}$/);
      expect(data.map(({ datasourceUid }) => datasourceUid)).toEqual(['my-prometheus', '__expr__']);
      expect(data.map(({ refId }) => refId)).toContain(condition);
    }
  });

  test('there is nothing that would be taken for a variable', async () => {
    const bad = `{job="shop",path=~"/a$"}`;
    const file = join(
      folder({
        'shop.yaml': `apiVersion: canary/v1
kind: Canary
metadata: { name: shop }
spec:
  strategy: { steps: [{ setWeight: 100, bake: 10m }] }
  analysis:
    metrics: [{ name: errors, max: 0.1, ratio: { bad: 'r${bad}', total: 'r{job="shop"}' } }]
`,
      }),
      'shop.yaml',
    );
    const { out } = await exportOf(file);
    expect(out).toContain('path=~"/a\\x24"');
    expect(out).not.toContain('$');
    expect((await exportOf(file, '--format', 'prometheus')).out).toContain('path=~"/a$"');
  });
});

describe.skipIf(noPrometheus !== null)('for Prometheus', () => {
  const run = promisify(execFile);

  test('promtool accepts the rules of the examples', async () => {
    const { out } = await exportOf(EXAMPLES, '--format', 'prometheus');
    const file = join(folder({ 'rules.yml': out }), 'rules.yml');
    const { promtool } = await ensurePrometheus();
    const { stdout } = await run(promtool, ['check', 'rules', file]);
    expect(stdout).toMatch(/SUCCESS: \d+ rules found/);
  });
});
