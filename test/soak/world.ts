/** Everything around the daemons of a soak: files, the development Nacos server, the fleet, a real Prometheus. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DumpLag } from '../../infra/dev-nacos/dump.ts';
import { MEASURED_LAG } from '../../infra/dev-nacos/dump.ts';
import { openListening } from '../../infra/dev-nacos/listening.ts';
import { type DevNacos, startDevNacos } from '../../infra/dev-nacos/server.ts';
import { startPrometheus, waitForSample } from '../../infra/prometheus/process.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Tally } from '../simulation/weather.ts';
import { createDaemons, type Daemons } from './daemons.ts';
import { canaryText, FIRST_REVISION, serviceNames, serviceOf } from './declaration.ts';
import { createFleet, type Fleet } from './fleet.ts';
import type { SoakPlan } from './pace.ts';
import { type PrometheusProxy, startProxy } from './proxy.ts';

export interface World {
  readonly directory: string;
  /** Where the Canary files are. */
  readonly canaries: string;
  readonly database: string;
  readonly fleet: Fleet;
  readonly nacos: DevNacos;
  /** Reads of Nacos show a write this much later than usual; 0: as usual. */
  setStaleness(ms: number): void;
  readonly prometheus: PrometheusProxy;
  readonly daemons: Daemons;
  readonly tally: Tally;
  close(): Promise<void>;
}

/** Resolves when Prometheus has samples of every service. No daemon runs yet. */
export async function createWorld(plan: SoakPlan): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'canary-soak-'));
  const closing: (() => unknown)[] = [
    () => {
      if (plan.keepsFiles) plan.say(`everything is in ${directory}`);
      else rmSync(directory, { recursive: true, force: true });
    },
  ];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    return { ...(await assemble(plan, directory, closing)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  { program, canaries: size, pace, seed, nacos: version }: SoakPlan,
  directory: string,
  closing: (() => unknown)[],
): Promise<Omit<World, 'close'>> {
  const canaries = join(directory, 'canaries');
  mkdirSync(canaries);
  const names = serviceNames(size);
  for (const name of names) {
    writeFileSync(join(canaries, `${name}.yaml`), canaryText(name, FIRST_REVISION, pace));
  }
  const fleet = createFleet(names, FIRST_REVISION);
  const { lag, setStaleness } = changingLag();
  const nacos = await startDevNacos({ version, seed, dumpLag: lag });
  closing.push(nacos.close);
  nacos.onPublish(({ dataId, content }) => fleet.route(serviceOf(dataId), content));
  const target = await serveFleet(fleet);
  closing.push(target.close);
  const config = scrapeConfig(target.port, pace.scrapeMs);
  const prometheus = await startPrometheus({ config });
  closing.push(prometheus.stop);
  const proxy = await startProxy(prometheus.url);
  closing.push(proxy.close);
  await waitForSample(prometheus.url, 'count(http_requests_total)', 60_000);
  const database = join(directory, 'canary.db');
  const tally: Tally = {};
  const args = [
    ...['--canaries', canaries, '--db', database, '--tick', `${pace.tickMs}ms`, '--log-format', 'json'],
    ...['--nacos', nacos.url, '--prometheus', proxy.url],
  ];
  const daemons = createDaemons({ program, args, directory, tally });
  closing.push(daemons.close);
  return { directory, canaries, database, fleet, nacos, setStaleness, prometheus: proxy, daemons, tally };
}

/** How far reads are behind, in the measure of real servers until it is changed. */
function changingLag(): { readonly lag: DumpLag; setStaleness(ms: number): void } {
  let staleMs = 0;
  return {
    lag: {
      tickMs: MEASURED_LAG.tickMs,
      get tailShare() {
        return staleMs > 0 ? 1 : MEASURED_LAG.tailShare;
      },
      get tailMs() {
        return staleMs > 0 ? staleMs : MEASURED_LAG.tailMs;
      },
    },
    setStaleness(ms) {
      staleMs = ms;
    },
  };
}

async function serveFleet(fleet: Fleet): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(fleet.page(performance.now()));
  });
  const listening = await openListening(server, '127.0.0.1', 0, systemClock);
  return { port: listening.port(), close: listening.close };
}

function scrapeConfig(port: number, scrapeMs: number): string {
  return `global: {scrape_interval: ${scrapeMs}ms, scrape_timeout: ${scrapeMs}ms}
scrape_configs:
  - {job_name: fleet, static_configs: [{targets: ['127.0.0.1:${port}']}]}
`;
}
