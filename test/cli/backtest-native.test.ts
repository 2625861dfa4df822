import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunningPrometheus } from '../../infra/prometheus/process.ts';
import { missing, SCRAPE, START } from '../metrics/real.ts';
import { loadNative, type SentSeries } from '../metrics/remote-write.ts';
import { runProcess } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'canary-backtest-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Half an hour of stable alone, then 25 minutes of both: a server takes no sample an hour older than its newest. */
const BEFORE = 120;
const SAMPLES = BEFORE + 100;
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
    steps: [{setWeight: 5, bake: 2m}, {setWeight: 50, bake: 2m}, {setWeight: 100, bake: 4m}]
  analysis:
    interval: 15s
    judge: ${judge}
    metrics:
      - name: p99
        latency: {histogram: 'took_seconds{job="${name}"}', quantile: 0.99}
        maxDelta: 0.2
`;
}

/** A hundred requests a scrape and a little more or less, `late` of them between 0.84 s and 1 s, the others up to 0.25 s. */
function latencies(job: string, version: string, from: number, late: number): SentSeries {
  const grown = new Map<number, number>();
  const samples: SentSeries['samples'][number][] = [];
  for (let at = from; at < SAMPLES; at += 1) {
    const quick = [60 + (at % 7), 38 - (at % 5), 2];
    for (const [place, number] of [-32, -24, -16].entries())
      grown.set(number, (grown.get(number) ?? 0) + (quick[place] ?? 0));
    if (late > 0) grown.set(0, (grown.get(0) ?? 0) + late);
    samples.push([(START + at * SCRAPE) * 1000, { schema: 3, buckets: new Map(grown) }]);
  }
  return { labels: { __name__: 'took_seconds', job, version, instance: `${job}-${version}` }, samples };
}

describe.skipIf(missing !== null)('a backtest on native histograms in a real Prometheus', () => {
  let server: RunningPrometheus;

  beforeAll(async () => {
    server = await loadNative(
      ['good', 'slow'].flatMap((job) => [
        latencies(job, 'v1', 0, 0),
        latencies(job, 'v2', BEFORE, job === 'slow' ? 5 : 0),
      ]),
    );
  });
  afterAll(() => server?.stop());

  test.each([
    ['threshold', 'threshold'],
    ['sequential', 'sequential'],
    ['mannWhitney', 'mannWhitney\n    minPoints: 6'],
  ])('a slow canary goes back and one that is as good as stable is promoted: %s', async (name, judge) => {
    const path = join(folder, name);
    mkdirSync(path);
    for (const job of ['good', 'slow']) writeFileSync(join(path, `${job}.yaml`), declaration(job, judge));
    const period = ['--from', String(FROM), '--to', String(TO)];
    const versions = ['--stable', 'v1', '--canary', 'v2'];
    const argv = ['backtest', path, ...versions, ...period, '--prometheus', server.url, '-o', 'json'];
    const { out } = await runProcess(argv);
    const stories = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(stories.map(({ canary, outcome }) => [canary, outcome])).toEqual([
      ['good', 'Promoted'],
      ['slow', 'RolledBack'],
    ]);
  });
});
