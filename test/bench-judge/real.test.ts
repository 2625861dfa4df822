/** Rollouts of the benchmark through a real Prometheus: the product's own way from counters to a decision. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunningPrometheus } from '../../infra/prometheus/process.ts';
import { ofAnySplit } from '../../src/cli/backtesting.ts';
import { countingOf } from '../../src/core/ledger/counting.ts';
import { newLedger, takePoll } from '../../src/core/ledger/ledger.ts';
import type { Tally } from '../../src/core/ledger/tally.ts';
import type { Measurement } from '../../src/core/observation.ts';
import type { RolloutState } from '../../src/core/rollout.ts';
import { nextLookAt } from '../../src/core/schedule.ts';
import { createRuleDocument } from '../../src/core/simulation/rule-document.ts';
import { createRun } from '../../src/core/simulation/run.ts';
import { unattended } from '../../src/core/simulation/unattended.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type BatchedMeasure, createMeasure } from '../../src/metrics/batch.ts';
import type { Measure } from '../../src/metrics/measure.ts';
import { createPrometheus, type Prometheus } from '../../src/metrics/prometheus.ts';
import type { MetricSource, Spec } from '../../src/spec/canary.ts';
import { parseFile } from '../../src/spec/parse.ts';
import { loadPrometheus, missing } from '../metrics/real.ts';
import { GOOD_APART } from './apart.ts';
import { SEQUENTIAL } from './contestants.ts';
import { ERROR_SCENARIOS, LATENCY_SCENARIOS } from './scenarios.ts';
import { scrapesOf, type Target, timeOf } from './scrapes.ts';
import { type Counts, requestsIn, type Sli } from './sli.ts';
import { record, type Span, spanAt, spansOf, type Tape } from './tape.ts';
import { POLL_SECONDS, POLLS_BEFORE, POLLS_PER_MINUTE, WEIGHTS } from './world.ts';

const SEED = 1;
/** Where scrapes are missed, the same evidence comes later. */
const POLLS_LATE = 20;

const STABLE: Target = { version: 'v1', instance: 'stable', startedAfter: -Infinity };
const CANARY: Target = { version: 'v2', instance: 'canary', startedAfter: -POLLS_PER_MINUTE };
const QUIET = [STABLE, CANARY];
/** Restarts, missed scrapes, an instance that comes late. */
const ROUGH: readonly Target[] = [
  { ...STABLE, restartedAfter: [11], missed: [20, 33] },
  { ...CANARY, restartedAfter: [16, 29], missed: [8, 25] },
  { version: 'v2', instance: 'canary-late', startedAfter: 22 },
];

/** Scraped once a minute, half a minute apart: no poll has new samples of both. */
const RARE: readonly Target[] = [
  { ...STABLE, missed: allBut(0) },
  { ...CANARY, missed: allBut(POLLS_PER_MINUTE / 2) },
];

interface Case {
  readonly id: string;
  readonly rps: number;
  readonly run: number;
  readonly targets: readonly Target[];
}

/** Runs in which a common incident falls into the rollout, where there is one. */
const CASES: readonly Case[] = [
  { id: 'N2', rps: 50, run: 0, targets: QUIET },
  { id: 'N5', rps: 5, run: 1, targets: QUIET },
  { id: 'R1', rps: 50, run: 7, targets: ROUGH },
  { id: 'R3', rps: 50, run: 0, targets: QUIET },
  { id: 'R4', rps: 5, run: 0, targets: QUIET },
  { id: 'R5', rps: 50, run: 0, targets: QUIET },
  { id: 'L5', rps: 50, run: 2, targets: QUIET },
  { id: 'L7', rps: 50, run: 0, targets: QUIET },
];

/** One version a quarter of a poll after the other, too late for the look after it: three quarters are between them. */
const APART: readonly Case[] = GOOD_APART.map(({ id, first }) => {
  const late = (target: Target) =>
    (target.version === 'v1') === (first === 'stable') ? target : { ...target, laterMs: 250 * POLL_SECONDS };
  return { id, rps: 500, run: 0, targets: QUIET.map(late) };
});

