import { describe, expect, test } from 'vitest';
import { countingOf } from '../../../src/core/ledger/counting.ts';
import { type Ledger, newLedger, takePoll } from '../../../src/core/ledger/ledger.ts';
import type { CounterSeries } from '../../../src/core/observation.ts';
import { scoreOf } from '../../../src/core/sequential/before.ts';

/** By bucket, written `above..upper`: what it has at each scrape. */
type Buckets = Readonly<Record<string, readonly number[]>>;

function native(times: readonly number[], buckets: Buckets, labels: Record<string, string> = {}) {
  const all = { __name__: 'took', job: 'shop', instance: 'a:80', version: 'v2', ...labels };
  const one = (above: number, upper: number, counts: readonly number[]): CounterSeries => ({
    labels: { ...all, le: upper === Infinity ? '+Inf' : String(upper) },
    above,
    samples: times.map((at, place) => [at * 1000, counts[place] ?? 0]),
  });
  const whole = times.map((_, place) =>
    Object.values(buckets).reduce((sum, counts) => sum + (counts[place] ?? 0), 0),
  );
  return [
    one(-Infinity, Infinity, whole),
    ...Object.entries(buckets).map(([bounds, counts]) => {
      const [above, upper] = bounds.split('..').map(Number);
      return one(above!, upper!, counts);
    }),
  ];
}

function ledgerOf() {
  const counting = countingOf({ kind: 'latency', histogram: 'took', quantile: 0.99, minRequests: 1 });
  if (!counting.ok) throw new Error(counting.error);
  let ledger: Ledger = newLedger(15_000);
  return {
    now: () => ledger,
    /** Requests, and how slow they were against 1 s. */
    poll(at: number, ...series: readonly CounterSeries[]) {
      const taken = takePoll(counting.value, ledger, {
        ...{ at: at * 1000, canary: { kind: 'series', series }, stable: null },
        ...{ versionLabel: 'version', countFrom: 0, settleFrom: 0 },
      });
      ledger = taken.ledger;
      if (taken.polled.kind !== 'counted') throw new Error(taken.polled.detail);
      return scoreOf(taken.polled.canary.counted, 1);
    },
  };
}

describe('native histograms in the ledger', () => {
  test('each bucket is counted by itself, also one that was empty before', () => {
    const ledger = ledgerOf();
    ledger.poll(1015, ...native([1000, 1015], { '0.5..1': [10, 20] }));
    const grown = native([1015, 1030], { '0.5..1': [20, 25], '1..2': [0, 3], '4..8': [0, 2] });
    expect(ledger.poll(1030, ...grown)).toEqual({ requests: 10, score: 5 });
  });

  test('a bucket around the threshold scores by the part of it above', () => {
    const ledger = ledgerOf();
    expect(ledger.poll(1015, ...native([1000, 1015], { '0.5..1.5': [10, 20] }))).toEqual({
      requests: 10,
      score: 5,
    });
  });

  test('buckets of another resolution do not blur it', () => {
    const ledger = ledgerOf();
    const coarse = native([1000, 1015], { '0.25..4': [0, 15] });
    const fine = native([1000, 1015], { '0.9..1': [0, 7], '1..1.1': [0, 3] }, { instance: 'b:80' });
    expect(ledger.poll(1015, ...coarse, ...fine)).toEqual({ requests: 25, score: 15 * (3 / 3.75) + 3 });
  });

  test('what is no number is slow', () => {
    const ledger = ledgerOf();
    const series = native([1000, 1015], { '0.5..1': [10, 20], 'Infinity..Infinity': [0, 4] });
    expect(ledger.poll(1015, ...series)).toEqual({ requests: 14, score: 4 });
  });

  test('buckets that are merged count nothing twice, and the ones after count again', () => {
    const ledger = ledgerOf();
    ledger.poll(1015, ...native([1000, 1015], { '0.5..1': [10, 20], '1..2': [1, 2] }));
    const merged = native([1015, 1030, 1045], {
      '0.5..1': [20, 0, 0],
      '1..2': [2, 0, 0],
      '0.5..2': [0, 30, 36],
    });
    expect(ledger.poll(1045, ...merged)).toEqual({ requests: 6, score: 4 });
  });

  test('a bucket around zero that is widened counts nothing twice', () => {
    const ledger = ledgerOf();
    ledger.poll(1015, ...native([1000, 1015], { '-0.1..0.1': [5, 6], '0.1..0.2': [1, 2], '1..2': [3, 3] }));
    const widened = native([1015, 1030], {
      '-0.1..0.1': [6, 0],
      '0.1..0.2': [2, 0],
      '-0.2..0.2': [0, 9],
      '1..2': [3, 5],
    });
    expect(ledger.poll(1030, ...widened)).toEqual({ requests: 0, score: 0 });
  });

  test('a restart that only some buckets show counts nothing', () => {
    const ledger = ledgerOf();
    ledger.poll(1015, ...native([1000, 1015], { '0.5..1': [100, 110], '1..2': [1, 2] }));
    const restarted = native([1015, 1030, 1045], { '0.5..1': [110, 8, 9], '1..2': [2, 5, 6] });
    expect(ledger.poll(1045, ...restarted)).toEqual({ requests: 2, score: 1 });
  });

  test('a restart that all buckets show counts in full', () => {
    const ledger = ledgerOf();
    ledger.poll(1015, ...native([1000, 1015], { '0.5..1': [100, 110], '1..2': [8, 9] }));
    const restarted = native([1015, 1030], { '0.5..1': [110, 8], '1..2': [9, 5] });
    expect(ledger.poll(1030, ...restarted)).toEqual({ requests: 13, score: 5 });
  });

  test('bounds are remembered shortly, and however a server writes them', () => {
    const ledger = ledgerOf();
    ledger.poll(1015, ...native([1000, 1015], { '0.6484197773255048..0.7071067811865475': [10, 20] }));
    const target = Object.values(ledger.now().canary.targets)[0];
    expect(Object.keys(target?.values ?? {})).toEqual(['&le=-Infinity..Infinity', '&le=0.64842..0.707107']);
    const again = native([1015, 1030], { '0.64841977732550..0.70710678118655': [20, 21] });
    expect(ledger.poll(1030, ...again).requests).toBe(1);
  });
});
