import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { startAlertmanager } from '../../infra/prometheus/alertmanager.ts';
import { ensurePrometheus } from '../../infra/prometheus/fetch.ts';
import { loadConfig } from '../../src/config.ts';
import { parseFile } from '../../src/spec/parse.ts';
import { noAlertmanager } from '../support/alertmanager.ts';
import { find, run, skipped } from '../terraform/tools.ts';
import { selfSigned } from '../traffic/certificate.ts';
import { FOLDER, ROOT } from './dockerfile.ts';

const Named = z.union([z.string(), z.object({ source: z.string(), target: z.string() })]);
const Service = z.looseObject({
  image: z.string(),
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  secrets: z.array(Named).default([]),
  env_file: z.array(z.string()).default([]),
  build: z.looseObject({ target: z.string() }).optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
});
const Compose = z.looseObject({
  services: z.record(z.string(), Service),
  volumes: z.record(z.string(), z.unknown()),
  secrets: z.record(z.string(), z.object({ file: z.string() })),
});

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const compose = Compose.parse(parse(read('infra/docker/compose.yaml'), { merge: true }));
const services = Object.entries(compose.services).map(([name, service]) => ({ name, ...service }));
const { version } = JSON.parse(read('package.json'));

describe('the images of the stack', () => {
  test.each(services)('of $name is pinned', ({ image }) => {
    expect(image).toMatch(/^[^:@\s]+:v?\d+\.\d+\.\d+$/);
  });

  test('that are built here have the version of the package, as in Terraform and in the pages', () => {
    const built = services.filter(({ build }) => build !== undefined).map(({ image }) => image);
    expect(new Set(built)).toEqual(new Set([`canary-controller:${version}`, `canary-fleet:${version}`]));
    const pages = ['infra/docker/Dockerfile', 'docs/how-to/docker.md', 'infra/terraform/README.md'];
    for (const page of [...pages, 'infra/terraform/modules/canary_controller/variables.tf']) {
      const tags = [...read(page).matchAll(/canary-(?:controller|fleet):(\d[\w.-]*\w)/g)].map(
        ([, tag]) => tag,
      );
      expect(tags.length, page).toBeGreaterThan(0);
      expect(new Set(tags), page).toEqual(new Set([version]));
    }
  });

  test('of others are those that Terraform runs', () => {
    const modules = ['nacos/main.tf', 'monitoring/variables.tf'];
    const terraform = modules.map((path) => read(`infra/terraform/modules/${path}`)).join();
    const others = services.filter(({ build }) => build === undefined);
    expect(others.filter(({ image }) => !terraform.includes(`"${image}"`))).toEqual([]);
  });
});

