/** Builds the demo's world out of real processes, one after the other as they need each other, and takes it down. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ensurePrometheus } from '../prometheus/fetch.ts';
import { startPrometheus, waitForSample } from '../prometheus/process.ts';
import { startProcess } from './processes.ts';
import { commit, RELEASES, type Release } from './releases.ts';

export interface Instance {
  readonly service: string;
  readonly version: string;
  readonly url: string;
}

export interface World {
  readonly nacos: string;
  readonly prometheus: string;
  readonly gateway: string;
  readonly controller: string;
  readonly instances: readonly Instance[];
  /** Directory of the three declarations. */
  readonly canaries: string;
}

/** What was started so far, and how it ends. */
export interface Stage {
  /** Directory of all that the demo writes; its logs are in `logs`. */
  readonly home: string;
  readonly logs: string;
  /** Aborted with the reason when the demo must end early. */
  readonly signal: AbortSignal;
  build(): Promise<World>;
  /** Ends every process, last started first. */
  clear(): Promise<void>;
  /** Removes what was written. */
  remove(): void;
  /** Last lines of every log that has any. */
  tails(lines: number): string;
}

const SCRIPTS = import.meta.dirname;
const ROOT = resolve(SCRIPTS, '../..');
const RULES = join(ROOT, 'infra/prometheus-rules/*.yml');
const READY_MS = 30_000;
/** The controller finishes what it has in hand within 10 s. */
const CONTROLLER_GRACE_MS = 12_000;
/** The line of the controller's log that says that it is ready, and where. */
const CONTROLLER_READY = /^(?=.*canary controller is ready).*"url":"(http:[^"]+)"/;
const LISTENING = /listening on (http:\/\/\S+)/;

/** Prepares a stage; `abort` is called with a sentence when one of its processes dies by itself. */
export function openStage(signal: AbortSignal, abort: (reason: string) => void): Stage {
  const home = mkdtempSync(join(tmpdir(), 'canary-demo-'));
  const logs = join(home, 'logs');
  const canaries = join(home, 'canaries');
  const controllerTarget = join(home, 'controller.json');
  mkdirSync(logs);
  mkdirSync(canaries);
  const stops: (() => Promise<void>)[] = [];

  /** Known before it has started: whatever fails meanwhile, what comes up afterwards is still ended. */
  function stopLater<Started>(starting: Promise<Started>, stop: (started: Started) => Promise<void>): void {
    stops.push(async () => {
      const started = await starting.catch(() => null);
      if (started !== null) await stop(started);
    });
  }

  async function start(
    name: string,
    ready: RegExp,
    args: readonly string[],
    graceMs?: number,
  ): Promise<string> {
    signal.throwIfAborted();
    const starting = startProcess({
      name,
      args,
      ready,
      logFile: join(logs, `${name.replaceAll(' ', '-')}.log`),
      readyWithinMs: READY_MS,
      onDeath: (reason) => abort(`${name} ended by itself (${reason})`),
    });
    stopLater(starting, (started) => started.stop(graceMs));
    return (await starting).address;
  }

  async function startInstance(release: Release, version: string): Promise<Instance> {
    const share = version === release.canary ? release.failureShare : 0;
    const flags = ['--service', release.service, '--version', version, '--failure-share', String(share)];
    const url = await start(`${release.service} ${version}`, LISTENING, [
      join(ROOT, 'infra/fleet/service.ts'),
      ...flags,
    ]);
    return { service: release.service, version, url };
  }

  async function startMetrics(instances: readonly Instance[]): Promise<string> {
    signal.throwIfAborted();
    const starting = startPrometheus({ config: scrapeConfig(instances, controllerTarget) });
    stopLater(starting, (prometheus) => prometheus.stop());
    return (await starting).url;
  }

  async function build(): Promise<World> {
    await ensurePrometheus();
    const [nacos, ...instances] = await Promise.all([
      start('nacos', LISTENING, [join(ROOT, 'infra/dev-nacos/main.ts'), '--port', '0']),
      ...RELEASES.flatMap((release) => [
        startInstance(release, release.stable),
        startInstance(release, release.canary),
      ]),
    ]);
    const [prometheus, gateway] = await Promise.all([
      startMetrics(instances),
      start('gateway', LISTENING, [
        join(ROOT, 'infra/fleet/gateway.ts'),
        '--nacos',
        nacos,
        ...backends(instances),
      ]),
    ]);
    const rates = RELEASES.flatMap(({ service, perSecond }) => ['--service', `${service}=${perSecond}`]);
    await start('load', /running against (\S+)/, [join(SCRIPTS, 'load.ts'), '--gateway', gateway, ...rates]);
    await waitForSamples(prometheus);
    for (const release of RELEASES) commit(canaries, release, release.stable);
    const controller = await start(
      'controller',
      CONTROLLER_READY,
      [
        ...[join(ROOT, 'src/main.ts'), 'serve', '--canaries', canaries, '--db', join(home, 'canary.db')],
        ...['--listen', '127.0.0.1:0', '--nacos', nacos, '--prometheus', prometheus],
        ...['--tick', '1s', '--log-format', 'json'],
      ],
      CONTROLLER_GRACE_MS,
    );
    // Prometheus was there before it, and is told by a file, complete or not at all.
    writeFileSync(`${controllerTarget}.draft`, JSON.stringify([{ targets: [new URL(controller).host] }]));
    renameSync(`${controllerTarget}.draft`, controllerTarget);
    return { nacos, prometheus, gateway, controller, instances, canaries };
  }

  return {
    home,
    logs,
    signal,
    build,
    async clear() {
      for (const stop of stops.splice(0).reverse()) await stop();
    },
    remove: () => rmSync(home, { recursive: true, force: true }),
    tails: (lines) => tails(logs, lines),
  };
}

