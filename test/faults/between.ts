/** A proxy between one daemon and Prometheus, for what a healthy server will not do on demand. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { type Asked, type StandIn, startStandIn } from '../metrics/stand-in.ts';

export type Spoil =
  /** The answer comes this much later. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Something on the way answers in the place of Prometheus. */
  | { readonly kind: 'status'; readonly status: number }
  /** The query goes to another path of Prometheus. */
  | { readonly kind: 'path'; readonly path: string };

export interface Between {
  readonly url: string;
  /** Every query so far, oldest first. */
  readonly asked: readonly Asked[];
  /** From now on every answer is spoiled; null: none. */
  spoil(how: Spoil | null): void;
  /** Answers that were spoiled. */
  spoiled(): number;
  /** Prometheus' clock goes with the daemon's, this far from the real one. */
  setClock(aheadMs: number): void;
  close(): Promise<void>;
}

const QUERY_PATH = '/api/v1/query';

export async function startBetween(target: string): Promise<Between> {
  let how: Spoil | null = null;
  let spoiled = 0;
  let aheadMs = 0;

  async function answer({ request, form }: Asked, response: ServerResponse): Promise<void> {
    const spoil = how;
    if (spoil !== null) spoiled += 1;
    if (spoil?.kind === 'status') {
      response.writeHead(spoil.status).end('not today');
      return;
    }
    if (spoil?.kind === 'slow') await wait(spoil.ms);
    const path = spoil?.kind === 'path' ? spoil.path : QUERY_PATH;
    const body = new URLSearchParams(form);
    body.set('time', String(Number(form.get('time')) - aheadMs / 1_000));
    try {
      const found = await fetch(`${target}${path}`, {
        method: 'POST',
        headers: typeOf(request.headers),
        body,
      });
      const date = new Date(Date.parse(found.headers.get('date') ?? '') + aheadMs).toUTCString();
      const type = found.headers.get('content-type') ?? '';
      response.writeHead(found.status, { date, 'content-type': type }).end(await found.text());
    } catch {
      // Prometheus is away: the connection ends as it does there.
      response.destroy();
    }
  }

  const proxy: StandIn = await startStandIn((asked, response) => void answer(asked, response));
  return {
    url: proxy.url,
    asked: proxy.asked,
    spoil(next) {
      how = next;
    },
    spoiled: () => spoiled,
    setClock(next) {
      aheadMs = next;
    },
    close: proxy.close,
  };
}

function typeOf(headers: IncomingHttpHeaders): Record<string, string> {
  return { 'content-type': headers['content-type'] ?? '' };
}
