import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Counting, countingOf } from '../../../src/core/ledger/counting.ts';
import {
  type ArmTally,
  type Ledger,
  newLedger,
  type Poll,
  takePoll,
} from '../../../src/core/ledger/ledger.ts';
import { countersRequest } from '../../../src/core/ledger/polls.ts';
import type { Tally } from '../../../src/core/ledger/tally.ts';
import type { Reading } from '../../../src/core/observation.ts';
import type { MetricSource } from '../../../src/spec/canary.ts';
import {
  answerOf,
  BOUNDS,
  createTruth,
  EPOCH_MS,
  type Injected,
  injectedTargets,
  SCRAPE_MS,
  type Span,
} from './injected.ts';

const RATIO: MetricSource = {
  kind: 'ratio',
  total: 'r_total{job="shop"}',
  bad: 'r_total{job="shop",code=~"5.."}',
  minRequests: 1,
};
const LATENCY: MetricSource = {
  kind: 'latency',
  histogram: 's_bucket{job="shop"}',
  quantile: 0.99,
  minRequests: 1,
};
const INTERVAL_MS = 15_000;

function counting(source: MetricSource): Counting {
  const read = countingOf(source);
  if (!read.ok) throw new Error(read.error);
  return read.value;
}

const arms = (exportsStart: boolean) => {
  const some = (arm: string) =>
    fc
      .integer({ min: 1, max: 3 })
      .chain((count) =>
        fc.tuple(
          ...Array.from({ length: count }, (_, index) => injectedTargets(`${arm}-${index}:80`, exportsStart)),
        ),
      );
  return fc.record({ canary: some('canary'), stable: some('stable') });
};

/** What becomes of one poll, and how long after the one before it is made. */
const polls = fc.array(
  fc.record({
    after: fc.oneof(
      { weight: 6, arbitrary: fc.constant(INTERVAL_MS) },
      { weight: 2, arbitrary: fc.integer({ min: 0, max: 40_000 }) },
      { weight: 1, arbitrary: fc.integer({ min: 40_000, max: 300_000 }) },
    ),
    fate: fc.oneof(
      { weight: 7, arbitrary: fc.constant('answered' as const) },
      {
        weight: 1,
        arbitrary: fc.constantFrom('canary down', 'stable down', 'partial', 'twice', 'restarted'),
      },
    ),
  }),
  { minLength: 10, maxLength: 70 },
);

/** Times of weight changes; each settles for a minute. */
const changes = fc.array(fc.integer({ min: -100_000, max: 800_000 }), { maxLength: 4 });

const DOWN: Reading = { kind: 'error', structural: false, code: 'PROM_CONNECT', detail: 'refused' };
const PARTIAL: Reading = { kind: 'noData', why: 'partial', detail: 'a store did not answer' };

interface Lived {
  readonly canary: readonly Span[];
  readonly stable: readonly Span[];
  readonly poll: Poll;
  readonly tallies: { readonly canary: ArmTally; readonly stable: ArmTally };
}

