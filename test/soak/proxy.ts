/** Stands between the daemons and Prometheus, and can be stopped, slowed down and made to answer nothing. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { openListening } from '../../infra/dev-nacos/listening.ts';
import { systemClock } from '../../src/lib/clock.ts';

export interface PrometheusProxy {
  readonly url: string;
  /** Refuses connections until `accept`. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** Each answer is late by this much; 0: none is. */
  setDelay(ms: number): void;
  /** Says that nothing was found, whatever is asked. */
  setEmpty(isEmpty: boolean): void;
  close(): Promise<void>;
}

const NOTHING = JSON.stringify({ status: 'success', data: { resultType: 'vector', result: [] } });

export async function startProxy(target: string): Promise<PrometheusProxy> {
  let delayMs = 0;
  let isEmpty = false;

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    if (delayMs > 0) await wait(delayMs);
    response.setHeader('content-type', 'application/json');
    if (isEmpty) {
      response.end(NOTHING);
      return;
    }
    const { method = 'GET', url = '/', headers } = request;
    const answer = await fetch(`${target}${url}`, {
      method,
      headers: { 'content-type': headers['content-type'] ?? 'text/plain' },
      ...(method === 'POST' ? { body } : {}),
    });
    response.statusCode = answer.status;
    // Whoever asks compares it with its own clock.
    response.setHeader('date', answer.headers.get('date') ?? new Date().toUTCString());
    response.end(await answer.text());
  }

  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  });
  const listening = await openListening(server, '127.0.0.1', 0, systemClock);
  return {
    url: `http://127.0.0.1:${listening.port()}`,
    refuse: () => listening.refuse(),
    accept: listening.accept,
    setDelay(ms) {
      delayMs = ms;
    },
    setEmpty(value) {
      isEmpty = value;
    },
    close: listening.close,
  };
}
