/**
 * A second pair of eyes, from end to end: the rules that `canary grafana export` writes for a Canary, evaluated by a real
 * Prometheus and sent by a real Alertmanager, pause it, or take it to weight 0, while the controller itself sees nothing.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProcess } from '../cli/run.ts';
import { startMeasured } from '../faults/measured.ts';
import { serveMetrics, startAlerting } from '../support/alerting.ts';
import { noAlertmanager } from '../support/alertmanager.ts';
import { aWorld, type Cleanup, type Daemon, liveWeight, readBack, type World } from '../system/world.ts';

const SECRET = 'loop-secret-0123456789';

/** A Canary with a document of its own, whose metric of errors has these fields more. Not to know pauses nothing. */
function canaryOf(name: string, more: string): string {
  return `apiVersion: canary/v1
kind: Canary
metadata: { name: ${name} }
spec:
  service: shop
  revision: v2
  stableRevision: v1
  traffic: { settle: 0s, nacos: { dataId: ${name}.json } }
  strategy:
    ready: { query: 'instance_up{version="{{canary}}"}' }
    steps: [{ setWeight: 10, bake: 1h }, { setWeight: 100, bake: 1h }]
  analysis:
    interval: 1s
    window: 5s
    onNoData: hold
    metrics:
      - name: errors
        ratio: { bad: 'http_requests_total{code=~"5.."}', total: 'http_requests_total' }
        maxDelta: 0.005
        ${more}
`;
}

const missing = await noAlertmanager('the loop by exported rules');

/** A service of which each scrape sees twenty requests more a version; `failing` of those of v2 fail. */
async function aService(cleanup: Cleanup) {
  const service = { failing: 0, port: 0 };
  const counts = new Map<string, number>();
  const count = (labels: string, by: number) => {
    if (by > 0) counts.set(labels, (counts.get(labels) ?? 0) + by);
  };
  service.port = await serveMetrics(cleanup, () => {
    count('version="v1",code="200"', 20);
    count('version="v2",code="200"', 20 - service.failing);
    count('version="v2",code="503"', service.failing);
    const lines = [...counts].map(([labels, value]) => `http_requests_total{${labels}} ${value}\n`);
    return `# TYPE http_requests_total counter\n${lines.join('')}`;
  });
  return service;
}

async function watch(cleanup: Cleanup, { dir }: World, daemon: Daemon, port: number): Promise<void> {
  const url = await daemon.url();
  const exported = await runProcess(['grafana', 'export', join(dir, 'canaries'), '--format', 'prometheus']);
  expect(exported).toMatchObject({ code: 0, talk: '' });
  const targets = { shop: `127.0.0.1:${port}`, 'canary-controller': new URL(url).host };
  const groupBy = ['alertname', 'canary'];
  await startAlerting(cleanup, { dir, rules: exported.out, targets, url, secret: SECRET, groupBy });
}

test.skipIf(missing !== null)(
  'exported rules hold or take back a canary that begins to fail while stable never failed',
  { timeout: 120_000 },
  async ({ onTestFinished }) => {
    // The Prometheus that the controller asks is one that has never seen a request.
    const measured = await startMeasured();
    onTestFinished(() => measured.stop());
    const world = await aWorld(onTestFinished, { measured });
    // With patience the metric has the threshold judge, whose rules ask for what the file does; without, the default.
    writeFileSync(join(world.dir, 'canaries', 'shop.yaml'), canaryOf('shop', 'for: 1s'));
    writeFileSync(join(world.dir, 'canaries', 'till.yaml'), canaryOf('till', ''));
    const secretFile = join(world.dir, 'webhook-secret');
    writeFileSync(secretFile, `${SECRET}\n`);
    const daemon = world.start([], { CANARY_WEBHOOK_SECRET_FILE: secretFile });
    await Promise.all(['shop', 'till'].map((canary) => daemon.logged({ ...readBack(10), canary })));
    const service = await aService(onTestFinished);
    await watch(onTestFinished, world, daemon, service.port);

    service.failing = 1;
    await daemon.logged({
      type: 'RolloutEnded',
      canary: 'shop',
      facts: { outcome: 'RolledBack', revision: 'v2' },
    });
    await daemon.logged({ ...readBack(0), canary: 'shop' });
    expect(liveWeight(world)).toBe(0);
    const above = /errors of \w+ is above stable by more than 0\.005: 0\.0/;
    expect(await daemon.get('/api/v1/canaries/shop')).toMatchObject({
      phase: 'RolledBack',
      reason: expect.stringMatching(above),
    });

    await daemon.logged({ type: 'Paused', canary: 'till' });
    expect(await daemon.get('/api/v1/canaries/till')).toMatchObject({
      phase: 'Paused',
      reason: expect.stringMatching(above),
    });
  },
);
