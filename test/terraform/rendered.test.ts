/**
 * What the modules render, given to the programs that read it: promtool, amtool, the controller's own parser, and a
 * real Prometheus that finds a service's instances by the targets file.
 */
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ensurePrometheus } from '../../infra/prometheus/fetch.ts';
import { startPrometheus, waitForSample } from '../../infra/prometheus/process.ts';
import { parseFile } from '../../src/spec/parse.ts';
import { missing as noPrometheus } from '../metrics/real.ts';
import { FOLDER, find, noTerraform, run, runTerraform, skipped, workingCopy } from './tools.ts';

const amtool = await find('amtool');
const noAmtool =
  amtool === null ? skipped('the rendered configuration of Alertmanager', 'amtool is not on PATH') : null;

/** Uses the provider-free modules as the environments do. */
const ROOT = `
variable "stable" { default = "v1.5.0" }
variable "canary" { default = "v1.5.1" }

module "instances" {
  source  = "./modules/service_instances"
  service = "checkout"
  stable  = { version = var.stable, image = "registry.example/checkout:v1", replicas = 1 }
  canary  = var.canary == null ? null : { version = var.canary, image = "registry.example/checkout:v1" }
}

module "config" {
  source                  = "./modules/monitoring_config"
  environment             = "test"
  scrape_interval_seconds = 1
}

module "spec" {
  source          = "./modules/canary_spec"
  service         = "checkout"
  stable_revision = var.stable
}

output "prometheus" { value = module.config.prometheus_yml }
output "alertmanager" { value = module.config.alertmanager_yml }
output "canary" { value = module.spec.yaml }
output "targets" { value = module.instances.targets_json }
output "instances" { value = module.instances.instances }
`;

interface Rendered {
  readonly prometheus: string;
  readonly alertmanager: string;
  readonly canary: string;
  readonly targets: string;
  readonly instances: Record<string, { readonly host: string; readonly version: string }>;
}

if (noTerraform !== null) skipped('what the Terraform modules render', noTerraform);

