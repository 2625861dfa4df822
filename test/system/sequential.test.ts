/** The sequential judge on real counters: an exporter, a real Prometheus, the real daemon killed in between. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startPrometheus, waitForSample } from '../../infra/prometheus/process.ts';
import { missing } from '../metrics/real.ts';
import { serveMetrics } from '../support/alerting.ts';
import { aWorld, type Cleanup, type Daemon, ended, liveWeight, until, type World } from './world.ts';

const VERSIONS = ['v1', 'v2', 'v3'] as const;
/** Requests of the whole service between two scrapes. */
const REQUESTS = 1000;
const FAILED: Readonly<Record<string, number>> = { v1: 0.001, v2: 0.001, v3: 0.02 };

/** A target for each version, whose counters grow at each scrape by what the live weight gives it. */
async function anExporter(cleanup: Cleanup, world: World) {
  const startedAt = Date.now() / 1000;
  const counts: Record<string, { good: number; bad: number }> = {};
  return serveMetrics(cleanup, (path) => {
    const version = path.slice(1);
    const weight = liveWeight(world) ?? 0;
    const requests =
      REQUESTS * (version === 'v1' ? 1 - weight / 100 : version === live(world) ? weight / 100 : 0);
    const bad = requests * (FAILED[version] ?? 0);
    const { good: goodBefore, bad: badBefore } = counts[version] ?? { good: 0, bad: 0 };
    counts[version] = { good: goodBefore + requests - bad, bad: badBefore + bad };
    return [
      '# TYPE http_requests_total counter',
      `http_requests_total{code="200"} ${counts[version].good}`,
      `http_requests_total{code="500"} ${counts[version].bad}`,
      '# TYPE process_start_time_seconds gauge',
      `process_start_time_seconds ${startedAt}`,
      '',
    ].join('\n');
  });
}

/** The revision that the live document names as its canary. */
function live({ nacos }: World): string | null {
  const document = nacos.get('shop.json', 'CANARY_GROUP');
  return document === undefined ? null : JSON.parse(document.content).rules[0].condition.canaryVersion;
}

async function aPrometheus(cleanup: Cleanup, port: number): Promise<string> {
  const targets = VERSIONS.map(
    (version) =>
      `{ targets: ['127.0.0.1:${port}'], labels: { version: ${version}, instance: ${version}, __metrics_path__: /${version} } }`,
  );
  const prometheus = await startPrometheus({
    config: `
global: { scrape_interval: 1s }
scrape_configs: [{ job_name: shop, static_configs: [${targets.join(', ')}] }]
`,
  });
  cleanup(() => prometheus.stop());
  await waitForSample(prometheus.url, 'http_requests_total{version="v1",code="200"}');
  return prometheus.url;
}

function declare({ dir }: World, revision: string, stable: string): void {
  writeFileSync(
    join(dir, 'canaries', 'shop.yaml'),
    `apiVersion: canary/v1
kind: Canary
metadata: { name: shop }
spec:
  revision: ${revision}
  stableRevision: ${stable}
  traffic: { settle: 0s, nacos: { dataId: shop.json } }
  strategy:
    ready: { query: 'up{version="{{canary}}"}' }
    steps: [{ setWeight: 10, bake: 1s }, { setWeight: 50, bake: 1s }, { setWeight: 100, bake: 1h }]
  analysis:
    interval: 1s
    window: 4s
    judge: sequential
    metrics:
      - name: errors
        ratio: { bad: 'http_requests_total{job="shop",code="500"}', total: 'http_requests_total{job="shop"}' }
        maxDelta: 0.005
`,
  );
}

/** What the judge says now, and the requests of the canary that it has judged. */
async function verdict(daemon: Daemon): Promise<{ detail: string; failed: number; judged: number }> {
  const { metrics } = (await daemon.get('/api/v1/canaries/shop')) as { metrics: { detail: string }[] };
  const detail = metrics[0]?.detail ?? '';
  const [, failed = '0', judged = '0'] = /canary ([\d.]+) of (\d+) failed/.exec(detail) ?? [];
  return { detail, failed: Number(failed), judged: Number(judged) };
}

test.skipIf(missing !== null)(
  'a good revision goes up on its evidence; a bad one is taken back, although the daemon was killed in between',
  { timeout: 180_000 },
  async ({ onTestFinished }) => {
    const world = await aWorld(onTestFinished);
    const url = await aPrometheus(onTestFinished, await anExporter(onTestFinished, world));
    const start = () => world.start(['--prometheus', url]);
    declare(world, 'v2', 'v1');
    const first = start();
    await until(() => liveWeight(world) === 100);
    expect(world.stored).toEqual([10, 50, 100]);

    declare(world, 'v1', 'v1');
    await until(() => liveWeight(world) === 0);
    declare(world, 'v3', 'v1');
    await until(async () => live(world) === 'v3' && (await verdict(first)).judged > 0);
    const before = await verdict(first);
    first.kill('SIGKILL');
    await first.ended;

    const second = start();
    await until(async () => (await verdict(second)).judged > 0);
    // A test that began again would have judged less.
    expect((await verdict(second)).judged).toBeGreaterThanOrEqual(before.judged);
    const { message } = await second.logged(ended('RolledBack'));
    expect(message).toContain('errors: odds ');
    await until(() => liveWeight(world) === 0);
    const after = await verdict(second);
    expect(after.judged).toBeGreaterThan(before.judged);
    // Every request is counted once: two of a hundred failed, in each scrape.
    expect(after.failed).toBe(after.judged / 50);
  },
);
