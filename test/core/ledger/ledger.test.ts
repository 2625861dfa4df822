import { describe, expect, test } from 'vitest';
import { type Counting, countingOf } from '../../../src/core/ledger/counting.ts';
import { type Ledger, newLedger, type Poll, type Polled, takePoll } from '../../../src/core/ledger/ledger.ts';
import type { CounterSeries, Reading } from '../../../src/core/observation.ts';
import type { MetricSource } from '../../../src/spec/canary.ts';

const RATIO: MetricSource = { kind: 'ratio', bad: 'r{code=~"5.."}', total: 'r', minRequests: 1 };
const LATENCY: MetricSource = { kind: 'latency', histogram: 'b_bucket', quantile: 0.99, minRequests: 1 };

type Samples = readonly (readonly [seconds: number, value: number])[];

function counter(code: string, samples: Samples, labels: Record<string, string> = {}): CounterSeries {
  const all = { __name__: 'r', job: 'shop', instance: 'a:80', version: 'v2', code, ...labels };
  return { labels: all, samples: samples.map(([at, value]) => [at * 1000, value]) };
}

/** By time of the scrape: when the process started. */
function start(samples: Samples, labels: Record<string, string> = {}): CounterSeries {
  return counter('', samples, { __name__: 'process_start_time_seconds', ...labels });
}

function bucket(le: string, samples: Samples, labels: Record<string, string> = {}): CounterSeries {
  return counter('200', samples, { __name__: 'b_bucket', le, ...labels });
}

function found(...series: readonly CounterSeries[]): Reading {
  return { kind: 'series', series };
}

/** Polls of one ledger, one after the other; stable is not asked unless a test says so. */
function ledgerOf(source: MetricSource = RATIO) {
  const read = countingOf(source);
  if (!read.ok) throw new Error(read.error);
  const counting: Counting = read.value;
  let ledger: Ledger = newLedger(15_000);
  return {
    now: () => ledger,
    poll(at: number, canary: Reading, more: Partial<Poll> = {}): Polled {
      const poll = {
        at: at * 1000,
        canary,
        stable: null,
        versionLabel: 'version',
        countFrom: 0,
        settleFrom: 0,
        ...more,
      };
      const taken = takePoll(counting, ledger, poll);
      ledger = taken.ledger;
      return taken.polled;
    },
  };
}

function countedBy(polled: Polled, arm: 'canary' | 'stable' = 'canary') {
  if (polled.kind !== 'counted') throw new Error(`${polled.arm}: ${polled.detail}`);
  const tally = polled[arm]?.counted;
  return tally?.kind === 'ratio' ? [tally.requests, tally.score] : tally;
}

