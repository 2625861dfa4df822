/** The rules that close the loop: the provisioned ones, and those that `canary grafana export` writes for a Canary. */
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { alertRules } from '../../src/cli/alert-rules.ts';
import { grafanaRules, prometheusRules } from '../../src/cli/render/alert-files.ts';
import { ALERT_LABELS, alertmanagerAlerts, grafanaAlerts } from '../../src/server/alerts.ts';
import { parseFile } from '../../src/spec/parse.ts';
import { missing as noPrometheus } from '../metrics/real.ts';
import { brokenWhen, type GrafanaRule, grafanaRulesOf, provisioning } from './dashboards.ts';
import { judgementOf, outcomeOf, rising, type Series, steady } from './promtool.ts';

const CANARY = `apiVersion: canary/v1
kind: Canary
metadata: { name: shop }
spec:
  strategy: { steps: [{ setWeight: 5, bake: 10m }, { setWeight: 100, bake: 10m }] }
  analysis:
    interval: 20s
    judge: threshold
    window: 2m
    metrics:
      - name: errors
        ratio: { bad: 'http_requests_total{service="shop",code=~"5.."}', total: 'http_requests_total{service="shop"}' }
        maxDelta: 0.005
      - name: latency
        latency: { histogram: 'request_latency_bucket{service="shop"}', quantile: 0.99 }
        maxDelta: 0.05
`;

const exported = alertRules(parseFile(CANARY, 'shop.yaml').specs.map(({ canary }) => canary));

/** Rules for Grafana as rules that promtool can run: no template that only Grafana knows. */
function asPrometheusRules(rules: readonly GrafanaRule[]): string {
  const converted = rules.map((rule) => ({
    alert: rule.title,
    expr: brokenWhen(rule),
    for: rule.for,
    labels: rule.labels,
  }));
  return stringify({ groups: [{ name: 'grafana', rules: converted }] });
}

const WAYS = [
  {
    way: 'provisioned in Grafana',
    rules: asPrometheusRules(grafanaRulesOf(provisioning('alerting/slo.yml'))),
    errors: 'CanaryErrors',
    latency: 'CanaryLatency',
  },
  {
    way: 'exported for Grafana',
    rules: asPrometheusRules(grafanaRulesOf(grafanaRules(exported, 'prometheus'))),
    errors: 'shop errors maxDelta',
    latency: 'shop latency maxDelta',
  },
  {
    way: 'exported for Prometheus',
    rules: prometheusRules(exported),
    errors: 'shop errors maxDelta',
    latency: 'shop latency maxDelta',
  },
];

const arm = (version: string) => `service="shop",job="shop",version="${version}"`;

const INFO =
  'canary_info{canary="shop",service="shop",stable="v1",canary_revision="v2",instance="leader",job="canary-controller"}';
const ROLLOUT: Series = {
  [INFO]: steady(1),
  // The standby shows it too.
  [INFO.replace('leader', 'standby')]: steady(1),
};

/** Requests that succeed and that fail, each half minute. Without failures there is no series of them. */
function traffic(version: string, good: number, bad: number): Series {
  return {
    [`http_requests_total{${arm(version)},code="200"}`]: rising(good),
    ...(bad > 0 ? { [`http_requests_total{${arm(version)},code="500"}`]: rising(bad) } : {}),
  };
}

/** A hundred requests each half minute, `slow` of them between 0.1 s and 1 s. */
function latencies(version: string, slow: number): Series {
  return {
    [`request_latency_bucket{${arm(version)},le="0.1"}`]: rising(100 - slow),
    [`request_latency_bucket{${arm(version)},le="1"}`]: rising(100),
    [`request_latency_bucket{${arm(version)},le="+Inf"}`]: rising(100),
  };
}

interface World {
  readonly what: string;
  readonly series: Series;
  readonly fires: boolean;
}

const ERROR_WORLDS: readonly World[] = [
  {
    what: 'a canary that fails 5 % while stable has never failed one request',
    series: { ...ROLLOUT, ...traffic('v1', 1000, 0), ...traffic('v2', 95, 5) },
    fires: true,
  },
  {
    what: 'a canary that fails every request while stable has never failed one',
    series: {
      ...ROLLOUT,
      ...traffic('v1', 1000, 0),
      [`http_requests_total{${arm('v2')},code="503"}`]: rising(50),
    },
    fires: true,
  },
  {
    what: 'two versions that never failed',
    series: { ...ROLLOUT, ...traffic('v1', 1000, 0), ...traffic('v2', 100, 0) },
    fires: false,
  },
  {
    what: 'a canary that fails as often as stable',
    series: { ...ROLLOUT, ...traffic('v1', 900, 100), ...traffic('v2', 90, 10) },
    fires: false,
  },
  {
    what: 'two requests that both failed',
    series: { ...ROLLOUT, ...traffic('v1', 1000, 0), ...traffic('v2', 0, 1) },
    fires: false,
  },
  {
    what: 'failures while no canary is on trial',
    series: {
      [INFO.replace('v2', '')]: steady(1),
      ...traffic('v1', 1000, 0),
      ...traffic('v2', 95, 5),
    },
    fires: false,
  },
  {
    what: 'failures of an older version that is neither',
    series: { ...ROLLOUT, ...traffic('v1', 1000, 0), ...traffic('v2', 100, 0), ...traffic('v0', 0, 100) },
    fires: false,
  },
];

