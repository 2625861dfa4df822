import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunningPrometheus } from '../../infra/prometheus/process.ts';
import { type Counting, countingOf } from '../../src/core/ledger/counting.ts';
import { type Ledger, newLedger, takePoll } from '../../src/core/ledger/ledger.ts';
import { countersRequest } from '../../src/core/ledger/polls.ts';
import type { Measurement, MeasureRequest } from '../../src/core/observation.ts';
import { slowCounts } from '../../src/core/sequential/slow-scores.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type BatchedMeasure, createMeasure } from '../../src/metrics/batch.ts';
import { createPrometheus, type Prometheus } from '../../src/metrics/prometheus.ts';
import {
  createTruth,
  EPOCH_MS,
  type Injected,
  injectedTargets,
  SCRAPE_MS,
  seriesOf,
} from '../core/ledger/injected.ts';
import { missing } from './real.ts';
import { loadNative, type NativeHistogram, type SentSeries } from './remote-write.ts';
import { latencyRequest } from './requests.ts';

const INTERVAL_MS = 15_000;
const LASTS_MS = 840_000;
const AT = EPOCH_MS + 600_000;
const NEVER_ABORTED = new AbortController().signal;
const SCHEMA = 3;
/** Between the latencies that are injected: none of their buckets reaches over one. */
const THRESHOLDS = [0.1, 1];

/** Always the same ones: the processes of both arms. */
const SHOPS = fc
  .sample(
    fc.record({
      v2: fc.tuple(injectedTargets('c-0:80', true, 200), injectedTargets('c-1:80', true, 200)),
      v1: fc.tuple(injectedTargets('s-0:80', true, 200), injectedTargets('s-1:80', true, 200)),
    }),
    { numRuns: 8, seed: 11 },
  )
  .map((arms, index) => ({ job: `shop-${index}`, arms }));

function histogramOf(latencies: readonly number[], schema = SCHEMA): NativeHistogram {
  const buckets = new Map<number, number>();
  for (const took of [...latencies].sort((a, b) => a - b)) {
    const number = Math.ceil(Math.log2(took) * 2 ** schema);
    buckets.set(number, (buckets.get(number) ?? 0) + 1);
  }
  return { schema, buckets };
}

/** What a process has of each code at each scrape, as the histogram that it would export. */
function sentOf(target: Injected, job: string, version: string): SentSeries[] {
  const labelsOf = (labels: Readonly<Record<string, string>>) => ({ ...labels, job, version });
  const starts = seriesOf(target, [], -1, LASTS_MS).map(({ labels, samples }) => ({
    labels: labelsOf(labels),
    samples,
  }));
  const counts = seriesOf({ ...target, exportsStart: false }, null, -1, LASTS_MS);
  return [
    ...starts,
    ...counts.map(({ labels, samples }) => ({
      labels: labelsOf({ ...labels, __name__: 'took_seconds' }),
      samples: samples.map(([at]) => {
        const time = at - EPOCH_MS;
        const life = target.lives.find(({ startedAt, endedAt }) => time > startedAt && time <= endedAt);
        const past = life?.requests.filter((one) => one.code === labels['code'] && one.at <= time) ?? [];
        return [at, histogramOf(past.map(({ took }) => took))] as const;
      }),
    })),
  ];
}

/** A histogram that has grown by the same at each of 41 scrapes until `AT`. */
function steady(job: string, growth: readonly number[], more: Partial<NativeHistogram> = {}): SentSeries {
  const each = histogramOf(growth);
  const times = (factor: number): NativeHistogram => ({
    ...each,
    buckets: new Map([...each.buckets].map(([number, count]) => [number, count * factor])),
    ...(more.count === undefined ? {} : { count: more.count * factor }),
  });
  return {
    labels: { __name__: 'took_seconds', job, version: 'v2', instance: 'a:80' },
    samples: Array.from({ length: 41 }, (_, index) => [EPOCH_MS + index * SCRAPE_MS, times(index + 1)]),
  };
}