const RARELY: Case = { id: 'R2', rps: 50, run: 0, targets: RARE };

/** Polls that are not at this one of each minute. */
function allBut(place: number): number[] {
  const polls = Array.from({ length: 400 }, (_, at) => at - POLLS_BEFORE);
  return polls.filter((poll) => (poll + POLLS_BEFORE) % POLLS_PER_MINUTE !== place);
}

function tapeOf({ id, rps, run }: Case): Tape {
  const scenario = [...ERROR_SCENARIOS, ...LATENCY_SCENARIOS, ...GOOD_APART].find((one) => one.id === id);
  if (scenario === undefined) throw new Error(`there is no scenario ${id}`);
  return record(scenario, rps, SEQUENTIAL, { seed: SEED, run, more: POLLS_LATE });
}

function declaration({ id, sli }: Tape, name: string): string {
  const steps = [
    ...WEIGHTS.map((weight) => `{setWeight: ${weight}, bake: 2m}`),
    '{setWeight: 100, bake: 1h}',
  ];
  const source =
    sli.kind === 'errors'
      ? `ratio: {bad: 'http_requests_total{job="${id}",code=~"5.."}', total: 'http_requests_total{job="${id}"}'}`
      : `latency: {histogram: 'http_request_ms_bucket{job="${id}"}', quantile: 0.99}`;
  return `apiVersion: canary/v1
kind: Canary
metadata: {name: ${name}}
spec:
  revision: v2
  stableRevision: v1
  traffic: {settle: 60s, nacos: {dataId: shop.json}}
  strategy:
    ready: {query: 'up'}
    steps: [${steps.join(', ')}]
  analysis:
    interval: ${POLL_SECONDS}s
    judge: sequential
    metrics:
      - name: slo
        ${source}
        maxDelta: ${sli.maxDelta}
`;
}

/** Under a name whose looks are at the polls. */
function specOf(tape: Tape): Spec {
  for (let number = 1; ; number += 1) {
    const parsed = parseFile(declaration(tape, `shop-${number}`), 'shop.yaml');
    const [declared] = parsed.specs;
    if (declared === undefined) throw new Error(JSON.stringify(parsed.diagnostics));
    if (nextLookAt(declared.canary, 0) % (1_000 * POLL_SECONDS) !== 0) continue;
    return unattended(declared, 'v2', 'v1', () => true).spec;
  }
}

interface Played {
  readonly kind: 'promoted' | 'rolledBack' | 'undecided';
  /** From the start of the rollout. */
  readonly polls: number;
  /** What the ledger counted at each weight. */
  readonly spans: readonly Span[];
  /** Requests of the canary that the judge was told. */
  readonly judged: number;
}

/** A rollout under the real core, with the counters that the server holds. */
async function play(tape: Tape, measure: Measure, adapt = (spec: Spec) => spec): Promise<Played> {
  const spec = adapt(specOf(tape));
  const run = createRun(spec, createRuleDocument(), 1_000 * timeOf(0));
  const last = 1_000 * timeOf(tape.polls.at(-1)!.poll);
  const ledger = countSpans(tape.sli, spec.canary.analysis.metrics[0]!.source);
  let judged = 0;
  while (run.dueAt() <= last) {
    run.moveTo(run.dueAt());
    const held = run.state().rollout?.held;
    const answers = await Promise.all(
      run
        .requests()
        .map((request) => measure({ ...request, intervalMs: 60_000 }, new AbortController().signal)),
    );
    const polls = Math.round((run.dueAt() / 1_000 - timeOf(0)) / POLL_SECONDS);
    // The clock of the server is ours, and not that of the tape.
    run.tick(answers.map((answer) => ({ ...answer, skewMs: 0 })));
    if (held !== undefined) ledger.take(held, answers);
    const { rollout } = run.state();
    const test = rollout?.metrics['slo']?.sequential?.test;
    if (test) judged = test.canary.requests + test.unsettled.requests;
    const kind =
      rollout?.held.weight === 100 ? 'promoted' : rollout?.outcome === 'RolledBack' ? 'rolledBack' : null;
    if (kind !== null) return { kind, polls, spans: ledger.spans(), judged };
  }
  return { kind: 'undecided', polls: Infinity, spans: ledger.spans(), judged };
}

