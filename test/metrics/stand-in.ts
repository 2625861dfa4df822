/** A loopback HTTP server in the place of Prometheus, for what a real one will not do on demand. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly request: IncomingMessage;
  /** The form that was posted. */
  readonly form: URLSearchParams;
}

export interface StandIn {
  readonly url: string;
  readonly port: number;
  /** Every question so far, oldest first. */
  readonly asked: readonly Asked[];
  /** Resolves once `count` questions have come. */
  hasAsked(count: number): Promise<void>;
  close(): Promise<void>;
}

export async function startStandIn(
  reply: (asked: Asked, response: ServerResponse) => void,
  port = 0,
): Promise<StandIn> {
  const asked: Asked[] = [];
  const watchers = new Set<() => void>();
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const one = { request, form: new URLSearchParams(body) };
    asked.push(one);
    for (const watcher of watchers) watcher();
    reply(one, response);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const actual = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${actual}`,
    port: actual,
    asked,
    hasAsked(count) {
      return new Promise((resolve) => {
        const check = () => {
          if (asked.length < count) return;
          watchers.delete(check);
          resolve();
        };
        watchers.add(check);
        check();
      });
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** A successful answer as Prometheus writes it. */
export function vectorBody(
  rows: readonly { readonly metric: Record<string, string>; readonly value: string }[],
  more: Record<string, unknown> = {},
): string {
  const result = rows.map(({ metric, value }) => ({ metric, value: [1700000000, value] }));
  return JSON.stringify({ status: 'success', data: { resultType: 'vector', result }, ...more });
}
