/** A fleet of many services as one scrape target: counters and histograms that grow with time, nothing else running. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

const RPS = 50;
const BUCKETS = [0.05, 0.1, 0.25, 0.5, 1] as const;
const SHARE_BELOW = [0.5, 0.8, 0.95, 0.995, 1] as const;

export interface Fleet {
  /** HOST:PORT of the target. */
  readonly target: string;
  close(): Promise<void>;
}

/** Every service has a healthy stable and a healthy canary version; each counts as if it served 50 requests a second. */
export async function startFleet(services: readonly string[]): Promise<Fleet> {
  const startedAt = performance.now();
  const server: Server = createServer((_request, response) => {
    const requests = Math.floor((RPS * (performance.now() - startedAt)) / 1000);
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(page(services, requests));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    target: `127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function page(services: readonly string[], requests: number): string {
  const lines: string[] = [];
  for (const service of services) {
    for (const version of ['v1', 'v2']) {
      const labels = `service="${service}",version="${version}"`;
      lines.push(`http_requests_total{${labels},code="200"} ${requests}`);
      lines.push(`http_requests_total{${labels},code="500"} 0`);
      for (const [index, le] of BUCKETS.entries()) {
        lines.push(
          `request_latency_bucket{${labels},le="${le}"} ${Math.floor(requests * (SHARE_BELOW[index] ?? 1))}`,
        );
      }
      lines.push(`request_latency_bucket{${labels},le="+Inf"} ${requests}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
