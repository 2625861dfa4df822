/** What `canary backtest` takes for the past releases of a fleet: the shipped program on a core, a real Prometheus beside it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { counter, loadPrometheus, SCRAPE, type Series, START } from '../metrics/real.ts';
import { SHIPPED } from '../support/as-shipped.ts';
import type { Cores } from './cores.ts';
import type { Found } from './outcome.ts';
import { serviceNames } from './services.ts';
import { cpuMsOf, cpuMsOfEnded } from './usage.ts';

const MINUTES = 45;
const BEFORE = (30 * 60) / SCRAPE;
const SAMPLES = BEFORE + (MINUTES * 60) / SCRAPE;
const FROM = START + BEFORE * SCRAPE;
const TO = START + SAMPLES * SCRAPE;
const MOST_SECONDS = 120;

/** Equal versions with many requests, and steps that outlast the data: each is looked at to the end. */
function declaration(name: string): string {
  return `apiVersion: canary/v1
kind: Canary
metadata: {name: ${name}}
spec:
  revision: v2
  strategy:
    ready: {query: 'up{job="${name}"}'}
    steps: [{setWeight: 5, bake: 15m}, {setWeight: 50, bake: 30m}, {setWeight: 100, bake: 10m}]
  analysis:
    interval: ${SCRAPE}s
    metrics:
      - name: error-rate
        ratio: {bad: 'http_requests_total{job="${name}",code=~"5.."}', total: 'http_requests_total{job="${name}"}'}
        maxDelta: 0.005
`;
}

function seriesOf(job: string): Series[] {
  return ['v1', 'v2'].flatMap((version) => {
    const labels = { job, version, instance: `${job}-${version}` };
    return [
      { name: 'http_requests_total', labels: { ...labels, code: '200' }, values: counter(SAMPLES, 999) },
      { name: 'http_requests_total', labels: { ...labels, code: '500' }, values: counter(SAMPLES, 1) },
    ];
  });
}

export async function measureBacktest(canaries: number, cores: Cores): Promise<Found> {
  const names = serviceNames(canaries);
  const folder = mkdtempSync(join(tmpdir(), 'backtest-'));
  for (const name of names) writeFileSync(join(folder, `${name}.yaml`), declaration(name));
  const server = await loadPrometheus(names.flatMap(seriesOf));
  try {
    cores.moveAway(server.pid);
    const before = { ownMs: cpuMsOfEnded(), prometheusMs: cpuMsOf(server.pid), at: performance.now() };
    const { code, stories } = await backtest(folder, server.url, cores);
    const seconds = (performance.now() - before.at) / 1_000;
    const early = stories.filter(({ outcome }) => outcome !== 'Inconclusive').length;
    const findings = [
      ...(code === 0 ? [] : [`it ended with exit code ${code}`]),
      ...(stories.length === canaries ? [] : [`${stories.length} of ${canaries} canaries were judged`]),
      ...(early === 0 ? [] : [`${early} canaries were decided before the data end`]),
    ];
    return {
      title: `Backtest of ${canaries} canaries over ${MINUTES} minutes, a look every ${SCRAPE} s`,
      load: { canaries },
      figures: [
        { name: 'from start to end', value: seconds, unit: 's', most: MOST_SECONDS },
        { name: 'CPU of the program', value: (cpuMsOfEnded() - before.ownMs) / 1_000, unit: 's' },
        { name: 'CPU of Prometheus', value: (cpuMsOf(server.pid) - before.prometheusMs) / 1_000, unit: 's' },
      ],
      findings,
    };
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
  }
}

interface Story {
  readonly outcome: string;
}

async function backtest(folder: string, url: string, cores: Cores) {
  const period = ['--stable', 'v1', '--canary', 'v2', '--from', String(FROM), '--to', String(TO)];
  const asked = ['backtest', folder, ...period, '--prometheus', url, '-o', 'json'];
  const [command, args] = cores.onDaemonCore(process.execPath, [SHIPPED.main, ...asked]);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const lines = printed.split('\n').filter((line) => line !== '');
  return { code: Number(code), stories: lines.map((line): Story => JSON.parse(line)) };
}