function backends(instances: readonly Instance[]): string[] {
  return instances.flatMap(({ service, version, url }) => ['--backend', `${service}=${version}@${url}`]);
}

/**
 * One job for each service, as the founding article has it; targets carry their version, so that `up` does too. The
 * controller is found by a file once it is there. The rules about the controller are loaded too.
 */
function scrapeConfig(instances: readonly Instance[], controllerTarget: string): string {
  const jobs = RELEASES.map(({ service }) => {
    const targets = instances
      .filter((instance) => instance.service === service)
      .map(
        ({ version, url }) =>
          `{targets: ['${new URL(url).host}'], labels: {service: ${service}, version: '${version}'}}`,
      );
    return `  - job_name: ${service}\n    honor_labels: true\n    static_configs: [${targets.join(', ')}]\n`;
  });
  const controller = `  - job_name: canary-controller\n    file_sd_configs: [{files: ['${controllerTarget}'], refresh_interval: 1s}]\n`;
  const pace = '{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}';
  return `global: ${pace}\nrule_files: ['${RULES}']\nscrape_configs:\n${jobs.join('')}${controller}`;
}

async function waitForSamples(prometheus: string): Promise<void> {
  const loaded = RELEASES.filter(({ perSecond }) => perSecond > 0);
  await Promise.all([
    waitForSample(prometheus, `count(up == 1) == ${RELEASES.length * 2}`),
    ...loaded.map(({ service }) =>
      waitForSample(prometheus, `sum(rate(http_requests_total{job="${service}"}[5s])) > 0`),
    ),
  ]);
}

function tails(logs: string, lines: number): string {
  return readdirSync(logs)
    .sort()
    .map((name) => ({ name, text: readFileSync(join(logs, name), 'utf8').trimEnd() }))
    .filter(({ text }) => text !== '')
    .map(({ name, text }) => `--- ${name}\n${text.split('\n').slice(-lines).join('\n')}`)
    .join('\n');
}
