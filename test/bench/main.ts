/**
 * `make bench`: what a look costs the daemon in CPU, measured on the shipped process against the development Nacos
 * server and a real Prometheus. A look is all metrics of one canary measured and saved; its cost is the process's
 * user and system time over the looks it committed.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { startDevNacos } from '../../infra/dev-nacos/server.ts';
import { startPrometheus, waitForSample } from '../../infra/prometheus/process.ts';
import { startFleet } from './fleet.ts';

const CANARIES = 100;
const INTERVAL_S = 5;
const METRICS = 2;
const WARM_UP_MS = 15_000;
const MEASURED_MS = 40_000;
const TICKS_PER_SECOND = 100;
const MAIN = resolve(import.meta.dirname, '../../src/main.ts');

const directory = mkdtempSync(join(tmpdir(), 'canary-bench-'));
const closing: (() => unknown)[] = [() => rmSync(directory, { recursive: true })];
try {
  await measure();
} finally {
  for (const close of closing.reverse()) await close();
}

async function measure(): Promise<void> {
  const names = Array.from({ length: CANARIES }, (_, index) => `service-${index}`);
  const fleet = await startFleet(names);
  closing.push(fleet.close);
  const prometheus = await startPrometheus({ config: scrapeConfig(fleet.target) });
  closing.push(prometheus.stop);
  const nacos = await startDevNacos({ version: '3.1' });
  closing.push(() => nacos.close());
  await waitForSample(prometheus.url, 'count(http_requests_total)');

  const canaries = join(directory, 'canaries');
  mkdirSync(canaries);
  for (const name of names) writeFileSync(join(canaries, `${name}.yaml`), declaration(name));
  const daemon = await startDaemon(canaries, nacos.url, prometheus.url);
  closing.push(daemon.stop);

  await wait(WARM_UP_MS);
  const before = await daemon.sample();
  await wait(MEASURED_MS);
  const after = await daemon.sample();

  const looks = (after.measurements - before.measurements) / METRICS;
  const cpuMs = ((after.ticks - before.ticks) * 1000) / TICKS_PER_SECOND;
  const progressing = after.progressing;
  if (looks < (CANARIES * MEASURED_MS) / 1000 / INTERVAL_S / 2 || progressing < CANARIES) {
    throw new Error(
      `the daemon did not keep up: ${looks} looks, ${progressing} of ${CANARIES} canaries progressing`,
    );
  }
  console.log(`CPU per look at ${CANARIES} canaries: ${(cpuMs / looks).toFixed(2)} ms`);
  console.log(`  ${looks} looks of ${METRICS} metrics in ${MEASURED_MS / 1000} s, interval ${INTERVAL_S} s`);
  console.log(
    `  ${((cpuMs / MEASURED_MS) * 100).toFixed(1)} % of a core, ${Math.round(after.rssKiB / 1024)} MiB resident`,
  );
  console.log(`  machine: ${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.version}`);
}

function scrapeConfig(target: string): string {
  return `global: {scrape_interval: 1s}\nscrape_configs:\n  - {job_name: fleet, static_configs: [{targets: ['${target}']}]}\n`;
}

/** Bakes for an hour: nothing but looks happens while it is measured. */
function declaration(name: string): string {
  return `apiVersion: canary/v1
kind: Canary
metadata: {name: ${name}}
spec:
  revision: v2
  stableRevision: v1
  traffic: {settle: 5s}
  strategy:
    steps: [{setWeight: 5, bake: 1h}, {setWeight: 100, bake: 1h}]
  analysis:
    interval: ${INTERVAL_S}s
    window: 10s
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
