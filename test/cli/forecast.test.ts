import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { OpenTraffic } from '../../src/cli/forecasts.ts';
import type { MeasureRequest, Reading } from '../../src/core/observation.ts';
import { err, ok } from '../../src/lib/result.ts';
import { parseFile } from '../../src/spec/parse.ts';
import { loadPrometheus, missing, SCRAPE } from '../metrics/real.ts';
import { progressingState, stableState } from '../view/states.ts';
import { begin, NOBODY, type Ran, runProcess, type Scene, scene } from './run.ts';

const YAML = (name: string, revision: string, more = '') => `apiVersion: canary/v1
kind: Canary
metadata: {name: ${name}}
spec:
  revision: ${revision}
  traffic: {settle: 30s}
  strategy:
    ready: {query: 'count(up{version="{{canary}}"} == 1)'}
    steps:
      - {setWeight: 5, bake: 2m, maxHold: 10m}
      - {setWeight: 50, bake: 10m}
      - {setWeight: 100, bake: 5m}
  analysis:
    interval: 15s
    judge: sequential
    dispersion: 1
    metrics:
      - name: error-rate
        ratio: {bad: 'r_total{job="${name}",code="500"}', total: 'r_total{job="${name}"}'}
        maxDelta: 0.005
${more}`;

const LATENCY = `      - name: p99
        latency: {histogram: 'd_bucket{job="pay"}', quantile: 0.99}
        maxDelta: 0.05
`;

function directory(files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'canary-forecast-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, `${name}.yaml`), text);
  return dir;
}

/** Canaries that run as written here, with v1 live. */
async function running(...names: readonly string[]): Promise<Scene> {
  const at = await scene();
  const specs = names.flatMap((name) => parseFile(YAML(name, 'v1'), `${name}.yaml`).specs);
  at.behind.specs = specs;
  at.behind.states = specs.map((spec) => ({ ...stableState(spec), name: spec.canary.name, stable: 'v1' }));
  return at;
}

/** Half an hour of counters that grow by so much a second. */
function counters({ version, at }: MeasureRequest, name: string, rates: Record<string, number>): Reading {
  const end = at ?? 0;
  const label = name === 'd_bucket' ? 'le' : 'code';
  const series = Object.entries(rates).map(([value, rate]) => ({
    labels: { __name__: name, job: 'pay', instance: version, version, [label]: value },
    samples: Array.from({ length: 120 }, (_, scrape) => {
      return [end - (119 - scrape) * 15_000, scrape * 15 * rate] as const;
    }),
  }));
  return { kind: 'series', series };
}

/** `rps` of the version, 0.1 % of them failed. */
function requests(request: MeasureRequest, rps: number): Reading {
  return counters(request, 'r_total', { '200': rps * 0.999, '500': rps * 0.001 });
}

interface Asked {
  readonly open: OpenTraffic;
  readonly requests: MeasureRequest[];
  closed: number;
}

function answering(read: (request: MeasureRequest) => Reading): Asked {
  const asked: Asked = {
    requests: [],
    closed: 0,
    open: () =>
      ok({
        ask: async (request) => {
          asked.requests.push(request);
          return { id: request.id, at: request.at ?? 0, reading: read(request), query: 'q', skewMs: 0 };
        },
        close: async () => {
          asked.closed += 1;
        },
      }),
  };
  return asked;
}

function run(at: Scene, open: OpenTraffic, ...argv: readonly string[]): Promise<Ran> {
  return begin(at, ['plan', ...argv], {}, open).ended;
}

