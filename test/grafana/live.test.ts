/** The demo's world, alive: what dashboards ask of their datasource has an answer, and the rules see what they should. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { commit, declaration, RELEASES } from '../../infra/demo/releases.ts';
import { openStage, type World } from '../../infra/demo/world.ts';
import { waitForSample } from '../../infra/prometheus/process.ts';
import { alertRules } from '../../src/cli/alert-rules.ts';
import { grafanaRules } from '../../src/cli/render/alert-files.ts';
import { parseFile } from '../../src/spec/parse.ts';
import { missing as noPrometheus } from '../metrics/real.ts';
import { brokenWhen, expressions, filled, grafanaRulesOf, provisioning, ROOT } from './dashboards.ts';
import { operandsOf } from './operands.ts';

/** Long enough for every mark to be between two of them, and for two samples. */
const STEP_SECONDS = 2;

/** A Canary with every bound, a budget and an eye on incidents, which stays at its first step. */
const BASKET = `apiVersion: canary/v1
kind: Canary
metadata: { name: basket }
spec:
  revision: v1.5.0
  stableRevision: v1.4.0
  traffic: { settle: 0s, file: { path: rules/basket.json } }
  strategy: { steps: [{ setWeight: 50, bake: 1h }, { setWeight: 100, bake: 1h }] }
  analysis:
    interval: 1s
    window: 5s
    rolloutBudget: { share: 0.02, window: 30d }
    incident: { burnRate: 14.4, window: 1h }
    metrics:
      - name: errors
        ratio: { bad: 'http_requests_total{job="checkout",code=~"5.."}', total: 'http_requests_total{job="checkout"}' }
        maxDelta: 0.005
        objective: 0.999
      - name: targets
        query: sum(up{job="checkout",version="{{version}}"})
        max: 5
        min: 0.5
        maxDelta: 1
        minDelta: -1
        maxRatio: 3
`;

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
}

const controllerRules = parse(readFileSync(join(ROOT, 'infra/prometheus-rules/controller.yml'), 'utf8')) as {
  groups: { rules: Rule[] }[];
};

/** What each rule looks at before it compares. */
const operands = [
  ...controllerRules.groups
    .flatMap(({ rules }) => rules)
    .map(({ alert, record, expr }) => ({ rule: alert ?? record ?? '', expr })),
  ...grafanaRulesOf(provisioning('alerting/slo.yml')).map(({ title, data: [query] }) => ({
    rule: title,
    expr: query.model.expr,
  })),
].flatMap(({ rule, expr }) => operandsOf(expr).map((operand) => ({ rule, operand })));

/** Rules that look at what the demo cannot have, and why. */
const NOT_HERE: Readonly<Record<string, string>> = {
  CanaryWaiting: 'every canary of the demo gets its first step',
  CanaryRollbackNotCompleting: 'a rollback has a series only until it is read back, at once with this Nacos',
  CanaryForeignController: 'no other controller writes here',
  CanarySettingsFileBroken: 'no settings file is given to the controller',
  CanaryCertificateEnding: 'the controller speaks without TLS',
};

/** What the dashboard of a rollout may show; one of them has an answer to each question. */
const SHOWN = [
  { canary: 'payment', metric: 'error-rate' },
  { canary: 'search', metric: 'error-rate' },
  { canary: 'basket', metric: 'targets' },
];

const ending = new AbortController();
const stage =
  noPrometheus === null ? openStage(ending.signal, (reason) => ending.abort(new Error(reason))) : null;
let world: World;
let startedAt: number;

afterAll(async () => {
  await stage?.clear();
  stage?.remove();
});

type Sample = readonly [at: number, value: string];

const [datasource] = parse(provisioning('datasources/prometheus.yml')).datasources;

/** As Grafana asks by the provisioned datasource. Every value of the answer; the series as labels by side. */
async function ask(path: string, parameters: Readonly<Record<string, string>>) {
  const url = datasource.url.replace('$PROMETHEUS_URL', world.prometheus);
  const response = await fetch(`${url}/api/v1/${path}`, {
    method: datasource.jsonData.httpMethod,
    body: new URLSearchParams(parameters),
  });
  const body = (await response.json()) as {
    status: string;
    error?: string;
    data?: { result: { metric: Record<string, string>; value?: Sample; values?: Sample[] }[] };
  };
  expect(body.error, parameters['query']).toBeUndefined();
  return body.data?.result ?? [];
}

/** Over all that was scraped so far. */
function askAll(query: string) {
  const end = Date.now() / 1_000;
  return ask('query_range', {
    query,
    start: String(startedAt / 1_000),
    end: String(end),
    step: String(STEP_SECONDS),
  });
}

