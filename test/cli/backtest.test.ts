import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunningPrometheus } from '../../infra/prometheus/process.ts';
import type { OpenTraffic } from '../../src/cli/forecasts.ts';
import { ok } from '../../src/lib/result.ts';
import { loadPrometheus, missing, SCRAPE, type Series, START } from '../metrics/real.ts';
import { begin, NOBODY, runProcess } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'canary-backtest-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Half an hour of stable alone, then 45 minutes of both. */
const BEFORE = 120;
const SAMPLES = BEFORE + 180;
const FROM = START + BEFORE * SCRAPE;
const TO = START + SAMPLES * SCRAPE;

function declaration(name: string, judge: string): string {
  return `apiVersion: canary/v1
kind: Canary
metadata: {name: ${name}}
spec:
  revision: something-else
  strategy:
    ready: {query: 'up{job="nobody"}'}
    steps: [{setWeight: 5, bake: 2m, approval: required}, {setWeight: 50, bake: 2m}, {setWeight: 100, bake: 4m}]
  analysis:
    interval: 15s
    judge: ${judge}
    metrics:
      - name: error-rate
        ratio: {bad: 'http_requests_total{job="${name}",code=~"5.."}', total: 'http_requests_total{job="${name}"}'}
        maxDelta: 0.005
`;
}

function directory(name: string, files: Readonly<Record<string, string>>): string {
  const path = join(folder, name);
  mkdirSync(path);
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, `${file}.yaml`), text);
  return path;
}

function counter(job: string, version: string, code: string, from: number, perScrape: number): Series {
  const values = Array.from({ length: SAMPLES }, (_, at) =>
    at < from ? null : 1_000 + Math.floor((at - from) * perScrape),
  );
  return {
    name: 'http_requests_total',
    labels: { job, version, code, instance: `${job}-${version}` },
    values,
  };
}

/** 50 requests a second, of which the canary has a third, whatever the steps say; `bad` of its requests fail. */
function service(job: string, bad: number): Series[] {
  return [
    counter(job, 'v1', '200', 0, 499),
    counter(job, 'v1', '500', 0, 0.5),
    counter(job, 'v2', '200', BEFORE, 250 * (1 - bad)),
    counter(job, 'v2', '500', BEFORE, 250 * bad),
  ];
}

const PERIOD = ['--from', String(FROM), '--to', String(TO)];
const VERSIONS = ['--stable', 'v1', '--canary', 'v2'];

describe.skipIf(missing !== null)('a backtest on a real Prometheus', () => {
  let server: RunningPrometheus;
  const many = Array.from({ length: 40 }, (_, at) => `many-${at}`);

  beforeAll(async () => {
    server = await loadPrometheus([
      ...['good', ...many].flatMap((job) => service(job, 0.001)),
      ...service('bad', 0.04),
      ...service('silent', 0).slice(0, 2),
    ]);
  });
  afterAll(() => server?.stop());

  async function backtest(path: string, ...flags: readonly string[]) {
    const argv = ['backtest', path, ...VERSIONS, '--prometheus', server.url, '-o', 'json', ...flags];
    const { code, out, talk } = await runProcess(argv);
    return {
      code,
      talk,
      stories: out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    };
  }

  test.each(['threshold', 'sequential'])(
    'judges each file of a directory by what was recorded: %s',
    async (judge) => {
      const names = ['bad', 'good', 'silent'];
      const files = Object.fromEntries(names.map((name) => [name, declaration(name, judge)]));
      const { code, stories } = await backtest(directory(judge, files), ...PERIOD);
      expect(code).toBe(0);
      expect(stories.map(({ canary, outcome }) => [canary, outcome])).toEqual([
        ['bad', 'RolledBack'],
        ['good', 'Promoted'],
        ['silent', 'Inconclusive'],
      ]);
      for (const { decidedAt, minutes, timeline, outcome } of stories) {
        expect(timeline[0].reason).toBe('v1 is stable, told by --stable');
        for (const { at, weight, decision, reason } of timeline) {
          expect(Date.parse(at)).toBeGreaterThanOrEqual(FROM * 1_000);
          expect(Date.parse(at)).toBeLessThanOrEqual(TO * 1_000);
          expect([typeof weight, typeof decision, reason === '']).toEqual(['number', 'string', false]);
        }
        if (outcome === 'Inconclusive') continue;
        expect(minutes).toBeGreaterThan(1);
        expect(Date.parse(decidedAt)).toBeGreaterThan(FROM * 1_000);
      }
      const [bad] = stories;
      expect(bad.minutes).toBeLessThan(6);
      expect(bad.timeline.at(-1)).toMatchObject({ weight: 0, reason: expect.stringContaining('error-rate') });
    },
  );

  test('judges by points, as many as the declaration asks for', async () => {
    const names = ['bad', 'good', 'silent'];
    const text = (name: string) =>
      declaration(name, 'mannWhitney').replace('judge: mannWhitney', 'judge: mannWhitney\n    minPoints: 6');
    const files = Object.fromEntries(names.map((name) => [name, text(name)]));
    const { code, stories } = await backtest(directory('points', files), ...PERIOD);
    expect(code).toBe(0);
    expect(stories.map(({ canary, outcome }) => [canary, outcome])).toEqual([
      ['bad', 'RolledBack'],
      ['good', 'Promoted'],
      ['silent', 'Inconclusive'],
    ]);
    const [bad] = stories;
    expect(bad.timeline.at(-1).reason).toContain('6 points of canary, 6 of stable');
  });

  test('is inconclusive where the data end before anything could be decided', async () => {
    const path = directory('short', { good: declaration('good', 'sequential') });
    const end = new Date((FROM + 90) * 1_000).toISOString();
    const { code, stories } = await backtest(
      path,
      '--from',
      new Date(FROM * 1_000).toISOString(),
      '--to',
      end,
    );
    expect(code).toBe(0);
    expect(stories).toMatchObject([{ outcome: 'Inconclusive', decidedAt: null, minutes: null }]);
    expect(stories[0].timeline.at(-1)).toMatchObject({ step: 0, weight: 5, decision: 'hold' });
  });

  test('asks for many Canaries at once', async () => {
    const files = Object.fromEntries(many.map((name) => [name, declaration(name, 'sequential')]));
    const path = directory('many', files);
    const before = await queriesOf(server);
    const { code, stories } = await backtest(path, ...PERIOD);
    expect([code, stories.length]).toEqual([0, many.length]);
    expect(stories.every(({ outcome }) => outcome === 'Promoted')).toBe(true);
    const minutes = Math.max(...stories.map((story) => story.minutes));
    // Their looks lie at ten times of an interval at most: one query each would be four times as many.
    const looks = 4 * minutes * many.length;
    expect((await queriesOf(server)) - before).toBeLessThan(looks / 2);
  });

  test('says which Canary could not be judged, and judges the others', async () => {
    const double = declaration('double', 'threshold').replace(
      /ratio:.*\n.*maxDelta: 0.005/,
      "query: 'http_requests_total'\n        max: 1",
    );
    const path = directory('partly', { double, good: declaration('good', 'threshold') });
    const { code, stories, talk } = await backtest(path, ...PERIOD);
    expect(code).toBe(1);
    expect(stories).toMatchObject([{ canary: 'good', outcome: 'Promoted' }]);
    expect(talk).toContain('double was not judged: ');
  });
});

