import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { createPrometheus, type Prometheus, type PrometheusOptions } from '../../src/metrics/prometheus.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import { type Asked, type StandIn, startStandIn, vectorBody } from './stand-in.ts';

const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

async function serve(reply: (asked: Asked, response: ServerResponse) => void): Promise<StandIn> {
  const server = await startStandIn(reply);
  opened.push(server);
  return server;
}

function connect(url: string, more: Partial<PrometheusOptions> = {}): Prometheus {
  const prometheus = createPrometheus({ url, clock: systemClock, ...more });
  opened.push(prometheus);
  return prometheus;
}

function answering(body: string, status = 200, headers: Record<string, string> = {}) {
  return (_asked: Asked, response: ServerResponse) => response.writeHead(status, headers).end(body);
}

const OPTIONS = {
  timeMs: 1_700_000_000_123,
  timeoutMs: 5_000,
  signal: new AbortController().signal,
  retry: false,
};

describe('what is asked', () => {
  test('query, time and timeout travel in a form, below the path of the address', async () => {
    const server = await serve(answering(vectorBody([])));
    await connect(`${server.url}/some/prefix/`).query('up{a="é+&"}', OPTIONS);
    const [asked] = server.asked;
    expect(asked?.request.method).toBe('POST');
    expect(asked?.request.url).toBe('/some/prefix/api/v1/query');
    expect(Object.fromEntries(asked!.form)).toEqual({
      query: 'up{a="é+&"}',
      time: '1700000000.123',
      timeout: '5000ms',
    });
  });

  test('token, user and password, and further headers are sent', async () => {
    const server = await serve(answering(vectorBody([])));
    await connect(server.url, { token: 'secret-token' }).query('up', OPTIONS);
    await connect(server.url, { basic: 'me:pass:word', headers: { 'X-Scope-OrgID': 'tenant' } }).query(
      'up',
      OPTIONS,
    );
    const [token, basic] = server.asked.map(({ request }) => request.headers);
    expect(token?.authorization).toBe('Bearer secret-token');
    expect(basic?.authorization).toBe(`Basic ${Buffer.from('me:pass:word').toString('base64')}`);
    expect(basic?.['x-scope-orgid']).toBe('tenant');
  });

  test('connections are kept and limited', async () => {
    const sockets = new Set<unknown>();
    const server = await serve(({ request }, response) => {
      sockets.add(request.socket);
      response.end(vectorBody([]));
    });
    const prometheus = connect(server.url, { connections: 2 });
    await Promise.all(Array.from({ length: 20 }, () => prometheus.query('up', OPTIONS)));
    expect(server.asked).toHaveLength(20);
    expect(sockets.size).toBe(2);
  });

  test.each([
    ['not an address', /http:\/\/127/],
    ['ftp://127.0.0.1', /http:\/\/127/],
    ['http://me:secret@127.0.0.1:9090', /in a file/],
    ['http://127.0.0.1:9090/?a=b', /without \?/],
  ])('the address %s is an error that says what to write', (url, message) => {
    expect(() => createPrometheus({ url, clock: systemClock })).toThrow(message);
    expect(() => createPrometheus({ url, clock: systemClock })).not.toThrow(/secret/);
  });
});

describe('what is answered', () => {
  test('a vector becomes samples with every kind of number', async () => {
    const rows = ['1.5', 'NaN', '+Inf', '-Inf', '1e+06'].map((value, index) => ({
      metric: { place: String(index) },
      value,
    }));
    const server = await serve(answering(vectorBody(rows, { warnings: ['half'], infos: ['odd'] })));
    expect(await connect(server.url).query('up', OPTIONS)).toMatchObject({
      ok: true,
      value: {
        warnings: ['half'],
        samples: [1.5, Number.NaN, Infinity, -Infinity, 1e6].map((value, index) => ({
          labels: { place: String(index) },
          value,
        })),
      },
    });
  });

  test('a scalar is one sample', async () => {
    const body = '{"status":"success","data":{"resultType":"scalar","result":[1700000000,"2"]}}';
    const server = await serve(answering(body));
    const answer = await connect(server.url).query('2', OPTIONS);
    expect(answer).toMatchObject({ ok: true, value: { samples: [{ labels: {}, value: 2 }], warnings: [] } });
  });

  test('the Date header gives the skew of the clocks', async () => {
    const clock = createVirtualClock(Date.UTC(2026, 0, 1, 12, 0, 10));
    const date = 'Thu, 01 Jan 2026 12:00:03 GMT';
    const server = await serve(answering(vectorBody([]), 200, { date }));
    const answer = await connect(server.url, { clock }).query('up', OPTIONS);
    expect(answer).toMatchObject({ ok: true, value: { skewMs: -6_500 } });
  });

  test.each([
    ['{"status":"success","data":{"resultType":"matrix","result":[]}}', /gives a matrix/],
    ['{"status":"success","data":{"resultType":"string","result":[1,"x"]}}', /gives a string/],
    [
      '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}}',
      /native histograms/,
    ],
  ])('%s is refused, because asking again gives the same', async (body, detail) => {
    const server = await serve(answering(body));
    const answer = await connect(server.url).query('up', OPTIONS);
    expect(answer).toMatchObject({
      ok: false,
      error: { kind: 'refused', detail: expect.stringMatching(detail) },
    });
  });

  test.each([
    '<html>login</html>',
    '[]',
    '{"status":"success"}',
    '{"status":"error","data":{"resultType":"vector","result":[]}}',
    '{"status":"success","data":{"resultType":"vector","result":{}}}',
    '{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"1"]}]}}',
    '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}}',
    '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,2]}]}}',
    '{"status":"success","data":{"resultType":"scalar","result":[]}}',
  ])('the body %s is none of a Prometheus', async (body) => {
    const server = await serve(answering(body));
    expect(await connect(server.url).query('up', OPTIONS)).toMatchObject({
      ok: false,
      error: { kind: 'body' },
    });
  });

  test('an answer beyond the limit is refused', async () => {
    const server = await serve(answering(vectorBody([{ metric: { long: 'x'.repeat(2_000) }, value: '1' }])));
    const answer = await connect(server.url, { maxBytes: 1_000 }).query('up', OPTIONS);
    expect(answer).toMatchObject({
      ok: false,
      error: { kind: 'refused', detail: expect.stringMatching(/1000 bytes; .* name fewer series/) },
    });
  });
});

