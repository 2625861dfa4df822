/**
 * Nacos as measured: a database, what is served from it after a dump tick, compare-and-set or none. Requests travel:
 * they are lost, late, answered with a lie, or refused. Each document belongs to one Canary and bears its name.
 */
import type { PublishReport, RouteReading } from '../../src/core/observation.ts';
import { md5 } from '../../src/core/rule.ts';
import type { TrafficRouter } from '../../src/traffic/router.ts';
import type { Random } from './random.ts';
import type { ProcessClock, Timeline } from './timeline.ts';
import { count, type Tally, type Weather } from './weather.ts';

/**
 * v3: database reads and compare-and-set. v1: runtime reads that lag, compare-and-set (2.5). old: runtime reads that
 * hardly lag, and compare-and-set ignored (2.2), so that the router reads just before it writes.
 */
export type Dialect = 'v3' | 'v1' | 'old';

export interface Landing {
  readonly name: string;
  /** Null: written by hand. */
  readonly operation: string | null;
  readonly before: string | null;
  readonly after: string | null;
}

export interface Nacos {
  readonly dialect: Dialect;
  /** The text in the database. */
  document(name: string): string | null;
  /** The text that gateways see. */
  served(name: string): string | null;
  /** Texts that the document had, oldest first, at most 20. */
  history(name: string): readonly string[];
  /** Puts a text there by somebody's hand; null deletes. */
  edit(name: string, content: string | null): void;
  /** Dumps everything, as at the end of a restart. */
  dumpAll(): void;
  /** Writes that are still on their way. */
  inFlight(): number;
  /** The router of one process. `observe` sees each publish call before it leaves. */
  router(
    clock: ProcessClock,
    observe: (name: string, operation: string, content: string) => void,
    boundary: (place: 'publish' | 'published') => boolean,
  ): TrafficRouter;
}

export interface NacosOptions {
  readonly dialect: Dialect;
  readonly timeline: Timeline;
  readonly random: Random;
  readonly weather: Weather;
  readonly tally: Tally;
  readonly landed: (landing: Landing) => void;
  /** What gateways see has changed. */
  readonly dumped: (name: string) => void;
}

const TICK_MS = 100;
const TAIL_SHARE = 0.015;
const TAIL_MS = 1_000;
const LATE_MS = [500, 90_000] as const;

interface Stored {
  content: string | null;
  served: string | null;
  readonly history: string[];
}

