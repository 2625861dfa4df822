/**
 * The reference service, as a process: one version, which answers requests, fails and dawdles as it is told, and
 * counts what it served. Prometheus reads `/metrics`; `/-/healthz` says that it serves, `/-/served` what it counted.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import { Counter, Histogram, Registry } from 'prom-client';
import { announce, drain, exitOnSignal, json } from './serving.ts';

interface Behavior {
  /** Share of requests answered with 500, 0 to 1. */
  failureShare: number;
  /** Typical time to answer; single answers take half of it to half as much again. */
  latencyMs: number;
}

/** Fine around the latency objective of the demo's specs (300 ms, and 50 ms more than stable). */
const LATENCY_BUCKETS = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.75, 1, 2.5];

const { values: flags } = parseArgs({
  options: {
    service: { type: 'string', default: process.env['SERVICE'] ?? 'service' },
    version: { type: 'string', default: process.env['APP_VERSION'] ?? 'v1' },
    'failure-share': { type: 'string', default: process.env['FAILURE_SHARE'] ?? '0' },
    'latency-ms': { type: 'string', default: process.env['LATENCY_MS'] ?? '20' },
    host: { type: 'string', default: process.env['HOST'] ?? '127.0.0.1' },
    port: { type: 'string', default: process.env['PORT'] ?? '0' },
  },
});

const behavior: Behavior = {
  failureShare: share(flags['failure-share']),
  latencyMs: duration(flags['latency-ms']),
};
const register = new Registry();
register.setDefaultLabels({ service: flags.service, version: flags.version });
const requests = new Counter({
  name: 'http_requests_total',
  help: 'Requests answered.',
  labelNames: ['method', 'path', 'code'],
  registers: [register],
});
const latency = new Histogram({
  name: 'request_latency',
  help: 'Seconds from a request to its answer.',
  labelNames: ['method', 'path'],
  buckets: LATENCY_BUCKETS,
  registers: [register],
});

/** Counted when a request arrives, so that what was sent here and what was counted here never differ. */
const served = { total: 0, failed: 0 };
let failureDebt = 0;

/** Spreads failures evenly, not by chance: a share of 0.05 is every twentieth request, in any window of twenty. */
function isFailureDue(): boolean {
  failureDebt += behavior.failureShare;
  if (failureDebt < 1) return false;
  failureDebt -= 1;
  return true;
}

function serve(request: IncomingMessage, response: ServerResponse, pathname: string): void {
  const startedAt = performance.now();
  const code = isFailureDue() ? 500 : 200;
  served.total += 1;
  if (code === 500) served.failed += 1;
  const labels = { method: request.method ?? 'GET', path: pathname === '/' ? '/' : 'other' };
  setTimeout(
    () => {
      requests.inc({ ...labels, code: String(code) });
      latency.observe(labels, (performance.now() - startedAt) / 1_000);
      json(response, code, { service: flags.service, version: flags.version, ok: code === 200 });
    },
    behavior.latencyMs * (0.5 + Math.random()),
  );
}

function changeBehavior(response: ServerResponse, query: URLSearchParams): void {
  try {
    behavior.failureShare = share(query.get('failureShare') ?? String(behavior.failureShare));
    behavior.latencyMs = duration(query.get('latencyMs') ?? String(behavior.latencyMs));
    json(response, 200, behavior);
  } catch (error) {
    json(response, 400, { error: error instanceof Error ? error.message : String(error) });
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://instance');
  if (pathname === '/metrics') {
    response.writeHead(200, { 'content-type': register.contentType }).end(await register.metrics());
  } else if (pathname === '/-/healthz') {
    json(response, 200, { status: 'ok' });
  } else if (pathname === '/-/served') {
    json(response, 200, served);
  } else if (pathname === '/-/behavior') {
    if (request.method !== 'PUT') json(response, 200, behavior);
    else if (isFromHere(request)) changeBehavior(response, searchParams);
    else json(response, 403, { error: 'behavior is changed from this machine only' });
  } else {
    serve(request, response, pathname);
  }
}

function isFromHere({ socket }: IncomingMessage): boolean {
  return ['127.0.0.1', '::1', '::ffff:127.0.0.1'].includes(socket.remoteAddress ?? '');
}

function share(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1)) throw new Error(`a failure share is a number from 0 to 1, not "${text}"`);
  return value;
}

function duration(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 60_000))
    throw new Error(`a latency is 0 to 60000 milliseconds, not "${text}"`);
  return value;
}

const server = createServer((request, response) => void answer(request, response));
// Idle connections stay open: a socket that closes just as the gateway reuses it would be an error nobody made.
server.keepAliveTimeout = 0;
server.listen(Number(flags.port), flags.host, () => announce(`${flags.service} ${flags.version}`, server));
exitOnSignal(() => drain(server));
