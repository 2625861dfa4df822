/** What machines ask: does it live, is it ready, what are its numbers, what can it do. */
import { Readable } from 'node:stream';
import { z } from 'zod';
import { EXPOSITION_CONTENT_TYPE } from '../telemetry/exposition.ts';
import { type App, PROBLEM_ANSWERS, type ServerDeps } from './deps.ts';
import { metricsIndex } from './figures.ts';
import { problem, sendProblem } from './problems.ts';
import { objectionToTime } from './writes.ts';

const tags = ['health'];

export function registerHealth(app: App, { controls, store, metrics }: ServerDeps): void {
  app.get(
    '/livez',
    {
      config: { access: 'probe' },
      schema: {
        summary: 'The process answers',
        tags,
        response: { 200: z.object({ status: z.literal('alive') }) },
      },
    },
    async () => ({ status: 'alive' as const }),
  );
  app.get(
    '/readyz',
    {
      config: { access: 'probe' },
      schema: {
        summary: 'Store open, leader or standby, first scan done',
        tags,
        response: { 200: z.object({ status: z.literal('ready'), leader: z.boolean() }), ...PROBLEM_ANSWERS },
      },
    },
    async (_request, reply) => {
      if (controls.isReady()) return { status: 'ready' as const, leader: controls.isLeader() };
      return sendProblem(reply, problem('NOT_READY', 'the first scan is not done yet'));
    },
  );
  app.get(
    '/leaderz',
    {
      config: { access: 'probe' },
      schema: {
        summary: 'This one leads and takes changes and alerts; a standby answers 503',
        tags,
        response: { 200: z.object({ status: z.literal('leading') }), ...PROBLEM_ANSWERS },
      },
    },
    async (_request, reply) => {
      const objection = objectionToTime(controls);
      return objection === null ? { status: 'leading' as const } : sendProblem(reply, objection);
    },
  );
  app.get(
    '/metrics',
    {
      config: { access: 'open' },
      exposeHeadRoute: false,
      schema: { summary: 'Prometheus text format', tags, response: textAnswer('text/plain') },
    },
    (_request, reply) => {
      reply.type(EXPOSITION_CONTENT_TYPE);
      return reply.send(Readable.from(metrics.scrape(metricsIndex(controls, store))));
    },
  );
  app.get(
    '/openapi.json',
    {
      config: { access: 'open' },
      schema: { summary: 'This description', tags, response: textAnswer('application/json') },
    },
    (_request, reply) => {
      reply.type('application/json');
      return reply.send(JSON.stringify(app.swagger()));
    },
  );
}

/** An answer that is no object of the wire contract and is sent as it is. */
function textAnswer(type: string) {
  return { 200: { description: 'OK', content: { [type]: { schema: z.any() } } } };
}
