/**
 * The few calls of Nacos' HTTP API that a reader of documents needs, with login and several servers. Nothing here
 * throws for what the outside world does, and no error holds a secret.
 *
 * Servers before 3.2 answer the v1 API, which has long polls; later ones only the v3 client API, which has none.
 */
import { createHash } from 'node:crypto';
import { callSafely, saidBy } from './callbacks.ts';

export interface NacosOptions {
  /** Base addresses with their context path, as `http://nacos:8848/nacos`; the next one is asked when one fails. */
  readonly urls: readonly string[];
  readonly group: string;
  /** Id of the namespace; '' and `public` are the same. */
  readonly namespace: string;
  readonly credentials: { readonly username: string; password(): string } | null;
  readonly fetch: typeof fetch;
}

export interface Document {
  readonly content: string;
  /** As the server compares it. */
  readonly md5: string;
  /** The server sent a beta variant, which it has for this address, instead of the document. */
  readonly isBeta: boolean;
}

/** `gone`: this server does not have the endpoint, so the other API must be asked. */
export type Failure = { readonly kind: 'failed' | 'gone'; readonly detail: string };
export type Reading = { readonly kind: 'read'; readonly document: Document | null } | Failure;
export type Changes = { readonly kind: 'changed'; readonly dataIds: ReadonlySet<string> } | Failure;

export interface NacosReader {
  readV1(dataId: string, signal: AbortSignal): Promise<Reading>;
  readV3(dataId: string, signal: AbortSignal): Promise<Reading>;
  /**
   * Resolves when a document has another MD5 than the one given (empty: there is no document), at once or within
   * half a minute, and with an empty set when none changed in that time.
   */
  changes(md5s: ReadonlyMap<string, string>, signal: AbortSignal): Promise<Changes>;
}

const CALL_LIMIT_MS = 5_000;
const POLL_MS = 30_000;
/** What a server may take longer than it was asked for before the connection counts as dead. */
const POLL_SLACK_MS = 10_000;
const WORD = '\u0002';
const RECORD = '\u0001';
/** Code of the v3 API for a document that is not there; its HTTP status is 200. */
const ABSENT = 20_004;
/** A token is renewed when this share of its life is over. */
const TOKEN_SHARE = 0.8;

/** Everything of a response that counts. */
interface Answer {
  readonly kind: 'answered';
  /** What was asked, without the query. */
  readonly url: string;
  readonly status: number;
  readonly text: string;
  /** As the v1 API has it in headers. */
  readonly md5: string | null;
  readonly isBeta: boolean;
}
type Asked = Answer | Failure;

