/**
 * The reference gateway, as a process: listens to the rule document of each of its services through the client
 * library and splits their requests between versions by it.
 *
 * With `BACKENDS_FILE` it stands before one service and hands every path on; with `--backend` it may stand before
 * several, and `/SERVICE/path` goes to `/path` of one of the service's versions. `/-/status` says which rules are in
 * use, `/-/healthz` that it serves.
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import { type CanaryClientEvent, createCanaryClient } from '../../src/client/client.ts';
import { backendsOf, watchBackends } from './backends.ts';
import { createForwarder, type Forwarder } from './forward.ts';
import { announce, drain, exitOnSignal, json } from './serving.ts';

interface Route {
  fallback: string;
  readonly forwarder: Forwarder;
}

const { env } = process;
const { values: flags } = parseArgs({
  options: {
    /** One or several addresses with their context path, comma-separated. */
    nacos: { type: 'string', default: env['NACOS_URL'] ?? 'http://127.0.0.1:8848/nacos' },
    group: { type: 'string', default: env['NACOS_GROUP'] ?? 'CANARY_GROUP' },
    /** SERVICE=VERSION@URL, once for each instance; the first version of a service is its fallback. */
    backend: { type: 'string', multiple: true, default: [] },
    'backends-file': { type: 'string', default: env['BACKENDS_FILE'] ?? '' },
    host: { type: 'string', default: env['HOST'] ?? '127.0.0.1' },
    port: { type: 'string', default: env['PORT'] ?? '0' },
    'sticky-header': { type: 'string', default: env['STICKY_HEADER'] ?? 'x-user-id' },
    'sticky-cookie': { type: 'string', default: env['STICKY_COOKIE'] ?? '' },
    /** Off by default: whoever can send the header chooses the version. */
    'override-header': { type: 'string', default: env['OVERRIDE_HEADER'] ?? '' },
    'override-cookie': { type: 'string', default: env['OVERRIDE_COOKIE'] ?? '' },
    /** Keeps the last good rules for a start while Nacos is away. */
    snapshot: { type: 'string', default: env['SNAPSHOT_FILE'] ?? '' },
  },
});

const routes = new Map<string, Route>();
/** The one service that gets every path; '' where the path names it. */
const only = flags['backends-file'] === '' ? '' : routeByFile(flags['backends-file']);
for (const { service, fallback, versions } of only === '' ? backendsOf(flags.backend) : []) {
  routes.set(service, { fallback, forwarder: createForwarder(versions) });
}

function routeByFile(file: string): string {
  const { backends } = watchBackends(
    file,
    ({ fallback, versions }) => {
      route.fallback = fallback;
      route.forwarder.replace(versions);
      console.log(`backends: ${Object.keys(versions).join(', ')}; without a rule ${fallback}`);
    },
    (problem) => console.error(`backends stay as they are: ${problem}`),
  );
  const { service, fallback, versions } = backends;
  if (env['SERVICE'] !== undefined && env['SERVICE'] !== service) {
    throw new Error(`SERVICE is ${env['SERVICE']}, but ${file} is for ${service}`);
  }
  const route: Route = { fallback, forwarder: createForwarder(versions) };
  routes.set(service, route);
  return service;
}

function credentials(): { username?: string; password?: () => string } {
  const username = env['NACOS_USERNAME'] ?? '';
  const file = env['NACOS_PASSWORD_FILE'] ?? '';
  if (username === '') return {};
  return { username, password: () => (file === '' ? '' : readFileSync(file, 'utf8').trim()) };
}

function orNone(text: string): string | undefined {
  return text === '' ? undefined : text;
}

const canary = createCanaryClient({
  nacos: flags.nacos.split(','),
  ...credentials(),
  group: flags.group,
  services: Object.fromEntries(
    [...routes].map(([service, route]) => [service, { fallback: () => route.fallback }]),
  ),
  sticky: { header: orNone(flags['sticky-header']), cookie: orNone(flags['sticky-cookie']) },
  override: { header: orNone(flags['override-header']), cookie: orNone(flags['override-cookie']) },
  snapshot: orNone(flags.snapshot),
  onEvent: log,
});

function log(event: CanaryClientEvent): void {
  if (event.type === 'rule') {
    const { rule, reason, fallback } = event.state;
    const followed = rule === null ? `${reason}, all to ${fallback}` : JSON.stringify(rule);
    console.log(`${event.service}: ${followed}${event.state.isBeta ? ' (a beta variant)' : ''}`);
  } else if (event.type === 'nacosBack') {
    console.log('nacos answers again');
  } else {
    console.error(`${event.type}: ${event.detail}`);
  }
}

function status(): unknown {
  const services = [...routes.keys()].map((service) => [service, canary.state(service)]);
  return Object.fromEntries(services);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = request.url ?? '/';
  if (url === '/-/healthz') return json(response, 200, { status: 'ok', nacos: canary.isConnected() });
  if (url === '/-/status') return json(response, 200, status());
  const [, first = '', rest = ''] = only === '' ? (/^\/([^/?]*)(.*)$/.exec(url) ?? []) : ['', only, url];
  const route = routes.get(first);
  if (route === undefined) {
    return json(response, 404, { error: `no service "${first}"`, known: [...routes.keys()] });
  }
  const { version } = canary.choose(first, request, route.forwarder.has);
  if (version === null) return json(response, 503, { error: `no instance of ${first} may be used` });
  try {
    await route.forwarder.forward(version, request, response, rest.startsWith('/') ? rest : `/${rest}`);
  } catch (error) {
    if (response.headersSent) response.destroy();
    else json(response, 502, { error: error instanceof Error ? error.message : String(error) });
  }
}

const server = createServer((request, response) => void answer(request, response));
server.keepAliveTimeout = 0;
exitOnSignal(() => Promise.all([drain(server), canary.close()]));
// Requests that came before the first rule would all go to stable, and then change sides.
await canary.ready;
server.listen(Number(flags.port), flags.host, () => announce('gateway', server));
