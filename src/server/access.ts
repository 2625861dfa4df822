/**
 * Who may call what. Every route declares its access in its `config`; one hook in front of all of them asks for it, so
 * that no route can forget to.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Access, hasRole, roleFor } from '../access/roles.ts';
import { isExpired, type Token, type TokenBook } from '../access/tokens.ts';
import type { Clock } from '../lib/clock.ts';
import type { Problem } from '../view/schemas.ts';
import { forRequest, pathOf } from './failures.ts';
import { objectionToWrite } from './guards.ts';
import { addressOf, type Limiter } from './limits.ts';
import { problem, sendProblem } from './problems.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the route asks of its callers. Every route says so: one that does not is a fault of the program. */
    readonly access?: Access;
  }
  interface FastifyRequest {
    /** The token that was shown, where tokens are asked for; else null. */
    token: Token | null;
  }
}

export interface AccessOptions {
  /** The tokens in force; null: there is no tokens file, so reads are open and changes are this machine's. */
  readonly tokens: (() => TokenBook) | null;
  readonly clock: Clock;
  readonly limiter: Limiter;
}

/** Must come before the routes that it guards. */
export function guardRoutes(app: FastifyInstance, options: AccessOptions): void {
  app.decorateRequest('token', null);
  app.addHook('onRoute', (route) => {
    const access = route.config?.access;
    if (access === undefined) throw new Error(`${route.method} ${route.url} declares no access`);
    route.schema = { ...route.schema, security: securityOf(access) };
  });
  app.addHook('onRequest', async (request, reply) => {
    const objection = await objectionTo(request, reply, options);
    return objection === null ? undefined : sendProblem(reply, forRequest(objection, request));
  });
}

/** For the description: OpenAPI 3.1 lets a bearer scheme name the roles that a call asks for. */
function securityOf(access: Access): Readonly<Record<string, string[]>>[] {
  const role = roleFor(access);
  if (role !== null) return [{ token: [role] }];
  return access === 'webhook' ? [{ webhookSecret: [] }] : [];
}

async function objectionTo(
  request: FastifyRequest,
  reply: FastifyReply,
  { tokens, clock, limiter }: AccessOptions,
): Promise<Problem | null> {
  const { access = 'administer' } = request.routeOptions.config;
  if (access === 'probe') return null;
  if (access === 'open') return limiter.request(request, reply, addressOf(request));
  // Counted once it is known whether they are believed, for which a signature needs the body.
  if (access === 'webhook') return null;
  const shown = tokens === null ? null : tokenOf(request, tokens(), clock.now());
  if (shown !== null && !('code' in shown)) request.token = shown;
  const caller = request.token === null ? addressOf(request) : `token ${request.token.name}`;
  const limited = await limiter.request(request, reply, caller);
  if (limited !== null) return limited;
  if (request.is404) return problem('NO_SUCH_ROUTE', `there is nothing at ${pathOf(request)}`);
  if (shown === null) return objectionWithoutTokens(request, access);
  return 'code' in shown ? limiter.failure(request, reply, shown) : objectionToRole(shown, access);
}

function objectionWithoutTokens(
  { raw: { socket, headers } }: FastifyRequest,
  access: Access,
): Problem | null {
  return access === 'read' ? null : objectionToWrite({ remoteAddress: socket.remoteAddress, headers });
}

function objectionToRole({ name, role }: Token, access: Access): Problem | null {
  const least = roleFor(access);
  if (least === null || hasRole(role, least)) return null;
  return problem('ROLE_TOO_LOW', `this asks for the role ${least}; the token ${name} has ${role}`);
}

function tokenOf({ headers }: FastifyRequest, book: TokenBook, now: number): Token | Problem {
  const { authorization } = headers;
  if (authorization === undefined) return problem('TOKEN_MISSING', 'the request carries no token');
  const [, secret] = /^bearer +(\S+) *$/i.exec(authorization) ?? [];
  if (secret === undefined) {
    return problem('TOKEN_MISSING', 'the Authorization header holds no bearer token');
  }
  const token = book.find(secret);
  if (token === null) return problem('TOKEN_UNKNOWN', 'nobody has this token');
  if (!isExpired(token, now)) return token;
  return problem('TOKEN_EXPIRED', `the token ${token.name} expired at ${token.expires}`);
}