describe('counters of one process', () => {
  test('the first sample counts nothing, and nothing is known yet', () => {
    const ledger = ledgerOf();
    const polled = ledger.poll(1000, found(counter('200', [[1000, 70]])));
    expect(polled).toEqual({
      kind: 'counted',
      isNews: true,
      canary: {
        counted: { kind: 'ratio', requests: 0, score: 0 },
        settling: { kind: 'ratio', requests: 0, score: 0 },
        differences: 0,
      },
      stable: null,
      leadMs: 0,
    });
  });

  test('all samples of a window are walked, and those of the poll before only once', () => {
    const ledger = ledgerOf();
    const first = found(
      counter('200', [
        [970, 10],
        [985, 12],
        [1000, 17],
      ]),
      counter('500', [
        [970, 1],
        [985, 1],
        [1000, 2],
      ]),
    );
    expect(countedBy(ledger.poll(1000, first))).toEqual([8, 1]);
    expect(countedBy(ledger.poll(1000, first))).toEqual([0, 0]);
    const next = found(
      counter('200', [
        [985, 12],
        [1000, 17],
        [1015, 20],
      ]),
      counter('500', [
        [1000, 2],
        [1015, 5],
      ]),
    );
    expect(countedBy(ledger.poll(1015, next))).toEqual([6, 3]);
  });

  test('a label value that comes late on a target that was polled before began at zero', () => {
    const ledger = ledgerOf();
    ledger.poll(1000, found(counter('200', [[1000, 50]])));
    const late = found(counter('200', [[1015, 55]]), counter('503', [[1015, 2]]));
    expect(countedBy(ledger.poll(1015, late))).toEqual([7, 2]);
  });

  test('a counter beside others for the first time began at zero only where it was surely scraped with them', () => {
    const times = [970, 985, 1000];
    const old = counter(
      '200',
      times.map((at) => [at, 50]),
    );
    const late = counter('503', [[1000, 9]]);
    expect(countedBy(ledgerOf().poll(1000, found(old, late)))).toEqual([0, 0]);
    const surely = found(old, late, start(times.map((at) => [at, 10])));
    expect(countedBy(ledgerOf().poll(1000, surely), 'canary')).toEqual([59, 9]);
    expect(countedBy(ledgerOf().poll(1000, surely, { countFrom: 980_000 }))).toEqual([9, 9]);
    expect(countedBy(ledgerOf().poll(1000, surely, { countFrom: 986_000 }))).toEqual([0, 0]);
  });

  test('a smaller value is a restart, and counts as it is', () => {
    const ledger = ledgerOf();
    ledger.poll(1000, found(counter('200', [[1000, 50]])));
    expect(countedBy(ledger.poll(1015, found(counter('200', [[1015, 7]]))))).toEqual([7, 0]);
  });

  test('a restart that the value hides is seen by the start time, and only by it', () => {
    const before = counter('500', [[1000, 5]]);
    const after = counter('500', [[1015, 7]]);
    const blind = ledgerOf();
    blind.poll(1000, found(before));
    expect(countedBy(blind.poll(1015, found(after)))).toEqual([2, 2]);
    const seeing = ledgerOf();
    seeing.poll(1000, found(before, start([[1000, 100]])), { countFrom: 500_000 });
    expect(countedBy(seeing.poll(1015, found(after, start([[1015, 1003]])), { countFrom: 500_000 }))).toEqual(
      [7, 7],
    );
  });

  test('a label value that the new process does not have yet begins at zero', () => {
    const ledger = ledgerOf();
    const at = { countFrom: 500_000 };
    ledger.poll(
      1000,
      found(counter('200', [[1000, 5]]), counter('500', [[1000, 2]]), start([[1000, 100]])),
      at,
    );
    ledger.poll(1015, found(counter('200', [[1015, 1]]), start([[1015, 1003]])), at);
    const back = found(
      counter('200', [[1030, 1]]),
      counter('500', [
        [1000, 2],
        [1030, 3],
      ]),
      start([
        [1000, 100],
        [1015, 1003],
        [1030, 1003],
      ]),
    );
    expect(countedBy(ledger.poll(1030, back, at))).toEqual([3, 3]);
  });

  test('a start time that moves because the clock was corrected is no restart', () => {
    const ledger = ledgerOf();
    ledger.poll(1000, found(counter('200', [[1000, 50]]), start([[1000, 100]])));
    expect(countedBy(ledger.poll(1015, found(counter('200', [[1015, 51]]), start([[1015, 101]]))))).toEqual([
      1, 0,
    ]);
    expect(countedBy(ledger.poll(1030, found(counter('200', [[1030, 52]]), start([[1030, 400]]))))).toEqual([
      1, 0,
    ]);
  });

  test('a counter that was away counts what it grew by meanwhile', () => {
    const ledger = ledgerOf();
    ledger.poll(1000, found(counter('200', [[1000, 50]]), counter('500', [[1000, 1]])));
    ledger.poll(1015, found(counter('200', [[1015, 50]])));
    const back = found(counter('200', [[1030, 50]]), counter('500', [[1030, 4]]));
    expect(countedBy(ledger.poll(1030, back))).toEqual([3, 3]);
  });

  test('values that are no counts are left out', () => {
    const ledger = ledgerOf();
    const odd: Samples = [
      [970, 5],
      [980, Number.NaN],
      [985, -1],
      [990, Infinity],
      [1000, 6],
    ];
    expect(countedBy(ledger.poll(1000, found(counter('200', odd))))).toEqual([1, 0]);
    expect(ledger.poll(1015, found(counter('200', [[1015, Number.NaN]])))).toMatchObject({
      kind: 'noData',
      why: 'empty',
      detail: 'no sample of r is a count',
    });
  });

  test('a window that reaches back further than those before counts nothing from before them', () => {
    const ledger = ledgerOf();
    ledger.poll(1000, found(counter('200', [[1000, 5]])));
    const old = counter('500', [
      [900, 1],
      [915, 3],
    ]);
    expect(
      countedBy(
        ledger.poll(
          1015,
          found(
            counter('200', [
              [900, 2],
              [1000, 5],
              [1015, 6],
            ]),
            old,
          ),
        ),
      ),
    ).toEqual([1, 0]);
  });

  test('a poll that ends before the one before it brings no old start time back', () => {
    const ledger = ledgerOf();
    ledger.poll(1000, found(counter('200', [[1000, 5]]), start([[1000, 100]])));
    const restarted = found(
      counter('200', [
        [1000, 5],
        [1015, 7],
      ]),
      start([
        [1000, 100],
        [1015, 1003],
      ]),
    );
    expect(countedBy(ledger.poll(1015, restarted, { countFrom: 500_000 }))).toEqual([7, 0]);
    ledger.poll(1000, found(counter('200', [[1000, 5]]), start([[1000, 100]])));
    const next = found(counter('200', [[1030, 8]]), start([[1030, 1003]]));
    expect(countedBy(ledger.poll(1030, next, { countFrom: 500_000 }))).toEqual([1, 0]);
  });
});