describe.skipIf(noTerraform !== null)('what the modules render', () => {
  let scratch: string;
  let folder: string;
  let rendered: Rendered;
  const undo: (() => Promise<unknown>)[] = [];

  async function apply(...args: string[]): Promise<Rendered> {
    const applied = await runTerraform(folder, [
      'apply',
      '-auto-approve',
      '-input=false',
      '-no-color',
      ...args,
    ]);
    expect(applied.code, applied.said).toBe(0);
    const { stdout } = await runTerraform(folder, ['output', '-json']);
    const outputs = JSON.parse(stdout) as Record<string, { value: unknown }>;
    return Object.fromEntries(
      Object.entries(outputs).map(([name, { value }]) => [name, value]),
    ) as unknown as Rendered;
  }

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'rendered-'));
    const copy = await workingCopy();
    undo.push(copy.remove, () => rm(scratch, { recursive: true, force: true }));
    folder = copy.folder;
    await writeFile(join(folder, 'main.tf'), ROOT);
    const init = await runTerraform(folder, ['init', '-backend=false', '-input=false', '-no-color']);
    expect(init.code, init.said).toBe(0);
    rendered = await apply();
  }, 120_000);
  afterAll(async () => {
    for (const step of undo.reverse()) await step();
  });

  test('the Canary is valid without a warning', () => {
    const { specs, diagnostics } = parseFile(rendered.canary, 'checkout.yaml');
    expect(diagnostics).toEqual([]);
    expect(specs).toHaveLength(1);
    expect(specs[0]?.canary.analysis.metrics.map(({ name }) => name)).toEqual(['error-rate', 'latency-p99']);
  });

  test.skipIf(noPrometheus !== null)('promtool accepts prometheus.yml', async () => {
    const file = join(scratch, 'prometheus.yml');
    await writeFile(file, rendered.prometheus);
    const { promtool } = await ensurePrometheus();
    const { code, said } = await run(promtool, ['check', 'config', '--lint=all', '--lint-fatal', file]);
    expect(code, said).toBe(0);
  });

  test.skipIf(noAmtool !== null)('amtool accepts alertmanager.yml', async () => {
    const { code, said } = await amtoolOn(rendered.alertmanager, ['check-config'], []);
    expect(code, said).toBe(0);
  });

  test.skipIf(noAmtool !== null).each([
    [
      'an alert that asks for a rollback',
      ['canary_action=rollback', 'service=checkout'],
      'canary-controller,people',
    ],
    ['an alert that asks for what nobody knows', ['canary_action=rolback'], 'canary-controller,people'],
    ['an alert that is to be ignored', ['canary_action=ignore', 'service=checkout'], 'people'],
    ['an alert about the controller itself', ['canary=checkout', 'severity=critical'], 'people'],
  ])('%s goes to whom it concerns', async (_, labels, receivers) => {
    const { stdout } = await amtoolOn(rendered.alertmanager, ['config', 'routes', 'test'], labels);
    expect(stdout.trim()).toBe(receivers);
  });

  async function amtoolOn(text: string, words: readonly string[], labels: readonly string[]) {
    const file = join(scratch, 'alertmanager.yml');
    await writeFile(file, text);
    const isCheck = words[0] === 'check-config';
    const args = isCheck ? [...words, file] : [...words, `--config.file=${file}`, ...labels];
    return run(amtool ?? 'amtool', args);
  }

  test.skipIf(noPrometheus !== null)(
    'a real Prometheus finds both versions by the targets file, and a new one without a restart',
    async () => {
      const incoming = join(scratch, 'incoming');
      const targets = join(scratch, 'targets');
      await mkdir(incoming);
      const servers = new Map<string, Server>();
      undo.push(async () => {
        for (const server of servers.values()) server.close();
      });

      /** As the writer does it, with addresses of this machine for the names of the container network. */
      async function publish({ targets: text, instances }: Rendered): Promise<void> {
        let local = text;
        for (const { host } of Object.values(instances)) {
          const server = servers.get(host) ?? (await startInstance());
          servers.set(host, server);
          const { port } = server.address() as AddressInfo;
          local = local.replace(`${host}:8080`, `127.0.0.1:${port}`);
        }
        await writeFile(join(incoming, 'checkout.json'), local);
        const sync = join(FOLDER, 'modules/volume_files/sync.sh');
        expect(await run('sh', [sync, incoming, targets])).toMatchObject({ code: 0 });
      }

      await publish(rendered);
      const config = rendered.prometheus.replace('/etc/prometheus/targets/', `${targets}/`);
      const prometheus = await startPrometheus({ config });
      undo.push(() => prometheus.stop());

      const ready = parse(rendered.canary).spec.strategy.ready.query;
      const asked = (version: string) => ready.replace('{{canary}}', version);
      expect(await waitForSample(prometheus.url, asked('v1.5.1'))).toBe(1);
      expect(await waitForSample(prometheus.url, asked('v1.5.0'))).toBe(1);
      // What the service says of itself never replaces what it was deployed as.
      const requests = 'http_requests_total{job="checkout",version="v1.5.1",exported_version="another"}';
      expect(await waitForSample(prometheus.url, requests)).toBe(7);

      await publish(await apply('-var', 'stable=v1.5.1', '-var', 'canary=v1.6.0'));
      expect(await waitForSample(prometheus.url, asked('v1.6.0'))).toBe(1);
      expect(await waitForSample(prometheus.url, 'absent(up{job="checkout",version="v1.5.0"})')).toBe(1);
    },
    90_000,
  );
});

/** An instance that claims to be another version than it is. */
async function startInstance(): Promise<Server> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end('# TYPE http_requests_total counter\nhttp_requests_total{code="200",version="another"} 7\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
