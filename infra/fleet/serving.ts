/** What the fleet's processes share: the line that says where one listens, JSON answers, and an orderly end. */
import { fstatSync } from 'node:fs';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Requests in flight have this long to finish. */
const DRAIN_MS = 5_000;

/** Prints the one start-up line that others wait for: "NAME listening on URL". */
export function announce(name: string, server: Server): void {
  const { address, port } = server.address() as AddressInfo;
  console.log(`${name} listening on http://${address}:${port}`);
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

/** Accepts nothing more, and resolves when what is in flight is answered. */
export function drain(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

/**
 * Ends the process at SIGTERM or SIGINT, when `cleanUp` is done or takes too long, and also when whoever started it
 * with a pipe as its standard input is gone: the pipe closes with its other end, however that died.
 */
export function exitOnSignal(cleanUp: () => unknown): void {
  const end = () => {
    setTimeout(() => process.exit(0), DRAIN_MS).unref();
    void Promise.resolve(cleanUp()).finally(() => process.exit(0));
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  const stdin = fstatSync(0);
  if (stdin.isSocket() || stdin.isFIFO()) process.stdin.once('end', end).resume();
}
