/** Every error the HTTP interface can answer, in one table, and how it is sent (RFC 9457). */
import type { FastifyReply } from 'fastify';
import type { Refusal } from '../controller/controls.ts';
import type { Problem } from '../view/schemas.ts';

interface Kind {
  readonly status: number;
  readonly title: string;
  /** What to do next, where the caller of `problem` knows nothing better. */
  readonly hint: string;
}

export const PROBLEM_KINDS = {
  INVALID_JSON: { status: 400, title: 'Not JSON', hint: 'send one JSON object' },
  INVALID_BODY: { status: 400, title: 'Invalid body', hint: 'see /openapi.json for the fields' },
  INVALID_QUERY: { status: 400, title: 'Invalid query', hint: 'see /openapi.json for the parameters' },
  INVALID_HEADER: { status: 400, title: 'Invalid header', hint: 'correct the header, or leave it out' },
  INVALID_REQUEST: { status: 400, title: 'Invalid request', hint: 'see /openapi.json' },
  TOKEN_MISSING: {
    status: 401,
    title: 'No token',
    hint: 'send one as "Authorization: Bearer …"; the command line takes it from --token-file or CANARY_TOKEN_FILE',
  },
  TOKEN_UNKNOWN: {
    status: 401,
    title: 'Unknown token',
    hint: 'ask who runs the controller for a new one: `canary token create`',
  },
  TOKEN_EXPIRED: {
    status: 401,
    title: 'Expired token',
    hint: 'ask who runs the controller for a new one: `canary token create`',
  },
  WEBHOOK_UNSIGNED: {
    status: 401,
    title: 'No secret',
    hint: 'send the webhook secret as "Authorization: Bearer …", or sign the request with it',
  },
  WEBHOOK_SECRET_WRONG: {
    status: 403,
    title: 'Wrong secret',
    hint: 'the secret is the one in CANARY_WEBHOOK_SECRET_FILE',
  },
  WEBHOOK_STALE: {
    status: 403,
    title: 'Outside the replay window',
    hint: 'set the contact point’s timestamp header to X-Grafana-Alerting-Timestamp, and compare the clocks',
  },
  ROLE_TOO_LOW: {
    status: 403,
    title: 'Role too low',
    hint: 'use a token with that role, or ask somebody who has one',
  },
  CANARY_NOT_YOURS: {
    status: 403,
    title: 'Not one of its Canaries',
    hint: 'use a token that may change this Canary: `canary token list` shows which may',
  },
  NOT_LOOPBACK: {
    status: 403,
    title: 'Only from this machine',
    hint: 'run the command on the machine that the controller runs on, or give the controller a tokens file',
  },
  FOREIGN_HOST: {
    status: 403,
    title: 'Foreign host',
    hint: 'use an address like http://127.0.0.1:5001 or http://localhost:5001',
  },
  FOREIGN_ORIGIN: {
    status: 403,
    title: 'Foreign origin',
    hint: 'web pages of other origins may not change anything; use the command line',
  },
  NOT_FOUND: {
    status: 404,
    title: 'Not found',
    hint: '`canary list`, or GET /api/v1/canaries, shows what there is',
  },
  NO_SUCH_ROUTE: { status: 404, title: 'No such address', hint: 'see /openapi.json' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'Method not allowed', hint: 'see the Allow header' },
  REQUEST_TIMEOUT: { status: 408, title: 'Request timeout', hint: 'send the whole request at once' },
  AMBIGUOUS: { status: 409, title: 'Ambiguous', hint: 'name the Canary in the field "canary"' },
  AHEAD_OF_LOG: {
    status: 409,
    title: 'Ahead of the log',
    hint: 'the database was begun anew or restored: forget the number, and begin without it or with after=0',
  },
  BODY_TOO_LARGE: {
    status: 413,
    title: 'Body too large',
    hint: 'send at most 64 KiB, or 1 MiB to a webhook',
  },
  TOO_MANY_ALERTS: {
    status: 413,
    title: 'Too many alerts',
    hint: 'group by canary or service, so that each body has fewer alerts',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'Unsupported media type',
    hint: 'send the header Content-Type: application/json',
  },
  KEY_REUSED: {
    status: 422,
    title: 'Idempotency-Key reused',
    hint: 'use a new Idempotency-Key for another request',
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    title: 'Too many requests',
    hint: 'ask again after the seconds in Retry-After, and less often; CANARY_RATE_LIMIT sets how often',
  },
  TOO_MANY_FAILURES: {
    status: 429,
    title: 'Too many refused requests',
    hint: 'stop, and get a token or secret that is good: a good one is taken at once',
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    title: 'Headers too large',
    hint: 'send less in the address and the headers',
  },
  INTERNAL: { status: 500, title: 'Internal error', hint: 'the controller’s log says more' },
  NOT_READY: { status: 503, title: 'Not ready', hint: 'try again in a second' },
  STOPPING: { status: 503, title: 'Stopping', hint: 'ask again in a moment, or ask another controller' },
  STANDBY: { status: 503, title: 'Standby', hint: 'ask the leader: /leaderz answers 200 on it alone' },
  TOO_MANY_READERS: {
    status: 503,
    title: 'Too many readers',
    hint: 'try again later, or ask GET /api/v1/events from time to time',
  },
  STORE_FAILED: { status: 503, title: 'Store not available', hint: 'the controller’s log says more' },
} as const satisfies Record<string, Kind>;

export type ProblemCode = keyof typeof PROBLEM_KINDS;

export function problem(code: ProblemCode, detail: string, hint?: string): Problem {
  const { status, title, hint: usual } = PROBLEM_KINDS[code];
  return { type: 'about:blank', title, status, code, detail, hint: hint ?? usual };
}

const REFUSED: Readonly<Record<Refusal['status'], string>> = {
  404: 'Not found',
  409: 'Conflict',
  413: 'Too many alerts',
  503: 'Not available',
};

/** A refusal of the controller as a problem; its code is kept. */
export function refusalProblem({ status, code, detail, hint }: Refusal): Problem {
  return { type: 'about:blank', title: REFUSED[status], status, code, detail, hint };
}

export function sendProblem(reply: FastifyReply, body: Problem): FastifyReply {
  reply.problemCode = body.code;
  if (body.status === 503) reply.header('retry-after', '1');
  if (body.status === 401) reply.header('www-authenticate', 'Bearer realm="canary"');
  return reply
    .code(body.status)
    .type('application/problem+json')
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send({ ...body, requestId: reply.request.id });
}