describe('instances', () => {
  const known = counter('200', [[1000, 50]]);

  test('a new one counts from its start on where it says when that was, else from its second sample on', () => {
    const b = { instance: 'b:80' };
    const late = [counter('200', [[1015, 8]], b), counter('500', [[1015, 1]], b)];
    const blind = ledgerOf();
    blind.poll(1000, found(known));
    expect(countedBy(blind.poll(1015, found(...late)))).toEqual([0, 0]);
    const seeing = ledgerOf();
    seeing.poll(1000, found(known), { countFrom: 900_000 });
    const polled = seeing.poll(1015, found(...late, start([[1015, 1005]], b)), { countFrom: 900_000 });
    expect(countedBy(polled)).toEqual([9, 1]);
  });

  test('one that got the version while it ran counts nothing from before', () => {
    const ledger = ledgerOf();
    ledger.poll(1000, found(known), { countFrom: 900_000 });
    const b = { instance: 'b:80' };
    const relabeled = found(counter('200', [[1015, 7_000]], b), start([[1015, 200]], b));
    expect(countedBy(ledger.poll(1015, relabeled, { countFrom: 900_000 }))).toEqual([0, 0]);
  });

  test('two processes behind one target say nothing about its start', () => {
    const ledger = ledgerOf();
    ledger.poll(1000, found(known, start([[1000, 100]], { pid: '1' }), start([[1000, 50]], { pid: '2' })));
    const next = found(
      counter('200', [[1015, 60]]),
      start([[1015, 1003]], { pid: '3' }),
      start([[1015, 50]], { pid: '2' }),
    );
    expect(countedBy(ledger.poll(1015, next))).toEqual([10, 0]);
  });

  test('without an instance no label value is known to have begun at zero', () => {
    const ledger = ledgerOf();
    const nowhere = { instance: '' };
    ledger.poll(1000, found(counter('200', [[1000, 50]], nowhere), start([[1000, 990]], nowhere)));
    const next = found(counter('200', [[1015, 55]], nowhere), counter('500', [[1015, 9]], nowhere));
    expect(countedBy(ledger.poll(1015, next))).toEqual([5, 0]);
  });

  test('one that is silent for a quarter of an hour is forgotten, and a new process of it counts again', () => {
    const b = { instance: 'b:80' };
    const ledger = ledgerOf();
    const from = { countFrom: 900_000 };
    ledger.poll(1000, found(known, counter('200', [[1000, 5]], b)), from);
    ledger.poll(1900, found(counter('200', [[1900, 51]])), from);
    expect(Object.keys(ledger.now().canary.targets)).toHaveLength(2);
    ledger.poll(1901, found(counter('200', [[1901, 51]])), from);
    expect(Object.keys(ledger.now().canary.targets)).toEqual(['shop,a:80']);
    const old = found(counter('200', [[1915, 51]]), counter('200', [[1915, 8]], b), start([[1915, 950]], b));
    expect(countedBy(ledger.poll(1915, old, from))).toEqual([0, 0]);
    const c = { instance: 'c:80' };
    const fresh = found(
      counter('200', [[1930, 51]]),
      counter('200', [[1930, 8]], c),
      start([[1930, 1920]], c),
    );
    expect(countedBy(ledger.poll(1930, fresh, from))).toEqual([8, 0]);
  });
});

