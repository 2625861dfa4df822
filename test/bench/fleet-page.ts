/**
 * The page of a scrape target that stands for many services: made once, afterwards only its numbers change. Ten
 * thousand services are a page of 10 MB, and making it anew for every scrape would take the core that others measure
 * on.
 */

/** Requests a second that every version of every service answers. */
const RPS = 50;
const BUCKETS = ['0.05', '0.1', '0.25', '0.5', '1', '+Inf'] as const;
/** Share of the requests that is faster than the bucket's bound. */
const SHARE_BELOW = [0.5, 0.8, 0.95, 0.995, 1, 1] as const;
/** Share of the requests of a failing version that fail, also of those before it began to. */
const FAILING_SHARE = 0.1;
/** Numbers have this many digits, with zeros in front, so that new ones fit in the place of old ones. */
const DIGITS = 12;

export const STABLE = 'v1';
export const CANARY = 'v2';

export interface FleetPage {
  /** The page when every version has answered requests for this many seconds. Valid until the next call. */
  at(seconds: number): Buffer;
  /** From now on the canary versions of these services fail. Unknown names are left out. */
  fail(services: readonly string[]): void;
}

/** Counters and histograms of a stable and a canary version of each service, all of them healthy. */
export function createFleetPage(services: readonly string[]): FleetPage {
  const { text, places, failurePlaces } = layOut(services);
  const page = Buffer.from(text, 'latin1');
  const failing: number[] = [];

  function write(value: number, at: readonly number[]): void {
    const digits = Buffer.from(String(Math.floor(value)).padStart(DIGITS, '0'), 'latin1');
    for (const place of at) digits.copy(page, place);
  }

  return {
    at(seconds) {
      const requests = RPS * seconds;
      write(requests, places.total);
      for (const [index, share] of SHARE_BELOW.entries())
        write(requests * share, places.buckets[index] ?? []);
      write(requests * FAILING_SHARE, failing);
      return page;
    },
    fail(names) {
      for (const name of names) {
        const place = failurePlaces.get(name);
        if (place !== undefined) failing.push(place);
      }
    },
  };
}

interface Layout {
  readonly text: string;
  /** Where the numbers stand that are the same for all. */
  readonly places: { readonly total: number[]; readonly buckets: readonly number[][] };
  /** Where the failures of a service's canary version stand. */
  readonly failurePlaces: ReadonlyMap<string, number>;
}

function layOut(services: readonly string[]): Layout {
  const lines: string[] = [];
  const total: number[] = [];
  const buckets: number[][] = BUCKETS.map(() => []);
  const failurePlaces = new Map<string, number>();
  let length = 0;

  /** Adds a line and returns where its number begins. */
  function add(series: string): number {
    const line = `${series} ${'0'.repeat(DIGITS)}\n`;
    lines.push(line);
    length += line.length;
    return length - DIGITS - 1;
  }

  for (const service of services) {
    for (const version of [STABLE, CANARY]) {
      const labels = `service="${service}",version="${version}"`;
      total.push(add(`http_requests_total{${labels},code="200"}`));
      const failures = add(`http_requests_total{${labels},code="500"}`);
      if (version === CANARY) failurePlaces.set(service, failures);
      for (const [index, le] of BUCKETS.entries()) {
        buckets[index]?.push(add(`request_latency_bucket{${labels},le="${le}"}`));
      }
    }
  }
  return { text: lines.join(''), places: { total, buckets }, failurePlaces };
}
