/** `POST /api/v1/canaries/NAME/VERB`: what a person asks of one Canary. */
import type { Access } from '../access/roles.ts';
import type { Refusal } from '../controller/controls.ts';
import { FLAG_VERBS, NameParams, VERBS, type Verb, VerbBody, WriteHeaders } from '../view/requests.ts';
import { CommandAnswer } from '../view/schemas.ts';
import { type App, PROBLEM_ANSWERS, type ServerDeps } from './deps.ts';
import { isKnown, unknownCanary } from './lookup.ts';
import { problem, refusalProblem, sendProblem } from './problems.ts';
import { beforeWrite, submit } from './writes.ts';

const SUMMARIES: Readonly<Record<Verb, string>> = {
  pause: 'Hold the weight; looks and rollbacks go on',
  resume: 'End the pauses that need a person; what is missing for this step is accepted',
  approve: 'Approve the step that asks for it',
  promote: 'Leave the current step without the rest of its bake, or with "full" every step',
  abort: 'Go back to weight 0 now',
  retry: 'Start the failed revision again',
  undo: 'Take a promotion back',
  forget: 'Confirm that a Canary whose file is gone was meant to be removed',
};

/** `force` asks for more: see `submit`. */
const ACCESS: Readonly<Record<Verb, Access>> = {
  pause: 'operate',
  resume: 'operate',
  approve: 'approve',
  promote: 'operate',
  abort: 'operate',
  retry: 'operate',
  undo: 'operate',
  forget: 'administer',
};

export function registerCommands(app: App, { controls, store }: ServerDeps): void {
  for (const verb of VERBS) {
    app.post(
      `/api/v1/canaries/:name/${verb}`,
      {
        config: { access: ACCESS[verb] },
        onRequest: beforeWrite({ controls, store }),
        schema: {
          summary: SUMMARIES[verb],
          tags: ['commands'],
          params: NameParams,
          headers: WriteHeaders,
          body: VerbBody,
          response: { 202: CommandAnswer, ...PROBLEM_ANSWERS },
        },
      },
      async (request, reply) => {
        const { name } = request.params;
        const { reason, force, full } = request.body;
        const useless = uselessFlag(verb, { force, full });
        if (useless !== null) {
          return sendProblem(reply, problem('INVALID_BODY', `${verb} knows no ${useless}`, 'leave it out'));
        }
        if (!isKnown(controls, name)) return sendProblem(reply, unknownCanary(controls, name));
        const answer = await submit(controls, request, { canary: name, verb, reason, force, full });
        if ('code' in answer) return sendProblem(reply, answer);
        if (!answer.changed) return sendProblem(reply, refusalProblem(NOTHING_TO_DO));
        const { eventId, rolloutId } = answer;
        return reply
          .code(202)
          .send(verb === 'retry' && rolloutId !== null ? { eventId, rolloutId } : { eventId });
      },
    );
  }
}

const NOTHING_TO_DO: Refusal = {
  status: 409,
  code: 'NOT_APPLICABLE',
  detail: 'there is nothing to do',
  hint: 'look at the canary first',
};

function uselessFlag(verb: Verb, flags: Readonly<Record<'force' | 'full', boolean>>): string | null {
  const known = Object.entries(FLAG_VERBS) as ['force' | 'full', readonly Verb[]][];
  return known.find(([flag, verbs]) => flags[flag] && !verbs.includes(verb))?.[0] ?? null;
}