export function createNacos(options: NacosOptions): Nacos {
  const { dialect, timeline, random, weather, tally } = options;
  const documents = new Map<string, Stored>();
  let inFlight = 0;

  function stored(name: string): Stored {
    const found = documents.get(name) ?? { content: null, served: null, history: [] };
    documents.set(name, found);
    return found;
  }

  function set(name: string, operation: string | null, content: string | null): void {
    const document = stored(name);
    const before = document.content;
    document.content = content;
    if (content !== null) document.history.push(content);
    if (document.history.length > 20) document.history.shift();
    options.landed({ name, operation, before, after: content });
    timeline.at(timeline.now() + dumpDelay(), () => dump(name));
  }

  /** Measured: a tick of 100 ms, and one in fifty or so a second later; 2.2 reads its database nearly always. */
  function dumpDelay(): number {
    const isLate = random.chance(TAIL_SHARE);
    if (dialect === 'old') return isLate ? TICK_MS : 0;
    const toTick = TICK_MS - (timeline.now() % TICK_MS);
    if (isLate) count(tally, 'read lag above a second');
    return toTick + (isLate ? TAIL_MS : 0);
  }

  function dump(name: string): void {
    const document = stored(name);
    if (weather.dumpStuck) {
      timeline.at(timeline.now() + TAIL_MS, () => dump(name));
    } else if (document.served !== document.content) {
      document.served = document.content;
      options.dumped(name);
    }
  }

  /** What one request finds at the server; null: it never gets an answer. */
  function arrive<T>(name: string, work: () => T, refusal: (code: string) => T): T | null {
    if (weather.hanging.has(name) || weather.nacos === 'hole') return null;
    if (weather.nacos === 'refused') return refusal('NACOS_UNAVAILABLE');
    return weather.nacos === 'denied' ? refusal('NACOS_FORBIDDEN') : work();
  }

  function read(name: string, at: number): RouteReading {
    const authoritative = dialect === 'v3';
    const content = authoritative ? stored(name).content : stored(name).served;
    if (content === null) return { kind: 'absent', at, authoritative };
    return { kind: 'document', at, content, md5: md5(content), authoritative };
  }

  function latency(): number {
    return random.between(1, weather.nacosLatencyMs);
  }

  function router(
    clock: ProcessClock,
    observe: (name: string, operation: string, content: string) => void,
    boundary: (place: 'publish' | 'published') => boolean,
  ): TrafficRouter {
    /** One exchange over the network; `onAbort` is the answer of a caller that gave up. */
    function exchange<T>(
      name: string,
      signal: AbortSignal,
      work: () => T,
      refusal: (code: string) => T,
      fate: 'good' | 'lostRequest' | 'lostAnswer' = 'good',
    ): Promise<T> {
      return new Promise((resolve) => {
        const onAbort = () => resolve(refusal('NACOS_TIMEOUT'));
        if (signal.aborted) {
          onAbort();
          return;
        }
        signal.addEventListener('abort', onAbort, { once: true });
        if (fate === 'lostRequest') return;
        timeline.at(timeline.now() + latency(), () => {
          const answer = arrive(name, work, refusal);
          if (answer === null || fate === 'lostAnswer') return;
          clock.after(latency(), () => {
            signal.removeEventListener('abort', onAbort);
            resolve(answer);
          });
        });
      });
    }

    const unreadable = (code: string): RouteReading => ({
      kind: 'unreadable',
      at: clock.now(),
      code,
      detail: `the request failed: ${code}`,
    });

    function readOnce(name: string, signal: AbortSignal): Promise<RouteReading> {
      const isLost = random.chance(weather.loss.lostRequest / 2);
      if (isLost) count(tally, 'read lost');
      const fate = isLost ? 'lostRequest' : 'good';
      return exchange(name, signal, () => read(name, clock.now()), unreadable, fate);
    }

    async function publish(
      name: string,
      operation: string,
      content: string,
      expected: string | 'absent' | null,
      signal: AbortSignal,
    ): Promise<PublishReport> {
      const report = (result: PublishReport['result'], code: string): PublishReport => ({
        operation,
        at: clock.now(),
        result,
        code,
        detail: code === '' ? 'the server says yes' : `the write failed: ${code}`,
      });
      const refusal = (code: string) => report(code === 'NACOS_FORBIDDEN' ? 'denied' : 'failed', code);
      if (dialect === 'old' && expected !== null) {
        const route = await readOnce(name, signal);
        if (route.kind === 'unreadable') return refusal(route.code);
        if (!matches(route, expected)) return report('conflict', 'NACOS_CONFLICT');
      }
      const write = (): PublishReport => {
        const { content: live } = stored(name);
        const isMatch = expected === null || expected === (live === null ? 'absent' : md5(live));
        if (dialect !== 'old' && !isMatch) return report('conflict', 'NACOS_CONFLICT');
        set(name, operation, content);
        return report('accepted', '');
      };
      const fate = draw(random, weather, tally);
      if (fate === 'delayed') {
        land(name, write, refusal);
        return exchange(name, signal, write, refusal, 'lostRequest');
      }
      if (fate === 'liar') return exchange(name, signal, () => report('accepted', ''), refusal);
      return exchange(name, signal, write, refusal, fate);
    }

    /** A write whose caller has long given up. */
    function land(name: string, write: () => PublishReport, refusal: (code: string) => PublishReport): void {
      inFlight += 1;
      timeline.at(timeline.now() + random.between(...LATE_MS), () => {
        inFlight -= 1;
        arrive(name, write, refusal);
      });
    }

    return {
      read: (target, signal) => readOnce(nameOf(target), signal),
      async publish(target, operation, content, { expectMd5 }, signal) {
        const name = nameOf(target);
        if (boundary('publish')) return new Promise(() => {});
        observe(name, operation, content);
        const sent = publish(name, operation, content, expectMd5, signal);
        return boundary('published') ? new Promise(() => {}) : await sent;
      },
      beta: (target, signal) =>
        exchange<'none' | 'unknown'>(
          nameOf(target),
          signal,
          () => (dialect === 'v3' ? 'none' : 'unknown'),
          () => 'unknown',
        ),
      listeners: () => Promise.resolve({ kind: 'unknown', detail: 'nobody listens in a simulation' }),
      facts: () => null,
      isUp: () => weather.nacos === 'up',
      close: () => Promise.resolve(),
    };
  }

  return {
    dialect,
    document: (name) => stored(name).content,
    served: (name) => stored(name).served,
    history: (name) => stored(name).history,
    edit: (name, content) => set(name, null, content),
    dumpAll() {
      for (const name of documents.keys()) dump(name);
    },
    inFlight: () => inFlight,
    router,
  };
}

function matches(route: RouteReading, expected: string): boolean {
  return route.kind === 'absent'
    ? expected === 'absent'
    : route.kind === 'document' && route.md5 === expected;
}

function draw(
  random: Random,
  { loss }: Weather,
  tally: Tally,
): 'good' | 'lostRequest' | 'lostAnswer' | 'delayed' | 'liar' {
  const good = 1 - loss.lostRequest - loss.lostAnswer - loss.delayed - loss.liar;
  if (good === 1) return 'good';
  const fate = random.weighted([
    ['good', good],
    ['lostRequest', loss.lostRequest],
    ['lostAnswer', loss.lostAnswer],
    ['delayed', loss.delayed],
    ['liar', loss.liar],
  ] as const);
  if (fate !== 'good') count(tally, FATES[fate]);
  return fate;
}

const FATES = {
  lostRequest: 'write lost',
  lostAnswer: 'answer to a write lost',
  delayed: 'write landed late',
  liar: 'write answered yes and not done',
} as const;

function nameOf(target: { readonly kind: string } & ({ dataId: string } | { path: string })): string {
  return 'dataId' in target ? target.dataId : target.path;
}
