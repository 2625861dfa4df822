/** `GET /api/v1/stream`: committed events as they come, as server-sent events that resume by number. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { isExpired } from '../access/tokens.ts';
import { StreamHeaders, StreamQuery } from '../view/requests.ts';
import { type App, PROBLEM_ANSWERS, type ServerDeps } from './deps.ts';
import { objectionToLogOf } from './lookup.ts';
import { type ProblemCode, problem, sendProblem } from './problems.ts';
import { createStreamHub, type Refused, STREAM_LIMITS } from './stream-hub.ts';

const HEADERS = {
  // A stream ends when something is to end it; the connection is of no use after that.
  connection: 'close',
  // nginx would collect what is sent until a page is full.
  'x-accel-buffering': 'no',
};

const DESCRIPTION =
  `Each message is one event as JSON (the schema Event); its number is the id of the message, by which
a reader that comes back goes on with nothing lost and nothing twice. A comment comes when nothing else does. A message
of the type "closed" says why the controller ends the stream.`.replaceAll('\n', ' ');

const STREAM_ANSWER = {
  description: 'A stream that does not end by itself',
  content: { 'text/event-stream': { schema: z.any().meta({ type: 'string' }) } },
};

export function registerStream(app: App, deps: ServerDeps): void {
  const { store, clock, log, metrics, streamLimits = STREAM_LIMITS } = deps;
  const hub = createStreamHub({ store, clock, log, onStall: metrics.streamStalled, limits: streamLimits });
  metrics.countReaders(hub.readers);
  app.addHook('preClose', async () => hub.close());
  app.get(
    '/api/v1/stream',
    {
      exposeHeadRoute: false,
      config: { access: 'read' },
      schema: {
        summary: 'Committed events as they come, as server-sent events',
        description: DESCRIPTION,
        tags: ['history'],
        querystring: StreamQuery,
        headers: StreamHeaders,
        response: { 200: STREAM_ANSWER, ...PROBLEM_ANSWERS },
      },
    },
    async (request, reply) => {
      const { after, canary = null } = request.query;
      const { 'last-event-id': last } = request.headers;
      const against = canary === null ? null : objectionToLogOf(deps, canary);
      if (against !== null) return sendProblem(reply, against);
      const isWelcome = () => isTokenInForce(request, deps);
      const opened = hub.open({ after: last ?? after ?? null, canary, isWelcome });
      if ('refused' in opened) return sendProblem(reply, problem(...reasonFor(opened)));
      return reply.type('text/event-stream; charset=utf-8').headers(HEADERS).send(opened);
    },
  );
}

/** A stream outlives what is asked when it begins: a token may be revoked, or run out, meanwhile. */
function isTokenInForce(
  { token, raw }: Pick<FastifyRequest, 'token' | 'raw'>,
  { tokens = null, clock }: Pick<ServerDeps, 'tokens' | 'clock'>,
): boolean {
  if (token === null || tokens === null) return token === null;
  const [, secret = ''] = /^bearer +(\S+)/i.exec(raw.headers.authorization ?? '') ?? [];
  const found = tokens().find(secret);
  return found?.name === token.name && !isExpired(found, clock.now());
}

function reasonFor(refused: Refused): [ProblemCode, string] {
  if (refused.refused === 'full')
    return ['TOO_MANY_READERS', 'as many readers as are allowed follow the stream'];
  return ['AHEAD_OF_LOG', `the log ends with event ${refused.end}, so the number is of another log`];
}
