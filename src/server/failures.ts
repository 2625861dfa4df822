/** What became of a request that never reached its handler, or whose handler failed, as a problem. */
import type { FastifyError, FastifyRequest } from 'fastify';
import {
  hasZodFastifySchemaValidationErrors,
  type ZodFastifySchemaValidationError,
} from 'fastify-type-provider-zod';
import { didYouMean } from '../lib/text.ts';
import { StoreError } from '../store/store.ts';
import { START_FIELDS, VERB_FIELDS } from '../view/requests.ts';
import type { Problem } from '../view/schemas.ts';
import { type ProblemCode, problem } from './problems.ts';

/** Path of the founding article's call, whose problems carry `error` too. */
export const START_PATH = '/api/v1/canary/start';

/** By the part of the request that the schema refused. */
const INVALID: Readonly<Record<string, ProblemCode>> = {
  body: 'INVALID_BODY',
  querystring: 'INVALID_QUERY',
  headers: 'INVALID_HEADER',
};

/** Null: a bug, to be logged and answered as INTERNAL. */
export function failureProblem(error: FastifyError, request: FastifyRequest): Problem | null {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const fields = error.validationContext === 'body' ? fieldsOf(request) : [];
    const detail = error.validation.map((issue) => describeIssue(issue, fields)).join('; ');
    return problem(INVALID[error.validationContext ?? ''] ?? 'INVALID_REQUEST', detail);
  }
  if (error instanceof StoreError) return problem('STORE_FAILED', `${error.code}: ${error.message}`);
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return problem('INVALID_JSON', 'the body is not valid JSON');
    case 'FST_ERR_CTP_BODY_TOO_LARGE': {
      const limit = `${request.routeOptions.bodyLimit / 1024} KiB`;
      return problem('BODY_TOO_LARGE', `the body is larger than ${limit}`, `send at most ${limit}`);
    }
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return problem('UNSUPPORTED_MEDIA_TYPE', 'only application/json is taken');
    default: {
      const status = error.statusCode ?? 500;
      return status >= 400 && status < 500 ? problem('INVALID_REQUEST', error.message) : null;
    }
  }
}

/** The article's clients look for `error`; everyone else gets the problem as it is. */
export function forRequest(body: Problem, request: FastifyRequest): Problem {
  return pathOf(request) === START_PATH ? { ...body, error: body.detail } : body;
}

export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

function fieldsOf(request: FastifyRequest): readonly string[] {
  return pathOf(request) === START_PATH ? START_FIELDS : VERB_FIELDS;
}

/** "service_name is required", "unknown field reson. Did you mean reason?" */
function describeIssue(issue: ZodFastifySchemaValidationError, fields: readonly string[]): string {
  const { keys } = issue.params;
  if (issue.keyword === 'unrecognized_keys' && Array.isArray(keys)) {
    return keys.map((key) => `unknown field ${key}.${didYouMean(String(key), fields)}`).join(' ');
  }
  const path = issue.instancePath.slice(1).replaceAll('/', '.');
  return `${path === '' ? 'the body' : path} ${issue.message}`;
}
