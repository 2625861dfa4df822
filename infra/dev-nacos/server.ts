/** A Nacos-compatible server for demo and tests: the HTTP side of 2.2.3, 2.5.1, 3.1 or 3.2, traps included. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { type Clock, sleep, systemClock } from '../../src/lib/clock.ts';
import { type Account, createAccess } from './access.ts';
import type { DevEndpoints } from './dev-endpoints.ts';
import {
  createDocuments,
  type Documents,
  type HistoryRow,
  keyOf,
  type Publish,
  type StoredDocument,
} from './documents.ts';
import { createDump, type DumpLag, MEASURED_LAG } from './dump.ts';
import { serve } from './exchange.ts';
import { createFaultRules, type FaultRule, type InjectedFault } from './faults.ts';
import { type Generation, generationOf, publicTenant, storedTenant, type Version } from './generation.ts';
import { openListening } from './listening.ts';
import type { Parts, PublishedEvent } from './parts.ts';
import { createPolls } from './polls.ts';
import { announce } from './publishing.ts';
import { seededRandom } from './seeded-random.ts';

export interface DevNacosOptions {
  readonly version: Version;
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** The one account, an administrator; null, the default, starts without access control. */
  readonly auth?: Account | null;
  /** Default 18000, as on real servers. */
  readonly tokenTtlSeconds?: number;
  /** How far runtime reads are behind; default `measured`. `none` makes every write visible at once. */
  readonly dumpLag?: 'measured' | 'none' | DumpLag;
  /** Seed of the draws that decide which writes miss their dump tick. */
  readonly seed?: number;
  /** False closes the v1 client API of 3.x with 410. Default true. */
  readonly clientApiEnabled?: boolean;
  readonly clock?: Clock;
}

