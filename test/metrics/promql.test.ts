import { describe, expect, test } from 'vitest';
import type { MeasureRequest } from '../../src/core/observation.ts';
import {
  batchQuery,
  createShapeReader,
  type Pair,
  type Shape,
  singleQuery,
} from '../../src/metrics/promql.ts';
import { checkPromql } from '../../src/spec/promql.ts';
import { countersRequest, freeRequest, latencyRequest, presenceRequest, ratioRequest } from './requests.ts';

function shapeOf(request: MeasureRequest): Shape {
  const shape = createShapeReader()(request);
  if (!shape.ok || shape.value === null) throw new Error('no shape');
  return shape.value;
}

const PAIRS: readonly Pair[] = [
  { name: 'cart', version: 'v1.5.0' },
  { name: 'cart', version: 'v1.5.1' },
  { name: 'pay|ment (eu)', version: 'v1.5.0' },
];

describe('one request as people read it', () => {
  test('a ratio fills the numerator only', () => {
    const request = ratioRequest('payment-service', 'v1.5.1');
    expect(singleQuery(shapeOf(request), request.version)).toBe(
      '(sum(rate(http_requests_total{job="payment-service",code=~"5..",version="v1.5.1"}[1m])) or vector(0))' +
        ' / sum(rate(http_requests_total{job="payment-service",version="v1.5.1"}[1m]))',
    );
  });

  test('a latency is a quantile of the summed histogram', () => {
    const request = latencyRequest('payment-service', 'v1.5.1', { windowMs: 90_000 });
    expect(singleQuery(shapeOf(request), request.version)).toBe(
      'histogram_quantile(0.99, sum by (le) (rate(request_latency_bucket{job="payment-service",version="v1.5.1"}[1m30s])))',
    );
  });

  test('the presence of up is the number of targets that are up', () => {
    const request = presenceRequest('up{job="cart"}', 'v2', { versionLabel: 'release' });
    expect(singleQuery(shapeOf(request), request.version)).toBe('sum(up{job="cart",release="v2"})');
  });

  test('the presence of anything else is the number of its series', () => {
    const request = presenceRequest('http_requests_total{job="cart"}', 'v2');
    expect(singleQuery(shapeOf(request), request.version)).toBe(
      'count(http_requests_total{job="cart",version="v2"})',
    );
  });

  test('counters are their samples in the window', () => {
    const request = countersRequest('http_requests_total{job="cart"}', 'v2', { windowMs: 45_000 });
    expect(singleQuery(shapeOf(request), request.version)).toBe(
      'http_requests_total{job="cart",version="v2"}[45s]',
    );
  });

  test('a version that holds quotes and backslashes stays inside of its string', () => {
    const query = singleQuery(shapeOf(presenceRequest('up', 'v2')), 'a"} or up{x="\\');
    expect(checkPromql(query)).toBeNull();
    expect(query).toBe('sum(up{version="a\\u0022} or up{x=\\u0022\\\\"})');
  });
});

