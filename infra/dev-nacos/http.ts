/** HTTP requests in, replies out, the way Tomcat and Spring treat forms. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

/** Above this Tomcat drops every parameter of a form, so the answer says that the first one is missing. */
const FORM_LIMIT_BYTES = 2 * 1024 * 1024;
/** Above this the connection is reset while the client is still sending. */
const BODY_LIMIT_BYTES = 10 * 1024 * 1024;

export interface NacosRequest {
  readonly method: string;
  /** Path with the context path, without the query: what error objects show. */
  readonly fullPath: string;
  /** Path below the context path, e.g. `/v1/cs/configs`. */
  readonly path: string;
  /** Query and form parameters; the first of a name wins, and the query comes first. */
  readonly params: ReadonlyMap<string, string>;
  readonly headers: IncomingHttpHeaders;
  /** The address that decides which variant is served. */
  readonly ip: string;
  /** Aborts when the client is gone. */
  readonly abandoned: AbortSignal;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A reply, or `cut` to destroy the connection without an answer. */
export type Answer = Reply | 'cut';

/** The first value of a header, or the empty string. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? '';
}

/** The body as text, or `too large` as soon as it passes the limit at which the real server hangs up. */
export async function readBody(incoming: IncomingMessage): Promise<Buffer | 'too large'> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += bytes.length;
    if (size > BODY_LIMIT_BYTES) return 'too large';
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** Parameters of query and form together; none at all when the form is over the limit. */
export function parametersOf(query: string, contentType: string, body: Buffer): ReadonlyMap<string, string> {
  const params = new Map<string, string>();
  if (body.length > FORM_LIMIT_BYTES) return params;
  const isForm = contentType.toLowerCase().startsWith('application/x-www-form-urlencoded');
  for (const text of [query, isForm ? body.toString('utf8') : '']) {
    for (const [name, value] of new URLSearchParams(text)) {
      if (!params.has(name)) params.set(name, value);
    }
  }
  return params;
}

/** The client's address as Nacos sees it: the first of X-Forwarded-For, then X-Real-IP, then the socket's. */
export function clientIp(incoming: IncomingMessage): string {
  const forwarded = headerOf(incoming.headers, 'x-forwarded-for').split(',')[0]?.trim() ?? '';
  if (forwarded !== '') return forwarded;
  const real = headerOf(incoming.headers, 'x-real-ip').trim();
  if (real !== '') return real;
  return (incoming.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
}

/** Writes the reply; a body goes out chunked, as Tomcat sends it. */
export function send(response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, reply.headers);
  if (reply.body !== '') response.write(reply.body);
  response.end();
}
