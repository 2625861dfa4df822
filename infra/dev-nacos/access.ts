/** Login, tokens and who may do what: the default auth plugin of Nacos. */
import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../../src/lib/clock.ts';
import type { Generation } from './generation.ts';
import { headerOf, type NacosRequest, type Reply } from './http.ts';
import { caused, json, springError, text } from './replies.ts';

export interface Account {
  readonly username: string;
  readonly password: string;
}

export interface Access {
  /** Answers one of the three login paths. */
  login(request: NacosRequest): Reply;
  /** Null when the request may pass, else the refusal. */
  refusal(request: NacosRequest): Reply | null;
  /** The name behind the credentials of a request; null when it carries none that hold. */
  userOf(request: NacosRequest): string | null;
}

export interface AccessOptions {
  readonly generation: Generation;
  /** Null: the server was started without access control and has no user. */
  readonly account: Account | null;
  readonly tokenTtlSeconds: number;
  readonly clock: Clock;
}

type Identity = { readonly user: string } | { readonly problem: string };

/** 2.x prints the words bare; 3.x wraps them and is more talkative where no user was found. */
function forbidden(generation: Generation, problem: string, request: NacosRequest, nowMs: number): Reply {
  if (generation.major === 2) return springError(403, problem, request, nowMs);
  const words =
    problem === 'user not found!' ? 'User not found! Please check user exist or password is right!' : problem;
  return springError(403, `Code: 401, Message: ${words}.`, request, nowMs);
}

export function createAccess(options: AccessOptions): Access {
  const { generation, account, tokenTtlSeconds, clock } = options;
  const secret = randomBytes(32);

  function signature(unsigned: string): string {
    return createHmac('sha256', secret).update(unsigned).digest('base64url');
  }

  function issue(user: string): string {
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const expiresAt = clock.now() / 1_000 + tokenTtlSeconds;
    const unsigned = `${encode({ alg: 'HS256' })}.${encode({ sub: user, exp: expiresAt })}`;
    return `${unsigned}.${signature(unsigned)}`;
  }

  function verify(token: string): Identity {
    const [head, claims, signed, ...rest] = token.split('.');
    if (head === undefined || claims === undefined || signed === undefined || rest.length > 0) {
      return { problem: 'token invalid!' };
    }
    if (signature(`${head}.${claims}`) !== signed) return { problem: 'Invalid signature' };
    const { sub, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8'));
    return exp * 1_000 <= clock.now() ? { problem: 'token expired!' } : { user: String(sub) };
  }

  function holds(username: string, password: string): boolean {
    return account !== null && username === account.username && password === account.password;
  }

  function identityOf(request: NacosRequest): Identity {
    const bearer = /^Bearer (.*)$/.exec(headerOf(request.headers, 'authorization'))?.[1];
    const given = (name: string) => request.params.get(name) ?? headerOf(request.headers, name.toLowerCase());
    const token = bearer ?? given('accessToken');
    if (token !== '') return verify(token);
    const username = given('username');
    return holds(username, given('password')) ? { user: username } : { problem: 'user not found!' };
  }

  function loginFailure(username: string, request: NacosRequest): Reply {
    const isKnown = username === account?.username;
    if (generation.major === 2) {
      return isKnown ? text(403, 'user not found!') : caused(500, `User ${username} not found`);
    }
    if (request.path.startsWith('/v1/')) {
      const message = 'Handle API Compatibility failed, please see log for detail.';
      return springError(500, message, request, clock.now());
    }
    return isKnown
      ? springError(500, 'No message available', request, clock.now())
      : springError(403, 'Access Denied', request, clock.now());
  }

  return {
    login(request) {
      const username = request.params.get('username') ?? '';
      if (!holds(username, request.params.get('password') ?? '')) return loginFailure(username, request);
      const accessToken = issue(username);
      const answer = { accessToken, tokenTtl: tokenTtlSeconds, globalAdmin: true, username };
      return json(200, answer, { Authorization: `Bearer ${accessToken}` });
    },
    refusal(request) {
      if (account === null) return null;
      const identity = identityOf(request);
      return 'problem' in identity ? forbidden(generation, identity.problem, request, clock.now()) : null;
    },
    userOf(request) {
      if (account === null) return null;
      const identity = identityOf(request);
      return 'user' in identity ? identity.user : null;
    },
  };
}