describe('many requests in one query', () => {
  test('a ratio brings all requests, bad ones, newest sample and number of samples', () => {
    expect(batchQuery(shapeOf(ratioRequest('cart', 'v1')), 'job', PAIRS)).toBe(
      [
        'sum by (job, version) (rate(http_requests_total{job=~"cart|pay\\\\|ment \\\\(eu\\\\)",version=~"v1\\\\.5\\\\.0|v1\\\\.5\\\\.1"}[1m]))',
        'label_replace(sum by (job, version) (rate(http_requests_total{job=~"cart|pay\\\\|ment \\\\(eu\\\\)",code=~"5..",version=~"v1\\\\.5\\\\.0|v1\\\\.5\\\\.1"}[1m])), "canary_part", "bad", "", "")',
        'label_replace(max by (job, version) (timestamp(http_requests_total{job=~"cart|pay\\\\|ment \\\\(eu\\\\)",version=~"v1\\\\.5\\\\.0|v1\\\\.5\\\\.1"})), "canary_part", "newest", "", "")',
        'label_replace(max by (job, version) (count_over_time(http_requests_total{job=~"cart|pay\\\\|ment \\\\(eu\\\\)",version=~"v1\\\\.5\\\\.0|v1\\\\.5\\\\.1"}[1m])), "canary_part", "samples", "", "")',
      ].join(' or '),
    );
  });

  test('a latency brings every bucket, and looks at one of them for its age', () => {
    const pairs = [
      { name: 'cart', version: 'v1' },
      { name: 'cart', version: 'v2' },
    ];
    expect(batchQuery(shapeOf(latencyRequest('cart', 'v1')), 'job', pairs)).toBe(
      [
        'sum by (job, version, le) (rate(request_latency_bucket{job="cart",version=~"v1|v2"}[1m]))',
        'label_replace(max by (job, version) (timestamp(request_latency_bucket{job="cart",version=~"v1|v2",le="+Inf"})), "canary_part", "newest", "", "")',
        'label_replace(max by (job, version) (count_over_time(request_latency_bucket{job="cart",version=~"v1|v2",le="+Inf"}[1m])), "canary_part", "samples", "", "")',
      ].join(' or '),
    );
  });

  test('a presence without a label to vary is grouped by the version alone', () => {
    const shape = shapeOf(presenceRequest('up{job=~"cart.*"}', 'v1'));
    expect(batchQuery(shape, null, [{ name: '', version: 'v1' }])).toBe(
      'sum by (version) (up{job=~"cart.*",version="v1"})',
    );
  });

  test('counters bring the start times of the processes behind them', () => {
    const shape = shapeOf(countersRequest('http_requests_total{job="cart",handler!="/health"}', 'v1'));
    expect(batchQuery(shape, 'job', PAIRS)).toBe(
      '{__name__=~"http_requests_total|process_start_time_seconds",job=~"cart|pay\\\\|ment \\\\(eu\\\\)",' +
        'handler!="/health",version=~"v1\\\\.5\\\\.0|v1\\\\.5\\\\.1"}[1m]',
    );
  });

  test('every form parses', () => {
    for (const request of [
      ratioRequest('cart', 'v1'),
      latencyRequest('cart', 'v1'),
      presenceRequest('up{job="cart"}', 'v1'),
    ]) {
      const shape = shapeOf(request);
      expect(checkPromql(batchQuery(shape, 'job', PAIRS))).toBeNull();
      expect(checkPromql(singleQuery(shape, 'v1'))).toBeNull();
    }
  });
});

describe('shapes', () => {
  const keysOf = (request: MeasureRequest) =>
    Object.fromEntries(shapeOf(request).ways.map(({ label, key }) => [String(label), key]));

  test('names that differ in one equality label share a key, whatever the order of the matchers', () => {
    const presence = (selector: string) => keysOf(presenceRequest(selector, 'v1'));
    expect(presence('up{job="a",env="prod"}')['job']).toBe(presence('up{env="prod",job="b"}')['job']);
    expect(presence('up{job="a",env="prod"}')['env']).toBe(presence('up{job="a",env="test"}')['env']);
    expect(presence('up{job="a",env="prod"}')['job']).not.toBe(presence('up{job="b",env="test"}')['job']);
  });

  test('window, quantile, metric, matchers and version label tell shapes apart', () => {
    const job = (request: MeasureRequest) => keysOf(request)['job'];
    const all = [
      ratioRequest('a', 'v1'),
      ratioRequest('a', 'v1', { windowMs: 120_000 }),
      ratioRequest('a', 'v1', { versionLabel: 'release' }),
      latencyRequest('a', 'v1'),
      presenceRequest('up{job="a"}', 'v1'),
      countersRequest('up{job="a"}', 'v1'),
      countersRequest('up{job="a"}', 'v1', { windowMs: 90_000 }),
      presenceRequest('up{job="a",x!="1"}', 'v1'),
      presenceRequest('up{job="a",x!~"1"}', 'v1'),
      presenceRequest('down{job="a"}', 'v1'),
    ].map(job);
    expect(new Set(all).size).toBe(all.length);
  });

  test('a label that only one half of a ratio pins cannot vary', () => {
    const request = ratioRequest('a', 'v1', {
      source: { kind: 'ratio', bad: 'r{job="a",code="500"}', total: 'r{job="a"}', minRequests: 1 },
    });
    expect(Object.keys(keysOf(request))).toEqual(['job']);
  });

  test('regexes, the version label, le and a label pinned twice cannot vary', () => {
    const request = presenceRequest('b{a=~"x",version="v1",le="1",c="1",c="2",d=""}', 'v1');
    expect(Object.keys(keysOf(request))).toEqual(['null']);
  });

  test('a free query has no shape', () => {
    expect(createShapeReader()(freeRequest('up'))).toEqual({ ok: true, value: null });
  });

  test('a selector that cannot be read is named in the error', () => {
    const shape = createShapeReader()(presenceRequest('rate(up[5m])', 'v1'));
    expect(shape).toMatchObject({ ok: false, error: expect.stringContaining('rate(up[5m])') });
  });

  test('the same selectors are read once', () => {
    const read = createShapeReader();
    expect(read(ratioRequest('a', 'v1'))).toBe(read(ratioRequest('a', 'v2')));
  });
});