test('a plan says for each step how long it takes and what helps where that is too long', async () => {
  const at = await running('pay');
  const asked = answering((request) =>
    request.source.kind === 'counters' && request.source.selector.startsWith('d_bucket')
      ? counters(request, 'd_bucket', { '0.1': 4, '0.3': 4.9, '0.35': 4.94, '0.4': 4.97, '+Inf': 5 })
      : requests(request, 5),
  );
  const { code, out, talk } = await run(at, asked.open, directory({ pay: YAML('pay', 'v2', LATENCY) }));
  expect([code, talk, asked.closed]).toEqual([0, '', 1]);
  expect(asked.requests.map(({ version, windowMs }) => [version, windowMs])).toEqual([
    ['v1', 1_800_000],
    ['v1', 1_800_000],
  ]);
  expect(out).toMatchInlineSnapshot(`
    "  + start   ~ change   ! blocked   = unchanged
    + pay  would start v2 (v1 is live), first weight 5 %
        revision                            v1 → v2
        analysis.metrics[error-rate].alpha  0.01 → 0.005
        analysis.metrics[p99]               none → latency, maxDelta 0.05
        judged by sequential: error-rate, p99
        error-rate: 5 requests a second, 0.1 % of v1 failed; average time until a healthy revision passes and a worse one is caught:
          step  weight  bake  maxHold  healthy  +0.5 %  +1 %    +2 %
          1     5 %     2m    10m      36m52s   11h33m  1h40m   26m7s  longer than maxHold
          2     50 %    10m   20m      4m23s    1h38m   17m43s  6m3s
        ! error-rate, step 1 (5 %): the evidence for a healthy revision takes about 36m52s, and its maxHold is 10m: begin with 20 %, raise maxHold, or widen maxDelta
        p99: 5 requests a second, 1 % of v1 slower than 0.367; average time until a healthy revision passes and a worse one is caught:
          step  weight  bake  maxHold  healthy  +0.05   +0.1   +0.2
          1     5 %     2m    10m      2h9m     17h24m  52m4s  3m34s  longer than maxHold
          2     50 %    10m   20m      23m22s   3h27m   12m5s  1m23s  longer than maxHold
        ! p99, step 1 (5 %): the evidence for a healthy revision takes about 2h9m, and its maxHold is 10m: raise maxHold, or widen maxDelta
        ! p99, step 2 (50 %): the evidence for a healthy revision takes about 23m22s, and its maxHold is 20m: raise maxHold, or widen maxDelta
        step 3 (100 %), 5m: stable has no traffic there, so the sequential judge holds the canary against the highest share of bad requests that stable can have had until then
    1 to start, 0 to change, 0 blocked, 0 unchanged"
  `);
  const lines = out.split('\n').filter((line) => line.startsWith('    '));
  const shown = lines.slice(lines.findIndex((line) => line.startsWith('    error-rate:'))).slice(0, 4);
  expect(readFileSync(new URL('../../docs/how-it-judges.md', import.meta.url), 'utf8')).toContain(
    shown.join('\n'),
  );
});

