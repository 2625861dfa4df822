/** One HTTP exchange from the first byte to the last: parse, spoil, gate, authorize, check, handle, send. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sleep } from '../../src/lib/clock.ts';
import { filterNames } from './checks.ts';
import { answerDev, DEV_PATH, type DevEndpoints } from './dev-endpoints.ts';
import { type Answer, clientIp, headerOf, type NacosRequest, parametersOf, readBody, send } from './http.ts';
import type { Parts } from './parts.ts';
import { foreignNotFound, text } from './replies.ts';
import { findRoute, gone, needsCredentials, type Route, unknownEndpoint } from './routes.ts';
import { spoiledReply } from './spoiling.ts';

const CONTEXT_PATH = '/nacos';

export interface Exchange {
  readonly parts: Parts;
  readonly dev: DevEndpoints;
  /** True while 3.x still serves the v1 endpoints that clients use. */
  readonly clientApiEnabled: boolean;
  /** Aborts when the server that the request came to stops or restarts. */
  life(): AbortSignal;
}

function isGated(exchange: Exchange, route: Route): boolean {
  if (exchange.parts.generation.major === 2 || route.gate === null) return false;
  return route.gate.by !== 'client' || !exchange.clientApiEnabled;
}

async function unspoiled(exchange: Exchange, request: NacosRequest, route: Route | null): Promise<Answer> {
  const { parts } = exchange;
  if (route === null) return unknownEndpoint(parts, request);
  if (isGated(exchange, route)) return gone(parts, request);
  const refusal = needsCredentials(parts.generation, route) ? parts.access.refusal(request) : null;
  return refusal ?? filterNames(parts.generation, request) ?? (await route.handle(parts, request));
}

async function answer(exchange: Exchange, request: NacosRequest): Promise<Answer> {
  const { parts, dev } = exchange;
  const route = findRoute(parts.generation, request);
  const { delayMs, spoiler } = dev.rules.take(request, route?.operation ?? null);
  if (delayMs > 0) {
    // A client that gives up does not end the work: a delayed write still lands, later than anyone expects.
    const life = exchange.life();
    await sleep(parts.clock, delayMs, life);
    if (life.aborted) return 'cut';
  }
  if (spoiler === null) return unspoiled(exchange, request, route);
  const spoiled = spoiledReply(parts, request, spoiler);
  if (spoiled !== null) return spoiled;
  await unspoiled(exchange, request, route);
  return 'cut';
}

function abandonment(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
}

async function respond(exchange: Exchange, incoming: IncomingMessage, response: ServerResponse) {
  const [fullPath = '/', query = ''] = (incoming.url ?? '/').split('?', 2);
  const method = incoming.method ?? 'GET';
  const abandoned = abandonment(response);
  const body = await readBody(incoming);
  if (body === 'too large') {
    response.destroy();
    return;
  }
  if (fullPath.startsWith(DEV_PATH)) {
    const { reply, event } = answerDev(exchange.dev, method, fullPath, body.toString('utf8'));
    if (event !== null) response.once('finish', () => exchange.dev.happen(event));
    send(response, reply);
    return;
  }
  if (fullPath !== CONTEXT_PATH && !fullPath.startsWith(`${CONTEXT_PATH}/`)) {
    send(response, foreignNotFound());
    return;
  }
  const reply = await answer(exchange, {
    method,
    fullPath,
    path: fullPath.slice(CONTEXT_PATH.length) || '/',
    params: parametersOf(query, headerOf(incoming.headers, 'content-type'), body),
    headers: incoming.headers,
    ip: clientIp(incoming),
    abandoned,
  });
  if (reply === 'cut') response.destroy();
  else send(response, reply);
}

/** Serves one exchange; never rejects. A client that hangs up ends it in silence. */
export async function serve(
  exchange: Exchange,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    await respond(exchange, incoming, response);
  } catch (error) {
    if (response.destroyed || response.headersSent) return;
    send(response, text(500, `the development server failed: ${String(error)}`));
  }
}
