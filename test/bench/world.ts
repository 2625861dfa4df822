/** Everything around the daemon, in processes of their own: a fleet, a real Prometheus, the development Nacos server. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startProcess } from '../../infra/demo/processes.ts';
import { startPrometheus, waitForSample } from '../../infra/prometheus/process.ts';
import { type Cores, findCores } from './cores.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { type Documents, type NacosVersion, openDocuments } from './documents.ts';
import { canaryFile, type Declaration, scrapeSeconds, serviceNames } from './services.ts';

const NACOS = resolve(import.meta.dirname, '../../infra/dev-nacos/main.ts');
const FLEET = resolve(import.meta.dirname, 'fleet.ts');
const READY_MS = 60_000;
/** A page of 10,000 services takes Prometheus a while the first time. */
const FIRST_SAMPLE_MS = 120_000;

export interface WorldPlan {
  readonly canaries: number;
  readonly intervalS: number;
  readonly nacos: NacosVersion;
  /** Declares the canary at this place. */
  readonly declare: (index: number) => Declaration;
}

export interface World {
  readonly services: readonly string[];
  /** A folder of this run, on the disk that the databases are on. */
  readonly directory: string;
  readonly cores: Cores;
  readonly documents: Documents;
  readonly nacosUrl: string;
  readonly prometheusUrl: string;
  /** Processes beside the daemon, this one included. */
  readonly others: readonly number[];
  /** Lets the canary version of these services fail from now on. */
  fail(services: readonly string[]): Promise<void>;
  /** Starts a daemon on the files; it is stopped with the world. */
  daemon(database: string, imports?: readonly string[]): Promise<Daemon>;
  close(): Promise<void>;
}

/** Starts all of it and resolves once Prometheus has samples of every service. */
export async function createWorld(plan: WorldPlan): Promise<World> {
  const cores = findCores();
  const directory = mkdtempSync(join(tmpdir(), 'canary-bench-'));
  const closing: (() => unknown)[] = [() => rmSync(directory, { recursive: true, force: true })];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    return await assemble(plan, cores, directory, closing, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  plan: WorldPlan,
  cores: Cores,
  directory: string,
  closing: (() => unknown)[],
  close: () => Promise<void>,
): Promise<World> {
  const services = serviceNames(plan.canaries);
  const canaries = join(directory, 'canaries');
  mkdirSync(canaries);
  for (const [index, name] of services.entries()) {
    writeFileSync(join(canaries, `${name}.yaml`), canaryFile(name, plan.declare(index)));
  }
  const start = async (name: string, args: readonly string[], ready: RegExp) => {
    const plan = { name, args, ready, logFile: join(directory, `${name}.log`), readyWithinMs: READY_MS };
    const started = await startProcess({
      ...plan,
      onDeath: (reason) => console.error(`${name} ended: ${reason}`),
    });
    closing.push(() => started.stop());
    return started;
  };
  const fleet = await start('fleet', [FLEET, String(plan.canaries)], /listening on (\S+)/);
  const nacosArgs = [NACOS, '--port', '0', '--version', plan.nacos];
  const nacos = await start('nacos', nacosArgs, /listening on (\S+)/);
  const prometheus = await startPrometheus({ config: scrapeConfig(fleet.address, plan.intervalS) });
  closing.push(prometheus.stop);
  const others = [process.pid, fleet.pid, nacos.pid, prometheus.pid];
  for (const pid of others) cores.moveAway(pid);
  const documents = openDocuments(nacos.address, plan.nacos);
  closing.push(documents.close);
  await waitForSample(prometheus.url, 'count(http_requests_total)', FIRST_SAMPLE_MS);
  return {
    services,
    directory,
    cores,
    documents,
    nacosUrl: nacos.address,
    prometheusUrl: prometheus.url,
    others,
    async fail(names) {
      await fetch(`http://${fleet.address}/`, { method: 'POST', body: JSON.stringify(names) });
    },
    async daemon(database, imports = []) {
      const addresses = { nacosUrl: nacos.address, prometheusUrl: prometheus.url };
      const daemon = await startDaemon({ cores, canaries, database, imports, ...addresses });
      closing.push(() => daemon.stop());
      return daemon;
    },
    close,
  };
}

function scrapeConfig(target: string, intervalS: number): string {
  return `global: {scrape_interval: ${scrapeSeconds(intervalS)}s}
scrape_configs:
  - {job_name: fleet, static_configs: [{targets: ['${target}']}]}
`;
}
