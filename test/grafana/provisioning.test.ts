/** What Grafana is provisioned with: parts that fit each other, the controller and the places that give the variables. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { FOLDER, grafanaRulesOf, provisioning, ROOT } from './dashboards.ts';

const files = readdirSync(join(FOLDER, 'provisioning'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name));

const policies = parse(provisioning('alerting/policies.yml')).policies[0];
const [point] = parse(provisioning('alerting/contact-points.yml')).contactPoints;
const [datasource] = parse(provisioning('datasources/prometheus.yml')).datasources;
const rules = grafanaRulesOf(provisioning('alerting/slo.yml'));

/** The variables that a text names, as `$NAME` or `$__file{…}`. */
function variables(text: string): string[] {
  return [...text.replaceAll(/^\s*#.*$/gm, '').matchAll(/\$(\w+(?:\{.*?\})?)/g)].map(([, name = '']) => name);
}

/** A secret of the Compose file, as the provisioning names it. */
function fileOf(secret: string | { readonly target: string }): string {
  return `__file{${typeof secret === 'string' ? `/run/secrets/${secret}` : secret.target}}`;
}

describe('the provisioning', () => {
  test.each(files)('%s is of the version that Grafana reads', (file) => {
    expect(parse(readFileSync(file, 'utf8'))).toMatchObject({ apiVersion: 1 });
  });

  test('names only variables that Terraform and the Compose file give it', () => {
    const named = new Set(files.flatMap((file) => variables(readFileSync(file, 'utf8'))));
    expect([...named].sort()).toEqual([
      'CANARY_WEBHOOK_URL',
      'GRAFANA_DASHBOARDS',
      'PROMETHEUS_URL',
      '__file{/etc/grafana/secrets/webhook-token}',
    ]);
    const terraform = readFileSync(join(ROOT, 'infra/terraform/modules/monitoring/main.tf'), 'utf8');
    for (const name of named) {
      if (name.startsWith('__file')) continue;
      expect(terraform).toContain(`"${name}=`);
    }
    expect(terraform).toMatch(/grafana\s+= "\/etc\/grafana\/secrets"/);
    const { grafana } = parse(readFileSync(join(ROOT, 'infra/docker/compose.yaml'), 'utf8'), {
      merge: true,
    }).services;
    const given = [...Object.keys(grafana.environment), ...grafana.secrets.map(fileOf)];
    expect(given).toEqual(expect.arrayContaining([...named]));
    expect(terraform).toContain('/webhook-token"');
  });

  test('holds no secret', () => {
    expect(point.receivers[0].settings.authorization_credentials).toMatch(/^\$__file\{/);
  });

  test('sends to the controller what its rules ask for, and to people everything', () => {
    expect(point.name).toBe('canary-controller');
    const [first, second] = policies.routes;
    expect(first).toMatchObject({ receiver: point.name, continue: true });
    expect(second).toEqual({ receiver: policies.receiver });
    for (const { labels } of rules) {
      expect(matches(first.object_matchers, { ...labels, alertname: 'CanaryErrors' })).toBe(true);
    }
  });

  test('sends what asks for something that nobody knows too, because the controller pauses then', () => {
    const labels = { canary_action: 'rolback', alertname: 'CanaryErrors' };
    expect(matches(policies.routes[0].object_matchers, labels)).toBe(true);
  });

  test.each([
    ['a rule that could not be evaluated', { canary_action: 'rollback', alertname: 'DatasourceError' }],
    ['a rule without data', { canary_action: 'rollback', alertname: 'DatasourceNoData' }],
    ['an alert about the controller', { canary_action: 'ignore', alertname: 'CanaryRolledBack' }],
    ['an alert about something else', { alertname: 'DiskFull' }],
  ])('does not send %s to the controller', (_, labels) => {
    expect(matches(policies.routes[0].object_matchers, labels)).toBe(false);
  });

  test('asks the Prometheus that runs beside Grafana, in Compose and in Terraform', () => {
    expect(datasource).toMatchObject({ type: 'prometheus', url: '$PROMETHEUS_URL', isDefault: true });
    const { services } = parse(readFileSync(join(ROOT, 'infra/docker/compose.yaml'), 'utf8'), {
      merge: true,
    });
    const { hostname, port } = new URL(services.grafana.environment.PROMETHEUS_URL);
    expect(services[hostname].image).toMatch(/^prom\/prometheus:/);
    expect(services[hostname].ports).toContainEqual(expect.stringMatching(new RegExp(`:${port}$`)));
    const terraform = readFileSync(join(ROOT, 'infra/terraform/modules/monitoring/main.tf'), 'utf8');
    const [, server = ''] =
      /^resource "docker_container" "prometheus" \{([\s\S]*?)^\}/m.exec(terraform) ?? [];
    expect(terraform).toContain(`"PROMETHEUS_URL=http://${hostname}:${port}"`);
    expect(server).toContain(`aliases = ["${hostname}"]`);
    expect(server).toContain(`internal = ${port}`);
  });

  test('is about the datasource that it makes', () => {
    const uids = rules.flatMap(({ data }) => data.map((query) => query['datasourceUid']));
    expect(new Set(uids)).toEqual(new Set([datasource.uid, '__expr__']));
  });
});

/** As Alertmanager matches: a label that is not there is empty, and expressions are of the whole value. */
function matches(matchers: readonly [string, string, string][], labels: Readonly<Record<string, string>>) {
  return matchers.every(([label, operator, expression]) => {
    const isSo = new RegExp(`^(?:${expression})$`).test(labels[label] ?? '');
    return operator === '=~' ? isSo : !isSo;
  });
}
