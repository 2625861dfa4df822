/** Servers and calls for the tests of the development server; one connection a call, so that nothing is shared. */
import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { afterEach, expect } from 'vitest';
import { VERSIONS, type Version } from '../../infra/dev-nacos/generation.ts';
import { type DevNacos, type DevNacosOptions, startDevNacos } from '../../infra/dev-nacos/server.ts';

export const GROUP = 'CANARY_GROUP';
export const DATA_ID = 'lp.json';
export const V1_VERSIONS: readonly Version[] = VERSIONS.filter((version) => version !== '3.2');
export const V3_VERSIONS: readonly Version[] = VERSIONS.filter((version) => version.startsWith('3'));

const running: DevNacos[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((nacos) => nacos.close()));
});

/** A server that the end of the test closes; every write is visible at once unless the test says otherwise. */
export async function start(version: Version, options: Partial<DevNacosOptions> = {}): Promise<DevNacos> {
  const nacos = await startDevNacos({ version, dumpLag: 'none', ...options });
  running.push(nacos);
  return nacos;
}

/** Waits for a state; the long time-out is for busy machines and never part of what is tested. */
export function eventually<T>(look: () => T) {
  return expect.poll(look, { timeout: 20_000, interval: 10 });
}

export interface CallOptions {
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export interface Called {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One request, e.g. `GET /v1/cs/configs?dataId=a&group=b`, below the context path; `GET //x` is outside of it. */
export async function call(nacos: DevNacos, what: string, options: CallOptions = {}): Promise<Called> {
  const [method = '', path = ''] = what.split(' ', 2);
  const base = path.startsWith('//') ? new URL(nacos.url).origin : nacos.url;
  const outgoing = request(base + path.replace(/^\/\//, '/'), {
    method,
    agent: false,
    headers: {
      ...(options.form ? { 'Content-Type': 'application/x-www-form-urlencoded' } : {}),
      ...options.headers,
    },
    ...(options.signal ? { signal: options.signal } : {}),
  });
  outgoing.end(options.form ? new URLSearchParams(options.form).toString() : options.body);
  const [incoming]: IncomingMessage[] = await once(outgoing, 'response');
  let body = '';
  for await (const chunk of incoming!.setEncoding('utf8')) body += chunk;
  return { status: incoming!.statusCode, headers: incoming!.headers, body };
}

/** The call's outcome as `code` of the connection error, e.g. `ECONNREFUSED`, or its status. */
export async function outcome(calling: Promise<Called>): Promise<unknown> {
  return calling.then(
    ({ status }) => status,
    (error: NodeJS.ErrnoException) => error.code,
  );
}

export const READ_V1 = `GET /v1/cs/configs?dataId=${DATA_ID}&group=${GROUP}`;
export const READ_ADMIN = `GET /v3/admin/cs/config?dataId=${DATA_ID}&groupName=${GROUP}`;
export const READ_CLIENT = `GET /v3/client/cs/config?dataId=${DATA_ID}&groupName=${GROUP}`;

export function publishV1(
  nacos: DevNacos,
  content: string,
  options: { form?: Record<string, string>; headers?: Record<string, string> } = {},
): Promise<Called> {
  const form = { dataId: DATA_ID, group: GROUP, content, type: 'json', ...options.form };
  return call(nacos, 'POST /v1/cs/configs', { form, headers: options.headers ?? {} });
}

export function publishAdmin(
  nacos: DevNacos,
  content: string,
  options: { form?: Record<string, string>; headers?: Record<string, string> } = {},
): Promise<Called> {
  const form = { dataId: DATA_ID, groupName: GROUP, content, type: 'json', ...options.form };
  return call(nacos, 'POST /v3/admin/cs/config', { form, headers: options.headers ?? {} });
}
