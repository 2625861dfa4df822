/** What the raw counters of a fleet cost at each poll, beside the rates that the threshold rule asks for. */
import { type Counting, countingOf } from '../../src/core/ledger/counting.ts';
import { type Ledger, newLedger, takePoll } from '../../src/core/ledger/ledger.ts';
import { countersRequest } from '../../src/core/ledger/polls.ts';
import type { Measurement, MeasureRequest } from '../../src/core/observation.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createMeasure } from '../../src/metrics/batch.ts';
import { createPrometheus, type Prometheus } from '../../src/metrics/prometheus.ts';
import type { MetricSource } from '../../src/spec/canary.ts';
import { counter, loadPrometheus, SCRAPE, type Series, START } from '../metrics/real.ts';
import type { Found } from './outcome.ts';
import { serviceNames } from './services.ts';
import { cpuMsOf } from './usage.ts';

const SCRAPES = 40;
const INTERVAL_MS = SCRAPE * 1_000;
const VERSIONS = ['v1', 'v2'] as const;
const INSTANCES = 2;
const WINDOW_MS = 60_000;
const NEVER_ABORTED = new AbortController().signal;

interface Cost {
  /** User and system time of a round, ms. */
  readonly askingMs: number;
  readonly prometheusMs: number;
  readonly ledgerMs: number;
  readonly queries: number;
  /** Measurements of a round that were none. */
  readonly failed: number;
}

/** Two instances of each version, with a label value for good and one for bad requests, and their start times. */
function seriesOf(job: string): Series[] {
  return VERSIONS.flatMap((version) =>
    Array.from({ length: INSTANCES }, (_, index) => {
      const labels = { job, version, instance: `${job}-${version}-${index}:8080` };
      return [
        { name: 'http_requests_total', labels: { ...labels, code: '200' }, values: counter(SCRAPES, 150) },
        { name: 'http_requests_total', labels: { ...labels, code: '500' }, values: counter(SCRAPES, 1) },
        { name: 'process_start_time_seconds', labels, values: Array<number>(SCRAPES).fill(START - 100) },
      ];
    }).flat(),
  );
}

function sourceOf(job: string): MetricSource & { readonly kind: 'ratio' } {
  const total = `http_requests_total{job="${job}"}`;
  return { kind: 'ratio', bad: `http_requests_total{job="${job}",code=~"5.."}`, total, minRequests: 1 };
}

/** One metric of one Canary: what it asks for at a time, and what it makes of the answers of both arms. */
interface Follower {
  requests(now: number): readonly MeasureRequest[];
  take(answers: readonly Measurement[]): boolean;
}

function createPolled(job: string): Follower {
  const read = countingOf(sourceOf(job));
  if (!read.ok) throw new Error(read.error);
  const counting: Counting = read.value;
  let ledger: Ledger = newLedger(INTERVAL_MS);
  return {
    requests: (now) =>
      VERSIONS.map((version) => {
        const { polledAt, scrapeMs } = ledger;
        const name = { id: `${job}/${version}`, version, versionLabel: 'version' };
        return countersRequest(counting, { ...name, intervalMs: INTERVAL_MS, now, polledAt, scrapeMs });
      }),
    take([stable, canary]) {
      if (stable === undefined || canary === undefined) return false;
      const taken = takePoll(counting, ledger, {
        at: canary.at,
        canary: canary.reading,
        stable: stable.reading,
        versionLabel: 'version',
        countFrom: 0,
        settleFrom: 0,
      });
      ledger = taken.ledger;
      return taken.polled.kind === 'counted';
    },
  };
}

function createRated(job: string): Follower {
  const common = {
    source: sourceOf(job),
    versionLabel: 'version',
    windowMs: WINDOW_MS,
    intervalMs: INTERVAL_MS,
  };
  return {
    requests: (now) =>
      VERSIONS.map((version) => ({ id: `${job}/${version}`, version, at: now - INTERVAL_MS, ...common })),
    take: (answers) => answers.every(({ reading }) => reading.kind === 'value'),
  };
}

/** Some rounds in a row, the first of which only warms up. */
async function costOf(
  prometheus: Prometheus,
  pid: number,
  followers: readonly Follower[],
  rounds: number,
): Promise<Cost> {
  let queries = 0;
  const query: Prometheus['query'] = (promql, options) => {
    queries += 1;
    return prometheus.query(promql, options);
  };
  const measure = createMeasure({ prometheus: { query }, clock: systemClock });
  const spent = { askingMs: 0, prometheusMs: 0, ledgerMs: 0, failed: 0 };
  for (let round = 0; round <= rounds; round += 1) {
    const now = (START + (SCRAPES - rounds + round) * SCRAPE) * 1_000;
    const before = { own: process.cpuUsage(), prometheusMs: cpuMsOf(pid), queries };
    const answers = await Promise.all(
      followers.map((follower) =>
        Promise.all(follower.requests(now).map((request) => measure(request, NEVER_ABORTED))),
      ),
    );
    const asked = process.cpuUsage(before.own);
    const startedAt = process.cpuUsage();
    const failed = followers.filter((follower, index) => !follower.take(answers[index] ?? [])).length;
    const taken = process.cpuUsage(startedAt);
    if (round === 0) {
      queries = 0;
      continue;
    }
    spent.askingMs += (asked.user + asked.system) / 1_000;
    spent.prometheusMs += cpuMsOf(pid) - before.prometheusMs;
    spent.ledgerMs += (taken.user + taken.system) / 1_000;
    spent.failed += failed;
  }
  await measure.close();
  return {
    askingMs: spent.askingMs / rounds,
    prometheusMs: spent.prometheusMs / rounds,
    ledgerMs: spent.ledgerMs / rounds,
    queries: queries / rounds,
    failed: spent.failed,
  };
}

export async function measureCounters(canaries: number, rounds: number): Promise<Found> {
  const jobs = serviceNames(canaries);
  const server = await loadPrometheus(jobs.flatMap(seriesOf));
  const prometheus = createPrometheus({ url: server.url, clock: systemClock });
  try {
    const rates = await costOf(prometheus, server.pid, jobs.map(createRated), rounds);
    const counters = await costOf(prometheus, server.pid, jobs.map(createPolled), rounds);
    const failed = rates.failed + counters.failed;
    return {
      title: `Raw counters of ${canaries} canaries, ${INSTANCES} instances of each version`,
      load: { canaries, runs: rounds },
      figures: [
        { name: 'counters: queries a round', value: counters.queries, unit: '' },
        { name: 'counters: CPU of the asking side a round', value: counters.askingMs, unit: 'ms' },
        { name: 'counters: CPU of Prometheus a round', value: counters.prometheusMs, unit: 'ms' },
        { name: 'counters: CPU of the ledger a round', value: counters.ledgerMs, unit: 'ms' },
        {
          name: 'ledger: CPU of a poll',
          value: (1_000 * counters.ledgerMs) / canaries,
          unit: 'µs',
          most: 50,
        },
        { name: 'rates: queries a round', value: rates.queries, unit: '' },
        { name: 'rates: CPU of the asking side a round', value: rates.askingMs, unit: 'ms' },
        { name: 'rates: CPU of Prometheus a round', value: rates.prometheusMs, unit: 'ms' },
      ],
      findings: failed === 0 ? [] : [`${failed} polls of ${2 * rounds * canaries} had no data`],
    };
  } finally {
    await prometheus.close();
    await server.stop();
  }
}
