import { expect, it } from 'vitest';
import { between, histogramOf, mostOf, quantileOf, sumOf } from './exposition.ts';

const PAGE = `# HELP lag_seconds Lag.
# TYPE lag_seconds histogram
lag_seconds_bucket{le="0.1"} 10
lag_seconds_bucket{le="0.5"} 90
lag_seconds_bucket{le="1"} 100
lag_seconds_bucket{le="+Inf"} 100
lag_seconds_count 100
asked_total{provider="nacos"} 5
asked_total{provider="prometheus",kind="a"} 7
asked_total{provider="prometheus",kind="b"} 1
asked_total_more{provider="prometheus"} 99
`;

it('sums the series of one family, all of them or those with a label', () => {
  expect(sumOf(PAGE, 'asked_total')).toBe(13);
  expect(sumOf(PAGE, 'asked_total', 'provider="prometheus"')).toBe(8);
  expect(sumOf(PAGE, 'lag_seconds_count')).toBe(100);
  expect(sumOf(PAGE, 'absent')).toBe(0);
});

it('finds a quantile inside its bucket by interpolation', () => {
  const lag = histogramOf(PAGE, 'lag_seconds');
  expect(quantileOf(lag, 0.1)).toBeCloseTo(0.1);
  expect(quantileOf(lag, 0.5)).toBeCloseTo(0.3);
  expect(quantileOf(lag, 0.95)).toBeCloseTo(0.75);
  expect(mostOf(lag)).toBe(1);
});

it('says that a quantile is beyond measure or that nothing was observed, and never a number then', () => {
  const slow = new Map([
    [1, 50],
    [Infinity, 100],
  ]);
  expect(quantileOf(slow, 0.99)).toBe(Infinity);
  expect(mostOf(slow)).toBe(Infinity);
  const nothing = between(slow, slow);
  expect(quantileOf(nothing, 0.5)).toBeNaN();
  expect(mostOf(nothing)).toBeNaN();
});

it('takes what was observed between two readings only', () => {
  const after = histogramOf(PAGE, 'lag_seconds');
  const before = new Map([...after].map(([le, count]) => [le, le < 1 ? count : count - 10]));
  const late = between(before, after);
  expect([...late.values()]).toEqual([0, 0, 10, 10]);
  expect(quantileOf(late, 0.5)).toBeCloseTo(0.75);
});
