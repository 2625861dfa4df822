/** The HTTP application: how requests are read, refused and answered. What they do is in the routes. */
import fastify, { type FastifyError, type FastifyInstance, type HTTPMethods } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { tlsOptions } from '../access/certificate.ts';
import { guardRoutes } from './access.ts';
import { createBrokenRequests, REQUEST_TIMEOUT_MS } from './broken-requests.ts';
import { registerCanaries } from './canaries.ts';
import { registerCommands } from './commands.ts';
import type { ServerDeps } from './deps.ts';
import { failureProblem, forRequest, pathOf } from './failures.ts';
import { registerHealth } from './health.ts';
import { registerHistory } from './history.ts';
import { createLimiter, NO_LIMITS } from './limits.ts';
import { registerOpenapi } from './openapi.ts';
import { problem, sendProblem } from './problems.ts';
import { REQUEST_ID_HEADER, requestIdOf } from './request-id.ts';
import { logRequests } from './request-log.ts';
import { registerStart } from './start.ts';
import { registerStream } from './stream.ts';
import { registerWebhooks } from './webhooks.ts';

const BODY_LIMIT = 64 * 1024;

/** Longest name in an address: a name that is too long gets its 404 from us and not from the router. */
const PARAM_LIMIT = 1024;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const satisfies HTTPMethods[];

/** The application, not listening. */
export function createApp(deps: ServerDeps): FastifyInstance {
  const { certificate = null } = deps;
  const broken = createBrokenRequests();
  const app = fastify({
    https: certificate === null ? null : tlsOptions(certificate),
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    clientErrorHandler: broken.answer,
    routerOptions: { maxParamLength: PARAM_LIMIT },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    requestIdHeader: false,
    genReqId: ({ headers }) => requestIdOf(headers),
    frameworkErrors(error, { id }, reply) {
      reply.headers(headersOfAll(id));
      sendProblem(reply, problem('INVALID_REQUEST', error.message));
    },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  readJson(app);
  logRequests(app, deps);
  broken.watch(app);
  refuseWhileClosing(app);
  answerFailures(app, deps.log);
  app.addHook('onSend', async ({ id }, reply) => {
    reply.headers(headersOfAll(id));
  });
  const limiter = createLimiter(app, deps.limits ?? NO_LIMITS);
  guardRoutes(app, { tokens: deps.tokens ?? null, clock: deps.clock, limiter });
  registerOpenapi(app, deps.version);
  app.register(async (scope) => {
    const methods = collectMethods(scope);
    const routes = scope.withTypeProvider<ZodTypeProvider>();
    registerHealth(routes, deps);
    registerCanaries(routes, deps);
    registerHistory(routes, deps);
    registerStream(routes, deps);
    registerStart(routes, deps);
    registerCommands(routes, deps);
    refuseOtherMethods(scope, methods);
  });
  app.register(async (scope) => {
    const methods = collectMethods(scope);
    registerWebhooks(scope.withTypeProvider<ZodTypeProvider>(), deps, limiter);
    refuseOtherMethods(scope, methods);
  });
  return app;
}

/** In place of the framework's own refusal, which has no code. */
function refuseWhileClosing(app: FastifyInstance): void {
  let isClosing = false;
  app.addHook('preClose', async () => {
    isClosing = true;
  });
  app.addHook('onRequest', async (_request, reply) => {
    if (isClosing) return sendProblem(reply, problem('STOPPING', 'the controller stops'));
  });
}

function headersOfAll(requestId: string): Readonly<Record<string, string>> {
  return {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    [REQUEST_ID_HEADER]: requestId,
  };
}

/** JSON is the only body; an empty one is none at all, so that `curl -X POST -H content-type:…` works. */
function readJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, null);
    else parse(request, String(body), done);
  });
}

function answerFailures(app: FastifyInstance, log: ServerDeps['log']): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const known = failureProblem(error, request);
    if (known === null) {
      const { id: requestId, method } = request;
      log.error({ err: error, requestId, method, path: pathOf(request) }, 'request failed');
    }
    sendProblem(
      reply,
      forRequest(known ?? problem('INTERNAL', 'the request failed by a fault of ours'), request),
    );
  });
}

/** Remembers which methods each address has. */
function collectMethods(scope: FastifyInstance): Map<string, Set<string>> {
  const methods = new Map<string, Set<string>>();
  scope.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set();
    for (const name of [method].flat()) known.add(name);
    methods.set(url, known);
  });
  return methods;
}

function refuseOtherMethods(scope: FastifyInstance, methods: ReadonlyMap<string, ReadonlySet<string>>): void {
  for (const [url, known] of [...methods]) {
    const allowed = METHODS.filter((method) => known.has(method));
    scope.route({
      url,
      method: METHODS.filter((method) => !known.has(method)),
      config: { access: 'open' },
      schema: { hide: true },
      async onRequest(request, reply) {
        reply.header('allow', allowed.join(', '));
        const detail = `${pathOf(request)} takes ${allowed.join(', ')}, not ${request.method}`;
        return sendProblem(reply, problem('METHOD_NOT_ALLOWED', detail));
      },
      async handler() {
        throw new Error('the request was answered before');
      },
    });
  }
}
