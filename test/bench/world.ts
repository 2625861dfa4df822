/** Everything around the daemon, in processes of their own: a fleet, a real Prometheus, the development Nacos server. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type StartedProcess, startProcess } from '../../infra/demo/processes.ts';
import { startPrometheus, waitForSample } from '../../infra/prometheus/process.ts';
import type { Cores } from './cores.ts';
import { type Daemon, type DaemonPlan, startDaemon } from './daemon.ts';
import { type Documents, type NacosVersion, openDocuments } from './documents.ts';
import { type Floor, measureFloor } from './floor.ts';
import { say } from './say.ts';
import { canaryFile, type Declaration, scrapeMs, serviceNames } from './services.ts';

const NACOS = resolve(import.meta.dirname, '../../infra/dev-nacos/main.ts');
const FLEET = resolve(import.meta.dirname, 'fleet.ts');
const READY_MS = 60_000;
/** A page of 10,000 services takes Prometheus a while the first time. */
const FIRST_SAMPLE_MS = 120_000;

export interface WorldPlan {
  readonly canaries: number;
  readonly intervalS: number;
  readonly cores: Cores;
  /** Default 3.1. */
  readonly nacos?: NacosVersion;
}

export interface World {
  readonly services: readonly string[];
  readonly documents: Documents;
  readonly prometheusUrl: string;
  readonly floor: Floor;
  /** Processes beside the daemon, this one included. */
  readonly others: readonly number[];
  /** Writes the Canary file of a service. */
  declare(service: string, declaration: Declaration): void;
  /** Lets the canary version of these services fail from now on. */
  fail(services: readonly string[]): Promise<void>;
  /** Starts a daemon on the files and the database of this world; it ends with the world. */
  daemon(options?: Pick<DaemonPlan, 'commitDelayMs' | 'keepsCommits' | 'onLine'>): Promise<Daemon>;
}

/** What is to be closed, in the order of its making. */
type Closers = (() => unknown)[];

/** Starts all of it, waits for samples of every service, and closes it after `use`. */
export async function withWorld(plan: WorldPlan, use: (world: World) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'canary-bench-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  process.once('exit', remove);
  const closers: Closers = [() => process.off('exit', remove), remove];
  try {
    await use(await createWorld(plan, directory, closers));
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

async function createWorld(plan: WorldPlan, directory: string, closers: Closers): Promise<World> {
  const { cores, intervalS, nacos: version = '3.1' } = plan;
  say(`starting the world of ${plan.canaries} services`);
  const services = serviceNames(plan.canaries);
  const start = starter(directory, closers);
  const fleet = await start('fleet', [FLEET, String(plan.canaries)]);
  const nacos = await start('nacos', [NACOS, '--port', '0', '--version', version]);
  const prometheus = await startPrometheus({ config: scrapeConfig(fleet.address, intervalS) });
  closers.push(prometheus.stop);
  const others = [process.pid, fleet.pid, nacos.pid, prometheus.pid];
  for (const pid of others) cores.moveAway(pid);
  const documents = openDocuments(nacos.address, version);
  closers.push(documents.close);
  const floor = await measureFloor(directory, nacos.address, cores);
  await waitForSample(prometheus.url, 'count(http_requests_total)', FIRST_SAMPLE_MS);
  const canaries = join(directory, 'canaries');
  mkdirSync(canaries);
  const database = join(directory, 'canary.db');
  const place = { cores, canaries, database, nacosUrl: nacos.address, prometheusUrl: prometheus.url };
  return {
    services,
    documents,
    prometheusUrl: prometheus.url,
    floor,
    others,
    declare(service, declaration) {
      writeFileSync(join(canaries, `${service}.yaml`), canaryFile(service, declaration));
    },
    async fail(names) {
      await fetch(`http://${fleet.address}/`, { method: 'POST', body: JSON.stringify(names) });
    },
    async daemon(options) {
      const daemon = await startDaemon({ ...place, ...options });
      closers.push(() => daemon.stop());
      return daemon;
    },
  };
}

function starter(
  directory: string,
  closers: Closers,
): (name: string, args: readonly string[]) => Promise<StartedProcess> {
  return async (name, args) => {
    const started = await startProcess({
      name,
      args,
      ready: /listening on (\S+)/,
      logFile: join(directory, `${name}.log`),
      readyWithinMs: READY_MS,
      onDeath: (reason) => say(`${name} ended: ${reason}`),
    });
    closers.push(() => started.stop());
    return started;
  };
}

function scrapeConfig(target: string, intervalS: number): string {
  return `global: {scrape_interval: ${scrapeMs(intervalS)}ms}
scrape_configs:
  - {job_name: fleet, static_configs: [{targets: ['${target}']}]}
`;
}
