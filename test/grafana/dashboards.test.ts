/** The dashboards: as they are generated, about series that exist, in PromQL that promtool reads. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { DASHBOARDS } from '../../infra/grafana/main.ts';
import { dashboardText, variable } from '../../infra/grafana/panels.ts';
import { missing as noPrometheus } from '../metrics/real.ts';
import { dashboards, expressions, filled, ROOT } from './dashboards.ts';
import { judgementOf } from './promtool.ts';

const reference = readFileSync(join(ROOT, 'docs/reference/metrics.md'), 'utf8');
const families = new Map(
  [...reference.matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \|/gm)].map(([, name = '', type, labels = '']) => [
    name,
    { type, labels: new Set([...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label)) },
  ]),
);

describe.each(dashboards)('$file', ({ file, text, dashboard }) => {
  // Written anew by `npm run dashboards`.
  test('is as it is generated', () => {
    expect(text).toBe(dashboardText(DASHBOARDS[file as keyof typeof DASHBOARDS]));
  });

  test('gives each panel a number of its own, and a place that no other has', () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(panels.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([]);
  });

  test('asks the datasource that is chosen, and no other', () => {
    const uids = [...text.matchAll(/"uid": "(.*?)"/g)].map(([, uid]) => uid);
    expect(new Set(uids)).toEqual(new Set([dashboard.uid, variable('datasource')]));
  });

  test('uses only variables that it has', () => {
    const own = new Set(dashboard.templating.list.map(({ name }) => name));
    const grafanas = ['__interval', '__rate_interval', '__range', '__data.fields.canary', '__all'];
    const used = [...text.matchAll(/\$\{?([\w.]+)/g)].map(([, name = '']) => name);
    expect(used.filter((name) => !own.has(name) && !grafanas.includes(name))).toEqual([]);
  });

  test('leads only to dashboards that there are', () => {
    const linked = [...text.matchAll(/"url": "\/d\/([\w-]+)/g)].map(([, uid]) => uid);
    expect(linked.length).toBeGreaterThan(0);
    expect(dashboards.map(({ dashboard: { uid } }) => uid)).toEqual(expect.arrayContaining(linked));
  });
});

test('no two dashboards have the same uid', () => {
  expect(new Set(dashboards.map(({ dashboard }) => dashboard.uid)).size).toBe(dashboards.length);
});

describe('the expressions', () => {
  test('are there', () => {
    expect(expressions.length).toBeGreaterThan(50);
  });

  test.each(expressions)('$where is about series and labels that exist', ({ expr }) => {
    const used = [...expr.matchAll(/\b(canary_[a-z_]+)(?:\{(.*?)\})?(?!["a-z_])/g)].filter(
      ([, name = '']) => name !== 'canary_revision',
    );
    expect(used.length).toBeGreaterThan(0);
    for (const [, name = '', matchers = ''] of used) {
      const family = families.get(name) ?? families.get(name.replace(/_bucket$/, ''));
      expect(family, name).toBeDefined();
      const labels = [...matchers.matchAll(/(\w+)(?:=~|!=|=)/g)].map(([, label = '']) => label);
      expect([...family!.labels]).toEqual(expect.arrayContaining(labels));
    }
  });

  test.each(expressions)('$where hides that leader and standby both show a Canary', ({ expr }) => {
    if (/^canary_metric_bound|^canary_info/.test(expr)) return;
    expect(expr).toMatch(/^(max|sum|min|count|count_values|histogram_quantile)\b/);
  });

  test.skipIf(noPrometheus !== null)('are PromQL to promtool', async () => {
    const values = { canary: 'shop', metric: 'errors', interval: '15s', rateInterval: '1m', range: '1h' };
    const rules = expressions.map(({ expr }, index) => ({
      record: `dashboard:expression:${index}`,
      expr: filled(expr, values),
    }));
    expect(await judgementOf(stringify({ groups: [{ name: 'dashboards', rules }] }))).toMatch(/SUCCESS/);
  });
});

describe('the bound of a metric', () => {
  const panel = dashboards
    .find(({ file }) => file === 'rollout.json')!
    .dashboard.panels.find(({ title }) => title === '$metric')!;

  test('is a band on the axis that canary and stable share', () => {
    const series = panel.targets.map((target) => target['legendFormat']);
    expect(series).toEqual(['canary', 'stable', 'limit', 'lower limit', 'floor']);
    expect(JSON.stringify(panel)).toContain('{"id":"custom.fillBelowTo","value":"floor"}');
    expect(JSON.stringify(panel)).not.toContain('axisPlacement');
    expect(panel).toMatchObject({ repeat: 'metric' });
  });
});
