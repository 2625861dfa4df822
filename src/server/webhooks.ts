/** `POST /webhooks/grafana` and `/webhooks/alertmanager`: alerts that come back to the controller. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Alert } from '../controller/controls.ts';
import type { WEBHOOK_RESULTS, WEBHOOK_TYPES } from '../telemetry/metrics.ts';
import { WebhookParams } from '../view/requests.ts';
import type { Problem } from '../view/schemas.ts';
import { AlertmanagerBody, GrafanaBody, WebhookAnswer, WebhookView } from '../view/webhooks.ts';
import { ACTIONS, alertmanagerAlerts, grafanaAlerts, unknownActions } from './alerts.ts';
import { type App, PROBLEM_ANSWERS, type ServerDeps } from './deps.ts';
import { addressOf, type Limiter } from './limits.ts';
import { problem, refusalProblem, sendProblem } from './problems.ts';
import { atMostEvery } from './request-log.ts';
import { createReplays, isProvedByBody, objectionToBody, objectionToHeaders } from './webhook-secret.ts';
import { objectionToTime } from './writes.ts';

type WebhookType = (typeof WEBHOOK_TYPES)[number];

/** A group may hold every alert of a fleet. */
const BODY_LIMIT = 1024 * 1024;

/** An alert that is written wrongly is told again and again. */
const UNKNOWN_EVERY_MS = 1000;
const UNKNOWN_SHOWN = 5;

const SUMMARIES: Readonly<Record<WebhookType, string>> = {
  grafana: 'Alerts from Grafana, by unified alerting or as before it',
  alertmanager: 'Alerts from Alertmanager',
};

/** Must have a scope of its own, for its parser: a signature is of the text, not of what it means. */
export function registerWebhooks(app: App, deps: ServerDeps, limiter: Limiter): void {
  const { labels } = deps.webhooks;
  const inbox = createInbox(app, deps, limiter);
  app.post(
    '/webhooks/grafana',
    { ...inbox.hooks('grafana'), schema: { ...describe('grafana'), body: GrafanaBody } },
    async (request, reply) => {
      const { body } = request;
      const answer = await inbox.take('grafana', request, body, grafanaAlerts(body, labels));
      return 'code' in answer ? sendProblem(reply, answer) : reply.code(202).send(answer);
    },
  );
  app.post(
    '/webhooks/alertmanager',
    { ...inbox.hooks('alertmanager'), schema: { ...describe('alertmanager'), body: AlertmanagerBody } },
    async (request, reply) => {
      const { body } = request;
      const answer = await inbox.take('alertmanager', request, body, alertmanagerAlerts(body, labels));
      return 'code' in answer ? sendProblem(reply, answer) : reply.code(202).send(answer);
    },
  );
  registerKept(app, deps);
}

function describe(type: WebhookType) {
  return {
    summary: SUMMARIES[type],
    tags: ['webhooks'],
    response: { 202: WebhookAnswer, ...PROBLEM_ANSWERS },
  };
}

/** What a standby does not take is no trouble: the leader is told the same, or the sender comes again. */
function resultOf({ statusCode, problemCode }: FastifyReply): (typeof WEBHOOK_RESULTS)[number] {
  if (statusCode < 400) return 'accepted';
  return problemCode === 'STANDBY' ? 'standby' : 'refused';
}

function truncatedIn(body: GrafanaBody | AlertmanagerBody): number {
  return 'state' in body ? 0 : (body.truncatedAlerts ?? 0);
}

