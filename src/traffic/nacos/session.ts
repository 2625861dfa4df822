/** Login to one server: a token that is renewed before it expires, and once more when a server refuses it. */
import type { Clock } from '../../lib/clock.ts';
import { failureOf, jsonObject, wordsOf } from './answers.ts';
import { NacosError } from './errors.ts';
import { type PauseOptions, pauseAfter } from './pause.ts';
import type { Redact, Secrets } from './redact.ts';
import type { Answer, Transport, WireRequest } from './transport.ts';
import { until } from './until.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface SessionOptions {
  readonly transport: Transport;
  readonly base: string;
  /** Null: every request goes out without a token. */
  readonly credentials: Credentials | null;
  readonly clock: Clock;
  readonly random: () => number;
  /** Told of each token, so that no error text shows one. */
  readonly secrets: Secrets;
}

export interface Session {
  /**
   * Sends a request with a token. A 401 or 403 leads to one new login and one more attempt, because an expired token
   * and a forbidden document look alike. Throws a `NacosError`; NACOS_AUTH when the login fails.
   */
  exchange(api: 'v1' | 'v3', wire: WireRequest, signal: AbortSignal): Promise<Answer>;
}

interface Token {
  readonly value: string;
  /** Monotonic milliseconds. */
  readonly since: number;
  readonly renewAt: number;
  readonly expiresAt: number;
}

/** 3.2 knows the first only; 1.x and 2.x the other two; 3.0 and 3.1 all three unless v1 is switched off. */
const LOGIN_PATHS = {
  v1: ['/v1/auth/login', '/v1/auth/users/login', '/v3/auth/user/login'],
  v3: ['/v3/auth/user/login', '/v1/auth/users/login'],
} as const;
/** No such login path on this server. */
const ABSENT: ReadonlySet<number> = new Set([404, 405, 410, 501]);
const DEFAULT_TTL_SECONDS = 18_000;
/** A token younger than this that is refused is refused for something that a new one does not cure. */
const YOUNG_MS = 5_000;
const LOGIN_PAUSE = { baseMs: 1_000, capMs: 5_000 } as const;

export function createSession(options: SessionOptions): Session {
  const { transport, base, credentials, clock, random, secrets } = options;
  const pause: PauseOptions = { ...LOGIN_PAUSE, random };
  let token: Token | null = null;
  let pending: Promise<Token> | null = null;
  let refusal: { readonly error: NacosError; readonly until: number; readonly failures: number } | null =
    null;

  async function logIn(api: 'v1' | 'v3', { username, password }: Credentials): Promise<Token> {
    const askedAt = clock.monotonic();
    if (refusal !== null && askedAt < refusal.until) throw refusal.error;
    try {
      const answer = await askForToken(api, { username, password });
      const { value, ttlMs } = tokenIn(answer, secrets.redact);
      if (token !== null) secrets.forget(token.value);
      secrets.add(value);
      token = {
        value,
        since: askedAt,
        renewAt: askedAt + ttlMs * (0.8 + random() / 10),
        expiresAt: askedAt + ttlMs,
      };
      refusal = null;
      return token;
    } catch (error) {
      if (error instanceof NacosError && error.code === 'NACOS_AUTH') {
        const failures = (refusal?.failures ?? 0) + 1;
        refusal = { error, failures, until: clock.monotonic() + pauseAfter(failures, pause) };
      }
      throw error;
    }
  }

  async function askForToken(api: 'v1' | 'v3', { username, password }: Credentials): Promise<Answer> {
    let absent: Answer | null = null;
    for (const path of LOGIN_PATHS[api]) {
      const wire = { method: 'POST', path, form: { username, password } } as const;
      const answer = await transport.send(base, wire, null);
      if (!ABSENT.has(answer.status)) return answer;
      absent ??= answer;
    }
    const words = absent === null ? '' : wordsOf(absent, secrets.redact);
    throw new NacosError('NACOS_AUTH', `${base} has none of the known login paths (${words})`);
  }

  /** However many callers need a token, one of them logs in and the others wait for it. */
  function oneLogIn(api: 'v1' | 'v3', account: Credentials, signal: AbortSignal): Promise<Token> {
    pending ??= logIn(api, account).finally(() => {
      pending = null;
    });
    return until(pending, signal);
  }

  async function currentToken(api: 'v1' | 'v3', signal: AbortSignal): Promise<string | null> {
    if (credentials === null) return null;
    const now = clock.monotonic();
    if (token !== null && now < token.renewAt) return token.value;
    const old = token;
    try {
      return (await oneLogIn(api, credentials, signal)).value;
    } catch (error) {
      // The old token may do until it expires; without this a hiccup of the login would stop a rollback.
      if (old !== null && now < old.expiresAt && !signal.aborted) return old.value;
      throw error;
    }
  }

  /** A better token than the refused one; null when a new login cannot help. */
  async function betterToken(api: 'v1' | 'v3', refused: string, signal: AbortSignal): Promise<string | null> {
    if (credentials === null) return null;
    if (token !== null && token.value !== refused) return token.value;
    if (token !== null && clock.monotonic() - token.since < YOUNG_MS) return null;
    return (await oneLogIn(api, credentials, signal)).value;
  }

  function send(wire: WireRequest, bearer: string | null, signal: AbortSignal): Promise<Answer> {
    const headers = bearer === null ? {} : { authorization: `Bearer ${bearer}` };
    return transport.send(base, { ...wire, headers: { ...wire.headers, ...headers } }, signal);
  }

  return {
    async exchange(api, wire, signal) {
      const first = await currentToken(api, signal);
      const answer = await send(wire, first, signal);
      if (first === null || (answer.status !== 401 && answer.status !== 403)) return answer;
      const second = await betterToken(api, first, signal);
      return second === null ? answer : send(wire, second, signal);
    },
  };
}

/** Throws NACOS_AUTH for whatever a login answers instead of a token, except that a proxy's 502 to 504 is no refusal. */
function tokenIn(answer: Answer, redact: Redact): { value: string; ttlMs: number } {
  const object = answer.status === 200 ? jsonObject(answer) : null;
  const value = object?.['accessToken'];
  if (typeof value === 'string' && value !== '') {
    const seconds = Number(object?.['tokenTtl'] ?? DEFAULT_TTL_SECONDS);
    return { value, ttlMs: (seconds > 0 ? seconds : DEFAULT_TTL_SECONDS) * 1_000 };
  }
  const failure = failureOf(answer, 'logging in', redact);
  if (failure.code === 'NACOS_UNAVAILABLE') throw failure;
  // Real servers answer 500 for a wrong password (3.x) and for an unknown user (2.5.1), measured.
  const doubt = answer.status >= 500 ? '; servers answer so for bad credentials too' : '';
  const words = answer.status === 200 ? 'no token in the answer' : wordsOf(answer, redact);
  throw new NacosError('NACOS_AUTH', `${answer.status}, ${words}${doubt}`);
}
