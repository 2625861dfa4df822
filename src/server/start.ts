/** `POST /api/v1/canary/start`: the founding article's call, by which a pipeline starts a rollout. */
import type { FastifyRequest } from 'fastify';
import type { Accepted, Controls } from '../controller/controls.ts';
import { didYouMean } from '../lib/text.ts';
import type { Spec } from '../spec/canary.ts';
import { StartBody, StartHeaders } from '../view/requests.ts';
import { type Problem, StartAnswer } from '../view/schemas.ts';
import { type App, PROBLEM_ANSWERS, type ServerDeps } from './deps.ts';
import { forRequest, START_PATH } from './failures.ts';
import { type Answer, createIdempotency } from './idempotency.ts';
import { problem, sendProblem } from './problems.ts';
import { actorOf, beforeWrite, submit } from './writes.ts';

export function registerStart(app: App, { controls, store, clock }: ServerDeps): void {
  const idempotency = createIdempotency<StartAnswer | Problem>(clock);
  app.post(
    START_PATH,
    {
      config: { access: 'start' },
      onRequest: beforeWrite({ controls, store }),
      schema: {
        summary: 'Start a rollout of a version',
        description: '202: it began. 200: that version is already running or live.',
        tags: ['commands'],
        headers: StartHeaders,
        body: StartBody,
        response: { 200: StartAnswer, 202: StartAnswer, ...PROBLEM_ANSWERS },
      },
    },
    async (request, reply) => {
      const work = () => start(controls, request, request.body);
      const key = request.headers['idempotency-key'];
      // Keys are the caller's own: nobody gets an answer that was another one's.
      const answer =
        key === undefined
          ? await work()
          : await idempotency.once(
              JSON.stringify([actorOf(request), key]),
              JSON.stringify(request.body),
              work,
            );
      if (answer === null) {
        const reused = problem('KEY_REUSED', `the Idempotency-Key ${key} came with another request before`);
        return sendProblem(reply, forRequest(reused, request));
      }
      const { status, body } = answer;
      if ('code' in body) return sendProblem(reply, forRequest(body, request));
      return reply.code(status === 202 ? 202 : 200).send(body);
    },
  );
}

async function start(
  controls: Controls,
  request: FastifyRequest,
  body: StartBody,
): Promise<Answer<StartAnswer | Problem>> {
  const spec = findByService(controls, body);
  if ('code' in spec) return { status: spec.status, body: spec };
  const { name } = spec.canary;
  const { canary_version: revision, reason, restart, force } = body;
  const asked = { canary: name, verb: 'start', reason, revision, restart, force } as const;
  const answer = await submit(controls, request, asked);
  if ('code' in answer) return { status: answer.status, body: answer };
  const { rolloutId } = answer;
  if (answer.changed) {
    const { eventId } = answer;
    return { status: 202, body: { status: 'Canary analysis started', canary: name, rolloutId, eventId } };
  }
  return { status: 200, body: { status: unchangedStatus(controls, name, answer), canary: name, rolloutId } };
}

function unchangedStatus(controls: Controls, name: string, { rolloutId }: Accepted): string {
  const rollout = controls.state(name)?.rollout;
  const isRunning = rollout?.id === rolloutId && rollout.outcome === null;
  return isRunning ? 'Canary analysis already running' : 'Version already live';
}

/** `service_name` matches `spec.service`; only where none does, `metadata.name`. */
function findByService(controls: Controls, { service_name: service, canary }: StartBody): Spec | Problem {
  const specs = controls.specs();
  const named = (spec: Spec) => spec.canary.name === (canary ?? service);
  const byService = specs.filter((spec) => spec.canary.service === service);
  const candidates = byService.length > 0 && canary === undefined ? byService : specs.filter(named);
  const [spec, second] = candidates;
  if (spec === undefined || (canary !== undefined && !moves(spec, service))) {
    const near = didYouMean(
      service,
      specs.flatMap(({ canary: { name, service } }) => [service, name]),
    );
    const which = canary === undefined ? '' : ` named ${canary}`;
    return problem('NOT_FOUND', `no Canary${which} moves the service ${service}.${near}`);
  }
  if (second !== undefined) {
    const names = candidates.map((candidate) => candidate.canary.name).join(', ');
    return problem('AMBIGUOUS', `several Canaries move the service ${service}: ${names}`);
  }
  return spec;
}

function moves({ canary }: Spec, service: string): boolean {
  return canary.service === service || canary.name === service;
}