const LATENCY_WORLDS: readonly World[] = [
  {
    what: 'a canary of which one request in twenty is slow',
    series: { ...ROLLOUT, ...latencies('v1', 0), ...latencies('v2', 5) },
    fires: true,
  },
  {
    what: 'a canary that is as slow as stable',
    series: { ...ROLLOUT, ...latencies('v1', 5), ...latencies('v2', 5) },
    fires: false,
  },
];

describe.skipIf(noPrometheus !== null).each(WAYS)('rules $way', ({ rules, errors, latency }) => {
  const { groups } = parse(rules) as {
    groups: {
      rules: { alert: string; labels: Record<string, string>; annotations?: { summary: string } }[];
    }[];
  };

  /** A Prometheus rule says in its summary what the promtool case has to say again, so only its firing is compared. */
  const bare = stringify({
    groups: groups.map((group) => ({
      ...group,
      rules: group.rules.map(({ annotations: _, ...rule }) => rule),
    })),
  });

  async function outcome({ series, fires }: World, alertname: string): Promise<string> {
    const labels = groups.flatMap((group) => group.rules).find(({ alert }) => alert === alertname)!.labels;
    const told = { exp_labels: { canary: 'shop', service: 'shop', ...labels }, exp_annotations: {} };
    const alerts = [
      { eval_time: '30s', alertname, exp_alerts: [] },
      { eval_time: '20m', alertname, exp_alerts: fires ? [told] : [] },
    ];
    return outcomeOf(bare, [{ series, alerts }]);
  }

  test('are good rules to promtool', async () => {
    expect(await judgementOf(rules)).toMatch(/SUCCESS/);
  });

  test.each(ERROR_WORLDS)('about errors, $what: fires $fires', async (world) => {
    expect(await outcome(world, errors)).toMatch(/SUCCESS/);
  });

  test.each(LATENCY_WORLDS)('about latency, $what: fires $fires', async (world) => {
    expect(await outcome(world, latency)).toMatch(/SUCCESS/);
  });

  test('ask the controller for a rollback of the canary that they are about', () => {
    const told = groups
      .flatMap((group) => group.rules)
      .map(({ alert, labels }) => ({
        status: 'firing' as const,
        labels: { canary: 'shop', service: 'shop', alertname: alert, ...labels },
        annotations: { summary: 'it fails' },
      }));
    const read = [
      ...grafanaAlerts({ alerts: told }, ALERT_LABELS),
      ...alertmanagerAlerts({ alerts: told }, ALERT_LABELS),
    ];
    expect(read).toHaveLength(4);
    for (const alert of read)
      expect(alert).toMatchObject({ canary: 'shop', action: 'rollback', firing: true });
  });
});

describe.skipIf(noPrometheus !== null)('a rule exported for a Canary of the default judge', () => {
  const byDefault = CANARY.replace('    judge: threshold\n', '');
  const { groups, leftOut } = alertRules(parseFile(byDefault, 'shop.yaml').specs.map(({ canary }) => canary));
  const bare = groups.map((group) => ({
    ...group,
    rules: group.rules.map(({ description: _, ...rule }) => ({ ...rule, summary: 'broken' })),
  }));
  const rules = prometheusRules({ groups: bare, leftOut, unwatched: [] });
  const alertname = 'shop errors maxDelta';
  const exp_labels = {
    canary: 'shop',
    service: 'shop',
    canary_action: 'pause',
    severity: 'warning',
    metric: 'errors',
    bound: 'maxDelta',
  };

  /** Fifty requests of v2 each half minute, of which these fail. */
  function failing(bad: string): Series {
    return {
      ...ROLLOUT,
      ...traffic('v1', 1000, 0),
      [`http_requests_total{${arm('v2')},code="200"}`]: rising(50),
      [`http_requests_total{${arm('v2')},code="500"}`]: bad,
    };
  }

  test('pauses a canary that goes on failing', async () => {
    const at = (eval_time: string, fires: boolean) => ({
      eval_time,
      alertname,
      exp_alerts: fires ? [{ exp_labels, exp_annotations: { summary: 'broken: 0.0741' } }] : [],
    });
    // Seen from 1m on, when the second sample with a failure is there; three windows of two minutes later it fires.
    const alerts = [at('6m', false), at('20m', true)];
    expect(await outcomeOf(rules, [{ series: failing(rising(4)), alerts }])).toMatch(/SUCCESS/);
  });

  test('lets one burst of failures pass', async () => {
    const times = Array.from({ length: 40 }, (_, at) => `${at * 30}s`);
    const alerts = times.map((eval_time) => ({ eval_time, alertname, exp_alerts: [] }));
    expect(await outcomeOf(rules, [{ series: failing('0x9 30x100'), alerts }])).toMatch(/SUCCESS/);
  });
});
