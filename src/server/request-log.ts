/** What the log says of requests: every change that was asked for, and what was refused or failed. Reads that went well say nothing. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Access } from '../access/roles.ts';
import type { Clock } from '../lib/clock.ts';
import type { RefusalKind } from '../telemetry/access-series.ts';
import type { ServerDeps } from './deps.ts';
import { pathOf } from './failures.ts';
import { actorOf } from './writes.ts';

declare module 'fastify' {
  interface FastifyReply {
    /** Code of the problem that was answered; null: none was. */
    problemCode: string | null;
  }
}

const REFUSED: Readonly<Record<number, RefusalKind>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  429: 'limited',
};

const PATH_SHOWN = 200;
/** Who asks too often must not fill the log as well. */
const LIMITED_EVERY_MS = 1000;
/** A sender whose body is refused sends it again and again. */
const REFUSED_WEBHOOK_EVERY_MS = 1000;

export function logRequests(app: FastifyInstance, { log, metrics, clock }: ServerDeps): void {
  app.decorateReply('problemCode', null);
  const isTime = atMostEvery(LIMITED_EVERY_MS, clock);
  const isTimeForWebhook = atMostEvery(REFUSED_WEBHOOK_EVERY_MS, clock);
  app.addHook('onResponse', async (request, reply) => {
    const { statusCode: status } = reply;
    const { access } = request.routeOptions.config;
    const refused = REFUSED[status];
    if (refused !== undefined) metrics.refused(refused);
    if (refused === 'limited') {
      if (isTime()) log.warn(fieldsOf(request, reply), 'requests come too often and are refused');
    } else if (refused === 'unauthenticated') {
      // By nobody: a claim of who asks is worth nothing here.
      log.warn({ ...fieldsOf(request, reply), actor: null }, 'a request was refused');
    } else if (access === 'webhook' && status >= 400) {
      if (isTimeForWebhook()) log.warn({ ...fieldsOf(request, reply), actor: null }, 'a webhook was refused');
    } else if (isChange(access)) {
      log.info(fieldsOf(request, reply), 'a change was asked for');
    } else if (refused !== undefined) {
      log.warn(fieldsOf(request, reply), 'a request was refused');
    } else if (status >= 500 && access !== 'probe') {
      log.warn(fieldsOf(request, reply), 'a request could not be answered');
    }
  });
}

function isChange(access: Access | undefined): boolean {
  return access !== undefined && !['probe', 'open', 'webhook', 'read'].includes(access);
}

function fieldsOf(request: FastifyRequest, reply: FastifyReply) {
  const { id: requestId, method, ip: address } = request;
  const path = pathOf(request).slice(0, PATH_SHOWN);
  const { statusCode: status, problemCode: code } = reply;
  return { requestId, method, path, status, code, actor: actorOf(request), address };
}

/** Whether so long has passed since it last said yes. */
export function atMostEvery(ms: number, clock: Clock): () => boolean {
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    const now = clock.monotonic();
    if (now - last < ms) return false;
    last = now;
    return true;
  };
}
