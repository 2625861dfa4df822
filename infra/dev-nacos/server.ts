/** A Nacos-compatible server for demo and tests: the HTTP side of 2.2.3, 2.5.1, 3.1 or 3.2, traps included. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { type Account, createAccess } from './access.ts';
import type { DevEndpoints } from './dev-endpoints.ts';
import { createDocuments, type Documents } from './documents.ts';
import { createDump, type DumpLag, MEASURED_LAG } from './dump.ts';
import { serve } from './exchange.ts';
import { createFaultRules, type FaultRule, type InjectedFault } from './faults.ts';
import { generationOf, type Version } from './generation.ts';
import { createLifecycle } from './lifecycle.ts';
import { openListening } from './listening.ts';
import { createOperator, type Operator } from './operator.ts';
import type { Parts, PublishedEvent } from './parts.ts';
import { createPolls } from './polls.ts';
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

export interface DevNacos extends Operator {
  readonly version: Version;
  /** Base URL with the context path, e.g. `http://127.0.0.1:40001/nacos`. */
  readonly url: string;
  readonly port: number;
  readonly faults: DevNacosFaults;
  /** Every request under any path, oldest first; of very many only the newest 20,000 are kept. */
  readonly requests: readonly RecordedRequest[];
  /** Calls `listener` after each stored publish, by HTTP or by the operator; the returned function ends it. */
  onPublish(listener: (event: PublishedEvent) => void): () => void;
  /** Refuses connections for `downMs` (default 0) and comes back with what was stored. Tokens stay valid. */
  restart(downMs?: number): Promise<void>;
  /** Cuts every connection and frees the port. */
  close(): Promise<void>;
}

const REQUESTS_KEPT = 20_000;
/** Tomcat's default. */
const KEEP_ALIVE_MS = 20_000;

function lagOf(option: DevNacosOptions['dumpLag']): DumpLag | null {
  if (option === 'none') return null;
  return option === undefined || option === 'measured' ? MEASURED_LAG : option;
}

function createParts(
  options: DevNacosOptions,
  clock: Clock,
  port: number,
  published: Parts['published'],
): Parts {
  const generation = generationOf(options.version);
  const account = options.auth ?? null;
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
  const tokenTtlSeconds = options.tokenTtlSeconds ?? 18_000;
  const access = createAccess({ generation, account, tokenTtlSeconds, clock });
  return { generation, clock, documents, dump, polls, access, hasAccount: account !== null, port, published };
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

/** Starts a server and resolves when it listens; rejects when the port cannot be had. */
export async function startDevNacos(options: DevNacosOptions): Promise<DevNacos> {
  const clock = options.clock ?? systemClock;
  const host = options.host ?? '127.0.0.1';
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
  const listening = await openListening(server, host, options.port ?? 0, clock);
  const port = listening.port();
  const watchers = new Set<(event: PublishedEvent) => void>();
  const parts = createParts(options, clock, port, (event) => {
    for (const watcher of watchers) watcher(event);
  });
  const life = createLifecycle(parts, listening);
  const rules = createFaultRules();
  const dev: DevEndpoints = {
    rules,
    happen(event) {
      if (event.fault === 'dropPolls') parts.polls.cutAll();
      else if (event.fault === 'refuse') void listening.refuse(event.ms);
      else void life.restart(event.ms);
    },
  };
  const exchange = { parts, dev, clientApiEnabled: options.clientApiEnabled ?? true, life: life.signal };
  const { requests, record } = recorder();
  server.on('request', (incoming, response) => {
    record(incoming);
    void serve(exchange, incoming, response);
  });

  return {
    version: options.version,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}/nacos`,
    port,
    requests,
    ...createOperator(parts),
    faults: {
      inject: rules.inject,
      list: rules.list,
      clear: rules.clear,
      dropPolls: parts.polls.cutAll,
      refuse: listening.refuse,
      accept: listening.accept,
    },
    onPublish(listener) {
      watchers.add(listener);
      return () => watchers.delete(listener);
    },
    restart: life.restart,
    close: life.close,
  };
}
