/** Canaries as they are now. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Controls } from '../controller/controls.ts';
import type { Clock } from '../lib/clock.ts';
import { beginSlices } from '../telemetry/slices.ts';
import { diagnosticView, specView } from '../view/build.ts';
import { CanariesQuery, NameParams } from '../view/requests.ts';
import { CanaryListView, CanaryView } from '../view/schemas.ts';
import { SpecView } from '../view/spec.ts';
import { type App, PROBLEM_ANSWERS, type ServerDeps } from './deps.ts';
import { canaryNames, canaryViews, findCanary, specOf, unknownCanary } from './lookup.ts';
import { sendProblem } from './problems.ts';

const tags = ['canaries'];

export function registerCanaries(app: App, { controls, clock }: ServerDeps): void {
  app.get(
    '/api/v1/canaries',
    {
      exposeHeadRoute: false,
      config: { access: 'read' },
      schema: {
        summary: 'Canaries in the order of their names, and everything that is wrong with files',
        tags,
        querystring: CanariesQuery,
        response: { 200: CanaryListView, ...PROBLEM_ANSWERS },
      },
    },
    async ({ query: { after, limit } }, reply) => {
      const names = canaryNames(controls).filter((name) => after === undefined || name > after);
      return sendPages(reply, listPages(controls, clock, names.slice(0, limit)));
    },
  );
  app.get(
    '/api/v1/canaries/:name',
    {
      config: { access: 'read' },
      schema: {
        summary: 'One Canary as it is now',
        tags,
        params: NameParams,
        response: { 200: CanaryView, ...PROBLEM_ANSWERS },
      },
    },
    async ({ params: { name } }, reply) => {
      const gateways = await controls.gateways(name);
      return findCanary(controls, name, gateways) ?? sendProblem(reply, unknownCanary(controls, name));
    },
  );
  app.get(
    '/api/v1/canaries/:name/spec',
    {
      config: { access: 'read' },
      schema: {
        summary: 'The declaration that runs, every default filled in',
        tags,
        params: NameParams,
        response: { 200: SpecView, ...PROBLEM_ANSWERS },
      },
    },
    async ({ params: { name } }, reply) => {
      const spec = specOf(controls, name);
      return spec === null ? sendProblem(reply, unknownCanary(controls, name)) : specView(spec);
    },
  );
}

function sendPages(reply: FastifyReply, pages: AsyncGenerator<string>): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(Readable.from(pages));
}

/** A CanaryListView as JSON text, in pieces: ten thousand Canaries must not keep the loop waiting. */
async function* listPages(
  controls: Controls,
  clock: Clock,
  names: readonly string[],
): AsyncGenerator<string> {
  const slices = beginSlices(clock);
  let page = '{"items":[';
  let separator = '';
  for (const view of canaryViews(controls, names)) {
    page += separator + JSON.stringify(view);
    separator = ',';
    if (!slices.isOver()) continue;
    yield page;
    page = '';
    await slices.rest();
  }
  yield `${page}],"diagnostics":${JSON.stringify(controls.diagnostics().map(diagnosticView))}}`;
}
