/** The client library for gateways and smart clients on Node: listens to rule documents and chooses versions by them. */
import { emitWarning } from 'node:process';
import { isDeepStrictEqual } from 'node:util';
import { sleep, systemClock } from '../lib/clock.ts';
import { type CallbackProblem, callSafely, createFallbacks, type Fallback, saidBy } from './callbacks.ts';
import { type Choice, chooseVersion, positionOf, safeVersions } from './choose.ts';
import { followDocuments } from './follow.ts';
import { type RequestHeaders, type Source, valueFrom } from './headers.ts';
import { createNacosReader, type Document, type NacosReader } from './nacos.ts';
import { type CanaryRule, readRule } from './rule.ts';
import { createSnapshot, type SnapshotProblem } from './snapshot.ts';

export interface ServiceOptions {
  /**
   * The version for everyone while no rule can be followed. Without it, or without instances of it, what was live by
   * the last good rule, and before the first one none. A function is asked at each choice, for one that changes; while it fails, it counts as
   * not there.
   */
  readonly fallback?: Fallback;
  /** Default `canary-rules.SERVICE.json`. */
  readonly dataId?: string | undefined;
}

export interface CanaryClientOptions {
  /** Base address of Nacos with its context path, as `http://nacos:8848/nacos`, or several of one cluster. */
  readonly nacos: string | readonly string[];
  /** What may be chosen for, by the name in the rule documents. */
  readonly services: Readonly<Record<string, ServiceOptions>>;
  readonly username?: string | undefined;
  /** A function is asked at each login, so that a changed password file is followed. */
  readonly password?: string | (() => string) | undefined;
  /** Default `CANARY_GROUP`. */
  readonly group?: string | undefined;
  /** Id of the namespace; default the public one. */
  readonly namespace?: string | undefined;
  /** Where a request has the key that keeps its user on one version. Without it, each request is on its own. */
  readonly sticky?: Source | undefined;
  /** Where a request may ask for a version: `canary`, `stable`, or one of the two names. Default nowhere. */
  readonly override?: Source | undefined;
  /** Keeps the last good rules for a start while Nacos is away; its folder must be writable. Default none. */
  readonly snapshot?: string | undefined;
  /** How often servers without long polls (3.2 and later) are asked. Default 1000 ms. */
  readonly pollMs?: number | undefined;
  /** How long `ready` waits for Nacos. Default 5000 ms. */
  readonly readyWithinMs?: number | undefined;
  /** Called with everything that an operator may want in a log. When it fails, the process is warned and goes on. */
  readonly onEvent?: ((event: CanaryClientEvent) => void) | undefined;
  /** For a proxy, or for a CA of your own. Default the global one. */
  readonly fetch?: typeof fetch | undefined;
}

export type CanaryClientEvent =
  | { readonly type: 'rule'; readonly service: string; readonly state: ServiceState }
  | { readonly type: 'nacosLost'; readonly detail: string }
  | { readonly type: 'nacosBack' }
  | CallbackProblem
  | SnapshotProblem;

export interface ServiceState {
  /** The rule in use, or null. */
  readonly rule: CanaryRule | null;
  /** Why there is no rule, in words; null when there is one. */
  readonly reason: string | null;
  /** Who gets what there is no rule for, if it has instances: what was named, else what was live last. */
  readonly fallback: string | null;
  /** Where this came from: `none` until Nacos has answered. */
  readonly source: 'nacos' | 'snapshot' | 'none';
  /** Nacos sent a beta variant for this address, so this gateway may follow another rule than its neighbors. */
  readonly isBeta: boolean;
  /** Since when it is so, Unix milliseconds. */
  readonly since: number;
}

export interface CanaryRequest {
  readonly headers: RequestHeaders;
  /** Replaces what `sticky` would find. */
  readonly key?: string | undefined;
}

export interface CanaryClient {
  /** Resolves when every service has had an answer of Nacos (true), or when it took too long (false). */
  readonly ready: Promise<boolean>;
  /**
   * The version for a request, at once and without any I/O. Throws only for a service that was not named.
   *
   * @param isAvailable whether a version has instances; by default all do
   */
  choose(service: string, request: CanaryRequest, isAvailable?: (version: string) => boolean): Choice;
  /** What is followed now. Throws only for a service that was not named. */
  state(service: string): ServiceState;
  /** Whether Nacos answered when it was last asked; rules stay in use while it does not. */
  isConnected(): boolean;
  /** Ends all requests. Choosing goes on by the last rules. */
  close(): Promise<void>;
}

const READY_WITHIN_MS = 5_000;
const POLL_MS = 1_000;

