/**
 * The demo's gateway, as a process: listens through the official `nacos` package to the rule document of each of its
 * services, as the program of the founding article does, and splits their requests between versions by it.
 * `/SERVICE/path` goes to `/path` of one of the service's versions; `/-/status` says which rules are in use.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { DataClient } from 'nacos';
import { Pool } from 'undici';
import { readSplit, type Split, versionFor } from './routing.ts';
import { announce, exitOnSignal, json } from './serving.ts';

interface Route {
  /** Where everything goes without a rule that can be followed. */
  readonly fallback: string;
  readonly backends: Map<string, Pool>;
  split: Split | null;
  /** Since when `split` is in use, Unix milliseconds. */
  since: number;
}

/** Headers that belong to one connection and not to the request (RFC 9110, 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const { values: flags } = parseArgs({
  options: {
    nacos: { type: 'string', default: 'http://127.0.0.1:8848/nacos' },
    group: { type: 'string', default: 'CANARY_GROUP' },
    /** SERVICE=VERSION@URL, once for each version; the first of a service is its fallback. */
    backend: { type: 'string', multiple: true, default: [] },
    port: { type: 'string', default: '0' },
  },
});

const routes = readRoutes(flags.backend);

function readRoutes(backends: readonly string[]): Map<string, Route> {
  const found = new Map<string, Route>();
  for (const backend of backends) {
    const [, service, version, url] = /^([^=]+)=([^@]+)@(.+)$/.exec(backend) ?? [];
    if (service === undefined || version === undefined || url === undefined) {
      throw new Error(`--backend is SERVICE=VERSION@URL, not "${backend}"`);
    }
    const route = found.get(service) ?? {
      fallback: version,
      backends: new Map(),
      split: null,
      since: Date.now(),
    };
    route.backends.set(version, new Pool(url, { connections: 64 }));
    found.set(service, route);
  }
  return found;
}

/**
 * All subscriptions are made in one turn: the client sends them in one long poll, and one that came later would be
 * blind until the poll under way returns.
 */
function listen(cacheDir: string): void {
  const { host, pathname } = new URL(flags.nacos);
  const client = new DataClient({ serverAddr: host, contextPath: pathname.replaceAll('/', ''), cacheDir });
  client.on('error', (error: Error) => console.error(`nacos: ${error.name}: ${error.message}`));
  for (const [service, route] of routes) {
    const dataId = `canary-rules.${service}.json`;
    client.subscribe({ dataId, group: flags.group }, (content: string | null) => {
      const split = readSplit(content);
      if (!isDeepStrictEqual(split, route.split)) route.since = Date.now();
      route.split = split;
      const rule = split === null ? `no usable rule, all to ${route.fallback}` : JSON.stringify(split);
      console.log(`${dataId}: ${rule}`);
    });
  }
}

function status(): unknown {
  return Object.fromEntries(
    [...routes].map(([service, { fallback, split, since }]) => [service, { fallback, split, since }]),
  );
}

/** The version for this request. Without a user id each request stands for a user of its own. */
function choose(service: string, route: Route, request: IncomingMessage): Pool | undefined {
  const header = request.headers['x-user-id'];
  const userId = typeof header === 'string' ? header : crypto.randomUUID();
  const version = versionFor(route.split, route.fallback, service, userId);
  return route.backends.get(version) ?? route.backends.get(route.fallback);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, service = '', path = ''] = /^\/([^/?]*)(.*)$/.exec(request.url ?? '') ?? [];
  if (service === '-' && path === '/status') return json(response, 200, status());
  const route = routes.get(service);
  const backend = route === undefined ? undefined : choose(service, route, request);
  if (backend === undefined)
    return json(response, 404, { error: `no service "${service}"`, known: [...routes.keys()] });
  try {
    await forward(backend, request, response, path.startsWith('/') ? path : `/${path}`);
  } catch (error) {
    if (response.headersSent) response.destroy();
    else json(response, 502, { error: error instanceof Error ? error.message : String(error) });
  }
}

async function forward(
  backend: Pool,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<void> {
  const hasBody =
    request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  const answered = await backend.request({
    method: request.method ?? 'GET',
    path,
    headers: endToEnd(request.headers),
    body: hasBody ? request : null,
  });
  response.writeHead(answered.statusCode, endToEnd(answered.headers));
  await pipeline(answered.body, response);
}

function endToEnd(headers: NodeJS.Dict<string | string[]>): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !HOP_BY_HOP.has(name)) kept[name] = value;
  }
  return kept;
}

// The client keeps what it read on disk and falls back to it; a directory of our own keeps other clients' out.
const cacheDir = mkdtempSync(join(tmpdir(), 'canary-demo-gateway-'));
exitOnSignal(() => rmSync(cacheDir, { recursive: true, force: true }));
listen(cacheDir);
const server = createServer((request, response) => void answer(request, response));
server.keepAliveTimeout = 0;
server.listen(Number(flags.port), '127.0.0.1', () => announce('gateway', server));
