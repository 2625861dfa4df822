import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningPrometheus, startPrometheus, waitForSample } from '../../infra/prometheus/process.ts';
import { countingOf } from '../../src/core/ledger/counting.ts';
import { type Ledger, newLedger, takePoll } from '../../src/core/ledger/ledger.ts';
import { countersRequest } from '../../src/core/ledger/polls.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type BatchedMeasure, createMeasure } from '../../src/metrics/batch.ts';
import { createPrometheus, type Prometheus } from '../../src/metrics/prometheus.ts';
import { missing } from './real.ts';

const SCRAPE_MS = 1_000;

/** A process that counts its requests; while it is not reachable, it goes on counting. */
interface Exporter {
  readonly address: string;
  add(code: string, requests: number): void;
  /** Everything counted is lost, and it starts now. */
  restart(): void;
  reach(isReachable: boolean): void;
  close(): void;
}

async function startExporter(version: string, startedSeconds: number): Promise<Exporter> {
  let counts: Record<string, number> = {};
  let startedAt = startedSeconds;
  let isReachable = true;
  const server: Server = createServer((_request, response) => {
    const lines = Object.entries(counts).map(
      ([code, count]) => `http_requests_total{version="${version}",code="${code}"} ${count}\n`,
    );
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.statusCode = isReachable ? 200 : 503;
    response.end(`process_start_time_seconds{version="${version}"} ${startedAt}\n${lines.join('')}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    add(code, requests) {
      counts[code] = (counts[code] ?? 0) + requests;
    },
    restart() {
      counts = {};
      startedAt = Date.now() / 1_000;
    },
    reach(may) {
      isReachable = may;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe.skipIf(missing !== null)('the ledger on a Prometheus that scrapes', () => {
  const opened: { close(): unknown }[] = [];
  let canary: Exporter;
  let late: Exporter;
  let stable: Exporter;
  let server: RunningPrometheus;
  let measure: BatchedMeasure;

  beforeAll(async () => {
    const hourAgo = Date.now() / 1_000 - 3_600;
    canary = await startExporter('v2', hourAgo);
    late = await startExporter('v2', hourAgo);
    stable = await startExporter('v1', hourAgo);
    late.reach(false);
    const targets = [canary, late, stable].map(({ address }) => `'${address}'`);
    server = await startPrometheus({
      config: `
global: {scrape_interval: ${SCRAPE_MS}ms}
scrape_configs:
  - {job_name: shop, static_configs: [{targets: [${targets.join(', ')}]}]}
`,
    });
    const prometheus: Prometheus = createPrometheus({ url: server.url, clock: systemClock });
    measure = createMeasure({ prometheus, clock: systemClock, batchMs: 0 });
    opened.push(measure, prometheus);
  });

  afterAll(async () => {
    for (const one of opened) await one.close();
    for (const exporter of [canary, late, stable]) exporter?.close();
    await server?.stop();
  });

  /** Resolves once the exporter was scraped with that count. */
  function scraped({ address }: Exporter, code: string, count: number): Promise<number> {
    return waitForSample(server.url, `http_requests_total{instance="${address}",code="${code}"} == ${count}`);
  }

  test('counts what was injected, over a restart, an instance that comes late, new label values and failed scrapes', async () => {
    const counting = countingOf({
      kind: 'ratio',
      total: 'http_requests_total{job="shop"}',
      bad: 'http_requests_total{job="shop",code=~"5.."}',
      minRequests: 1,
    });
    if (!counting.ok) throw new Error(counting.error);
    const { value: metric } = counting;
    const sums = { canary: [0, 0], stable: [0, 0] };
    let ledger: Ledger = newLedger(SCRAPE_MS);
    let countFrom = 0;

    async function ask(version: string) {
      const plan = { id: version, version, versionLabel: 'version', intervalMs: SCRAPE_MS, now: Date.now() };
      const request = countersRequest(metric, { ...plan, ...ledger });
      // Right behind what was just waited for.
      return measure({ ...request, at: plan.now, intervalMs: 10_000 }, new AbortController().signal);
    }

    /**
     * A slow machine may have missed the last scrapes: then the next one is waited for. So is a scrape of the other
     * version, where it has had none since the poll before.
     */
    async function poll(): Promise<typeof sums> {
      const [ofCanary, ofStable] = await Promise.all([ask('v2'), ask('v1')]);
      const { reading, at } = ofCanary;
      const taken = takePoll(metric, ledger, {
        ...{ at, canary: reading, stable: ofStable.reading, versionLabel: 'version' },
        ...{ countFrom, settleFrom: countFrom },
      });
      const isWalked = taken.ledger.canary !== ledger.canary;
      ledger = JSON.parse(JSON.stringify(taken.ledger));
      if (taken.polled.kind !== 'counted' || !isWalked) return poll();
      for (const arm of ['canary', 'stable'] as const) {
        const tally = taken.polled[arm]?.counted;
        if (tally?.kind !== 'ratio') throw new Error('a ratio is counted');
        sums[arm] = [sums[arm][0]! + tally.requests, sums[arm][1]! + tally.score];
      }
      return sums;
    }

    canary.add('200', 1_000);
    stable.add('200', 9_000);
    await Promise.all([scraped(canary, '200', 1_000), scraped(stable, '200', 9_000)]);
    countFrom = Date.now() - 60_000;
    expect(await poll()).toEqual({ canary: [0, 0], stable: [0, 0] });

    canary.add('200', 7);
    canary.add('500', 2);
    stable.add('200', 90);
    await Promise.all([scraped(canary, '500', 2), scraped(stable, '200', 9_090)]);
    expect(await poll()).toEqual({ canary: [9, 2], stable: [90, 0] });

    canary.restart();
    canary.add('200', 1_500);
    canary.add('500', 3);
    await scraped(canary, '500', 3);
    expect(await poll()).toEqual({ canary: [1_512, 5], stable: [90, 0] });

    late.restart();
    late.add('200', 6);
    late.add('503', 1);
    late.reach(true);
    await scraped(late, '503', 1);
    expect(await poll()).toEqual({ canary: [1_519, 6], stable: [90, 0] });

    canary.reach(false);
    await waitForSample(server.url, `up{instance="${canary.address}"} == 0`);
    canary.add('500', 4);
    stable.add('500', 1);
    await scraped(stable, '500', 1);
    expect(await poll()).toEqual({ canary: [1_519, 6], stable: [91, 1] });
    canary.reach(true);
    await scraped(canary, '500', 7);
    expect(await poll()).toEqual({ canary: [1_523, 10], stable: [91, 1] });
  });
});
