import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningPrometheus, startPrometheus, waitForSample } from '../../infra/prometheus/process.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createMeasure } from '../../src/metrics/batch.ts';
import { createPrometheus } from '../../src/metrics/prometheus.ts';
import { missing } from './real.ts';
import { ratioRequest } from './requests.ts';

describe.skipIf(missing !== null)('a Prometheus that scrapes', () => {
  let exporter: Server;
  let server: RunningPrometheus;
  let requests = 0;

  beforeAll(async () => {
    exporter = createServer((_request, response) => {
      requests += 10;
      response.setHeader('content-type', 'text/plain; version=0.0.4');
      response.end(
        `# TYPE http_requests_total counter\nhttp_requests_total{version="v2",code="200"} ${requests}\n`,
      );
    });
    await new Promise<void>((resolve) => exporter.listen(0, '127.0.0.1', resolve));
    const { port } = exporter.address() as AddressInfo;
    server = await startPrometheus({
      config: `
global: {scrape_interval: 1s}
scrape_configs:
  - {job_name: shop, static_configs: [{targets: ['127.0.0.1:${port}']}]}
`,
    });
  });

  afterAll(async () => {
    exporter?.closeAllConnections();
    exporter?.close();
    await server?.stop();
  });

  test('has a value while its target answers, and none as soon as it is gone', async () => {
    const prometheus = createPrometheus({ url: server.url, clock: systemClock });
    const measure = createMeasure({ prometheus, clock: systemClock, batchMs: 0 });
    const look = async () => {
      const request = ratioRequest('shop', 'v2', { windowMs: 30_000, intervalMs: 5_000 });
      return (await measure(request, new AbortController().signal)).reading;
    };

    await waitForSample(server.url, 'rate(http_requests_total[30s])');
    expect(await look()).toMatchObject({ kind: 'value', value: 0, requests: expect.any(Number) });

    exporter.closeAllConnections();
    exporter.close();
    await waitForSample(server.url, 'up == 0');
    expect(await look()).toEqual({
      kind: 'noData',
      why: 'stale',
      detail: 'the last scrape failed, or the targets are gone',
    });

    await server.stop();
    expect(await look()).toMatchObject({ kind: 'error', structural: false, code: 'PROM_CONNECT' });
    expect(prometheus.isUp()).toBe(false);
    await measure.close();
    await prometheus.close();
  });
});
