/** A client for the instant queries of Prometheus and of everything that speaks its API, with typed failures. */
import { Pool } from 'undici';
import { type Clock, sleep } from '../lib/clock.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { type Answer, type Failure, parseObject, readAnswer, type Wanted } from './answer.ts';

export interface QueryOptions {
  /** Evaluation time, Unix ms. */
  readonly timeMs: number;
  /** For everything: waiting for a connection, the retry, the server's work, the transfer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Try once more, a second later, when the connection is refused or breaks. */
  readonly retry: boolean;
  /** Default: numbers. */
  readonly wanted?: Wanted;
}

export interface Prometheus {
  /** One instant query. Never rejects. */
  query(promql: string, options: QueryOptions): Promise<Result<Answer, Failure>>;
  /** Whether the last query that came to an end was understood; false before the first one. */
  isUp(): boolean;
  /** Breaks off what is in flight and closes all connections. */
  close(): Promise<void>;
}

export interface PrometheusOptions {
  /** Base address, with the path in front of /api/v1 if there is one. */
  readonly url: string;
  /** Bearer token. */
  readonly token?: string;
  /** user:password */
  readonly basic?: string;
  /** Further headers of every request, e.g. a tenant. Their values are treated as secrets. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Certificates (PEM) to trust instead of the system's. */
  readonly ca?: string;
  readonly clock: Clock;
  /** Most connections, and so most queries at once; default 8. */
  readonly connections?: number;
  /** Largest answer that is read; default 32 MiB. */
  readonly maxBytes?: number;
}

const LATE = 'look at its load and at the network';
const AWAY = 'check that it runs and that --prometheus is its address';
const SICK = '; look at its log';
const RETRY_AFTER_MS = 1_000;
const KEEP_ALIVE_MS = 60_000;
const MAX_BYTES = 32 * 1024 * 1024;
const REASON_LENGTH = 300;

/** Throws an Error that says what to write instead when the address cannot be used. */
export function createPrometheus(options: PrometheusOptions): Prometheus {
  const { clock } = options;
  const maxBytes = options.maxBytes ?? MAX_BYTES;
  const base = readAddress(options.url);
  const headers = headersOf(options);
  const redact = redactorOf(options);
  const pool = new Pool(base.origin, {
    connections: options.connections ?? 8,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // The deadline of a query covers all of these.
    headersTimeout: 0,
    bodyTimeout: 0,
    ...(options.ca === undefined ? {} : { connect: { ca: options.ca } }),
  });
  let up = false;

  async function ask(body: string, wanted: Wanted, signal: AbortSignal): Promise<Result<Answer, Failure>> {
    const response = await pool.request({ method: 'POST', path: base.path, headers, body, signal });
    const date = Date.parse(String(response.headers['date']));
    const skewMs = Number.isNaN(date) ? null : date + 500 - clock.now();
    const text = await readText(response.body, maxBytes);
    if (text === null) {
      const detail = `the answer is larger than ${maxBytes} bytes; let the query aggregate, or the selector name fewer series`;
      return err({ kind: 'refused', detail });
    }
    const { statusCode } = response;
    const parsed =
      statusCode >= 200 && statusCode < 300 ? readAnswer(text, wanted) : err(refusal(statusCode, text));
    return parsed.ok ? ok({ ...parsed.value, skewMs }) : parsed;
  }

  async function askAgain(
    body: string,
    wanted: Wanted,
    signal: AbortSignal,
    retry: boolean,
  ): Promise<Result<Answer, Failure>> {
    try {
      return await ask(body, wanted, signal);
    } catch (cause) {
      if (!retry || signal.aborted || !isBroken(cause)) return err(connectFailure(cause));
      await sleep(clock, RETRY_AFTER_MS, signal);
      return signal.aborted ? err(connectFailure(cause)) : askAgain(body, wanted, signal, false);
    }
  }

  return {
    async query(promql, { timeMs, timeoutMs, signal, retry, wanted = 'numbers' }) {
      const stop = new AbortController();
      const onAbort = () => stop.abort();
      const cancel = clock.after(timeoutMs, onAbort);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      const body = new URLSearchParams({
        query: promql,
        time: (timeMs / 1000).toFixed(3),
        timeout: `${Math.max(1, Math.ceil(timeoutMs))}ms`,
      });
      const result = await askAgain(body.toString(), wanted, stop.signal, retry);
      cancel();
      signal.removeEventListener('abort', onAbort);
      if (result.ok) {
        up = true;
        return result;
      }
      if (signal.aborted) return err({ kind: 'aborted', detail: 'the look was given up' });
      const failure: Failure = stop.signal.aborted
        ? { kind: 'timeout', detail: `Prometheus did not answer within ${Math.round(timeoutMs)} ms; ${LATE}` }
        : result.error;
      up = failure.kind === 'refused';
      return err({ ...failure, detail: redact(failure.detail) });
    },
    isUp: () => up,
    close: () => pool.destroy(),
  };
}