function numbersIn(result: Awaited<ReturnType<typeof ask>>): number[] {
  return result
    .flatMap(({ value, values = [] }) => (value === undefined ? values : [value]))
    .map(([, text]) => Number(text))
    .filter((number) => !Number.isNaN(number));
}

test('what a rule looks at is its expression without comparisons, in parts', () => {
  expect(operandsOf('absent(a == 1)')).toEqual(['a']);
  expect(operandsOf('min(a) - time() < 14 * 86400')).toEqual(['min(a) - time()']);
  expect(operandsOf('(max by (x) (a{b="c"} == 1) != d) or d unless on (x) e > 2')).toEqual([
    'max by (x) (a{b="c"})',
    'd',
    'e',
  ]);
});

describe.skipIf(noPrometheus !== null)("in the demo's world", () => {
  beforeAll(async () => {
    world = await stage!.build();
    startedAt = Date.now();
    writeFileSync(join(world.canaries, 'basket.yaml'), BASKET);
    const isSo = (query: string) => waitForSample(world.prometheus, query, 90_000);
    // Beginnings and ends are marked at the first step after them, against the step before.
    const earlier = `offset ${2 * STEP_SECONDS}s`;
    await isSo(`count(canary_phase{phase="Stable",canary!="basket"} ${earlier} == 1) == 3`);
    for (const release of RELEASES) commit(world.canaries, release, release.canary);
    await Promise.all([
      isSo(`canary_phase{canary="payment",phase="RolledBack"} ${earlier} == 1`),
      isSo(`canary_phase{canary="search",phase="Paused"} ${earlier} == 1`),
      isSo('canary_weight_observed{canary="basket"} == 50'),
      isSo('canary_rollout_budget_spent_ratio{canary="basket"}'),
    ]);
  }, 180_000);

  test.each(expressions)('$where has an answer', async ({ expr, isMark }) => {
    const answers: number[] = [];
    for (const values of SHOWN) {
      const query = filled(expr, {
        ...values,
        interval: `${STEP_SECONDS}s`,
        rateInterval: '10s',
        range: '5m',
      });
      answers.push(...numbersIn(isMark ? await askAll(query) : await ask('query', { query })));
      if (answers.length > 0) break;
    }
    expect(answers.length).toBeGreaterThan(0);
  });

  test.each(operands.filter(({ rule }) => NOT_HERE[rule] === undefined))(
    '$rule looks at something: $operand',
    async ({ operand }) => {
      expect(numbersIn(await ask('query', { query: operand })).length).toBeGreaterThan(0);
    },
  );

  test.each(Object.entries(NOT_HERE))('%s looks at nothing here: %s', async (rule) => {
    const looked = operands.filter((each) => each.rule === rule);
    const answers = await Promise.all(looked.map(({ operand }) => ask('query', { query: operand })));
    expect(answers).toEqual([[]]);
  });

  test('the limit of a metric is the tightest of its bounds, in its own unit', async () => {
    const limits = async (legend: string) => {
      const { expr } = expressions.find(({ where }) => where === `rollout.json, $metric ${legend}`)!;
      const values = {
        canary: 'basket',
        metric: 'targets',
        interval: '2s',
        rateInterval: '10s',
        range: '5m',
      };
      return numbersIn(await ask('query', { query: filled(expr, values) }));
    };
    // One target each: stable + 1 is below 3 times stable and below 5; 0.5 is above stable - 1.
    expect(await limits('C')).toEqual([2]);
    expect(await limits('D')).toEqual([0.5]);
    expect(await limits('E')).toEqual([0.5]);
  });

  test('the provisioned rule sees the canary that fails while stable never failed one request, and no other', async () => {
    const rule = grafanaRulesOf(provisioning('alerting/slo.yml')).find(
      ({ title }) => title === 'CanaryErrors',
    )!;
    const broken = await askAll(brokenWhen(rule));
    expect(broken.map(({ metric }) => metric)).toEqual([{ canary: 'payment', service: 'payment' }]);
  });

  test("so do the rules that are exported from the demo's own files", async () => {
    const canaries = RELEASES.flatMap((release) =>
      parseFile(declaration(release, release.canary), `${release.service}.yaml`).specs.map(
        ({ canary }) => canary,
      ),
    );
    const rules = grafanaRulesOf(grafanaRules(alertRules(canaries), 'prometheus'));
    const errors = rules.filter(({ labels }) => labels['metric'] === 'error-rate');
    expect(errors).toHaveLength(RELEASES.length);
    const broken = await Promise.all(
      errors.map(async (rule) =>
        (await askAll(brokenWhen(rule))).length > 0 ? rule.labels['canary'] : null,
      ),
    );
    expect(broken.filter((name) => name !== null)).toEqual(['payment']);
  });
});
