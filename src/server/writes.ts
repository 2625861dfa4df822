/** What every change has in common: who may make it, when one is taken, and how it is handed to the controller. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { hasRole, roleFor } from '../access/roles.ts';
import { mayChange, type Token } from '../access/tokens.ts';
import type { Accepted, Controls, Refusal } from '../controller/controls.ts';
import type { NewCommand, Store } from '../store/store.ts';
import type { Problem } from '../view/schemas.ts';
import type { ServerDeps } from './deps.ts';
import { forRequest } from './failures.ts';
import { problem, refusalProblem, sendProblem } from './problems.ts';

/** A hook in front of every change: refuses before a body is read. Who may make it was asked before: see `guardRoutes`. */
export function beforeWrite({ controls, store }: Pick<ServerDeps, 'controls' | 'store'>) {
  return async function refuse(
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply | undefined> {
    const objection = objectionToTime(controls, store);
    return objection === null ? undefined : sendProblem(reply, forRequest(objection, request));
  };
}

/** Nothing is taken before the first scan, nor by a standby. Who leads is told where there is a `store` to ask. */
export function objectionToTime(controls: Controls, store?: Pick<Store, 'holder'>): Problem | null {
  if (!controls.isReady()) return problem('NOT_READY', 'the first scan of the directory is not done yet');
  if (controls.isLeader()) return null;
  const holder = store?.holder() ?? null;
  const who =
    holder === null ? 'another one leads and writes' : `${holder} (host/process) took the lead last`;
  return problem('STANDBY', `this process stands by; ${who}`);
}

export type Asked = Pick<NewCommand, 'canary' | 'verb' | 'reason'> & Partial<NewCommand>;

/** Hands a command to the controller, with the name of who asked and where from. */
export async function submit(
  controls: Controls,
  request: FastifyRequest,
  asked: Asked,
): Promise<Accepted | Problem> {
  const { token, headers, ip, id } = request;
  const objection = token === null ? null : objectionToAsked(controls, token, asked);
  if (objection !== null) return objection;
  const source = headers['user-agent']?.startsWith('canary-cli/') ? 'cli' : 'http';
  const from = { address: ip, requestId: id, role: token?.role ?? null };
  const defaults = { force: false, full: false, revision: null, restart: false };
  const answer = await controls.submit({ ...defaults, actor: actorOf(request), source, from, ...asked });
  return isRefusal(answer) ? refusalProblem(answer) : answer;
}

/** The token's name; a claim counts only where no token proves anything. */
export function actorOf({ token, headers }: Pick<FastifyRequest, 'token' | 'headers'>): string {
  if (token !== null) return token.name;
  const claimed = headers['x-canary-actor'];
  return typeof claimed === 'string' ? claimed : 'local caller';
}

/** What a token whose role is high enough for the call may still not do. */
function objectionToAsked(controls: Controls, token: Token, asked: Asked): Problem | null {
  const { canary, verb, force = false } = asked;
  const { name, role, canaries = [] } = token;
  if (!mayChange(token, canary)) {
    return problem('CANARY_NOT_YOURS', `the token ${name} may change ${canaries.join(', ')}, not ${canary}`);
  }
  const refuse = (what: string, access: 'administer' | 'operate') => {
    const least = roleFor(access);
    if (least === null || hasRole(role, least)) return null;
    return problem('ROLE_TOO_LOW', `${what} asks for the role ${least}; the token ${name} has ${role}`);
  };
  if (force) return refuse(`${verb} with force`, 'administer');
  // What `restart` gets past is what `retry` gets past, so it asks for the same.
  const again = failedRevision(controls, asked);
  return again === null ? null : refuse(`${again} failed before: starting it again`, 'operate');
}

/** The revision that is asked for by `restart` although it failed. */
function failedRevision(controls: Controls, { canary, revision, restart }: Asked): string | null {
  if (restart !== true || revision === undefined || revision === null) return null;
  return controls.state(canary)?.failed[revision] === undefined ? null : revision;
}

function isRefusal(answer: Accepted | Refusal): answer is Refusal {
  return 'code' in answer;
}