describe('when requests count', () => {
  test('only growth whose earlier sample lies behind the settling counts, what settled is told apart', () => {
    const ledger = ledgerOf();
    const samples: Samples = [
      [940, 0],
      [955, 1],
      [970, 3],
      [985, 7],
      [1000, 15],
    ];
    const polled = ledger.poll(1000, found(counter('200', samples)), {
      settleFrom: 950_000,
      countFrom: 980_000,
    });
    expect(polled).toMatchObject({
      canary: { counted: { requests: 8 }, settling: { requests: 6 }, differences: 1 },
    });
  });

  test('an arm without data keeps the other one from counting, and both are caught up on together', () => {
    const ledger = ledgerOf();
    const stable = (samples: Samples) => found(counter('200', samples, { version: 'v1' }));
    ledger.poll(1000, found(counter('200', [[1000, 5]])), { stable: stable([[1000, 100]]) });
    const before = ledger.now();
    expect(
      ledger.poll(1060, found(counter('200', [[1015, 6]])), {
        stable: stable([
          [1045, 170],
          [1060, 180],
        ]),
      }),
    ).toEqual({
      kind: 'noData',
      arm: 'canary',
      why: 'stale',
      detail: 'the newest sample is 45s old, and there was one about every 15s',
    });
    expect(ledger.now()).toMatchObject({ canary: before.canary, stable: before.stable, polledAt: 1_000_000 });
    const polled = ledger.poll(
      1075,
      found(
        counter('200', [
          [1015, 6],
          [1075, 9],
        ]),
      ),
      {
        stable: stable([
          [1060, 180],
          [1075, 200],
        ]),
      },
    );
    expect([countedBy(polled), countedBy(polled, 'stable')]).toEqual([
      [4, 0],
      [100, 0],
    ]);
  });

  test('what one arm has alone waits for the other, and both count the same time', () => {
    const ledger = ledgerOf();
    const canary = (...samples: Samples) => found(counter('200', samples));
    const stable = (...samples: Samples) => ({ stable: found(counter('200', samples, { version: 'v1' })) });
    const counts = (polled: Polled) => [countedBy(polled), countedBy(polled, 'stable')];
    ledger.poll(1000, canary([1000, 5]), stable([999, 100]));
    const missed = ledger.poll(1015, canary([1000, 5]), stable([999, 100], [1014, 150]));
    expect(missed).toMatchObject({ canary: { differences: 0 }, stable: { differences: 0 } });
    expect(counts(ledger.poll(1030, canary([1000, 5], [1030, 9]), stable([1014, 150], [1029, 210])))).toEqual(
      [
        [4, 0],
        [60 + 50, 0],
      ],
    );
    ledger.poll(1045, canary([1030, 9], [1045, 11]), stable([1029, 210]));
    expect(counts(ledger.poll(1060, canary([1045, 11]), stable([1029, 210], [1059, 300])))).toEqual([
      [2, 0],
      [90, 0],
    ]);
  });

  test('a poll tells by how much later the canary was scraped than stable, by the mean of their instances', () => {
    const ledger = ledgerOf();
    const at = (seconds: number, instance = 'a:80') => counter('200', [[seconds, seconds]], { instance });
    const lead = (canary: Reading, stable: Reading) => {
      const polled = ledger.poll(1040, canary, { stable });
      return polled.kind === 'counted' ? polled.leadMs : null;
    };
    expect(lead(found(at(1012)), found(at(1004)))).toBe(8_000);
    expect(lead(found(at(1017)), found(at(1019)))).toBe(-2_000);
    expect(lead(found(at(1032)), found(at(1034), at(1036, 'b:80')))).toBe(-3_000);
    expect(lead(found(at(1032)), found(at(1034), at(1036, 'b:80')))).toBe(0);
  });

  test('an arm that has no new sample while the other has none either holds nothing back', () => {
    const ledger = ledgerOf();
    const same = found(counter('200', [[1000, 5]]));
    ledger.poll(1000, same, { stable: same });
    expect(ledger.poll(1015, same, { stable: same })).toMatchObject({ kind: 'counted', isNews: false });
    expect(ledger.now().polledAt).toBe(1_015_000);
  });

  test('a poll is no data while it lies behind one that counted, because the clocks were set back', () => {
    const ledger = ledgerOf();
    ledger.poll(1000, found(counter('200', [[1000, 5]])));
    const old = found(
      counter('200', [
        [685, 3],
        [700, 4],
      ]),
    );
    expect(ledger.poll(700, old)).toMatchObject({
      kind: 'noData',
      why: 'stale',
      detail: 'the clock was set back: what came until 5m later was counted already',
    });
    expect(countedBy(ledger.poll(1015, found(counter('200', [[1015, 9]]))))).toEqual([4, 0]);
  });

  test('errors come before missing data, and say whose they are', () => {
    const ledger = ledgerOf();
    const down: Reading = { kind: 'error', structural: false, code: 'PROM_CONNECT', detail: 'refused' };
    const empty: Reading = { kind: 'noData', why: 'empty', detail: 'no series' };
    expect(ledger.poll(1000, empty, { stable: down })).toEqual({ ...down, arm: 'stable' });
    expect(ledger.poll(1000, empty, { stable: empty })).toEqual({ ...empty, arm: 'canary' });
    expect(ledger.poll(1000, found(counter('200', [[1000, 1]])), { stable: empty })).toEqual({
      ...empty,
      arm: 'stable',
    });
  });

  test('a reading that holds no counters is a bug', () => {
    expect(() => ledgerOf().poll(1000, { kind: 'value', value: 1, requests: 1 })).toThrow(/a value/);
  });

  test('the scrape interval is learned, and decides what is stale', () => {
    const ledger = ledgerOf();
    const slow: Samples = [
      [880, 1],
      [940, 2],
      [1000, 3],
    ];
    ledger.poll(1000, found(counter('200', slow)));
    expect(ledger.now().scrapeMs).toBe(60_000);
    expect(ledger.poll(1120, found(counter('200', slow)))).toMatchObject({ kind: 'counted' });
    ledger.poll(1125, found(counter('200', [[1125, 4]])));
    expect(ledger.now().scrapeMs).toBe(120_000);
  });
});