/** Instant queries that it has answered. */
async function queriesOf({ url }: RunningPrometheus): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines =
    text.match(/^prometheus_http_requests_total\{.*handler="\/api\/v1\/query".*\} (\d+)$/gm) ?? [];
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

test('a long backtest says on a terminal how many minutes of the record it is through', async () => {
  const path = directory('long', { shop: declaration('shop', 'threshold') });
  const nothing: OpenTraffic = () =>
    ok({
      ask: async ({ id, at }) => ({
        id,
        at: at ?? 0,
        reading: { kind: 'noData', why: 'empty', detail: 'no series' },
        query: 'q',
        skewMs: 0,
      }),
      close: async () => {},
    });
  const said = async (isTerminal: boolean) => {
    let now = 0;
    // Each look takes so long that it is said how far it came.
    const clock = { now: () => now, monotonic: () => (now += 2_000), after: () => () => {} };
    const period = ['--from', '600', '--to', '840'];
    const argv = ['backtest', path, ...VERSIONS, ...period];
    const { code, out, talk } = await begin(null, argv, { isTerminal, clock }, nothing).ended;
    expect([code, out]).toEqual([0, expect.stringContaining('shop')]);
    return talk;
  };
  const lines = (await said(true)).split('\n');
  expect([...new Set(lines)]).toEqual([0, 1, 2, 3].map((minute) => `${minute} of 4 minutes`));
  expect(await said(false)).toBe('');
});

test('a Prometheus that is not there judges nothing: 1, and nothing on standard output', async () => {
  const path = directory('away', { shop: declaration('shop', 'threshold') });
  const argv = ['backtest', path, ...VERSIONS, ...PERIOD, '--prometheus', NOBODY];
  const { code, out, talk } = await runProcess(argv);
  expect([code, out]).toEqual([1, '']);
  expect(talk).toContain('shop was not judged: ');
});

test.each([
  [[...VERSIONS, '--from', '10', '--to', '10'], '--to must lie after --from'],
  [['--stable', 'v1', '--canary', 'v1', ...PERIOD], 'the same version'],
  [[...VERSIONS, '--from', 'yesterday', '--to', '10'], 'It must be a time such as'],
  [['--stable', 'v1', ...PERIOD], "'--canary <version>' not specified"],
])('%j is a usage error: 2', async (flags, message) => {
  const { code, out, talk } = await begin(null, ['backtest', 'canaries', ...flags]).ended;
  expect([code, out]).toEqual([2, '']);
  expect(talk).toContain(message);
});
