/**
 * The services of a soak as one scrape target: how each revision really behaves, and counters that grow by the
 * traffic that the live documents give it. Counters hold fractions, so that a share of failures is exact and no
 * revision looks bad or good by chance.
 */
import { parseRule } from '../../src/core/rule.ts';
import { WEIGHTS } from './declaration.ts';

/** What is wrong with a revision. `late`: it fails once it has half of the traffic. */
export type Truth = 'good' | 'failing' | 'slow' | 'late';

export interface Fleet {
  readonly services: readonly string[];
  /** Instances of a new revision come up. */
  deploy(service: string, revision: string, truth: Truth): void;
  /** The live document changed; null: it is gone. What is not routed to any more is taken down at the next deploy. */
  route(service: string, content: string | null): void;
  truth(service: string, revision: string): Truth | null;
  /** The page at `now`, milliseconds of a clock that only grows. */
  page(now: number): string;
}

/** Requests a second that each service answers. */
const RPS = 1_000;
const USUAL_FAILURES = 0.001;
const FAILURES = 0.2;
const LATE_FROM = 0.5;
const BUCKETS = ['0.05', '0.1', '0.5', '1', '+Inf'] as const;
/** Share of the requests that is faster than the bucket's bound. */
const FAST = [0.95, 0.995, 1, 1, 1] as const;
const SLOW = [0.5, 0.7, 0.9, 1, 1] as const;

/** The highest weight at which the metrics cannot yet have told that it is bad. */
export function highestWeight(truth: Truth): number {
  if (truth === 'good') return WEIGHTS[2];
  return truth === 'late' ? WEIGHTS[1] : WEIGHTS[0];
}

interface Instances {
  readonly truth: Truth;
  requests: number;
  failures: number;
}

interface Service {
  readonly instances: Map<string, Instances>;
  /** Every revision that there ever was. */
  readonly truths: Map<string, Truth>;
  /** Share of the traffic by revision. */
  shares: ReadonlyMap<string, number>;
  newest: string;
}

export function createFleet(names: readonly string[], first: string): Fleet {
  const services = new Map<string, Service>(
    names.map((name) => [
      name,
      { instances: new Map(), truths: new Map(), shares: new Map([[first, 1]]), newest: first },
    ]),
  );
  let advancedTo: number | null = null;

  function find(name: string): Service {
    const service = services.get(name);
    if (service === undefined) throw new Error(`there is no service ${name}`);
    return service;
  }

  function deploy(name: string, revision: string, truth: Truth): void {
    const service = find(name);
    for (const old of [...service.instances.keys()]) {
      if (!service.shares.has(old)) service.instances.delete(old);
    }
    service.instances.set(revision, { truth, requests: 0, failures: 0 });
    service.truths.set(revision, truth);
    service.newest = revision;
  }

  function advance(seconds: number): void {
    for (const { instances, shares } of services.values()) {
      for (const [revision, counters] of instances) {
        const share = shares.get(revision) ?? 0;
        const requests = RPS * share * seconds;
        counters.requests += requests;
        counters.failures += requests * failureShare(counters.truth, share);
      }
    }
  }

  for (const name of names) deploy(name, first, 'good');
  return {
    services: names,
    deploy,
    route(name, content) {
      find(name).shares = sharesOf(content, find(name).shares);
    },
    truth: (name, revision) => find(name).truths.get(revision) ?? null,
    page(now) {
      advance(advancedTo === null ? 0 : Math.max(0, now - advancedTo) / 1_000);
      advancedTo = now;
      return [...services].map(([name, { instances }]) => linesOf(name, instances)).join('');
    },
  };
}

function failureShare(truth: Truth, share: number): number {
  return truth === 'failing' || (truth === 'late' && share >= LATE_FROM) ? FAILURES : USUAL_FAILURES;
}

/** Gateways keep what they have when the document is gone or cannot be read. */
function sharesOf(content: string | null, before: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const rule = content === null ? null : parseRule(content);
  if (rule === null || !rule.ok) return before;
  const { canaryVersion, canaryWeight, stableVersion, enabled } = rule.value;
  const share = enabled && canaryVersion !== stableVersion ? canaryWeight / 100 : 0;
  return new Map([
    [stableVersion, 1 - share],
    [canaryVersion, canaryVersion === stableVersion ? 1 : share],
  ]);
}

function linesOf(service: string, instances: ReadonlyMap<string, Instances>): string {
  let lines = '';
  for (const [revision, { truth, requests, failures }] of instances) {
    const labels = `service="${service}",version="${revision}"`;
    lines += `http_requests_total{${labels},code="200"} ${(requests - failures).toFixed(6)}\n`;
    lines += `http_requests_total{${labels},code="500"} ${failures.toFixed(6)}\n`;
    const below = truth === 'slow' ? SLOW : FAST;
    for (const [index, le] of BUCKETS.entries()) {
      lines += `request_latency_bucket{${labels},le="${le}"} ${(requests * (below[index] ?? 1)).toFixed(6)}\n`;
    }
  }
  return lines;
}
