/** Which endpoints exist on which generation, which of them are gated, and which need credentials. */
import { deleteV1, publishV1, readV1 } from './config-v1.ts';
import {
  betaAdmin,
  deleteAdmin,
  historyAdmin,
  historyListAdmin,
  listAdmin,
  listenersAdmin,
  publishAdmin,
  readAdmin,
  readClient,
  stopBetaAdmin,
} from './config-v3.ts';
import { betaV1, historyV1, listenersV1, searchV1, showAll, stopBetaV1 } from './console-v1.ts';
import type { Generation, Version } from './generation.ts';
import type { Answer, NacosRequest, Reply } from './http.ts';
import { listenV1 } from './listener-v1.ts';
import type { Parts } from './parts.ts';
import { springError } from './replies.ts';
import { actuatorHealth, consoleHint, healthV1, healthV3, stateV1, stateV3 } from './state.ts';

/** What a request is for; fault rules choose by it, whatever API it speaks. */
export type Operation = 'read' | 'write' | 'listen' | 'login' | 'query' | 'state';

export interface Route {
  readonly operation: Operation;
  /** The compatibility switch of 3.x that the endpoint hangs on, and the API to use instead ('' for none). */
  readonly gate: Gate | null;
  /** Whose access control applies: v1 is protected on 2.x only, the client API nowhere by default. */
  readonly protectedAs: 'v1' | 'admin' | 'nothing';
  handle(parts: Parts, request: NacosRequest): Answer | Promise<Answer>;
}

type Table = Readonly<Record<string, Route>>;

interface Gate {
  readonly by: 'client' | 'admin' | 'console';
  readonly instead: string;
}

/** The servers print the property's placeholder, not its value. */
const CONTEXT = `\${contextPath:nacos}`;

/** An endpoint of v1 or v2 and the switch it hangs on; `instead` is below `/v3`, '' where there is no successor. */
function old(
  operation: Operation,
  by: Gate['by'],
  instead: string,
  handle: Route['handle'],
  protectedAs: Route['protectedAs'] = 'v1',
): Route {
  const [method, path] = instead.split(' ');
  const successor = instead === '' ? '' : `${method} ${CONTEXT}/v3${path}`;
  return { operation, gate: { by, instead: successor }, protectedAs, handle };
}

function current(operation: Operation, protectedAs: Route['protectedAs'], handle: Route['handle']): Route {
  return { operation, gate: null, protectedAs, handle };
}

const login: Route['handle'] = (parts, request) => parts.access.login(request);

/** The v1 and v2 endpoints. A key may name a parameter that selects among the handlers of one path. */
const V1_TABLE: Table = {
  'GET /v1/cs/configs': old('read', 'client', 'GET /client/cs/config', readV1),
  'POST /v1/cs/configs': old('write', 'client', 'POST /admin/cs/config', publishV1),
  'DELETE /v1/cs/configs': old('write', 'client', 'DELETE /admin/cs/config', deleteV1),
  'POST /v1/cs/configs/listener': old('listen', 'client', '', listenV1),
  'GET /v1/cs/configs?show=all': old('query', 'console', 'GET /console/cs/config', showAll),
  'GET /v1/cs/configs?search=accurate': old('query', 'console', 'GET /console/cs/config/list', searchV1),
  'GET /v1/cs/configs?search=blur': old('query', 'console', 'GET /console/cs/config/list', searchV1),
  'GET /v1/cs/configs?beta=true': old('query', 'console', 'GET /console/cs/config/beta', betaV1),
  'DELETE /v1/cs/configs?beta=true': old('write', 'console', 'DELETE /console/cs/config/beta', stopBetaV1),
  'GET /v1/cs/configs/listener': old('query', 'console', 'GET /console/cs/config/listener', listenersV1),
  'GET /v1/cs/history?search=accurate': old('query', 'console', 'GET /console/cs/history/list', historyV1),
  'GET /v1/cs/history': old('query', 'console', 'GET /console/cs/history', historyV1),
  'POST /v1/auth/login': old('login', 'client', 'POST /auth/user/login', login, 'nothing'),
  'POST /v1/auth/users/login': old('login', 'client', 'POST /auth/user/login', login, 'nothing'),
  'GET /v1/console/server/state': old('state', 'console', 'GET /console/server/state', stateV1, 'nothing'),
  'GET /v1/console/health/liveness': old(
    'state',
    'console',
    'GET /console/health/liveness',
    healthV1,
    'nothing',
  ),
  'GET /v1/console/health/readiness': old(
    'state',
    'console',
    'GET /console/health/readiness',
    healthV1,
    'nothing',
  ),
};