function readAddress(text: string): { origin: string; path: string } {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new Error(
      'the address of Prometheus must be an http:// or https:// URL such as http://127.0.0.1:9090',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new Error('the address of Prometheus must not hold a user or password: give them in a file');
  }
  if (url.search !== '' || url.hash !== '') {
    throw new Error('the address of Prometheus must end with its path, without ? or #');
  }
  return { origin: url.origin, path: `${url.pathname.replace(/\/+$/, '')}/api/v1/query` };
}

function headersOf({ token, basic, headers }: PrometheusOptions): Record<string, string> {
  return {
    'user-agent': 'canary-controller',
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded',
    ...Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value])),
    ...(basic === undefined ? {} : { authorization: `Basic ${Buffer.from(basic).toString('base64')}` }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
}

/** A server or proxy may echo what it was sent: no secret comes back out in an error. */
function redactorOf({ token, basic, headers }: PrometheusOptions): (text: string) => string {
  const secrets = [
    token,
    basic,
    basic?.slice(basic.indexOf(':') + 1),
    basic === undefined ? undefined : Buffer.from(basic).toString('base64'),
    ...Object.values(headers ?? {}),
  ].filter((secret) => secret !== undefined && secret !== '');
  return (text) =>
    secrets.reduce<string>((redacted, secret) => redacted.replaceAll(secret ?? '', '***'), text);
}

/** Null when there is more than `maxBytes`. */
async function readText(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > maxBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size).toString('utf8');
}

const BROKEN: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** Refused or reset: the server is being restarted, or closed a connection that was kept open. */
function isBroken(cause: unknown): boolean {
  return cause instanceof Error && BROKEN.has(codeOf(cause));
}

function connectFailure(cause: unknown): Failure {
  const reason = cause instanceof Error ? cause.message || String(codeOf(cause)) : String(cause);
  return { kind: 'connect', detail: `Prometheus cannot be reached: ${reason}; ${AWAY}` };
}

function codeOf(cause: Error): unknown {
  return 'code' in cause ? cause.code : cause.name;
}

const HINTS: Readonly<Record<number, string>> = {
  301: '; redirects are not followed, give the final address',
  302: '; redirects are not followed, give the final address',
  307: '; redirects are not followed, give the final address',
  308: '; redirects are not followed, give the final address',
  401: '; check the credentials for Prometheus',
  403: '; check the credentials for Prometheus',
  404: '; check that the address, with its path, is the one in front of /api/v1',
  400: '; correct the query, or the series it reads',
  422: '; correct the query, or the series it reads',
  429: '; it is asked more than it takes: look at what limits it, or raise analysis.interval',
};

/** Status and `errorType` as in the Prometheus documentation, "HTTP API": a query that timed out there is a 503. */
function refusal(status: number, text: string): Failure {
  const body = parseObject(text);
  const said = typeof body?.['error'] === 'string' ? body['error'] : text;
  const reason = said.replace(/\s+/g, ' ').trim().slice(0, REASON_LENGTH);
  const hint = HINTS[status] ?? (status >= 500 ? SICK : '');
  // Markup is no sentence: a proxy, or another program, shows itself to a browser.
  const clause = reason.startsWith('<') ? ' with a page for people' : reason === '' ? '' : `: ${reason}`;
  const detail = `Prometheus answered ${status}${clause}${hint}`;
  if (status === 400 || status === 422) return { kind: 'refused', detail };
  return { kind: body?.['errorType'] === 'timeout' ? 'timeout' : 'status', detail };
}
