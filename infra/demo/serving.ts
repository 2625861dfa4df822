/** What the demo's own processes share: the line that says where one listens, JSON answers, and a prompt end. */
import { fstatSync } from 'node:fs';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Prints the one start-up line that the demo waits for: "NAME listening on URL". */
export function announce(name: string, server: Server): void {
  const { address, port } = server.address() as AddressInfo;
  console.log(`${name} listening on http://${address}:${port}`);
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

/**
 * Ends the process at SIGTERM or SIGINT, after `cleanUp`, and also when whoever started it with a pipe as its standard
 * input is gone: the pipe closes with its other end, however that died.
 */
export function exitOnSignal(cleanUp: () => void): void {
  const end = () => {
    cleanUp();
    process.exit(0);
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  const stdin = fstatSync(0);
  if (stdin.isSocket() || stdin.isFIFO()) process.stdin.once('end', end).resume();
}
