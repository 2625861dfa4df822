/** Hands requests on to the instances of a version, in turn, with bodies streamed both ways. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Pool } from 'undici';

export interface Forwarder {
  has(version: string): boolean;
  /** Answers with what an instance of `version` answers; rejects when none could be asked. */
  forward(version: string, request: IncomingMessage, response: ServerResponse, path: string): Promise<void>;
  /** Other instances from now on; requests in flight to those that are gone are finished. */
  replace(versions: Readonly<Record<string, readonly string[]>>): void;
}

/**
 * Headers that belong to one connection and not to the request (RFC 9110, 7.6.1). `Expect` is among them because this
 * server has already told the client to go on, and undici refuses to send it.
 */
const HOP_BY_HOP = new Set([
  'connection',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Says to whoever asked which version answered. */
const VERSION_HEADER = 'x-served-version';
const CONNECTIONS = 64;

export function createForwarder(versions: Readonly<Record<string, readonly string[]>>): Forwarder {
  const pools = new Map<string, Pool>();
  let instances = versions;
  let turn = 0;

  function poolOf(url: string): Pool {
    const pool = pools.get(url) ?? new Pool(url, { connections: CONNECTIONS });
    pools.set(url, pool);
    return pool;
  }

  return {
    has: (version) => Object.hasOwn(instances, version) && (instances[version]?.length ?? 0) > 0,
    async forward(version, request, response, path) {
      const urls = instances[version] ?? [];
      turn = (turn + 1) % Number.MAX_SAFE_INTEGER;
      const url = urls[turn % urls.length];
      if (url === undefined) throw new Error(`no instance of ${version}`);
      const hasBody =
        request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
      const answered = await poolOf(url).request({
        method: request.method ?? 'GET',
        path,
        headers: endToEnd(request.headers),
        body: hasBody ? request : null,
      });
      response.writeHead(answered.statusCode, { ...endToEnd(answered.headers), [VERSION_HEADER]: version });
      await pipeline(answered.body, response);
    },
    replace(next) {
      instances = next;
      const kept = new Set(Object.values(next).flat());
      for (const [url, pool] of pools) {
        if (kept.has(url)) continue;
        pools.delete(url);
        void pool.close();
      }
    },
  };
}

/** Without the headers of the connection, among which are those that `Connection` names. */
function endToEnd(headers: NodeJS.Dict<string | string[]>): Record<string, string | string[]> {
  const named = [headers['connection'] ?? []].flat().flatMap((value) => value.toLowerCase().split(/[\s,]+/));
  const dropped = new Set([...HOP_BY_HOP, ...named]);
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !dropped.has(name)) kept[name] = value;
  }
  return kept;
}
