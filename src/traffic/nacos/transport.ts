/** One HTTP exchange at a time with a deadline: verified TLS, no redirects, no retries, nothing left after `close`. */
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, buildConnector, request } from 'undici';
import type { Clock } from '../../lib/clock.ts';
import { NacosError } from './errors.ts';
import { excerpt, type Redact } from './redact.ts';
import { createTurns, type Turns } from './turns.ts';

export interface WireRequest {
  readonly method: 'GET' | 'POST';
  /** Below the context path, e.g. `/v1/cs/configs`. */
  readonly path: string;
  /** Never holds a secret: URLs end up in access logs. */
  readonly query?: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Goes before other reads, because a write or everyone waits for it. Writes and logins are always urgent. */
  readonly isUrgent?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Transport {
  /**
   * Sends one request below `base` (scheme, host, port and context path) and resolves with the whole answer, whatever
   * its status. Throws a `NacosError`: unavailable, timeout (of this attempt), TLS, not Nacos, aborted. One that spent
   * its time in line for a connection counts as aborted: it tells nothing about the server.
   */
  send(base: string, wire: WireRequest, signal: AbortSignal | null): Promise<Answer>;
  /** Ends every exchange and every connection, also those that are only being opened. */
  close(): Promise<void>;
}

export interface TransportOptions {
  readonly clock: Clock;
  /** For one attempt, milliseconds, the wait for a connection included. */
  readonly timeoutMs: number;
  /** PEM certificates that replace the system's authorities. */
  readonly ca: string | undefined;
  readonly redact: Redact;
}

/** More callers than this wait for a free connection instead of opening one. */
const CONNECTIONS_PER_SERVER = 20;
/** Most of them that reads hold, and most that urgent requests hold: four are left to the others. */
const CONNECTIONS_PER_KIND = 16;
/** A Nacos document is at most 2 MiB as a form (measured); an answer far above that is none. */
const ANSWER_LIMIT_BYTES = 16 * 1024 * 1024;
/** A caller who gives up sooner tells nothing about the server; one who waited longer was let down by it. */
const PATIENCE_MS = 1_000;

export function createTransport(options: TransportOptions): Transport {
  const { clock, timeoutMs, ca, redact } = options;
  const closing = new AbortController();
  // Not as listeners of one signal: it looks through all of them whenever one comes or goes, and thousands may wait.
  const attempts = new Set<AbortController>();
  const turnsByOrigin = new Map<string, Turns>();
  const openings = createOpenings(timeoutMs, ca);
  const dispatcher = new Agent({
    connections: CONNECTIONS_PER_SERVER,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: ANSWER_LIMIT_BYTES,
    connect: openings.connect,
  });

  function turnsOf(url: string): Turns {
    const { origin } = new URL(url);
    const known = turnsByOrigin.get(origin);
    if (known !== undefined) return known;
    const turns = createTurns(CONNECTIONS_PER_SERVER, CONNECTIONS_PER_KIND);
    turnsByOrigin.set(origin, turns);
    return turns;
  }

  async function exchange(url: string, wire: WireRequest, signal: AbortSignal): Promise<Answer> {
    const form = wire.form === undefined ? null : new URLSearchParams(wire.form).toString();
    const { statusCode, headers, body } = await request(url, {
      dispatcher,
      method: wire.method,
      signal,
      headers: {
        'user-agent': 'canary-controller',
        ...(form === null ? {} : { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' }),
        ...wire.headers,
      },
      body: form,
    });
    // Not `body.text()`: it drops a byte order mark, and then the MD5 of the text is not the document's.
    const bytes = Buffer.from(await body.arrayBuffer());
    return { status: statusCode, headers, body: bytes.toString('utf8') };
  }

  return {
    async send(base, wire, signal) {
      const query = new URLSearchParams(wire.query ?? {}).toString();
      const url = `${base}${wire.path}${query === '' ? '' : `?${query}`}`;
      const attempt = new AbortController();
      const abort = () => attempt.abort();
      const startedAt = clock.monotonic();
      let turnAt: number | null = null;
      let endTurn = () => {};
      const cancel = clock.after(timeoutMs, abort);
      attempts.add(attempt);
      signal?.addEventListener('abort', abort, { once: true });
      if (closing.signal.aborted || signal?.aborted) abort();
      try {
        endTurn = await turnsOf(url).take(wire.method === 'POST' || wire.isUrgent === true, attempt.signal);
        turnAt = clock.monotonic();
        return await exchange(url, wire, attempt.signal);
      } catch (error) {
        const where = `${wire.method} ${base}${wire.path}`;
        if (closing.signal.aborted) throw new NacosError('NACOS_ABORTED', `${where}: the router is closed`);
        if (!attempt.signal.aborted) throw brokenExchange(where, error, redact);
        const now = clock.monotonic();
        const patience = Math.min(PATIENCE_MS, timeoutMs);
        const code = turnAt === null || now - turnAt < patience ? 'NACOS_ABORTED' : 'NACOS_TIMEOUT';
        const missing = turnAt === null ? 'free connection' : 'answer';
        throw new NacosError(code, `${where}: no ${missing} within ${Math.round(now - startedAt)} ms`);
      } finally {
        endTurn();
        cancel();
        attempts.delete(attempt);
        signal?.removeEventListener('abort', abort);
      }
    },
    async close() {
      closing.abort();
      for (const attempt of attempts) attempt.abort();
      openings.abort();
      await dispatcher.destroy();
    },
  };
}

interface Openings {
  readonly connect: buildConnector.connector;
  /** Ends the connections that are only being opened: the dispatcher knows those that are open. */
  abort(): void;
}

function createOpenings(timeoutMs: number, ca: string | undefined): Openings {
  const openings = new Set<AbortController>();
  return {
    connect(options, callback) {
      // One for each connection: a socket stays a listener of its signal for as long as the signal lives.
      const opening = new AbortController();
      openings.add(opening);
      const connect = buildConnector({
        signal: opening.signal,
        timeout: timeoutMs,
        allowH2: false,
        // Said explicitly, so that NODE_TLS_REJECT_UNAUTHORIZED=0 has no say in it.
        rejectUnauthorized: true,
        ...(ca === undefined ? {} : { ca }),
      });
      connect(options, (...outcome) => {
        openings.delete(opening);
        callback(...outcome);
      });
    },
    abort() {
      for (const opening of openings) opening.abort();
    },
  };
}

/** OpenSSL's and Node's names for a certificate that does not hold. */
const CERTIFICATE_CODE = /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_CERT|HOSTNAME_MISMATCH)/;
/** What answers does not speak HTTP, or not with TLS, or says more than any Nacos does. */
const FOREIGN_CODE =
  /^(HPE_|HTTPParserError|ERR_SSL_|UND_ERR_RES_EXCEEDED_MAX_SIZE|UND_ERR_HEADERS_OVERFLOW)/;

function brokenExchange(where: string, error: unknown, redact: Redact): NacosError {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : name;
  const words = excerpt(message, redact);
  const particulars = `${where}: ${words.includes(code) ? words : `${code}, ${words}`}`;
  if (CERTIFICATE_CODE.test(code)) return new NacosError('NACOS_TLS', particulars);
  if (FOREIGN_CODE.test(code)) return new NacosError('NACOS_NOT_NACOS', particulars);
  return new NacosError('NACOS_UNAVAILABLE', particulars);
}
