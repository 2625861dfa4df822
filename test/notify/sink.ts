/** A loopback HTTP server that takes notifications and answers as a test wants. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import type { Notification } from '../../src/notify/message.ts';

export interface Received {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Notification;
}

/** A status, or what to do with the response instead. */
export type Answer = number | ((response: ServerResponse) => void);

export interface Sink {
  readonly port: number;
  readonly received: Received[];
  /** Answers of the next requests, then 204 for ever. */
  readonly answers: Answer[];
  /** Resolves once `count` requests were received. */
  reaches(count: number): Promise<void>;
}

export async function startSink(...answers: Answer[]): Promise<Sink> {
  const received: Received[] = [];
  const waiting = new Set<{ readonly count: number; readonly resolve: () => void }>();
  const server = createServer(async (request, response) => {
    const body = (await json(request)) as Notification;
    received.push({ method: request.method, path: request.url, headers: request.headers, body });
    const answer = answers.shift() ?? 204;
    if (typeof answer === 'number') response.writeHead(answer).end();
    else answer(response);
    for (const waiter of waiting) if (received.length >= waiter.count) waiter.resolve();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return {
    port: (server.address() as AddressInfo).port,
    received,
    answers,
    reaches(count) {
      if (received.length >= count) return Promise.resolve();
      return new Promise((resolve) => {
        waiting.add({ count, resolve });
      });
    },
  };
}