describe('each container of the stack', () => {
  const ours = services.filter(({ name }) => !name.startsWith('nacos'));

  test.each(ours)('$name has a root that it cannot write to, and no capability', (service) => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
    expect(service.security_opt).toEqual(['no-new-privileges']);
  });

  test.each(services)('$name is published on loopback only', ({ ports }) => {
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  test.each(services)('$name finds what it mounts', ({ volumes, secrets }) => {
    for (const volume of volumes) {
      const [source = ''] = volume.split(':');
      const isThere = source.startsWith('.') ? existsSync(join(FOLDER, source)) : source in compose.volumes;
      expect(isThere, source).toBe(true);
    }
    const names = secrets.map((secret) => (typeof secret === 'string' ? secret : secret.source));
    expect(names.filter((name) => !(name in compose.secrets))).toEqual([]);
  });
});

test('the settings of the controller are those it knows, and it starts with them', () => {
  const { environment = {} } = compose.services['controller'] ?? {};
  const config = loadConfig({
    flags: {},
    env: { ...environment, CANARY_CANARIES: '/etc/canary/canaries' },
    readFile: (path) => (path.startsWith('/run/secrets/') ? `secret-of-${path.slice(13)}\n` : ''),
    isCheckout: false,
    isTerminal: false,
  });
  expect(config).toMatchObject({
    ok: true,
    value: { nacos: { credentials: { password: 'secret-of-nacos-canary' } } },
  });
});

test('the settings for TLS on the page are those it knows, and every secret there is declared', () => {
  const [, text = ''] =
    /^```yaml\n(# infra\/docker\/compose\.override[\s\S]*?)^```$/m.exec(read('docs/how-to/docker.md')) ?? [];
  // Compose's own tags, as `!override`, are no mistake.
  const { services: over, secrets } = parse(text, { logLevel: 'error' });
  const { cert, key } = selfSigned('controller', false);
  const files: Record<string, string> = {
    '/run/secrets/tokens': 'tokens: []',
    '/run/secrets/tls-cert': cert,
    '/run/secrets/tls-key': key,
  };
  const { environment = {} } = compose.services['controller'] ?? {};
  const config = loadConfig({
    flags: {},
    env: { ...environment, ...over.controller.environment, CANARY_CANARIES: '/etc/canary/canaries' },
    readFile: (path) => files[path] ?? `secret-of-${path}\n`,
    isCheckout: false,
    isTerminal: false,
  });
  expect(config).toMatchObject({
    ok: true,
    value: { tls: { cert: { path: '/run/secrets/tls-cert' }, key: { path: '/run/secrets/tls-key' } } },
  });
  const used = Object.entries(over).flatMap(([name, service]) => {
    expect(Object.keys(compose.services)).toContain(name);
    const { secrets: own = [] } = service as { secrets?: (string | { source: string })[] };
    return own.map((secret) => (typeof secret === 'string' ? secret : secret.source));
  });
  expect(new Set(used)).toEqual(new Set(Object.keys(secrets)));
});

test('its Canary has no mistake, and its versions are those that run and are scraped', () => {
  const file = 'infra/docker/canaries/checkout.yaml';
  const { diagnostics, specs } = parseFile(read(file), 'checkout.yaml');
  expect(diagnostics).toEqual([]);
  const running = services
    .map(({ environment }) => environment['APP_VERSION'])
    .filter((each) => each !== undefined);
  const { fallback, versions } = JSON.parse(read('infra/docker/backends.json'));
  expect(Object.keys(versions)).toEqual(running);
  expect(specs.map(({ canary }) => canary.stableRevision)).toEqual([fallback]);
  const scraped = parse(read('infra/docker/monitoring/prometheus.yml')).scrape_configs.flatMap(
    (job: { static_configs: { labels?: { version: string } }[] }) =>
      job.static_configs.flatMap(({ labels }) => labels?.version ?? []),
  );
  expect(scraped).toEqual(running);
});

test('Prometheus accepts its configuration', async () => {
  const { promtool } = await ensurePrometheus();
  const ended = await run(promtool, ['check', 'config', join(FOLDER, 'monitoring/prometheus.yml')]);
  expect(ended, ended.said).toMatchObject({ code: 0 });
});

test('Alertmanager accepts its configuration', async ({ skip }) => {
  const reason = await noAlertmanager('the configuration of Alertmanager in the stack');
  if (reason !== null) return skip(reason);
  const alertmanager = await startAlertmanager(read('infra/docker/monitoring/alertmanager.yml'));
  onTestFinished(() => alertmanager.stop());
  const { config } = (await (await fetch(`${alertmanager.url}/api/v2/status`)).json()) as {
    config: { original: string };
  };
  expect(config.original).toContain('http://controller:5001/webhooks/alertmanager');
});

describe('secrets.sh', () => {
  test('makes every secret that the stack names, readable by containers and in a folder of its own', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'secrets-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await cp(join(FOLDER, 'secrets.sh'), join(folder, 'secrets.sh'));
    const make = () => run('sh', [join(folder, 'secrets.sh')]);
    const contents = () =>
      Object.fromEntries(
        readdirSync(join(folder, 'secrets')).map((name) => [
          name,
          readFileSync(join(folder, 'secrets', name), 'utf8'),
        ]),
      );
    expect(await make()).toMatchObject({ code: 0 });
    const first = contents();
    const named = [
      ...Object.values(compose.secrets).map(({ file }) => file),
      ...services.flatMap(({ env_file }) => env_file),
    ];
    expect(
      Object.keys(first)
        .map((name) => `secrets/${name}`)
        .sort(),
    ).toEqual([...new Set(named)].sort());
    expect(new Set(Object.values(first)).size).toBe(Object.keys(first).length);
    expect(statSync(join(folder, 'secrets')).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'secrets/nacos-canary')).mode & 0o777).toBe(0o644);
    const [, key = ''] = /^NACOS_AUTH_TOKEN=(\S+)$/m.exec(first['nacos.env'] ?? '') ?? [];
    expect(Buffer.from(key, 'base64').length).toBeGreaterThanOrEqual(32);

    expect(await make()).toMatchObject({ code: 0, said: '' });
    expect(contents()).toEqual(first);
  });

  test('is clean under shellcheck', async () => {
    const shellcheck = await find('shellcheck');
    if (shellcheck === null) return void skipped('shellcheck of infra/docker', 'shellcheck is not on PATH');
    const ended = await run(shellcheck, [resolve(FOLDER, 'secrets.sh')]);
    expect(ended.said).toBe('');
  });
});