/** A request as it arrived; bodies are never kept. */
export interface RecordedRequest {
  readonly method: string;
  /** With the query: a secret in the URL would show here. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** Who holds a long poll for a document, and the md5 it has. */
export interface Listener {
  readonly dataId: string;
  readonly group: string;
  /** The empty string is the public namespace. */
  readonly tenant: string;
  readonly ip: string;
  readonly md5: string;
}

export interface DevNacosFaults {
  /** Adds a rule; it lasts until its `times` are used up or it is removed. */
  inject(rule: FaultRule): InjectedFault;
  list(): readonly InjectedFault[];
  clear(): void;
  /** Cuts every held long poll; the number of them. */
  dropPolls(): number;
  /** Cuts every connection and refuses new ones, for `forMs` or until `accept`. */
  refuse(forMs?: number): Promise<void>;
  accept(): Promise<void>;
}

/** In the operator's calls a namespace of '' or 'public' is the public one. */
export interface DevNacos {
  readonly version: Version;
  /** Base URL with the context path, e.g. `http://127.0.0.1:40001/nacos`. */
  readonly url: string;
  readonly port: number;
  readonly faults: DevNacosFaults;
  /** Every request under any path, oldest first; of very many only the newest 20,000 are kept. */
  readonly requests: readonly RecordedRequest[];
  /** What the database holds, whatever runtime reads say. */
  get(dataId: string, group: string, tenant?: string): StoredDocument | undefined;
  /** Someone edits in the console: a write without HTTP, visible to readers after the dump as any other. */
  put(dataId: string, group: string, content: string, tenant?: string): void;
  delete(dataId: string, group: string, tenant?: string): void;
  /** Someone leaves a beta variant for the addresses `ips`. */
  publishBeta(dataId: string, group: string, content: string, ips: readonly string[], tenant?: string): void;
  stopBeta(dataId: string, group: string, tenant?: string): void;
  /** History rows of one document, newest first. */
  history(dataId: string, group: string, tenant?: string): readonly HistoryRow[];
  listeners(): readonly Listener[];
  /** Calls `listener` after each stored publish, by HTTP or by the operator; the returned function ends it. */
  onPublish(listener: (event: PublishedEvent) => void): () => void;
  /** Refuses connections for `downMs` (default 0) and comes back with what was stored. Tokens stay valid. */
  restart(downMs?: number): Promise<void>;
  /** Cuts every connection and frees the port. */
  close(): Promise<void>;
}

const OPERATOR = { user: 'operator', ip: '127.0.0.1' } as const;
const REQUESTS_KEPT = 20_000;

function lagOf(option: DevNacosOptions['dumpLag']): DumpLag | null {
  if (option === 'none') return null;
  return option === undefined || option === 'measured' ? MEASURED_LAG : option;
}

function createStorage(generation: Generation, clock: Clock, options: DevNacosOptions) {
  const polls = createPolls(clock);
  const dump = createDump({
    documents: () => documents,
    clock,
    lag: lagOf(options.dumpLag),
    random: seededRandom(options.seed ?? 1),
    onVisible: polls.wake,
  });
  const documents: Documents = createDocuments({
    clock,
    recordsVariants: generation.recordsVariants,
    onChange: dump.changed,
  });
  return { polls, dump, documents };
}

function recorder() {
  const requests: RecordedRequest[] = [];
  return {
    requests,
    record({ method = '', url = '', headers }: IncomingMessage) {
      requests.push({ method, path: url, headers });
      if (requests.length > 2 * REQUESTS_KEPT) requests.splice(0, REQUESTS_KEPT);
    },
  };
}

function createOperator(parts: Parts) {
  const { generation, documents, polls } = parts;
  const name = (dataId: string, group: string, tenant = '') => ({
    tenant: storedTenant(generation, tenant),
    group,
    dataId,
  });
  const edit = (dataId: string, group: string, content: string, tenant?: string): Publish => {
    const target = name(dataId, group, tenant);
    const old = documents.find(keyOf(target));
    return {
      ...target,
      ...OPERATOR,
      content,
      type: old?.type ?? 'json',
      appName: null,
      desc: old?.desc ?? null,
      configTags: null,
      expectedMd5: null,
    };
  };
  return {
    get: (dataId, group, tenant) => documents.find(keyOf(name(dataId, group, tenant))),
    put(dataId, group, content, tenant) {
      const publish = edit(dataId, group, content, tenant);
      documents.publish(publish);
      announce(parts, publish, { isBeta: false, by: 'operator' });
    },
    delete: (dataId, group, tenant) => documents.remove(name(dataId, group, tenant), OPERATOR),
    publishBeta(dataId, group, content, ips, tenant) {
      const publish = edit(dataId, group, content, tenant);
      documents.publishBeta(publish, ips.join(','));
      announce(parts, publish, { isBeta: true, by: 'operator' });
    },
    stopBeta: (dataId, group, tenant) => documents.removeBeta(name(dataId, group, tenant), OPERATOR),
    history: (dataId, group, tenant) => [...documents.history(keyOf(name(dataId, group, tenant)))].reverse(),
    listeners: () =>
      polls.all().flatMap(({ ip, watched }) =>
        watched.map(({ dataId, group, md5, tenant }) => ({
          dataId,
          group,
          tenant: tenant === publicTenant(generation) ? '' : tenant,
          ip,
          md5,
        })),
      ),
  } satisfies Partial<DevNacos>;
}

/** Starts a server and resolves when it listens; rejects when the port cannot be had. */
export async function startDevNacos(options: DevNacosOptions): Promise<DevNacos> {
  const clock = options.clock ?? systemClock;
  const host = options.host ?? '127.0.0.1';
  const generation = generationOf(options.version);
  const account = options.auth ?? null;
  const tokenTtlSeconds = options.tokenTtlSeconds ?? 18_000;
  const storage = createStorage(generation, clock, options);
  const watchers = new Set<(event: PublishedEvent) => void>();
  const { requests, record } = recorder();
  const rules = createFaultRules();
  const server = createServer({ keepAliveTimeout: 20_000 });

  const parts: Parts = {
    ...storage,
    generation,
    clock,
    access: createAccess({ generation, account, tokenTtlSeconds, clock }),
    hasAccount: account !== null,
    port: () => listening.port(),
    published: (event) => {
      for (const watcher of watchers) watcher(event);
    },
  };

  let life = new AbortController();

  async function restart(downMs = 0): Promise<void> {
    life.abort();
    life = new AbortController();
    await listening.refuse();
    storage.polls.cutAll();
    storage.dump.rebuild();
    if (downMs > 0) await sleep(clock, downMs);
    await listening.accept();
  }

  const dev: DevEndpoints = {
    rules,
    happen(event) {
      if (event.fault === 'dropPolls') storage.polls.cutAll();
      else if (event.fault === 'refuse') void listening.refuse(event.ms);
      else void restart(event.ms);
    },
  };
  const exchange = {
    parts,
    dev,
    clientApiEnabled: options.clientApiEnabled ?? true,
    life: () => life.signal,
  };
  server.on('request', (incoming, response) => {
    record(incoming);
    void serve(exchange, incoming, response);
  });
  const listening = await openListening(server, host, options.port ?? 0, clock);

  return {
    version: options.version,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${listening.port()}/nacos`,
    port: listening.port(),
    requests,
    ...createOperator(parts),
    faults: {
      inject: rules.inject,
      list: rules.list,
      clear: rules.clear,
      dropPolls: storage.polls.cutAll,
      refuse: listening.refuse,
      accept: listening.accept,
    },
    onPublish(listener) {
      watchers.add(listener);
      return () => watchers.delete(listener);
    },
    restart,
    async close() {
      life.abort();
      await listening.close();
      storage.dump.close();
    },
  };
}
