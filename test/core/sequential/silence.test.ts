import { expect, it } from 'vitest';
import type { Measurement, Reading } from '../../../src/core/observation.ts';
import { judgeSequential, sequentialMetric } from '../../../src/core/sequential/look.ts';
import { initialRollout } from '../../../src/core/state.ts';
import { aCanary, aMetric, steps } from '../../support/a-canary.ts';

const METRIC = aMetric({
  judge: 'sequential',
  forMs: null,
  sequential: { alpha: 0.01, beta: 0.05, sensitivity: 0.5, dispersion: 1 },
});
const START = 12_000_000;
const STABLE_RPS = 50;

interface World {
  readonly scrapeMs: number;
  readonly intervalMs: number;
  /** The canary's requests end here. */
  readonly silentFrom: number;
}

/** Scrapes in (from, to], of a counter that grew by `rps` until `until`. */
function counters(version: string, rps: number, until: number, scrapeMs: number, from: number, to: number) {
  const samples: [number, number][] = [];
  for (let at = (Math.floor(from / scrapeMs) + 1) * scrapeMs; at <= to; at += scrapeMs) {
    samples.push([at, Math.round((rps * (Math.min(at, until) - START + 3_600_000)) / 1000)]);
  }
  const labels = { __name__: 'http_requests_total', job: 'shop', instance: version, version, code: '200' };
  return { kind: 'series', series: [{ labels, samples }] } satisfies Reading;
}

/** The looks of so many minutes, at weight 50, as they come. */
function looks({ scrapeMs, intervalMs, silentFrom }: World, minutes: number) {
  const canary = aCanary({
    settleMs: 0,
    strategy: { steps: steps(50, 100) },
    analysis: { intervalMs, metrics: [METRIC] },
  });
  const rollout = initialRollout(canary, { id: 'r', revision: 'v2', stable: 'v1', by: 'git', now: START });
  const held = { ...rollout.held, index: 0, weight: 50, verifiedAt: START, clearFrom: START };
  const judged: (ReturnType<typeof judgeSequential> & { readonly at: number })[] = [];
  const measured = (id: string, at: number, reading: Reading): Measurement => ({
    id,
    at,
    reading,
    query: id,
    skewMs: 0,
  });
  const arm = (version: string, until: number, at: number, windowMs: number) =>
    counters(version, STABLE_RPS, until, scrapeMs, at - windowMs, at);
  for (let at = START; at <= START + minutes * 60_000; at += intervalMs) {
    const windowMs = intervalMs + 2 * scrapeMs;
    const one = judgeSequential(
      {
        ...sequentialMetric(METRIC)!,
        canary,
        rollout: { ...rollout, held },
        memory: judged.at(-1)?.memory,
      },
      {
        canary: measured('canary', at, arm('v2', silentFrom, at, windowMs)),
        stable: measured('stable', at, arm('v1', Infinity, at, windowMs)),
        before: measured('before', at, arm('v1', Infinity, at, 1_800_000)),
      },
    );
    judged.push({ ...one, at });
  }
  return judged;
}

it.each([
  [15_000, 30_000],
  [30_000, 30_000],
  [60_000, 30_000],
  [60_000, 15_000],
  [45_000, 30_000],
])(
  'a canary that falls silent has no data after four polls with new samples: a scrape every %i ms, a look every %i ms',
  (scrapeMs, intervalMs) => {
    const silentFrom = START + 600_000;
    const all = looks({ scrapeMs, intervalMs, silentFrom }, 30);
    expect(
      all.filter(({ at }) => at > START + 300_000 && at < silentFrom).map((one) => one.class),
    ).not.toContain('noData');
    const after = all.filter(({ at }) => at > silentFrom + 5 * Math.max(scrapeMs, intervalMs));
    expect(new Set(after.map((one) => one.class))).toEqual(new Set(['noData']));
    expect(after.at(-1)?.detail).toMatch(/^canary: no requests at the last \d+ polls, about /);
  },
);

it('a look without a new sample lets the pass before it stand, and is no fresh one', () => {
  const all = looks({ scrapeMs: 60_000, intervalMs: 30_000, silentFrom: Infinity }, 20).slice(20);
  expect(new Set(all.map((one) => one.class))).toEqual(new Set(['pass']));
  expect(all.slice(0, 4).map(({ isNews }) => isNews)).toEqual([true, false, true, false]);
});

it('the time that judged counts are of does not depend on how often one looks', () => {
  const judgedMs = (intervalMs: number) =>
    looks({ scrapeMs: 60_000, intervalMs, silentFrom: Infinity }, 20).at(-1)?.memory?.judgedMs;
  expect(judgedMs(30_000)).toBe(judgedMs(60_000));
});
