/**
 * `make bench`: what a look costs the daemon in CPU, measured on the shipped process against the development Nacos
 * server and a real Prometheus. A look is all metrics of one canary measured and saved; its cost is the process's
 * user and system time over the looks it committed. `npm run -s bench -- --canaries 2000 --interval 30 --seconds 60`
 * changes the load, `--idle` lets every canary rest.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startDevNacos } from '../../infra/dev-nacos/server.ts';
import { startPrometheus, waitForSample } from '../../infra/prometheus/process.ts';
import { startFleet } from './fleet.ts';

const METRICS = 2;
const TICKS_PER_SECOND = 100;
const MAIN = resolve(import.meta.dirname, '../../src/main.ts');

interface Load {
  readonly canaries: number;
  readonly intervalS: number;
  /** Nothing is released: every Canary rests. */
  readonly idle: boolean;
  readonly warmUpMs: number;
  readonly measuredMs: number;
}

const load = readLoad();
const directory = mkdtempSync(join(tmpdir(), 'canary-bench-'));
const closing: (() => unknown)[] = [() => rmSync(directory, { recursive: true })];
try {
  await measure(load);
} finally {
  for (const close of closing.reverse()) await close();
}

function readLoad(): Load {
  const { values } = parseArgs({
    options: {
      canaries: { type: 'string', default: '100' },
      interval: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '40' },
      idle: { type: 'boolean', default: false },
    },
  });
  const [canaries, intervalS, seconds] = [values.canaries, values.interval, values.seconds].map(Number);
  if (canaries === undefined || intervalS === undefined || seconds === undefined)
    throw new Error('unreachable');
  if (![canaries, intervalS, seconds].every((value) => Number.isInteger(value) && value > 0)) {
    throw new Error('--canaries, --interval (seconds) and --seconds take whole numbers above 0');
  }
  // Two intervals let every canary take its first step and its first looks before anything is counted.
  return {
    canaries,
    intervalS,
    idle: values.idle,
    warmUpMs: (2 * intervalS + 5) * 1_000,
    measuredMs: seconds * 1_000,
  };
}

async function measure(load: Load): Promise<void> {
  const { canaries, intervalS, idle, warmUpMs, measuredMs } = load;
  const names = Array.from({ length: canaries }, (_, index) => `service-${index}`);
  const fleet = await startFleet(names);
  closing.push(fleet.close);
  const prometheus = await startPrometheus({ config: scrapeConfig(fleet.target, intervalS) });
  closing.push(prometheus.stop);
  const nacos = await startDevNacos({ version: '3.1' });
  closing.push(() => nacos.close());
  await waitForSample(prometheus.url, 'count(http_requests_total)');

  const files = join(directory, 'canaries');
  mkdirSync(files);
  for (const name of names) writeFileSync(join(files, `${name}.yaml`), declaration(name, load));
  const startedAt = performance.now();
  const daemon = await startDaemon(files, nacos.url, prometheus.url);
  const readyMs = performance.now() - startedAt;
  closing.push(daemon.stop);

  await wait(warmUpMs);
  const before = await daemon.sample();
  await wait(measuredMs);
  const after = await daemon.sample();

  const looks = (after.measurements - before.measurements) / METRICS;
  const cpuMs = ((after.ticks - before.ticks) * 1_000) / TICKS_PER_SECOND;
  const shown = idle ? after.resting : after.progressing;
  if (shown < canaries || (!idle && looks < (canaries * measuredMs) / 1_000 / intervalS / 2)) {
    throw new Error(
      `the daemon did not keep up: ${looks} looks, ${shown} of ${canaries} canaries where they belong`,
    );
  }
  const queries = (after.queries - before.queries) / (measuredMs / 1_000 / intervalS);
  if (idle) console.log(`${canaries} idle canaries`);
  else {
    console.log(`CPU per look at ${canaries} canaries: ${(cpuMs / looks).toFixed(2)} ms`);
    console.log(`  ${looks} looks of ${METRICS} metrics in ${measuredMs / 1_000} s, interval ${intervalS} s`);
    console.log(
      `  ${queries.toFixed(1)} Prometheus queries a round, most overdue ${after.lagSeconds.toFixed(2)} s late`,
    );
  }
  const share = (cpuMs / measuredMs) * 100;
  console.log(`  ${share.toFixed(1)} % of a core, ${Math.round(after.rssKiB / 1024)} MiB resident`);
  console.log(`  ready after ${(readyMs / 1_000).toFixed(1)} s with files never seen before`);
  console.log(`  machine: ${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.version}`);
}

function scrapeConfig(target: string, intervalS: number): string {
  return `global: {scrape_interval: ${Math.max(1, Math.floor(intervalS / 5))}s}\nscrape_configs:\n  - {job_name: fleet, static_configs: [{targets: ['${target}']}]}\n`;
}

/** Bakes for an hour: nothing but looks happens while it is measured. */
function declaration(name: string, { intervalS, idle }: Load): string {
  return `apiVersion: canary/v1
kind: Canary
metadata: {name: ${name}}
spec:
  revision: ${idle ? 'v1' : 'v2'}
  stableRevision: v1
  traffic: {settle: ${intervalS}s}
  strategy:
    steps: [{setWeight: 5, bake: 1h}, {setWeight: 100, bake: 1h}]
  analysis:
    interval: ${intervalS}s
    window: ${2 * intervalS}s
    metrics:
      - name: error-rate
        ratio: {bad: 'http_requests_total{service="${name}",code=~"5.."}', total: 'http_requests_total{service="${name}"}'}
        maxDelta: 0.005
      - name: p99
        latency: {histogram: 'request_latency_bucket{service="${name}"}', quantile: 0.99}
        maxDelta: 0.05
`;
}

interface Sample {
  readonly measurements: number;
  readonly progressing: number;
  readonly resting: number;
  readonly queries: number;
  readonly lagSeconds: number;
  readonly ticks: number;
  readonly rssKiB: number;
}

async function startDaemon(
  canaries: string,
  nacosUrl: string,
  prometheusUrl: string,
): Promise<{ sample(): Promise<Sample>; stop(): Promise<void> }> {
  const args = [
    'serve',
    '--canaries',
    canaries,
    '--db',
    join(directory, 'bench.db'),
    '--listen',
    '127.0.0.1:0',
  ];
  const child = spawn(
    process.execPath,
    [MAIN, ...args, '--nacos', nacosUrl, '--prometheus', prometheusUrl, '--log-format', 'json'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the daemon ended with exit code ${code}`)));
    createInterface({ input: child.stderr }).on('line', (line) => {
      const entry = JSON.parse(line) as { msg?: string; url?: string };
      if (entry.msg === 'canary controller is ready' && entry.url !== undefined) resolve(entry.url);
    });
  });
  return {
    async sample() {
      const page = await (await fetch(`${url}/metrics`)).text();
      const sum = (pattern: RegExp) =>
        [...page.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);
      const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return {
        measurements: sum(/^canary_measurements_total\{[^}]*\} (\S+)$/gm),
        progressing: sum(/^canary_phase\{[^}]*phase="Progressing"[^}]*\} (\S+)$/gm),
        resting: sum(/^canary_phase\{[^}]*phase="Stable"[^}]*\} (\S+)$/gm),
        queries: sum(
          /^canary_controller_provider_request_duration_seconds_count\{provider="prometheus"\} (\S+)$/gm,
        ),
        lagSeconds: sum(/^canary_controller_tick_lag_seconds (\S+)$/gm),
        ticks: Number(stat[11]) + Number(stat[12]),
        rssKiB: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0),
      };
    },
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