const HUNDRED = [...Array(90).fill(0.05), ...Array(8).fill(0.2), 3, 3];

describe.skipIf(missing !== null)('native histograms on a real Prometheus', () => {
  let server: RunningPrometheus;
  let prometheus: Prometheus;
  let measure: BatchedMeasure;
  let sent: string[] = [];

  beforeAll(async () => {
    server = await loadNative([
      ...SHOPS.flatMap(({ job, arms }) =>
        (['v1', 'v2'] as const).flatMap((version) =>
          arms[version].flatMap((target) => sentOf(target, job, version)),
        ),
      ),
      steady('steady', HUNDRED),
      steady('steadier', HUNDRED),
      steady('half', HUNDRED, { count: 200 }),
      steady('idle', []),
      {
        labels: { __name__: 'took_seconds', job: 'plain', version: 'v2', instance: 'a:80' },
        samples: Array.from({ length: 41 }, (_, index) => [EPOCH_MS + index * SCRAPE_MS, index]),
      },
    ]);
    prometheus = createPrometheus({ url: server.url, clock: systemClock });
    const query: Prometheus['query'] = (promql, options) => {
      sent.push(promql);
      return prometheus.query(promql, options);
    };
    measure = createMeasure({ prometheus: { query }, clock: systemClock, batchMs: 0 });
  });

  afterAll(async () => {
    await measure?.close();
    await prometheus?.close();
    await server?.stop();
  });

  function look(job: string, quantile = 0.99): Promise<Measurement> {
    const source = {
      kind: 'latency',
      histogram: `took_seconds{job="${job}"}`,
      quantile,
      minRequests: 1,
    } as const;
    return measure(latencyRequest(job, 'v2', { source, at: AT }), NEVER_ABORTED);
  }

  async function pasted({ query, at }: Measurement): Promise<number> {
    const form = new URLSearchParams({ query, time: String(at / 1000) });
    const response = await fetch(`${server.url}/api/v1/query?${form}`);
    const body = (await response.json()) as { data: { result: { value: [number, string] }[] } };
    return Number(body.data.result[0]?.value[1]);
  }

  test.each([0.5, 0.95, 0.99])('the %f quantile is what its query gives', async (quantile) => {
    const measurement = await look('steady', quantile);
    expect(measurement.query).toBe(
      `histogram_quantile(${quantile}, sum(rate(took_seconds{job="steady",version="v2"}[1m])))`,
    );
    expect(measurement.reading).toMatchObject({ kind: 'value', requests: 400 });
    const value = measurement.reading.kind === 'value' ? measurement.reading.value : Number.NaN;
    // Prometheus 3 spreads observations exponentially inside of a bucket, which here moves them by 0.1 % at most.
    expect(Math.abs(value / (await pasted(measurement)) - 1)).toBeLessThan(0.002);
  });

  test('two Canaries travel together', async () => {
    sent = [];
    const [one, other] = await Promise.all([look('steady'), look('steadier')]);
    expect(sent).toHaveLength(1);
    expect(other.reading).toEqual(one.reading);
  });

  test('observations that are no number are above everything', async () => {
    expect((await look('half')).reading).toMatchObject({ kind: 'above', requests: 800 });
    expect((await look('half', 0.4)).reading).toMatchObject({ kind: 'value', requests: 800 });
  });

  test('without requests there is no quantile', async () => {
    expect((await look('idle')).reading).toMatchObject({ kind: 'noData', why: 'nan' });
  });

  test.each([
    ['absent', /^no series of took_seconds in the last 1m; .* write took_seconds_bucket$/],
    ['plain', /^took_seconds holds plain numbers; .* write took_seconds_bucket$/],
  ])('a name that is no native histogram says what to write (%s)', async (job, detail) => {
    expect((await look(job)).reading).toMatchObject({
      kind: 'noData',
      why: 'empty',
      detail: expect.stringMatching(detail),
    });
    const counting = countingIn(job);
    const plan = { id: job, version: 'v2', versionLabel: 'version', intervalMs: INTERVAL_MS, now: AT };
    const { at, reading } = await ask({ ...plan, ...newLedger(SCRAPE_MS) }, counting);
    const poll = { at, canary: reading, stable: null, versionLabel: 'version', countFrom: 0, settleFrom: 0 };
    expect(takePoll(counting, newLedger(SCRAPE_MS), poll).polled).toMatchObject({
      kind: 'noData',
      detail: expect.stringMatching(/write took_seconds_bucket$/),
    });
  });

  function countingIn(job: string): Counting {
    const histogram = `took_seconds{job="${job}"}`;
    const counting = countingOf({ kind: 'latency', histogram, quantile: 0.99, minRequests: 1 });
    if (!counting.ok) throw new Error(counting.error);
    return counting.value;
  }

  function ask(plan: Parameters<typeof countersRequest>[1], counting: Counting): Promise<Measurement> {
    const request: MeasureRequest = countersRequest(counting, plan);
    return measure(request, NEVER_ABORTED);
  }

  /** Polls both arms of one Canary to the end: requests and slow ones at each threshold, counted and true. */
  async function follow({ job, arms }: (typeof SHOPS)[number]) {
    const counting = countingIn(job);
    const truths = { canary: arms.v2.map(createTruth), stable: arms.v1.map(createTruth) };
    const counted = { canary: [0, 0, 0], stable: [0, 0, 0] };
    const injected = { canary: [0, 0, 0], stable: [0, 0, 0] };
    let ledger: Ledger = newLedger(SCRAPE_MS);
    for (let now = EPOCH_MS + INTERVAL_MS; now <= EPOCH_MS + LASTS_MS; now += INTERVAL_MS) {
      // Nobody asked for a while, as after an outage.
      if (now > EPOCH_MS + 300_000 && now < EPOCH_MS + 420_000) continue;
      const plan = { versionLabel: 'version', intervalMs: INTERVAL_MS, now, ...ledger };
      const { windowMs } = countersRequest(counting, { id: '', version: '', ...plan });
      const [canary, stable] = await Promise.all(
        ['v2', 'v1'].map((version) => ask({ id: version, version, ...plan }, counting)),
      );
      const { at } = canary!;
      const taken = takePoll(counting, ledger, {
        ...{ at, canary: canary!.reading, stable: stable!.reading },
        ...{ versionLabel: 'version', countFrom: 0, settleFrom: 0 },
      });
      const hasWalked = taken.ledger.polledAt !== ledger.polledAt;
      ledger = JSON.parse(JSON.stringify(taken.ledger));
      if (taken.polled.kind !== 'counted' || !hasWalked) continue;
      for (const arm of ['canary', 'stable'] as const) {
        const shown = truths[arm].flatMap((truth) => truth(at - EPOCH_MS, windowMs));
        const took = shown.flatMap(({ requests }) => requests.map((one) => one.took));
        const tally = taken.polled[arm]?.counted;
        if (tally?.kind !== 'latency') throw new Error('a latency is counted');
        counted[arm][0]! += tally.requests;
        injected[arm][0]! += took.length;
        for (const [place, threshold] of THRESHOLDS.entries()) {
          injected[arm][place + 1]! += took.filter((seconds) => seconds > threshold).length;
          for (const buckets of tally.histograms) {
            counted[arm][place + 1]! += slowCounts(buckets, threshold)?.score ?? Number.NaN;
          }
        }
      }
    }
    return { counted, injected };
  }

  test('the counts of the ledger are the injected ones, over restarts, missed scrapes and late instances', async () => {
    const all = await Promise.all(SHOPS.map(follow));
    expect(all.map(({ counted }) => counted)).toEqual(all.map(({ injected }) => injected));
    const slowest = all.reduce((sum, { injected }) => sum + injected.canary[2]! + injected.stable[2]!, 0);
    expect(slowest).toBeGreaterThan(300);
  });
});