const V2_HEALTH: Table = {
  'GET /v2/console/health/liveness': old(
    'state',
    'console',
    'GET /console/health/liveness',
    healthV3,
    'nothing',
  ),
  'GET /v2/console/health/readiness': old(
    'state',
    'console',
    'GET /console/health/readiness',
    healthV3,
    'nothing',
  ),
};

const ACTUATOR: Table = { 'GET /actuator/health': current('state', 'nothing', actuatorHealth) };

/** Endpoints that 3.1 still knows only to refuse them. */
const GATED: Table = {
  'GET /v2/cs/config': old('read', 'admin', 'GET /admin/cs/config', gone),
  'POST /v2/cs/config': old('write', 'admin', 'POST /admin/cs/config', gone),
  'DELETE /v2/cs/config': old('write', 'admin', 'DELETE /admin/cs/config', gone),
  'PUT /v1/ns/instance': old('write', 'admin', 'PUT /admin/ns/instance', gone),
};

const V3_TABLE: Table = {
  'GET /v3/client/cs/config': current('read', 'nothing', readClient),
  'GET /v3/admin/cs/config': current('read', 'admin', readAdmin),
  'POST /v3/admin/cs/config': current('write', 'admin', publishAdmin),
  'DELETE /v3/admin/cs/config': current('write', 'admin', deleteAdmin),
  'GET /v3/admin/cs/config/list': current('query', 'admin', listAdmin),
  'GET /v3/admin/cs/config/listener': current('query', 'admin', listenersAdmin),
  'GET /v3/admin/cs/config/beta': current('query', 'admin', betaAdmin),
  'DELETE /v3/admin/cs/config/beta': current('write', 'admin', stopBetaAdmin),
  'GET /v3/admin/cs/history/list': current('query', 'admin', historyListAdmin),
  'GET /v3/admin/cs/history': current('query', 'admin', historyAdmin),
  'GET /v3/admin/core/state': current('state', 'nothing', stateV3),
  'GET /v3/admin/core/state/liveness': current('state', 'nothing', healthV3),
  'GET /v3/admin/core/state/readiness': current('state', 'nothing', healthV3),
  'POST /v3/auth/user/login': current('login', 'nothing', login),
  'GET /': current('state', 'nothing', consoleHint),
};

const TABLES: Readonly<Record<Version, Table>> = {
  '2.2.3': V1_TABLE,
  '2.5.1': { ...V1_TABLE, ...V2_HEALTH, ...ACTUATOR },
  '3.1': { ...V1_TABLE, ...V2_HEALTH, ...ACTUATOR, ...GATED, ...V3_TABLE },
  '3.2': { ...ACTUATOR, ...V3_TABLE },
};

const SELECTORS = ['show', 'search', 'beta'] as const;

/** The endpoint that a request means on this generation; null for an unknown one. */
export function findRoute(generation: Generation, request: NacosRequest): Route | null {
  const table = TABLES[generation.version];
  const plain = `${request.method} ${request.path}`;
  for (const selector of SELECTORS) {
    const value = request.params.get(selector);
    const route = value === undefined ? undefined : table[`${plain}?${selector}=${value}`];
    if (route !== undefined) return route;
  }
  return table[plain] ?? null;
}

/** The refusal of an endpoint whose compatibility switch is off: 410, its reason as JSON text inside the message. */
export function gone(parts: Parts, request: NacosRequest): Reply {
  const { by, instead } = findRoute(parts.generation, request)?.gate ?? { by: 'client', instead: '' };
  const property = `nacos.core.api.compatibility.${by}.enabled`;
  const advice =
    instead === ''
      ? `If wanted continue to use, please set \`${property}=true\` in application.properties.`
      : `please use API(s) \`${instead}\` instead, or set \`${property}=true\` in application.properties.`;
  const message = JSON.stringify({ code: 40000, message: `Current API will be deprecated, ${advice}` });
  return springError(410, message, request, parts.clock.now());
}

/** What the server says to a path that it does not have. */
export function unknownEndpoint(parts: Parts, request: NacosRequest): Reply {
  const message =
    parts.generation.major === 2
      ? 'No message available'
      : `No endpoint ${request.method} ${request.fullPath}.`;
  return springError(404, message, request, parts.clock.now());
}

/** True when the request must carry credentials that hold. */
export function needsCredentials(generation: Generation, route: Route): boolean {
  return route.protectedAs === 'admin' || (route.protectedAs === 'v1' && generation.major === 2);
}