describe('samples of a range', () => {
  const SAMPLES = { ...OPTIONS, wanted: 'samples' } as const;
  const matrix = (result: unknown, more = {}) =>
    JSON.stringify({ status: 'success', data: { resultType: 'matrix', result }, ...more });

  test('each series has its samples, with times in milliseconds', async () => {
    const values = [
      [1700000000.123, '5'],
      [1700000015, 'NaN'],
    ];
    const body = matrix([{ metric: { job: 'a' }, values }], { warnings: ['a store did not answer'] });
    const server = await serve(answering(body));
    expect(await connect(server.url).query('up[1m]', SAMPLES)).toMatchObject({
      ok: true,
      value: {
        samples: [],
        series: [
          {
            labels: { job: 'a' },
            samples: [
              [1_700_000_000_123, 5],
              [1_700_000_015_000, Number.NaN],
            ],
          },
        ],
        warnings: ['a store did not answer'],
      },
    });
  });

  test.each([
    [vectorBody([]), 'refused'],
    [matrix([{ metric: {}, histograms: [[1, {}]] }]), 'refused'],
    [matrix({}), 'body'],
    [matrix([{ values: [] }]), 'body'],
    [matrix([{ metric: {}, values: 1 }]), 'body'],
    [matrix([{ metric: {}, values: [['1', '1']] }]), 'body'],
    [matrix([{ metric: {}, values: [[1, 1]] }]), 'body'],
  ])('the body %s gives none: %s', async (body, kind) => {
    const server = await serve(answering(body));
    expect(await connect(server.url).query('up[1m]', SAMPLES)).toMatchObject({ ok: false, error: { kind } });
  });
});

