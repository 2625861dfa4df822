/** What every change has in common: who may make it, when one is taken, and how it is handed to the controller. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Accepted, Controls, Refusal } from '../controller/controls.ts';
import type { NewCommand } from '../store/store.ts';
import type { Problem } from '../view/schemas.ts';
import { forRequest } from './failures.ts';
import { objectionToWrite } from './guards.ts';
import { problem, refusalProblem, sendProblem } from './problems.ts';

/** A hook in front of every change: refuses before a body is read. */
export function beforeWrite(controls: Controls) {
  return async function refuse(
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply | undefined> {
    const { socket, headers } = request.raw;
    const objection =
      objectionToWrite({ remoteAddress: socket.remoteAddress, headers }) ?? objectionToTime(controls);
    return objection === null ? undefined : sendProblem(reply, forRequest(objection, request));
  };
}

/** Nothing is taken before the first scan, nor by a standby. */
export function objectionToTime(controls: Controls): Problem | null {
  if (!controls.isReady()) return problem('NOT_READY', 'the first scan of the directory is not done yet');
  if (!controls.isLeader()) return problem('STANDBY', 'this process stands by; another one leads and writes');
  return null;
}

export type Asked = Pick<NewCommand, 'canary' | 'verb' | 'reason'> & Partial<NewCommand>;

/** Hands a command to the controller, with the name of who asked. */
export async function submit(
  controls: Controls,
  request: FastifyRequest,
  asked: Asked,
): Promise<Accepted | Problem> {
  const { 'x-canary-actor': claimed, 'user-agent': agent } = request.headers;
  const actor = typeof claimed === 'string' ? claimed : 'local caller';
  const source = agent?.startsWith('canary-cli/') ? 'cli' : 'http';
  const defaults = { force: false, full: false, revision: null, restart: false };
  const answer = await controls.submit({ ...defaults, actor, source, ...asked });
  return isRefusal(answer) ? refusalProblem(answer) : answer;
}

function isRefusal(answer: Accepted | Refusal): answer is Refusal {
  return 'code' in answer;
}
