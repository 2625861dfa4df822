/** The command line's way to a running controller: HTTP, with answers checked against the wire contract. */
import { userInfo } from 'node:os';
import { Agent, request } from 'undici';
import { z } from 'zod';
import { err, ok, type Result } from '../lib/result.ts';
import { Problem } from '../view/schemas.ts';
import type { Connection } from './connection.ts';
import { type Message, readMessages } from './messages.ts';

const CONNECT_TIMEOUT_MS = 5000;
/** `start` and `retry` are answered when the loop has taken them. */
const ANSWER_TIMEOUT_MS = 30_000;
/** A stream that says nothing for so long is broken: three times the silence that it breaks by itself. */
const SILENCE_MS = 45_000;

/** What proxies say while nobody answers behind them. */
const AWAY = [502, 503, 504];

export type Failure =
  /** Nothing answered. */
  | { readonly kind: 'unreachable'; readonly detail: string; readonly hint: string }
  /** The controller said no. */
  | { readonly kind: 'problem'; readonly problem: Problem }
  /** Something answered that is no controller, or one of another version. */
  | { readonly kind: 'foreign'; readonly detail: string };

export type Answered<T> = Result<T, Failure>;

export interface Client {
  get<T>(path: string, schema: z.ZodType<T>): Promise<Answered<T>>;
  post<T>(path: string, body: object, schema: z.ZodType<T>): Promise<Answered<T>>;
  /** A stream of server-sent events. Its messages end when it does, whatever it was that ended it. */
  stream(path: string): Promise<Answered<AsyncGenerator<Message>>>;
  /** Ends every stream, too. */
  close(): Promise<void>;
}

interface Door {
  /** Without a slash at the end; a path in front of /api is kept. */
  readonly base: string;
  readonly agent: Agent;
  readonly headers: Readonly<Record<string, string>>;
}

/** `connection` is asked at the first request. */
export function createClient(connection: () => Connection, version: string): Client {
  let door: Door | null = null;
  function open(): Door {
    door ??= doorOf(connection(), version);
    return door;
  }
  const closing = new AbortController();

  async function ask<T>(path: string, schema: z.ZodType<T>, body?: object): Promise<Answered<T>> {
    const { base, agent, headers } = open();
    const method = body === undefined ? 'GET' : 'POST';
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    try {
      const response = await request(base + path, {
        dispatcher: agent,
        method,
        headers: { ...headers, ...type },
        ...sent,
      });
      return understand(base, response.statusCode, await response.body.text(), schema);
    } catch (error) {
      return err(silence(base, error));
    }
  }

  async function stream(path: string): Promise<Answered<AsyncGenerator<Message>>> {
    const { base, agent, headers } = open();
    try {
      const response = await request(base + path, {
        dispatcher: agent,
        headers: { ...headers, accept: 'text/event-stream' },
        bodyTimeout: SILENCE_MS,
        signal: closing.signal,
      });
      if (response.statusCode === 200) return ok(untilItEnds(readMessages(response.body)));
      return understand(base, response.statusCode, await response.body.text(), NOTHING);
    } catch (error) {
      return err(silence(base, error));
    }
  }

  function understand<T>(base: string, status: number, text: string, schema: z.ZodType<T>): Answered<T> {
    const json = parseJson(text);
    if (status >= 200 && status < 300) {
      const answer = schema.safeParse(json);
      if (answer.success) return ok(answer.data);
      const [issue] = answer.error.issues;
      const where = issue === undefined ? '' : ` (${issue.path.join('.')}: ${issue.message})`;
      return err({
        kind: 'foreign',
        detail: `${base} gave an answer that this command does not understand${where}`,
      });
    }
    const problem = Problem.safeParse(json);
    if (problem.success) return err({ kind: 'problem', problem: problem.data });
    if (AWAY.includes(status)) {
      const detail = `${base} answered ${status}: what stands before the controller cannot reach it`;
      return err({ kind: 'unreachable', detail, hint: NOBODY_THERE });
    }
    return err({ kind: 'foreign', detail: `${base} answered ${status} and is no canary controller` });
  }

  return {
    get: (path, schema) => ask(path, schema),
    post: (path, body, schema) => ask(path, schema, body),
    stream,
    async close() {
      closing.abort();
      await door?.agent.close();
    },
  };
}

function doorOf({ url, token, ca }: Connection, version: string): Door {
  return {
    base: url.href.replace(/\/+$/, ''),
    agent: new Agent({
      connect: { timeout: CONNECT_TIMEOUT_MS, ...(ca === null ? {} : { ca }) },
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
    }),
    headers: {
      accept: 'application/json',
      'user-agent': `canary-cli/${version}`,
      'x-canary-actor': actor(),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
  };
}

/** As Node.js and OpenSSL name what makes a certificate no proof. */
const UNTRUSTED = /^(?:CERT_|ERR_TLS_CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/;

const NOBODY_THERE = 'is `canary serve` running? --server names its address';

function silence(base: string, error: unknown): Failure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!UNTRUSTED.test(code)) {
    const detail = `${base} does not answer: ${reasonOf(error)}`;
    return { kind: 'unreachable', detail, hint: NOBODY_THERE };
  }
  const detail = `the certificate of ${base} is not trusted (${reasonOf(error)})`;
  return { kind: 'unreachable', detail, hint: '--server-ca FILE names the authority that signed it' };
}

/** What a restart or a busy moment of the controller looks like from here, in words; null for what stays as it is. */
export function passingTrouble(failure: Failure): string | null {
  if (failure.kind === 'unreachable') return failure.detail;
  if (failure.kind === 'foreign') return null;
  const { status, code, detail } = failure.problem;
  return status === 429 || status === 503 ? `${code}: ${detail}` : null;
}

/** For an answer that is a failure, whatever is in it. */
const NOTHING = z.never();

/** A connection that breaks is an end like any other: whoever follows comes back. */
async function* untilItEnds(messages: AsyncIterable<Message>): AsyncGenerator<Message> {
  try {
    yield* messages;
  } catch {
    // Refused, reset, silent or given up.
  }
}

/** Undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whose command it is: the account's name, in the characters that a header may hold. */
function actor(): string {
  try {
    return (
      userInfo()
        .username.replaceAll(/[^\x21-\x7e]/g, '?')
        .slice(0, 64) || 'unknown'
    );
  } catch {
    return 'unknown';
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError) return [...new Set(error.errors.map(reasonOf))].join(', ');
  return error.message || ('code' in error ? String(error.code) : error.name);
}