describe('failures', () => {
  const errorBody = (errorType: string, error: string) =>
    JSON.stringify({ status: 'error', errorType, error });

  test.each([
    [400, errorBody('bad_data', 'parse error'), 'refused'],
    [422, errorBody('execution', 'too many samples'), 'refused'],
    [503, errorBody('timeout', 'query timed out'), 'timeout'],
    [503, errorBody('internal', 'shutting down'), 'status'],
    [500, 'oops', 'status'],
    [429, '', 'status'],
    [401, 'no', 'status'],
    [404, 'no', 'status'],
    [204, '', 'body'],
  ])('status %i with body %s is of the right kind', async (status, body, kind) => {
    const server = await serve(answering(body, status));
    const prometheus = connect(server.url);
    expect(await prometheus.query('up', { ...OPTIONS, retry: true })).toMatchObject({
      ok: false,
      error: { kind },
    });
    expect(server.asked).toHaveLength(1);
  });

  test('the reason of the server is passed on', async () => {
    const server = await serve(answering(errorBody('bad_data', 'unknown\nfunction "foo"'), 400));
    expect(await connect(server.url).query('foo()', OPTIONS)).toMatchObject({
      error: {
        detail: 'Prometheus answered 400: unknown function "foo"; correct the query, or the series it reads',
      },
    });
  });

  test.each([
    '<!DOCTYPE html>\n<html><body>Not here</body></html>',
    '\ufeff <html>no</html>',
    '<?xml version="1.0"?><no/>',
  ])('a page is none of its reasons: %j', async (page) => {
    const server = await serve(answering(page, 404));
    expect(await connect(server.url).query('up', OPTIONS)).toMatchObject({
      error: {
        detail:
          'Prometheus answered 404 with a page for people; check that the address, with its path, is the one in front of /api/v1',
      },
    });
  });

  test('a redirect is not followed', async () => {
    const server = await serve(answering('', 302, { location: '/elsewhere' }));
    expect(await connect(server.url).query('up', OPTIONS)).toMatchObject({
      error: { kind: 'status', detail: expect.stringContaining('redirects are not followed') },
    });
    expect(server.asked).toHaveLength(1);
  });

  test('a secret that the server echoes does not come out', async () => {
    const server = await serve(({ request }, response) => {
      response.writeHead(403).end(`denied: ${request.headers.authorization} ${request.headers['x-tenant']}`);
    });
    const byToken = await connect(server.url, { token: 'tok-en', headers: { 'x-tenant': 'ten-ant' } }).query(
      'up',
      OPTIONS,
    );
    const byPassword = await connect(server.url, { basic: 'me:pass-word' }).query('up', OPTIONS);
    const said = JSON.stringify([byToken, byPassword]);
    expect(said).toContain('***');
    expect(said).not.toMatch(
      new RegExp(['tok-en', 'ten-ant', Buffer.from('me:pass-word').toString('base64')].join('|')),
    );
  });

  test('no answer in time is a timeout', async () => {
    const clock = createVirtualClock();
    const server = await serve(() => {});
    const prometheus = connect(server.url, { clock });
    const answer = prometheus.query('up', { ...OPTIONS, timeoutMs: 7_000 });
    await server.hasAsked(1);
    clock.advance(7_000);
    expect(await answer).toEqual({
      ok: false,
      error: {
        kind: 'timeout',
        detail: 'Prometheus did not answer within 7000 ms; look at its load and at the network',
      },
    });
  });

  test('a body that never ends is a timeout too', async () => {
    const clock = createVirtualClock();
    const server = await serve((_asked, response) => response.write('{"status":'));
    const answer = connect(server.url, { clock }).query('up', OPTIONS);
    await server.hasAsked(1);
    clock.advance(5_000);
    expect(await answer).toMatchObject({ ok: false, error: { kind: 'timeout' } });
  });

  test('the caller can give up, before and meanwhile', async () => {
    const server = await serve(() => {});
    const prometheus = connect(server.url);
    const aborted = { ok: false, error: { kind: 'aborted' } };
    expect(await prometheus.query('up', { ...OPTIONS, signal: AbortSignal.abort() })).toMatchObject(aborted);
    const caller = new AbortController();
    const answer = prometheus.query('up', { ...OPTIONS, signal: caller.signal });
    await server.hasAsked(1);
    caller.abort();
    expect(await answer).toMatchObject(aborted);
  });

  test('closing ends what is in flight', async () => {
    const server = await serve(() => {});
    const prometheus = createPrometheus({ url: server.url, clock: systemClock });
    const answer = prometheus.query('up', OPTIONS);
    await server.hasAsked(1);
    await prometheus.close();
    expect(await answer).toMatchObject({ ok: false, error: { kind: 'connect' } });
  });
});

describe('one retry', () => {
  test('a refused connection is tried again after a second', async () => {
    const clock = createVirtualClock();
    const gone = await startStandIn(() => {});
    await gone.close();
    const prometheus = connect(gone.url, { clock });
    const answer = prometheus.query('up', { ...OPTIONS, retry: true });
    await clock.armed(1_000);
    opened.push(await startStandIn(answering(vectorBody([])), gone.port));
    clock.advance(1_000);
    expect(await answer).toMatchObject({ ok: true });
  });

  test('a connection that breaks is tried again once', async () => {
    const clock = createVirtualClock();
    const server = await serve(({ request }) => request.socket.destroy());
    const answer = connect(server.url, { clock }).query('up', { ...OPTIONS, retry: true });
    await clock.armed(1_000);
    clock.advance(1_000);
    expect(await answer).toMatchObject({ ok: false, error: { kind: 'connect' } });
    expect(server.asked).toHaveLength(2);
  });

  test('without leave to retry it is asked once', async () => {
    const server = await serve(({ request }) => request.socket.destroy());
    const answer = await connect(server.url).query('up', OPTIONS);
    expect(answer).toMatchObject({ ok: false, error: { kind: 'connect' } });
    expect(server.asked).toHaveLength(1);
  });
});

test('it is up while its answers are understood, also when it refuses a query', async () => {
  const statuses = [200, 503, 400, 302];
  const server = await serve((_asked, response) => {
    response.writeHead(statuses.shift() ?? 500).end(vectorBody([]));
  });
  const prometheus = connect(server.url);
  const states = [prometheus.isUp()];
  for (let count = statuses.length; count > 0; count -= 1) {
    await prometheus.query('up', OPTIONS);
    states.push(prometheus.isUp());
  }
  expect(states).toEqual([false, true, false, true, false]);
});
