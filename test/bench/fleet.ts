/**
 * The scrape target as a process of its own: `node fleet.ts COUNT`. Prints its address, then serves the page to every
 * GET; a POST of JSON names lets these services fail.
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createFleetPage } from './fleet-page.ts';
import { serviceNames } from './services.ts';

const page = createFleetPage(serviceNames(Number(process.argv[2])));
const startedAt = performance.now();

async function takeFailures(request: IncomingMessage): Promise<void> {
  page.fail(JSON.parse(await text(request)) as string[]);
}

const server = createServer((request, response) => {
  if (request.method === 'POST') {
    void takeFailures(request).then(() => response.end());
    return;
  }
  response.setHeader('content-type', 'text/plain; version=0.0.4');
  // A copy: a scrape that is still being sent must not see the numbers of the next one.
  response.end(Buffer.from(page.at((performance.now() - startedAt) / 1_000)));
});
server.listen(0, '127.0.0.1', () => {
  console.log(`the fleet is listening on 127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.once('SIGTERM', () => process.exit(0));
