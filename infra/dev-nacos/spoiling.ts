/** What a spoiled request is answered. */

import type { Spoiler } from './faults.ts';
import type { NacosRequest, Reply } from './http.ts';
import type { Parts } from './parts.ts';
import { caused, failure, foreignNotFound, JSON_TYPE, json, springError, success, text } from './replies.ts';
import { gone, unknownEndpoint } from './routes.ts';

function statusReply(parts: Parts, request: NacosRequest, status: number): Reply {
  const now = parts.clock.now();
  switch (status) {
    case 403: {
      const words = 'authorization failed!';
      return springError(
        403,
        parts.generation.major === 2 ? words : `Code: 403, Message: ${words}.`,
        request,
        now,
      );
    }
    case 409:
      return {
        status,
        headers: { 'Content-Type': JSON_TYPE },
        body: 'requested file is being modified, please try later.\n',
      };
    case 410:
      return gone(parts, request);
    case 500:
      return request.path.startsWith('/v3/')
        ? failure(500, 30000, 'injected fault')
        : caused(500, 'injected fault');
    case 503:
      return text(503, 'server is busy, please try later.\n');
    default:
      return springError(status, 'injected fault', request, now);
  }
}

function says(request: NacosRequest, answer: boolean): Reply {
  return request.path.startsWith('/v3/') ? success(answer) : json(200, answer);
}

/** The answer that takes the place of the real one; null when the request is to be worked on first. */
export function spoiledReply(parts: Parts, request: NacosRequest, rule: Spoiler): Reply | 'cut' | null {
  switch (rule.fault) {
    case 'status':
      return statusReply(parts, request, rule.status);
    case 'answerFalse':
      return says(request, false);
    case 'ignoreWrite':
      return says(request, true);
    case 'notFound':
      return rule.by === 'spring' ? unknownEndpoint(parts, request) : foreignNotFound();
    case 'drop':
      return rule.when === 'after' ? null : 'cut';
  }
}