/** Starts listening at once. Throws for options that cannot work. */
export function createCanaryClient(options: CanaryClientOptions): CanaryClient {
  const { services, sticky, override } = options;
  const ending = new AbortController();
  const tell = teller(options.onEvent);
  const followed = new Map(Object.keys(services).map((service) => [service, nothingYet()]));
  const serviceOf = servicesByDataId(services);
  const snapshot = options.snapshot === undefined ? null : createSnapshot(options.snapshot, tell);
  const fallbackOf = createFallbacks(services, tell);
  const nacos = readerOf(options);
  const everyAnswer = Promise.withResolvers<true>();
  let trouble: string | null = null;

  function followedOf(service: string): Followed {
    const found = followed.get(service);
    if (found === undefined) throw new Error(`"${service}" is not among the services of this client`);
    return found;
  }

  function stateOf(service: string): ServiceState {
    const { last, ...state } = followedOf(service);
    const [fallback = null] = safeVersions(fallbackOf(service), last);
    return { ...state, fallback };
  }

  function take(dataId: string, document: Document | null, source: 'nacos' | 'snapshot'): void {
    const service = serviceOf.get(dataId);
    if (service === undefined) return;
    const next = afterDocument(followedOf(service), document, source);
    followed.set(service, next);
    // A beta is for one address and for a while: it must not come back after a restart.
    const isWorthKeeping = source === 'nacos' && !next.isBeta;
    if (isWorthKeeping) snapshot?.keep(dataId, next.rule === null ? null : (document?.content ?? null));
    tell({ type: 'rule', service, state: stateOf(service) });
    if (isEveryAnswered()) everyAnswer.resolve(true);
  }

  function isEveryAnswered(): boolean {
    return [...followed.values()].every(({ source }) => source === 'nacos');
  }

  async function follow(): Promise<void> {
    // What was kept comes first, because it is older than any answer.
    for (const [dataId, content] of (await snapshot?.load()) ?? []) {
      take(dataId, { content, md5: '', isBeta: false }, 'snapshot');
    }
    await followDocuments({
      dataIds: [...serviceOf.keys()],
      nacos,
      pollMs: options.pollMs ?? POLL_MS,
      signal: ending.signal,
      onDocument: (dataId, document) => take(dataId, document, 'nacos'),
      onTrouble(detail) {
        if (detail === null) tell({ type: 'nacosBack' });
        else if (trouble === null) tell({ type: 'nacosLost', detail });
        trouble = detail;
      },
    });
  }

  // The last net, under what is meant never to reject: the program that embeds this must live on.
  const following = follow().catch((error: unknown) => {
    trouble = `listening has ended: ${saidBy(error)}`;
    tell({ type: 'nacosLost', detail: trouble });
  });
  return {
    ready: within(options.readyWithinMs ?? READY_WITHIN_MS, everyAnswer.promise, ending.signal),
    state: stateOf,
    isConnected: () => trouble === null && isEveryAnswered(),
    choose(service, { headers, key }, isAvailable = () => true) {
      const { rule, last } = followedOf(service);
      const safe = safeVersions(fallbackOf(service), last);
      const stickyKey = key ?? valueFrom(sticky, headers);
      const position = stickyKey === null ? Math.random() * 100 : positionOf(service, stickyKey);
      return chooseVersion(rule, safe, { position, override: valueFrom(override, headers) }, isAvailable);
    },
    async close() {
      ending.abort();
      await following;
      await snapshot?.settled();
    },
  };
}

/** Events go out behind the work that made them. What fails to take one cannot be told of it: the process is warned. */
function teller(onEvent: CanaryClientOptions['onEvent']): (event: CanaryClientEvent) => void {
  const warn = (detail: string) => emitWarning(`onEvent: ${detail}`, 'CanaryClientWarning');
  return (event) => {
    if (onEvent !== undefined) queueMicrotask(() => callSafely(() => onEvent(event), warn));
  };
}

function servicesByDataId(services: CanaryClientOptions['services']): Map<string, string> {
  const found = new Map<string, string>();
  for (const [service, { dataId = `canary-rules.${service}.json` }] of Object.entries(services)) {
    const other = found.get(dataId);
    if (other !== undefined) throw new Error(`"${other}" and "${service}" have the same dataId ${dataId}`);
    found.set(dataId, service);
  }
  if (found.size === 0) throw new Error('name at least one service');
  return found;
}

function readerOf(options: CanaryClientOptions): NacosReader {
  const { nacos, username, password = '', group = 'CANARY_GROUP', namespace = '' } = options;
  const urls = typeof nacos === 'string' ? [nacos] : nacos;
  const wrong = urls.find((url) => !URL.canParse(url));
  if (urls.length === 0 || wrong !== undefined) {
    throw new Error(`nacos is an address as http://nacos:8848/nacos, not "${wrong ?? ''}"`);
  }
  // They would stand in every message about the address, and fetch refuses such an address anyway.
  if (urls.map((url) => new URL(url)).some((url) => url.username !== '' || url.password !== '')) {
    throw new Error('give username and password as options, not in an address of nacos');
  }
  const credentials =
    username === undefined
      ? null
      : { username, password: typeof password === 'string' ? () => password : password };
  return createNacosReader({ urls, group, namespace, credentials, fetch: options.fetch ?? fetch });
}

/** What was heard of one service; what it falls back to may come from elsewhere. */
interface Followed extends Omit<ServiceState, 'fallback'> {
  /** The last good rule, null before the first one. */
  readonly last: CanaryRule | null;
}

function nothingYet(): Followed {
  return {
    rule: null,
    reason: 'Nacos has not answered yet',
    source: 'none',
    isBeta: false,
    since: systemClock.now(),
    last: null,
  };
}

function afterDocument(before: Followed, document: Document | null, source: 'nacos' | 'snapshot'): Followed {
  const reading = readRule(document?.content ?? null);
  const rule = reading.kind === 'rule' ? reading.rule : null;
  return {
    rule,
    reason: reading.kind === 'rule' ? null : reading.reason,
    source,
    isBeta: document?.isBeta ?? false,
    since: isDeepStrictEqual(rule, before.rule) ? before.since : systemClock.now(),
    last: rule ?? before.last,
  };
}

/** True when `answer` comes within `limitMs` and before `signal` aborts. */
async function within(limitMs: number, answer: Promise<true>, signal: AbortSignal): Promise<boolean> {
  const done = new AbortController();
  const late = sleep(systemClock, limitMs, AbortSignal.any([signal, done.signal])).then(() => false);
  const isAnswered = await Promise.race([answer, late]);
  done.abort();
  return isAnswered;
}
