/** The whole way of an alert: a real Prometheus rule, a real Alertmanager, the real daemon, weight 0 read back. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serveMetrics, startAlerting } from '../support/alerting.ts';
import { noAlertmanager } from '../support/alertmanager.ts';
import {
  aWorld,
  type Cleanup,
  type Daemon,
  history,
  liveWeight,
  readBack,
  until,
  type World,
} from './world.ts';

const SECRET = 'e2e-secret-0123456789';

const RULES = `
groups:
  - name: canary
    rules:
      - alert: CanarySlow
        expr: burning{what="slow"} > 0
        labels: { severity: warning }
        annotations: { summary: the canary is slow }
      - alert: CanaryBurns
        expr: burning{what="errors"} > 0
        labels: { severity: critical }
        annotations: { summary: '{{ $value }} of 1 requests fail' }
      - alert: CanarySells
        expr: burning{what="sales"} > 0
        labels: { canary_action: promote }
        annotations: { summary: it sells }
`;

const missing = await noAlertmanager('the test on a real Alertmanager');

/** A target whose gauges a test sets. */
async function anExporter(cleanup: Cleanup) {
  const burning: Record<'slow' | 'errors' | 'sales', number> = { slow: 0, errors: 0, sales: 0 };
  const port = await serveMetrics(cleanup, () => {
    const lines = Object.entries(burning).map(
      ([what, value]) => `burning{service="shop",what="${what}"} ${value}\n`,
    );
    return `# TYPE burning gauge\n${lines.join('')}`;
  });
  return { burning, port };
}

async function watch(cleanup: Cleanup, { dir }: World, daemon: Daemon, repeat = '4h') {
  const { burning, port } = await anExporter(cleanup);
  await startAlerting(cleanup, {
    dir,
    rules: RULES,
    targets: { shop: `127.0.0.1:${port}` },
    url: await daemon.url(),
    secret: SECRET,
    groupBy: ['alertname', 'service'],
    repeat,
  });
  return burning;
}

interface Parts {
  readonly bake: string;
  readonly metrics: readonly string[];
}

const ERRORS = `{ name: errors, query: 'errors{version="{{version}}"}', maxDelta: 0.01 }`;

/** Unless it is told otherwise, a declaration whose first step goes on until something ends it. */
function declare({ dir }: World, revision: string, parts: Partial<Parts> = {}): void {
  const { bake = '1h', metrics = [ERRORS] } = parts;
  writeFileSync(
    join(dir, 'canaries', 'shop.yaml'),
    `apiVersion: canary/v1
kind: Canary
metadata: { name: shop }
spec:
  revision: ${revision}
  stableRevision: v1
  traffic: { settle: 0s, nacos: { dataId: shop.json } }
  strategy:
    ready: { query: 'instance_up{version="{{canary}}"}' }
    steps: [{ setWeight: 10, bake: ${bake} }, { setWeight: 100, bake: ${bake} }]
  analysis:
    interval: 1s
    window: 1s
    resumeOnResolved: true
    metrics: [${metrics.join(', ')}]
`,
  );
}

function startWithSecret(world: World): Daemon {
  const secretFile = join(world.dir, 'webhook-secret');
  writeFileSync(secretFile, `${SECRET}\n`);
  return world.start([], { CANARY_WEBHOOK_SECRET_FILE: secretFile });
}

test.skipIf(missing !== null)(
  'an alert pauses a canary and lets it go, another one takes it to weight 0 and holds the next start while it fires',
  { timeout: 180_000 },
  async ({ onTestFinished }) => {
    const world = await aWorld(onTestFinished);
    declare(world, 'v2');
    const daemon = startWithSecret(world);
    await daemon.logged(readBack(10));
    const burning = await watch(onTestFinished, world, daemon);

    burning.slow = 1;
    await daemon.logged({
      type: 'Paused',
      message:
        'paused (Alert): alert CanarySlow: the canary is slow; it goes on once every alert that paused it is resolved, or by resume',
    });
    expect(liveWeight(world)).toBe(10);
    burning.slow = 0;
    await daemon.logged({ type: 'PauseEnded' });

    burning.errors = 1;
    await daemon.logged({ type: 'RolloutEnded', facts: { outcome: 'RolledBack', revision: 'v2' } });
    await daemon.logged(readBack(0));
    expect(liveWeight(world)).toBe(0);
    expect(await daemon.get('/api/v1/canaries/shop')).toMatchObject({
      phase: 'RolledBack',
      weight: { observed: 0 },
      reason: expect.stringContaining('alert CanaryBurns: 1 of 1 requests fail'),
    });

    declare(world, 'v3');
    const next = async () => (await daemon.get('/api/v1/canaries/shop')) as { phase: string; reason: string };
    await until(async () => (await next()).reason.startsWith('alert CanaryBurns is firing'));
    expect(await next()).toMatchObject({ phase: 'Waiting' });
    expect(liveWeight(world)).toBe(0);
    burning.errors = 0;
    await until(() => liveWeight(world) === 10);

    const told = (await history(daemon)).filter((type) => type.startsWith('Signal'));
    expect(told).toEqual([
      'SignalReceived',
      'SignalResolved',
      'SignalReceived',
      'SignalApplied',
      'SignalResolved',
    ]);
    const body = (await daemon.get('/api/v1/webhooks/1')) as { type: string; body: string };
    expect(JSON.parse(body.body)).toMatchObject({ version: '4', status: 'firing' });
    expect(JSON.stringify([daemon.lines, body])).not.toContain(SECRET);
  },
);

test.skipIf(missing !== null)(
  'an alert that asks for a promotion is what each step waits for, until the canary has all traffic',
  { timeout: 180_000 },
  async ({ onTestFinished }) => {
    const world = await aWorld(onTestFinished);
    declare(world, 'v2', {
      bake: '1s',
      metrics: [ERRORS, '{ name: sales, external: { alert: CanarySells } }'],
    });
    const daemon = startWithSecret(world);
    await daemon.logged(readBack(10));
    const shop = () => daemon.get('/api/v1/canaries/shop') as Promise<{ reason: string }>;
    // All but the alert is there.
    await until(async () => (await shop()).reason.startsWith('sales: 0 of 3 passes collected'));
    expect(liveWeight(world)).toBe(10);

    const burning = await watch(onTestFinished, world, daemon, '1s');
    burning.sales = 1;
    await daemon.logged(readBack(100));
    await daemon.logged({
      type: 'RolloutEnded',
      facts: { outcome: 'Promoted', revision: 'v2', weight: 100 },
    });
    expect(liveWeight(world)).toBe(100);
    expect(world.stored).toEqual([10, 100, 100]);
  },
);
