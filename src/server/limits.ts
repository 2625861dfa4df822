/** How often one caller may ask, so that one that runs wild leaves room for the others and for the loop. */
import rateLimit, { normalizeIP } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Problem } from '../view/schemas.ts';
import { problem } from './problems.ts';

/** 0: no limit. */
export interface RateLimits {
  /** Requests a second with one token, or from one address without one, over ten seconds. Webhooks are counted apart, those without the secret apart from those with it. */
  readonly requestsPerSecond: number;
  /** Refused tokens and secrets a minute from one address. */
  readonly failuresPerMinute: number;
}

export const NO_LIMITS: RateLimits = { requestsPerSecond: 0, failuresPerMinute: 0 };

export interface Limiter {
  /** Counts a request of the caller that `key` names: a problem when it is one too many. */
  request(request: FastifyRequest, reply: FastifyReply, key: string): Promise<Problem | null>;
  /**
   * Counts a request that could not prove who sent it. Gives what to answer: `refusal`, or when there were too many,
   * one that tells less and says when to come back. A good token or secret is never kept waiting by bad ones: behind
   * one address there may be a whole building, and what cannot be guessed needs no lock.
   */
  failure(request: FastifyRequest, reply: FastifyReply, refusal: Problem): Promise<Problem>;
}

type Count = ReturnType<FastifyInstance['createRateLimit']>;

/** So long that all of a fleet's pipelines, or a thousand readers of the stream that come back, may ask at once. */
const WINDOW_S = 10;

/** Keeps the counts of some thousand callers; of more, of those that asked last. */
export function createLimiter(app: FastifyInstance, limits: RateLimits): Limiter {
  app.register(rateLimit, { global: false });
  const keys = new WeakMap<FastifyRequest, string>();

  /** Made at the first request: the plugin is there once the application is ready. */
  function counter(max: number, timeWindow: number): () => Count {
    let count: Count | null = null;
    return () => {
      count ??= app.createRateLimit({ max, timeWindow, keyGenerator: (request) => keys.get(request) ?? '' });
      return count;
    };
  }
  const most = limits.requestsPerSecond * WINDOW_S;
  const requests = counter(most, WINDOW_S * 1000);
  const failures = counter(limits.failuresPerMinute, 60_000);

  /** Seconds to wait; null: it may go on. */
  async function overdraft(count: Count, request: FastifyRequest, key: string): Promise<number | null> {
    keys.set(request, key);
    const counted = await count(request);
    return counted.isAllowed || !counted.isExceeded ? null : Math.max(1, counted.ttlInSeconds);
  }

  return {
    async request(request, reply, key) {
      if (limits.requestsPerSecond === 0) return null;
      const seconds = await overdraft(requests(), request, key);
      if (seconds === null) return null;
      reply.header('retry-after', String(seconds));
      return problem('TOO_MANY_REQUESTS', `more than ${most} requests came within ${WINDOW_S} seconds`);
    },
    async failure(request, reply, refusal) {
      if (limits.failuresPerMinute === 0) return refusal;
      const seconds = await overdraft(failures(), request, addressOf(request));
      if (seconds === null) return refusal;
      reply.header('retry-after', String(seconds));
      return problem(
        'TOO_MANY_FAILURES',
        `more than ${limits.failuresPerMinute} requests were refused in a minute`,
      );
    },
  };
}

/** Of IPv6 the /64, because whoever has one address there has them all. */
export function addressOf({ ip }: FastifyRequest): string {
  // A caller that hung up has no address any more.
  return normalizeIP(ip ?? '');
}