/** All polls that counted, with what was true of them. */
function live(
  source: MetricSource,
  world: { readonly canary: readonly Injected[]; readonly stable: readonly Injected[] },
  plan: readonly { readonly after: number; readonly fate: string }[],
  changedAt: readonly number[],
): readonly Lived[] {
  const counted = counting(source);
  const bounds = source.kind === 'latency' ? BOUNDS : null;
  const truths = { canary: world.canary.map(createTruth), stable: world.stable.map(createTruth) };
  let ledger: Ledger = newLedger(SCRAPE_MS);
  let now = EPOCH_MS;
  const lived: Lived[] = [];
  for (const { after, fate } of [...plan, { after: INTERVAL_MS, fate: 'answered' }]) {
    now += after;
    const { at, windowMs } = countersRequest(counted, {
      ...{ id: 'a', version: 'v', versionLabel: 'version', intervalMs: INTERVAL_MS, now },
      ...{ polledAt: ledger.polledAt, scrapeMs: ledger.scrapeMs },
    });
    if (at === null) throw new Error('a poll has a time');
    const read = (targets: readonly Injected[]) => answerOf(targets, bounds, at - EPOCH_MS, windowMs);
    const verifiedAt =
      Math.max(-200_000, ...changedAt.filter((change) => change <= now - EPOCH_MS)) + EPOCH_MS;
    const poll: Poll = {
      at,
      canary: fate === 'canary down' ? DOWN : fate === 'partial' ? PARTIAL : read(world.canary),
      stable: fate === 'stable down' ? DOWN : read(world.stable),
      versionLabel: 'version',
      countFrom: verifiedAt + 60_000,
      settleFrom: verifiedAt,
    };
    if (fate === 'restarted') ledger = JSON.parse(JSON.stringify(ledger)) as Ledger;
    const taken = takePoll(counted, ledger, poll);
    const isWalked = taken.ledger.canary !== ledger.canary;
    ledger = taken.ledger;
    if (taken.polled.kind !== 'counted' || taken.polled.stable === null) continue;
    if (!isWalked) {
      expect([taken.polled.canary.differences, taken.polled.stable.differences]).toEqual([0, 0]);
      continue;
    }
    const { canary, stable } = taken.polled;
    const spansOf = (all: readonly ReturnType<typeof createTruth>[]) =>
      all.flatMap((truth) => truth(at - EPOCH_MS, windowMs));
    const spans = { canary: spansOf(truths.canary), stable: spansOf(truths.stable) };
    lived.push({ ...spans, poll, tallies: { canary, stable } });
    if (fate !== 'twice') continue;
    const again = takePoll(counted, ledger, poll);
    expect(again.ledger).toEqual(ledger);
    if (again.polled.kind !== 'counted' || again.polled.stable === null) throw new Error('it counted before');
    const nothing = { canary: again.polled.canary, stable: again.polled.stable };
    lived.push({ canary: [], stable: [], poll, tallies: nothing });
  }
  return lived;
}

/** What a tally of these spans must say. */
function truthOf(source: MetricSource, spans: readonly Span[]): Tally {
  const requests = spans.flatMap((span) => span.requests);
  if (source.kind !== 'latency') {
    const score = requests.filter(({ code }) => code.startsWith('5')).length;
    return { kind: 'ratio', requests: requests.length, score };
  }
  const buckets = BOUNDS.map((upper) => ({
    upper,
    count: requests.filter(({ took }) => took <= upper).length,
  }));
  return { kind: 'latency', requests: requests.length, histograms: [buckets] };
}

/** An empty tally of a latency may know its buckets or not. */
function plain(tally: Tally): Tally {
  return tally.kind === 'latency' && tally.requests === 0 ? { ...tally, histograms: [] } : tally;
}

describe('the ledger over any interleaving of restarts, gaps, late series and repeated polls', () => {
  test.each([
    ['ratio', RATIO],
    ['latency', LATENCY],
  ])('counts exactly the requests that were injected (%s)', (_name, source) => {
    fc.assert(
      fc.property(arms(true), polls, changes, (world, plan, changedAt) => {
        for (const { poll, tallies, ...spans } of live(source, world, plan, changedAt)) {
          const { countFrom, settleFrom } = poll;
          for (const arm of ['canary', 'stable'] as const) {
            const from = (span: Span) => span.from + EPOCH_MS;
            const counted = spans[arm].filter((span) => from(span) >= countFrom);
            const settling = spans[arm].filter((span) => from(span) >= settleFrom && from(span) < countFrom);
            expect(plain(tallies[arm].counted)).toEqual(plain(truthOf(source, counted)));
            expect(plain(tallies[arm].settling)).toEqual(plain(truthOf(source, settling)));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test('without start times it counts too little at most', () => {
    fc.assert(
      fc.property(arms(false), polls, changes, (world, plan, changedAt) => {
        const lived = live(RATIO, world, plan, changedAt);
        for (const arm of ['canary', 'stable'] as const) {
          const counted = lived.reduce((sum, { tallies }) => sum + tallies[arm].counted.requests, 0);
          const all = lived.flatMap((one) => one[arm]).flatMap(({ requests }) => requests);
          expect(counted).toBeLessThanOrEqual(all.length);
          for (const { tallies } of lived) {
            const { counted: tally } = tallies[arm];
            if (tally.kind === 'ratio') expect(tally.score).toBeLessThanOrEqual(tally.requests);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