interface Inbox {
  /** What every webhook goes through before its body is looked at, and what is counted after. */
  hooks(type: WebhookType): {
    readonly config: { readonly access: 'webhook' };
    readonly bodyLimit: number;
    readonly onRequest: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
    readonly preValidation: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
    readonly onResponse: (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
  };
  take(
    type: WebhookType,
    request: Pick<FastifyRequest, 'raw' | 'headers' | 'ip'>,
    body: GrafanaBody | AlertmanagerBody,
    alerts: readonly Alert[],
  ): Promise<WebhookAnswer | Problem>;
}

function createInbox(app: App, deps: ServerDeps, limiter: Limiter): Inbox {
  const { controls, clock, metrics, webhooks, log } = deps;
  const isTime = atMostEvery(UNKNOWN_EVERY_MS, clock);
  const replays = createReplays(clock);
  const parse = app.getDefaultJsonParser('error', 'error');
  const texts = new WeakMap<FastifyRequest['raw'], string>();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body);
  });

  /** Counted apart from those that are believed, which it must not hold up. */
  async function refuse(request: FastifyRequest, reply: FastifyReply, objection: Problem) {
    const limited = await limiter.request(request, reply, `refused webhook ${addressOf(request)}`);
    const isProof = webhooks.secret !== null;
    const counted = isProof ? await limiter.failure(request, reply, objection) : objection;
    return sendProblem(reply, limited ?? counted);
  }

  /** Counts one that is believed: a problem when it is one too many. */
  function believe(request: FastifyRequest, reply: FastifyReply): Promise<Problem | null> {
    return limiter.request(request, reply, `webhook ${addressOf(request)}`);
  }

  function noteUnknown(type: WebhookType, unknown: readonly string[]): void {
    if (unknown.length === 0) return;
    metrics.unknownActions(type, unknown.length);
    if (!isTime()) return;
    const shown = [...new Set(unknown)].slice(0, UNKNOWN_SHOWN);
    const fields = { type, label: webhooks.labels.action, unknown: shown, known: ACTIONS };
    log.warn(fields, 'an alert asks for an action that does not exist, so it pauses');
  }

  return {
    hooks: (type) => ({
      config: { access: 'webhook' },
      bodyLimit: BODY_LIMIT,
      async onRequest(request, reply) {
        const { socket, headers } = request.raw;
        const from = { remoteAddress: socket.remoteAddress, headers };
        const disbelief = objectionToHeaders(from, webhooks.secret, clock.now());
        if (disbelief !== null) return refuse(request, reply, disbelief);
        const limited = isProvedByBody(headers, webhooks.secret) ? null : await believe(request, reply);
        const objection = limited ?? objectionToTime(controls);
        return objection === null ? undefined : sendProblem(reply, objection);
      },
      async preValidation(request, reply) {
        const text = typeof request.body === 'string' ? request.body : '';
        const objection = objectionToBody(request.headers, text, webhooks.secret);
        if (objection !== null) return refuse(request, reply, objection);
        const isProved = isProvedByBody(request.headers, webhooks.secret);
        const limited = isProved ? await believe(request, reply) : null;
        if (limited !== null) return sendProblem(reply, limited);
        texts.set(request.raw, text);
        request.body = await new Promise((resolve, reject) => {
          parse(request, text, (error, value) => (error === null ? resolve(value) : reject(error)));
        });
        return undefined;
      },
      async onResponse(_request, reply) {
        metrics.webhook(type, resultOf(reply));
      },
    }),
    async take(type, { raw, headers, ip }, body, alerts) {
      const truncated = truncatedIn(body);
      const receive = () => controls.receive({ type, address: ip, body: texts.get(raw) ?? '', alerts });
      const answer = await replays.once(headers, receive, (given) => !('code' in given));
      if (answer === null) return { alerts: [], truncated, replayed: true };
      if ('code' in answer) return refusalProblem(answer);
      for (const { result } of answer) metrics.alert(type, result);
      noteUnknown(type, unknownActions(body, webhooks.labels));
      return { alerts: [...answer], truncated, replayed: false };
    },
  };
}

/** The bodies that events name. */
function registerKept(app: App, { store }: ServerDeps): void {
  app.get(
    '/api/v1/webhooks/:id',
    {
      config: { access: 'read' },
      schema: {
        summary: 'A webhook as it came; its number stands in the events that it made',
        tags: ['webhooks'],
        params: WebhookParams,
        response: { 200: WebhookView, ...PROBLEM_ANSWERS },
      },
    },
    async ({ params: { id } }, reply) => {
      const kept = store.webhook(id);
      if (kept !== null) return { ...kept, at: new Date(kept.at).toISOString() };
      return sendProblem(reply, problem('NOT_FOUND', `there is no webhook ${id}, or it is no longer kept`));
    },
  );
}
