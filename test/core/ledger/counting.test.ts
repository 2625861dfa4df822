import { describe, expect, test } from 'vitest';
import { countingOf } from '../../../src/core/ledger/counting.ts';
import type { MetricSource } from '../../../src/spec/canary.ts';

const ratio = (bad: string, total: string): MetricSource => ({ kind: 'ratio', bad, total, minRequests: 1 });

describe('what can be counted', () => {
  test('a ratio asks for all requests, and picks the bad ones in code', () => {
    const counting = countingOf(ratio('r{job="a",code=~"5.."}', 'r{job="a"}'));
    if (!counting.ok) throw new Error(counting.error);
    expect(counting.value).toMatchObject({ kind: 'ratio', selector: 'r{job="a"}', metric: 'r' });
    expect(counting.value.isBad({ job: 'a', code: '503' })).toBe(true);
    expect(counting.value.isBad({ job: 'a', code: '404' })).toBe(false);
    expect(counting.value.isBad({ job: 'a' })).toBe(false);
  });

  test('a latency asks for all of its buckets, and none is bad', () => {
    const source = {
      kind: 'latency',
      histogram: 'b_bucket{job="a"}',
      quantile: 0.99,
      minRequests: 1,
    } as const;
    const counting = countingOf(source);
    if (!counting.ok) throw new Error(counting.error);
    expect(counting.value).toMatchObject({
      kind: 'latency',
      selector: 'b_bucket{job="a"}',
      metric: 'b_bucket',
    });
    expect(counting.value.isBad({ le: '+Inf' })).toBe(false);
  });

  test('a declaration is read once', () => {
    const source = ratio('r{code="500"}', 'r');
    expect(countingOf(source)).toBe(countingOf(source));
  });

  test.each<[string, MetricSource, string]>([
    [
      'two metrics',
      ratio('errors_total', 'requests_total'),
      'bad and total must be the same metric, found errors_total and requests_total.',
    ],
    [
      'a pattern that only the server knows',
      ratio('r{code=~"\\\\pL"}', 'r'),
      'bad cannot be told from total: the matcher code=~"\\\\pL" has the escape \\p; write it more simply.',
    ],
    [
      'an expression',
      ratio('r{code="500"}', 'sum(r)'),
      'The selector sum(r) cannot be read: only a plain selector is allowed, such as requests_total{job="api"}.',
    ],
    [
      'a query',
      { kind: 'query', query: 'up' },
      'Only ratio and latency count requests, a query gives one number.',
    ],
    [
      'an alert',
      { kind: 'external', alert: 'A' },
      'Only ratio and latency count requests, an alert gives none.',
    ],
  ])('%s cannot be counted, and it is said why', (_name, source, error) => {
    expect(countingOf(source)).toEqual({ ok: false, error });
  });
});
