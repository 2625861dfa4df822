/**
 * The official SDK's `DataClient`, with our HTTP agent inside it.
 *
 * `DataClient` and nothing else of that package: `NacosConfigClient` listens on port 7777 and sends the writes of any
 * second client on the host to the first one's server. Nothing subscribes: a poll whose endpoint is missing becomes a
 * busy loop, and one in flight at `close` keeps the process alive. The agent is the constructor option `httpAgent`. It
 * replaces the SDK's retries without a pause, its 404 taken for success, its unverified TLS and its passwords in URLs.
 * What the SDK's methods have no argument for travels beside them, in the asynchronous context of the call.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { ClientOptionKeys, DataClient, type IConfiguration, type ISnapshot } from 'nacos';
import type { PublishGuard } from '../router.ts';
import { publishDocument, readDocument } from './documents.ts';
import { type DocumentName, keyOf } from './names.ts';
import type { Redact } from './redact.ts';
import type { NacosLog, Server, Servers } from './servers.ts';

export interface ConfigClient {
  /** Throws a `NacosError`. `content` is null when there is no such document. */
  read(name: DocumentName, signal: AbortSignal): Promise<{ content: string | null; authoritative: boolean }>;
  /** Throws a `NacosError`; NACOS_CONFLICT when the guard did not hold. */
  publish(name: DocumentName, content: string, guard: PublishGuard, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** What belongs to one call of the SDK besides its arguments, and what its return value has no room for. */
interface Call {
  readonly signal: AbortSignal;
  readonly guard: PublishGuard;
  authoritative: boolean;
}

/** A request as the SDK's worker hands it to its agent. */
interface SdkRequest {
  readonly method?: string;
  readonly data?: Readonly<Record<string, string | undefined>>;
}

const CONFIGS_PATH = '/v1/cs/configs';
const UNIT = 'CURRENT_UNIT';
const NO_GUARD: PublishGuard = { expectMd5: null };

/**
 * The SDK keeps what it reads on disk and serves it, as if it were fresh, when a later read fails. A controller that
 * decides from what it reads must rather be told that the read failed: this one keeps nothing.
 */
const NO_SNAPSHOT: ISnapshot = {
  cacheDir: undefined,
  get: async () => null,
  save: async () => {},
  delete: async () => {},
  batchSave: async () => {},
};

export interface ConfigClientOptions {
  readonly servers: Servers;
  readonly redact: Redact;
  readonly log: NacosLog | null;
}

export function createConfigClient({ servers, redact, log }: ConfigClientOptions): ConfigClient {
  const calls = new AsyncLocalStorage<Call>();
  const clients = new Map<string, DataClient>();
  /** Descriptions that people gave to documents: a publish without one clears it (measured). */
  const descriptions = new Map<string, string>();

  async function request(path: string, { method = 'GET', data = {} }: SdkRequest): Promise<string | null> {
    const call = calls.getStore();
    const name = {
      namespace: data['tenant'] ?? '',
      group: data['group'] ?? '',
      dataId: data['dataId'] ?? '',
    };
    if (call !== undefined && path === CONFIGS_PATH && method === 'GET') return read(call, name);
    if (call !== undefined && path === CONFIGS_PATH && method === 'POST') {
      await publish(call, name, data['content'] ?? '', data['type'] ?? '');
      return 'true';
    }
    throw new Error(`the Nacos SDK made a request of its own: ${method} ${path}`);
  }

  function read(call: Call, name: DocumentName): Promise<string | null> {
    return servers.ask(call.signal, async (server) => {
      const live = await readDocument(server, name);
      call.authoritative = server.facts.authoritativeReads;
      if (live === null || live.desc === '') descriptions.delete(keyOf(name));
      else descriptions.set(keyOf(name), live.desc);
      return live === null ? null : live.content;
    });
  }

  function publish(call: Call, name: DocumentName, content: string, type: string): Promise<void> {
    const desc = descriptions.get(keyOf(name)) ?? '';
    const document = { name, content, type, desc };
    return servers.askToWrite(call.signal, (server) =>
      publishDocument(urgent(server), document, call.guard.expectMd5),
    );
  }

  function clientOf(namespace: string): DataClient {
    const known = clients.get(namespace);
    if (known !== undefined) return known;
    let keepNothing = () => {};
    // The SDK calls its agent with `new`; a function that returns an object may be called so.
    function HttpAgent({ configuration }: { configuration: IConfiguration }) {
      keepNothing = () => configuration.set(ClientOptionKeys.SNAPSHOT, NO_SNAPSHOT);
      return { request };
    }
    // The address is never used: the agent knows the servers.
    const client = new DataClient({ serverAddr: 'agent:0', namespace, httpAgent: HttpAgent });
    // Only now: the constructor puts the SDK's own snapshot there, and the first call copies what it finds.
    keepNothing();
    client.on('error', (error: unknown) => {
      log?.warn({ detail: redact(String(error)) }, 'Nacos SDK reported an error');
    });
    clients.set(namespace, client);
    return client;
  }

  return {
    async read(name, signal) {
      const call: Call = { signal, guard: NO_GUARD, authoritative: false };
      const client = clientOf(name.namespace);
      // Typed as a string, but null for a document that does not exist.
      const content: string | null = await calls.run(call, () =>
        client.getConfig(name.dataId, name.group, undefined),
      );
      return { content, authoritative: call.authoritative };
    },
    async publish(name, content, guard, signal) {
      const call: Call = { signal, guard, authoritative: false };
      const client = clientOf(name.namespace);
      await calls.run(call, () =>
        client.publishSingle(name.dataId, name.group, content, { unit: UNIT, type: 'json' }),
      );
    },
    close() {
      for (const client of clients.values()) client.close();
      clients.clear();
    },
  };
}

/** The same server, for what a write reads before or after it: that must not stand in line behind other reads. */
function urgent(server: Server): Server {
  return { ...server, exchange: (wire) => server.exchange({ ...wire, isUrgent: true }) };
}