describe('latencies', () => {
  const at1000 = (bounds: Readonly<Record<string, readonly [number, number]>>, labels = {}) =>
    Object.entries(bounds).map(([le, [before, after]]) =>
      bucket(
        le,
        [
          [985, before],
          [1000, after],
        ],
        labels,
      ),
    );

  test('buckets are summed over instances of one layout, and layouts are kept apart', () => {
    const polled = ledgerOf(LATENCY).poll(
      1000,
      found(
        ...at1000({ '0.1': [10, 12], '1.0': [11, 15], '+Inf': [20, 25] }),
        ...at1000({ '1': [0, 3], '0.10': [0, 1], '+Inf': [0, 3] }, { instance: 'b:80' }),
        ...at1000({ '0.5': [0, 1], '+Inf': [0, 2] }, { instance: 'c:80' }),
      ),
    );
    expect(countedBy(polled)).toEqual({
      kind: 'latency',
      requests: 10,
      histograms: [
        [
          { upper: 0.1, count: 3 },
          { upper: 1, count: 7 },
          { upper: Infinity, count: 8 },
        ],
        [
          { upper: 0.5, count: 1 },
          { upper: Infinity, count: 2 },
        ],
      ],
    });
  });

  test('a bound that is written differently from one day to the next stays the same bucket', () => {
    const ledger = ledgerOf(LATENCY);
    ledger.poll(1000, found(...at1000({ '1': [100, 110], '+Inf': [100, 110] })));
    const upgraded = found(
      bucket('1', [[1000, 110]]),
      bucket('1.0', [[1015, 112]]),
      bucket('+Inf', [
        [1000, 110],
        [1015, 113],
      ]),
    );
    expect(countedBy(ledger.poll(1015, upgraded))).toMatchObject({
      histograms: [
        [
          { upper: 1, count: 2 },
          { upper: Infinity, count: 3 },
        ],
      ],
    });
  });

  test('no bucket counts more than the one above it', () => {
    const polled = ledgerOf(LATENCY).poll(
      1000,
      found(...at1000({ '0.1': [0, 9], '1': [0, 2], '+Inf': [0, 5] })),
    );
    expect(countedBy(polled)).toMatchObject({
      requests: 5,
      histograms: [[{ count: 5 }, { count: 5 }, { count: 5 }]],
    });
  });

  test('a histogram without a bucket for everything is no data', () => {
    expect(ledgerOf(LATENCY).poll(1000, found(...at1000({ '0.1': [0, 1], '1': [0, 2] })))).toMatchObject({
      kind: 'noData',
      why: 'empty',
      detail: 'a histogram b_bucket has no bucket le="+Inf"',
    });
  });
});

