import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunningPrometheus } from '../../infra/prometheus/process.ts';
import { type Counting, countingOf } from '../../src/core/ledger/counting.ts';
import { type Ledger, newLedger, takePoll } from '../../src/core/ledger/ledger.ts';
import { countersRequest } from '../../src/core/ledger/polls.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type BatchedMeasure, createMeasure } from '../../src/metrics/batch.ts';
import { createPrometheus, type Prometheus } from '../../src/metrics/prometheus.ts';
import {
  BOUNDS,
  createTruth,
  EPOCH_MS,
  type Injected,
  injectedTargets,
  SCRAPE_MS,
  type Span,
  seriesOf,
} from '../core/ledger/injected.ts';
import { loadPrometheus, missing, type Series } from './real.ts';

const INTERVAL_MS = 15_000;
const LASTS_MS = 840_000;
const ARMS = ['canary', 'stable'] as const;
const NEVER_ABORTED = new AbortController().signal;

/** A Canary, its metrics, and the processes of both arms. */
interface Shop {
  readonly job: string;
  readonly canary: readonly Injected[];
  readonly stable: readonly Injected[];
}

/** Always the same ones: thousands of requests on some hundred processes. */
const SHOPS: readonly Shop[] = fc
  .sample(fc.record({ canary: busy('c', 2), stable: busy('s', 3) }), { numRuns: 12, seed: 7 })
  .map((arms, index) => ({ job: `shop-${index}`, ...arms }));

function busy(arm: string, count: number): fc.Arbitrary<readonly Injected[]> {
  const names = Array.from({ length: count }, (_, index) => `${arm}-${index}:80`);
  return fc.tuple(...names.map((name) => injectedTargets(name, true, 200)));
}

function storedOf({ job, canary, stable }: Shop): Series[] {
  return [
    ...canary.map((target) => ({ target, version: 'v2' })),
    ...stable.map((target) => ({ target, version: 'v1' })),
  ].flatMap(({ target, version }) =>
    [
      ...seriesOf(target, null, -1, LASTS_MS),
      ...seriesOf({ ...target, exportsStart: false }, BOUNDS, -1, LASTS_MS),
    ].map(({ labels: { __name__: name = '', ...labels }, samples }) => ({
      name,
      labels: { ...labels, job, version },
      values: samples.map(([, value]) => value),
      times: samples.map(([at]) => at / 1000),
    })),
  );
}

function countingIn(job: string, kind: 'ratio' | 'latency'): Counting {
  const counting = countingOf(
    kind === 'ratio'
      ? { kind, total: `r_total{job="${job}"}`, bad: `r_total{job="${job}",code=~"5.."}`, minRequests: 1 }
      : { kind, histogram: `s_bucket{job="${job}"}`, quantile: 0.99, minRequests: 1 },
  );
  if (!counting.ok) throw new Error(counting.error);
  return counting.value;
}

/** One metric of one Canary, polled, and beside it what is true. */
function createFollower(shop: Shop, kind: 'ratio' | 'latency', measure: BatchedMeasure) {
  const counting = countingIn(shop.job, kind);
  const truths = { canary: shop.canary.map(createTruth), stable: shop.stable.map(createTruth) };
  let ledger: Ledger = newLedger(SCRAPE_MS);
  const counted = { requests: 0, bad: 0, buckets: [0, 0, 0] };
  const injected = { requests: 0, bad: 0, buckets: [0, 0, 0] };

  function inject(spans: readonly Span[]): void {
    for (const { code, took } of spans.flatMap(({ requests }) => requests)) {
      injected.requests += 1;
      if (kind === 'ratio' && code.startsWith('5')) injected.bad += 1;
      for (const [index, bound] of BOUNDS.entries()) {
        if (kind === 'latency' && took <= bound) injected.buckets[index]! += 1;
      }
    }
  }

  return {
    counted,
    injected,
    async poll(now: number): Promise<boolean> {
      const [canary, stable] = await Promise.all(
        ['v2', 'v1'].map((version) =>
          measure(
            countersRequest(counting, {
              ...{ id: `${shop.job}/${kind}/${version}`, version, versionLabel: 'version' },
              ...{ intervalMs: INTERVAL_MS, now, polledAt: ledger.polledAt, scrapeMs: ledger.scrapeMs },
            }),
            NEVER_ABORTED,
          ),
        ),
      );
      const at = canary!.at;
      const window = countersRequest(counting, {
        ...{ id: '', version: '', versionLabel: '', intervalMs: INTERVAL_MS, now },
        ...{ polledAt: ledger.polledAt, scrapeMs: ledger.scrapeMs },
      }).windowMs;
      const taken = takePoll(counting, ledger, {
        ...{ at, canary: canary!.reading, stable: stable!.reading, versionLabel: 'version' },
        ...{ countFrom: 0, settleFrom: 0 },
      });
      const hasWaited = taken.ledger.polledAt === ledger.polledAt;
      ledger = taken.ledger;
      if (taken.polled.kind !== 'counted' || hasWaited) return false;
      for (const arm of ARMS) {
        for (const truth of truths[arm]) inject(truth(at - EPOCH_MS, window));
        const tally = taken.polled[arm]?.counted;
        counted.requests += tally?.requests ?? 0;
        if (tally?.kind === 'ratio') counted.bad += tally.score;
        if (tally?.kind !== 'latency') continue;
        for (const buckets of tally.histograms) {
          for (const [index, { count }] of buckets.entries()) counted.buckets[index]! += count;
        }
      }
      return true;
    },
  };
}

describe.skipIf(missing !== null)('the ledger on a real Prometheus', () => {
  let server: RunningPrometheus;
  let prometheus: Prometheus;
  let sent = 0;
  let measure: BatchedMeasure;

  beforeAll(async () => {
    server = await loadPrometheus(SHOPS.flatMap(storedOf));
    prometheus = createPrometheus({ url: server.url, clock: systemClock });
    const query: Prometheus['query'] = (promql, options) => {
      sent += 1;
      return prometheus.query(promql, options);
    };
    measure = createMeasure({ prometheus: { query }, clock: systemClock, batchMs: 0 });
  });

  afterAll(async () => {
    await measure?.close();
    await prometheus?.close();
    await server?.stop();
  });

  test.each(['ratio', 'latency'] as const)(
    'its counts are the injected ones, over restarts, missed scrapes and late instances (%s)',
    async (kind) => {
      const followers = SHOPS.map((shop) => createFollower(shop, kind, measure));
      let polls = 0;
      for (let now = EPOCH_MS + INTERVAL_MS; now <= EPOCH_MS + LASTS_MS; now += INTERVAL_MS) {
        // Nobody asked for a while, as after an outage.
        if (now > EPOCH_MS + 300_000 && now < EPOCH_MS + 420_000) continue;
        const results = await Promise.all(followers.map((follower) => follower.poll(now)));
        polls += results.filter((hasCounted) => hasCounted).length;
      }
      expect(followers.map(({ counted }) => counted)).toEqual(followers.map(({ injected }) => injected));
      const total = followers.reduce((sum, { injected }) => sum + injected.requests, 0);
      expect(total).toBeGreaterThan(2_000);
      expect(polls).toBeGreaterThan(150);
    },
  );

  test('the counters of both arms of all Canaries travel together', async () => {
    sent = 0;
    await Promise.all(SHOPS.map((shop) => createFollower(shop, 'ratio', measure).poll(EPOCH_MS + 600_000)));
    expect(sent).toBe(1);
  });
});