/** The ledger by itself, on the answers that the core was given. */
function countSpans(sli: Sli, source: MetricSource) {
  const counting = countingOf(source);
  if (!counting.ok) throw new Error(counting.error);
  const spans: Span[] = [];
  let ledger = newLedger(1_000 * POLL_SECONDS);
  return {
    spans: () => spans,
    take({ index, verifiedAt, clearFrom }: RolloutState['held'], answers: readonly Measurement[]): void {
      const [canary, stable] = ['slo/canary', 'slo/stable'].map((name) =>
        answers.find(({ id }) => id === name),
      );
      if (canary === undefined || stable === undefined) return;
      const taken = takePoll(counting.value, ledger, {
        at: canary.at,
        canary: canary.reading,
        stable: stable.reading,
        versionLabel: 'version',
        countFrom: clearFrom,
        settleFrom: verifiedAt,
      });
      ({ ledger } = taken);
      const { polled } = taken;
      if (polled.kind !== 'counted') return;
      const span = spanAt(spans, index, sli);
      for (const arm of ['canary', 'stable'] as const) {
        for (const part of ['counted', 'settling'] as const) addTally(span[arm], polled[arm]![part]);
      }
    },
  };
}

function addTally(sum: Counts, tally: Tally): void {
  if (tally.kind === 'ratio') {
    sum[0]! += tally.requests - tally.score;
    sum[1]! += tally.score;
    return;
  }
  for (const buckets of tally.histograms) {
    for (const [at, { count }] of buckets.entries()) sum[at]! += count - (buckets[at - 1]?.count ?? 0);
  }
}

describe.skipIf(missing !== null)('the benchmark through a real Prometheus', () => {
  const all = [...CASES, ...APART, RARELY];
  const tapes = new Map(all.map((one) => [one.id, tapeOf(one)]));
  let server: RunningPrometheus;
  let prometheus: Prometheus;
  let measure: BatchedMeasure;

  beforeAll(async () => {
    server = await loadPrometheus(all.flatMap(({ id, targets }) => scrapesOf(tapes.get(id)!, targets, SEED)));
    prometheus = createPrometheus({ url: server.url, clock: systemClock });
    measure = createMeasure({ prometheus, clock: systemClock, batchMs: 0 });
  });

  afterAll(async () => {
    await measure?.close();
    await prometheus?.close();
    await server?.stop();
  });

  test.each(CASES)(
    'counts what was injected, and decides $id at $rps rps as the benchmark plays it',
    async ({ id, targets }) => {
      const tape = tapes.get(id)!;
      const { kind, polls, spans, judged } = await play(tape, measure);
      expect(spans).toEqual(spansOf(tape, polls));
      expect(judged).toBe(spans.reduce((sum, { canary }) => sum + requestsIn(canary), 0));
      expect(kind).toBe(tape.ending.kind);
      if (targets === QUIET) expect(polls).toBe(tape.ending.polls);
    },
  );

  test.each(APART)("an incident of both is not taken for the canary's: $id", async ({ id }) => {
    expect(await play(tapes.get(id)!, measure, ofAnySplit)).toMatchObject({ kind: 'promoted' });
  });

  test('a bad canary is rolled back where the versions are scraped rarely, and never between the same two polls', async () => {
    const tape = tapes.get(RARELY.id)!;
    expect(tape.ending.kind).toBe('rolledBack');
    expect(await play(tape, measure)).toMatchObject({ kind: 'rolledBack' });
  });
});