describe('label values that come and go on a living target', () => {
  test('are each counted once, and forgotten after a quarter of an hour, but for the last few', () => {
    const ledger = ledgerOf();
    const counted: number[] = [];
    const shown = (at: number, poll: number, customer: number) =>
      found(
        counter('200', [[at, poll]]),
        counter('200', [[at, 3]], { customer: `c${customer}` }),
        start([[at, 7]]),
      );
    for (let poll = 0; poll < 300; poll += 1) {
      const at = 10_000 + 60 * poll;
      const tally = countedBy(ledger.poll(at, shown(at, poll, poll)));
      counted.push(Array.isArray(tally) ? (tally[0] ?? 0) : -1);
    }
    expect(counted).toEqual([3, ...Array(299).fill(4)]);
    const [target] = Object.values(ledger.now().canary.targets);
    // The two that are there, those of a quarter of an hour, and the twenty before them.
    expect(Object.keys(target!.values)).toHaveLength(2 + 15 + 20);
    expect(Object.keys(target!.lags)).toHaveLength(15 + 20);
    expect(countedBy(ledger.poll(28_000, shown(28_000, 300, 270)))).toEqual([1, 0]);
    expect(countedBy(ledger.poll(28_060, shown(28_060, 301, 0)))).toEqual([4, 0]);
  });

  test('go on from their old value where few are gone, however long', () => {
    const ledger = ledgerOf();
    const both = (at: number, value: number) =>
      found(counter('200', [[at, at]]), counter('500', [[at, value]]), start([[at, 7]]));
    ledger.poll(10_000, both(10_000, 900));
    for (let at = 10_060; at < 20_000; at += 60)
      ledger.poll(at, found(counter('200', [[at, at]]), start([[at, 7]])));
    expect(countedBy(ledger.poll(20_000, both(20_000, 901)))).toEqual([41, 1]);
  });
});

test('of fifty instances with three codes and twelve buckets each takes less than 51 KiB', () => {
  const ledger = ledgerOf(LATENCY);
  const codes = ['200', '404', '500'];
  const uppers = ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10', '+Inf'];
  const series = Array.from({ length: 50 }, (_, index) => `10.0.0.${index}:8080`).flatMap((instance) =>
    codes.flatMap((code) => uppers.map((le) => bucket(le, [[1000, 1_000_000]], { instance, code }))),
  );
  ledger.poll(1000, found(...series));
  expect(Object.keys(ledger.now().canary.targets)).toHaveLength(50);
  expect(JSON.stringify(ledger.now()).length).toBeLessThan(51 * 1024);
});

test('what is remembered is plain JSON, and short', () => {
  const ledger = ledgerOf();
  ledger.poll(
    1000,
    found(counter('200', [[1000, 50]], { route: '/a&b=c' }), counter('500', [[985, 2]]), start([[1000, 7]])),
  );
  expect(JSON.stringify(ledger.now())).toBe(
    '{"polledAt":1000000,"scrapeMs":15000,"canary":{"targets":{"shop,a:80":{"at":1000000,"startedAt":7000,' +
      '"values":{"code=200&route=/a%26b%3Dc":50,"code=500":2},"lags":{"code=500":985000}}},"forgottenAt":null},' +
      '"stable":{"targets":{},"forgottenAt":null}}',
  );
});