export function createNacosReader(options: NacosOptions): NacosReader {
  const { group } = options;
  const namespace = options.namespace === 'public' ? '' : options.namespace;
  const urls = options.urls.map((url) => url.replace(/\/+$/, ''));
  let current = 0;
  let token: { readonly value: string; readonly renewAt: number } | null = null;

  /** Rejects for all that is wrong with a response, as `fetch` may be anybody's. */
  async function call(url: string, init: RequestInit): Promise<Answer> {
    const response = await options.fetch(url, init);
    const { status, headers } = response;
    const text: unknown = await response.text();
    if (typeof text !== 'string') throw new Error('fetch gave a response without text');
    const [asked = url] = url.split('?');
    const isBeta = headers.get('isbeta') === 'true';
    return { kind: 'answered', url: asked, status, text, md5: headers.get('content-md5'), isBeta };
  }

  async function send(path: string, init: RequestInit, limitMs: number, signal: AbortSignal): Promise<Asked> {
    const url = urls[current % urls.length] ?? '';
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
      const answer = await unlessAborted(limit, call(`${url}${path}`, { ...init, signal: limit }));
      if (answer.status >= 500) current += 1;
      return answer;
    } catch (error) {
      if (!signal.aborted) current += 1;
      return failed(`${url}: ${causeOf(error)}`);
    }
  }

  /** The v3 path is asked first: servers that have both count the old one as obsolete. */
  async function login(signal: AbortSignal): Promise<Failure | null> {
    const { credentials } = options;
    if (credentials === null || (token !== null && performance.now() < token.renewAt)) return null;
    const password = passwordOf(credentials);
    if (password === null) return failed('the password cannot be read');
    const body = new URLSearchParams({ username: credentials.username, password });
    for (const path of ['/v3/auth/user/login', '/v1/auth/login']) {
      const asked = await send(path, { method: 'POST', body }, CALL_LIMIT_MS, signal);
      if (asked.kind !== 'answered') return asked;
      const { accessToken, tokenTtl } = fieldsOf(asked.text);
      if (typeof accessToken === 'string') {
        const lifeMs = (typeof tokenTtl === 'number' ? tokenTtl : 0) * 1_000 * TOKEN_SHARE;
        token = { value: accessToken, renewAt: performance.now() + lifeMs };
        return null;
      }
      if (asked.status !== 404) return failed(`login as ${credentials.username}: ${statusOf(asked)}`);
    }
    return failed('login: this server has neither of the login endpoints');
  }

  /** One call, and once more with a new token when the old one is refused. */
  async function ask(path: string, init: RequestInit, limitMs: number, signal: AbortSignal): Promise<Asked> {
    for (let attempt = 1; ; attempt += 1) {
      const refusal = await login(signal);
      if (refusal !== null) return refusal;
      const headers = {
        ...init.headers,
        ...(token === null ? {} : { authorization: `Bearer ${token.value}` }),
      };
      const asked = await send(path, { ...init, headers }, limitMs, signal);
      const isRefused = asked.kind === 'answered' && [401, 403].includes(asked.status);
      if (!isRefused || token === null || attempt === 2) return asked;
      token = null;
    }
  }

  return {
    async readV1(dataId, signal) {
      const query = new URLSearchParams({
        dataId,
        group,
        ...(namespace === '' ? {} : { tenant: namespace }),
      });
      const asked = await ask(`/v1/cs/configs?${query}`, {}, CALL_LIMIT_MS, signal);
      if (asked.kind !== 'answered') return asked;
      const { status, text: content, isBeta } = asked;
      if (status === 404 && content.trim() === 'config data not exist')
        return { kind: 'read', document: null };
      if (status !== 200) return refused(asked);
      const md5 = asked.md5 ?? createHash('md5').update(content, 'utf8').digest('hex');
      return { kind: 'read', document: { content, md5, isBeta } };
    },
    async readV3(dataId, signal) {
      const query = new URLSearchParams({ namespaceId: namespace, groupName: group, dataId });
      const asked = await ask(`/v3/client/cs/config?${query}`, {}, CALL_LIMIT_MS, signal);
      if (asked.kind !== 'answered') return asked;
      const { code, data } = fieldsOf(asked.text);
      if (code === ABSENT) return { kind: 'read', document: null };
      if (asked.status !== 200 || code !== 0) return refused(asked);
      const { content, md5, beta } = isObject(data) ? data : {};
      if (typeof content !== 'string' || typeof md5 !== 'string') return failed('an answer without content');
      return { kind: 'read', document: { content, md5, isBeta: beta === true } };
    },
    async changes(md5s, signal) {
      const records = [...md5s].map(([dataId, md5]) => {
        return [dataId, group, md5, ...(namespace === '' ? [] : [namespace])].join(WORD) + RECORD;
      });
      const body = new URLSearchParams({ 'Listening-Configs': records.join('') });
      const init = { method: 'POST', body, headers: { 'long-pulling-timeout': String(POLL_MS) } };
      const asked = await ask('/v1/cs/configs/listener', init, POLL_MS + POLL_SLACK_MS, signal);
      if (asked.kind !== 'answered') return asked;
      if (asked.status !== 200) return refused(asked);
      return { kind: 'changed', dataIds: changedIds(asked.text) };
    },
  };
}

/** The answer of the listener endpoint: URL-encoded records whose first word is the dataId. */
function changedIds(text: string): Set<string> {
  try {
    const records = decodeURIComponent(text.trim()).split(RECORD);
    return new Set(records.map((record) => record.split(WORD)[0] ?? '').filter((dataId) => dataId !== ''));
  } catch {
    return new Set();
  }
}

function passwordOf({ password }: NonNullable<NacosOptions['credentials']>): string | null {
  // Why stays unsaid: it may hold the secret.
  const read: unknown = callSafely(password, () => {});
  return typeof read === 'string' ? read : null;
}

function failed(detail: string): Failure {
  return { kind: 'failed', detail };
}

/** 404 and 410 mean that the endpoint is not there or closed; a document that is not there was told apart before. */
function refused(asked: Answer): Failure {
  const isGone = asked.status === 404 || asked.status === 410;
  return { kind: isGone ? 'gone' : 'failed', detail: statusOf(asked) };
}

function statusOf({ url, status }: Answer): string {
  return `${url} answered ${status}`;
}

/** Settles with `work`, or rejects when `signal` aborts: not every `fetch` looks at its signal. */
function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** `fetch` says only "fetch failed"; the reason is its cause. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return saidBy(error);
  const cause = error.cause instanceof Error ? error.cause : error;
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : saidBy(cause);
}

function fieldsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
