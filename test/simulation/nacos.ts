/**
 * Nacos as measured: a database, what is served from it after a dump tick, compare-and-set or none. Requests travel:
 * they are lost, late, answered with a lie, or refused. A beta variant hides a document from those it was made for.
 */
import type { BetaReading, PublishReport, RouteReading } from '../../src/core/observation.ts';
import { md5 } from '../../src/core/rule.ts';
import type { TrafficTarget } from '../../src/spec/canary.ts';
import type { TrafficRouter } from '../../src/traffic/router.ts';
import type { Random } from './random.ts';
import {
  createDocuments,
  isAuthoritative,
  type RouterProbe,
  type Rules,
  type RulesOptions,
} from './rules.ts';
import type { ProcessClock } from './timeline.ts';
import { count, type Tally, type Weather } from './weather.ts';

const TICK_MS = 100;
const TAIL_SHARE = 0.015;
const TAIL_MS = 1_000;
const LATE_MS = [500, 90_000] as const;

export function createNacos(options: RulesOptions): Rules {
  const { dialect, timeline, random, weather, tally } = options;
  const documents = createDocuments(options);
  let inFlight = 0;

  function set(name: string, operation: string | null, content: string | null): void {
    documents.store(name, operation, content);
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
    if (weather.dumpStuck) timeline.at(timeline.now() + TAIL_MS, () => dump(name));
    else documents.serve(name);
  }

  /** What one request finds at the server; null: it never gets an answer. */
  function arrive<T>(name: string, work: () => T, refusal: (code: string) => T): T | null {
    if (weather.hanging.has(name) || weather.nacos === 'hole') return null;
    if (weather.nacos === 'refused') return refusal('NACOS_UNAVAILABLE');
    return weather.nacos === 'denied' ? refusal('NACOS_FORBIDDEN') : work();
  }

  /** A read of the runtime shows the beta variant to those it was made for, which the router takes for no answer. */
  function read(name: string, at: number): RouteReading {
    const authoritative = isAuthoritative(dialect);
    if (!authoritative && weather.betas.has(name)) return unreadable(at, 'NACOS_BETA');
    const content = authoritative ? documents.document(name) : documents.served(name);
    if (content === null) return { kind: 'absent', at, authoritative };
    return { kind: 'document', at, content, md5: md5(content), authoritative };
  }

  /** The old APIs do not tell of betas; a read shows at least one that was made for this host. */
  function beta(name: string): BetaReading | 'none' | 'unknown' {
    if (weather.betas.has(name)) return { rule: dialect === 'v3' ? '10.0.0.7' : 'for this host, at least' };
    return dialect === 'v3' ? 'none' : 'unknown';
  }

  function latency(): number {
    return random.between(1, weather.nacosLatencyMs);
  }

  function router(clock: ProcessClock, probe: RouterProbe): TrafficRouter {
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

    function readOnce(name: string, signal: AbortSignal): Promise<RouteReading> {
      const isLost = random.chance(weather.loss.lostRequest / 2);
      if (isLost) count(tally, 'read lost');
      const fate = isLost ? 'lostRequest' : 'good';
      const refusal = (code: string) => unreadable(clock.now(), code);
      return exchange(name, signal, () => read(name, clock.now()), refusal, fate);
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
        const live = documents.document(name);
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
        if (probe.dies('publish')) return new Promise(() => {});
        probe.publishing(name, operation, content);
        const sent = publish(name, operation, content, expectMd5, signal);
        return probe.dies('published') ? new Promise(() => {}) : await sent;
      },
      async beta(target, signal) {
        const name = nameOf(target);
        const answer = await exchange<ReturnType<typeof beta>>(
          name,
          signal,
          () => beta(name),
          () => 'unknown',
        );
        probe.askedBeta(name, answer);
        return answer;
      },
      listeners: () => Promise.resolve({ kind: 'unknown', detail: 'nobody listens in a simulation' }),
      facts: () => null,
      isUp: () => weather.nacos === 'up',
      close: () => Promise.resolve(),
    };
  }

  return {
    dialect,
    ...documents,
    edit: (name, content) => set(name, null, content),
    inFlight: () => inFlight,
    router,
  };
}

function unreadable(at: number, code: string): RouteReading {
  return { kind: 'unreadable', at, code, detail: `the request failed: ${code}` };
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

function nameOf(target: TrafficTarget): string {
  if (target.kind !== 'nacos') throw new Error(`a ${target.kind} target in a world of Nacos`);
  return target.dataId;
}