test('a plan warns where the judge cannot see the margin in the buckets', async () => {
  const at = await running('pay');
  const asked = answering((request) =>
    request.source.kind === 'counters' && request.source.selector.startsWith('d_bucket')
      ? counters(request, 'd_bucket', { '0.1': 40, '0.25': 49, '0.5': 49.9, '+Inf': 50 })
      : requests(request, 50),
  );
  const dir = directory({ pay: YAML('pay', 'v2', LATENCY) });
  const line =
    "    ! p99: stable's quantile 0.99 lies in the bucket from 0.25 to 0.5, wider than maxDelta 0.05, and nobody can see " +
    'inside of it: make the buckets there narrower, or widen maxDelta to 0.25\n';
  const { code, out } = await run(at, asked.open, dir);
  expect([code, out.split(line).length]).toEqual([0, 2]);
  const hundred = YAML('pay', 'v2', LATENCY).replaceAll(/^ {6}- \{setWeight: (?:5|50),.*\n/gm, '');
  expect((await run(at, asked.open, directory({ pay: hundred }))).out).toContain(line);
  const [errors, p99] = JSON.parse((await run(at, asked.open, dir, '-o', 'json')).out).entries[0].forecasts;
  expect(errors.advice).toBeNull();
  expect(line).toContain(p99.advice);
});

test('a Canary whose only step is at 100 has nothing that could be foretold', async () => {
  const at = await running('pay');
  const dir = directory({
    pay: YAML('pay', 'v2').replaceAll(/^ {6}- \{setWeight: (?:5|50),.*\n/gm, ''),
  });
  const { code, out } = await run(at, answering((request) => requests(request, 5)).open, dir);
  expect([code, out.split('\n').slice(-3)]).toEqual([
    0,
    [
      '    error-rate: 5 requests a second, 0.1 % of v1 failed',
      '    step 1 (100 %), 5m: stable has no traffic there, so the sequential judge holds the canary against the highest share of bad requests that stable can have had until then',
      '1 to start, 0 to change, 0 blocked, 0 unchanged',
    ],
  ]);
});

test('for programs it is seconds, and null for what never comes', async () => {
  const at = await running('pay');
  const dir = directory({ pay: YAML('pay', 'v2').replace('dispersion: 1', 'sensitivity: 1') });
  const { out } = await run(at, answering((request) => requests(request, 5)).open, dir, '-o', 'json');
  expect(JSON.parse(out).entries).toMatchObject([
    {
      canary: 'pay',
      forecasts: [
        {
          metric: 'error-rate',
          stableRevision: 'v1',
          unknown: null,
          traffic: {
            requestsPerSecond: expect.closeTo(5),
            badShare: expect.closeTo(0.001),
            slowerThan: null,
          },
          steps: [
            {
              index: 0,
              weight: 5,
              bakeSeconds: 120,
              maxHoldSeconds: 600,
              promoteSeconds: expect.any(Number),
              catches: [
                { delta: 0.005, seconds: null },
                { delta: 0.01, seconds: expect.any(Number) },
                { delta: 0.02, seconds: expect.any(Number) },
              ],
              fit: 'pastMaxHold',
              advice: expect.stringMatching(/^step 1 \(5 %\): .* begin with \d+ %, raise maxHold/),
            },
            { index: 1, fit: 'fits', advice: null },
          ],
        },
      ],
    },
  ]);
  const yaml = await run(at, answering((request) => requests(request, 5)).open, dir, '-o', 'yaml');
  expect(yaml.out).toContain('seconds: null');
});

test('a plan says what the rollout budget is at this traffic, and how soon it could be spent', async () => {
  const at = await running('pay');
  const budget = (share: number) =>
    YAML('pay', 'v2').replace(
      '    judge: sequential',
      `    judge: sequential\n    rolloutBudget: {share: ${share}, window: 30d}`,
    );
  const dir = directory({ pay: `${budget(0.02)}        objective: 0.999\n` });
  const asked = answering((request) => requests(request, 50));
  const { out } = await run(at, asked.open, dir);
  const line = out.split('\n').find((one) => one.startsWith('    error-rate may cause')) ?? '';
  expect(line).toBe(
    '    error-rate may cause 2592 failed requests more than v1 would, 2 % of the error budget of 129600 in 30d (objective 0.999, 50 requests a second); a canary that only fails has caused them after 17m17s at 5 %, 1m43s at 50 %, 51s at 100 %',
  );
  expect(readFileSync(new URL('../../docs/how-it-judges.md', import.meta.url), 'utf8')).toContain(line);
  const json = await run(at, asked.open, dir, '-o', 'json');
  expect(JSON.parse(json.out).entries[0].forecasts[0].budget).toEqual({
    allowed: expect.closeTo(2592),
    spentAfter: [
      { index: 0, weight: 5, seconds: 1038 },
      { index: 1, weight: 50, seconds: 104 },
      { index: 2, weight: 100, seconds: 52 },
    ],
  });
  const without = await run(at, asked.open, directory({ pay: YAML('pay', 'v2') }), '-o', 'json');
  expect(JSON.parse(without.out).entries[0].forecasts[0].budget).toBeNull();
});

test('the traffic that a revision under way has now is counted with that of stable', async () => {
  const at = await running('pay');
  const [spec] = at.behind.specs;
  at.behind.states = [{ ...progressingState(spec), name: 'pay', stable: 'v1' }];
  const asked = answering((request) => requests(request, request.version === 'v1' ? 4 : 1));
  const { out } = await run(at, asked.open, directory({ pay: YAML('pay', 'v2') }));
  expect(asked.requests.map(({ version }) => version)).toEqual(['v1', 'v1.5.1']);
  expect(out).toContain('error-rate: 5 requests a second, 0.1 % of v1 failed');
});

const POINTS = `apiVersion: canary/v1
kind: Canary
metadata: {name: pay}
spec:
  revision: v2
  stableRevision: v1
  traffic: {settle: 30s}
  strategy:
    ready: {query: 'count(up{version="{{canary}}"} == 1)'}
    steps:
      - {setWeight: 5, bake: 2m, maxHold: 15m}
      - {setWeight: 50, bake: 15m}
      - {setWeight: 100, bake: 15m}
  analysis:
    interval: 30s
    window: 1m
    judge: mannWhitney
    metrics:
      - name: error-rate
        ratio: {bad: 'r_total{job="pay",code="500"}', total: 'r_total{job="pay"}'}
        maxDelta: 0.005
      - name: p99
        latency: {histogram: 'd_bucket{job="pay"}', quantile: 0.99}
      - name: heap
        query: 'heap{version="{{version}}"}'
`;

/** At 3 requests a second. */
function values({ source }: MeasureRequest): Reading {
  if (source.kind === 'query') return { kind: 'value', value: 2.1e8, requests: null };
  return { kind: 'value', value: source.kind === 'ratio' ? 0.001 : 0.367, requests: 3 * 300 };
}

test('of the mannWhitney judge it says when there can be a score, and what helps where windows are too empty', async () => {
  const at = await running('pay');
  const asked = answering(values);
  const { code, out } = await run(at, asked.open, directory({ pay: POINTS }));
  expect([code, asked.closed]).toEqual([0, 1]);
  expect(asked.requests.map(({ version, windowMs }) => [version, windowMs])).toEqual([
    ['v1', 300_000],
    ['v1', 300_000],
    ['v1', 60_000],
  ]);
  const lines = out.split('\n');
  const table = lines.slice(lines.findIndex((line) => line.startsWith('    error-rate:')));
  expect(table.join('\n')).toMatchInlineSnapshot(`
    "    error-rate: 3 requests a second, 0.1 % of v1 failed; a first score takes 10 points of each version, 1m apart:
          step  weight  bake  maxHold  requests  score
          1     5 %     2m    15m      9         24m59s  longer than maxHold
          2     50 %    15m   20m      90        10m45s
          3     100 %   15m   20m      180       10m45s
        ! error-rate, step 1 (5 %): 10 points of each version take about 24m59s, and its maxHold is 15m (the canary has about 9 requests in 1m, a point needs 10): begin with 7 %, raise maxHold, or lengthen window
        p99: 3 requests a second, quantile 0.99 of v1 is 0.367; a first score takes 10 points of each version, 1m apart:
          step  weight  bake  maxHold  requests  score
          1     5 %     2m    15m      9         24m59s  longer than maxHold
          2     50 %    15m   20m      90        10m45s
          3     100 %   15m   20m      180       10m45s
        ! p99, step 1 (5 %): 10 points of each version take about 24m59s, and its maxHold is 15m (the canary has about 9 requests in 1m, a point needs 10): begin with 7 %, raise maxHold, or lengthen window
        heap: v1 shows 210000000; a first score takes 10 points of each version, 1m apart:
          step  weight  bake  maxHold  score
          1     5 %     2m    15m      10m45s  longer than bake
          2     50 %    15m   20m      10m45s
          3     100 %   15m   20m      10m45s
    1 to start, 0 to change, 0 blocked, 0 unchanged"
  `);
  expect(readFileSync(new URL('../../docs/how-it-judges.md', import.meta.url), 'utf8')).toContain(
    table.slice(0, 5).join('\n'),
  );
});

test('points take their time also where Prometheus cannot be asked', async () => {
  const at = await running('pay');
  const { code, out } = await run(at, () => err('it is away'), directory({ pay: POINTS }));
  expect(code).toBe(0);
  expect(out).toContain('    heap: a first score takes 10 points of each version, 1m apart:\n');
  expect(out).toContain(
    '? pay error-rate, pay p99, pay heap: whether windows have data for points is not known: it is away',
  );
});

test('for programs the points and their score are numbers, too', async () => {
  const at = await running('pay');
  const { out } = await run(at, answering(values).open, directory({ pay: POINTS }), '-o', 'json');
  const [errors, , heap] = JSON.parse(out).entries[0].forecasts;
  expect(errors).toMatchObject({
    metric: 'error-rate',
    judge: 'mannWhitney',
    unknown: null,
    points: 10,
    apartSeconds: 60,
    traffic: { requestsPerSecond: 3, value: 0.001 },
    steps: [{ index: 0, weight: 5, requests: 9, fit: 'pastMaxHold' }, { weight: 50 }, { weight: 100 }],
  });
  expect(heap).toMatchObject({
    traffic: { requestsPerSecond: null },
    steps: [{ requests: null, scoreSeconds: 645, fit: 'pastBake', advice: null }, {}, {}],
  });
});

test('only what starts or changes and has a judge that needs evidence is asked for', async () => {
  const at = await running('pay', 'search');
  const asked = answering((request) => requests(request, 5));
  const threshold = YAML('shop', 'v2').replace('judge: sequential', 'judge: threshold');
  const plain = threshold.replace('    dispersion: 1\n', '').replace(', maxHold: 10m', '');
  await run(at, asked.open, directory({ pay: YAML('pay', 'v2'), search: YAML('search', 'v1'), shop: plain }));
  expect(asked.requests.map(({ id }) => id)).toEqual(['pay/error-rate/v1']);
  const unchanged = await run(
    at,
    () => Promise.reject(new Error('opened')),
    directory({ search: YAML('search', 'v1'), pay: YAML('pay', 'v1') }),
  );
  expect(unchanged.code).toBe(0);
});

test('where Prometheus cannot be asked it says so once, and the rest is as ever', async () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const at = await running(...names);
  const dir = directory(Object.fromEntries(names.map((name) => [name, YAML(name, 'v2')])));
  const away = { kind: 'error', structural: false, code: 'PROM_CONNECT', detail: 'it is away' } as const;
  const { code, out } = await run(at, answering(() => away).open, dir, '--exit-code');
  expect(code).toBe(5);
  expect(out).toContain('+ a  would start v2 (v1 is live), first weight 5 %');
  expect(out.match(/it is away/g)).toHaveLength(1);
  expect(out).toContain(
    '? a error-rate, b error-rate, c error-rate, 2 more: how long the steps take is not known: it is away\n5 to start',
  );
  const unset = await run(at, () => err('--prometheus must be an http address'), dir);
  expect(unset.code).toBe(0);
  expect(unset.out).toContain('not known: --prometheus must be an http address');
});

test('a Canary whose stable revision nobody knows has no traffic to look at', async () => {
  const at = await running();
  const asked = answering((request) => requests(request, 5));
  const { out } = await run(at, asked.open, directory({ pay: YAML('pay', 'v2') }));
  expect(asked.requests).toEqual([]);
  expect(out).toContain('nothing is known about the stable revision: set spec.stableRevision');
});

test('the program asks the Prometheus of its settings, and says what is wrong with those', async () => {
  const at = await running('pay');
  const dir = directory({ pay: YAML('pay', 'v2') });
  const args = ['plan', dir, '--server', at.url];
  const away = await runProcess([...args, '--prometheus', NOBODY]);
  expect([away.code, away.talk]).toEqual([0, '']);
  expect(away.out).toContain('how long the steps take is not known: Prometheus cannot be reached');
  const wrong = await runProcess(args, { CANARY_PROMETHEUS: 'prometheus:9090' });
  expect(wrong.code).toBe(0);
  expect(wrong.out).toContain('CANARY_PROMETHEUS must be an http or https address of Prometheus');
  const cut = await runProcess([...args, '--prometheus', `${NOBODY}/?a=b`]);
  expect(cut.out).toContain('the address of Prometheus must end with its path');
});

test.skipIf(missing !== null)('it counts what a real Prometheus holds', async () => {
  const now = Math.floor(Date.now() / 1000);
  const times = Array.from({ length: 130 }, (_, scrape) => now - (129 - scrape) * SCRAPE);
  const series = (['200', '500'] as const).map((code) => ({
    name: 'r_total',
    labels: { job: 'pay', instance: 'a', version: 'v1', code },
    values: times.map((_, scrape) => scrape * SCRAPE * (code === '500' ? 0.05 : 49.95)),
    times,
  }));
  const prometheus = await loadPrometheus(series);
  onTestFinished(() => prometheus.stop());
  const at = await running('pay');
  const ranking = POINTS.replace('name: pay', 'name: ranking').split('      - name: p99')[0] ?? '';
  const args = ['plan', directory({ pay: YAML('pay', 'v2'), ranking }), '--server', at.url];
  const { code, out } = await runProcess([...args, '-o', 'json'], { CANARY_PROMETHEUS: prometheus.url });
  expect(code).toBe(0);
  expect(JSON.parse(out).entries[0].forecasts).toMatchObject([
    {
      unknown: null,
      traffic: { requestsPerSecond: expect.closeTo(50), badShare: expect.closeTo(0.001) },
      steps: [{ fit: 'pastBake' }, { fit: 'fits' }],
    },
  ]);
  expect(JSON.parse(out).entries[1].forecasts).toMatchObject([
    {
      unknown: null,
      traffic: { requestsPerSecond: expect.closeTo(50, 0), value: expect.closeTo(0.001) },
      steps: [{ requests: expect.closeTo(150, 0), fit: 'pastBake' }, { fit: 'fits' }, { fit: 'fits' }],
    },
  ]);
});
