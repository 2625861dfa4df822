/** A real Prometheus for tests: series written into its storage with chosen times, so that nothing has to be waited for. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensurePrometheus } from '../../infra/prometheus/fetch.ts';
import { type RunningPrometheus, startPrometheus } from '../../infra/prometheus/process.ts';

/** Null where tests on a real Prometheus can run; else the reason why not, which is also printed. */
export const missing: string | null = await ensurePrometheus().then(
  () => null,
  (cause: unknown) => {
    const reason = `tests on a real Prometheus are skipped: ${cause instanceof Error ? cause.message : cause}`;
    process.stderr.write(`${reason}\n`);
    return reason;
  },
);

/** Seconds between two samples of a series. */
export const SCRAPE = 15;

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** One value a scrape, from `START` on; null: no sample. */
  readonly values: readonly (number | null)[];
  /** Unix seconds of each value, where scrapes were not as regular as that. */
  readonly times?: readonly number[];
}

/** Unix seconds of the first sample. */
export const START = 1_700_000_000;

/** Starts a server that holds `series`; `stop` removes them with it. */
export async function loadPrometheus(
  series: readonly Series[],
  args: readonly string[] = [],
): Promise<RunningPrometheus> {
  const { promtool } = await ensurePrometheus();
  const folder = await mkdtemp(join(tmpdir(), 'series-'));
  const dir = join(folder, 'data');
  await writeFile(join(folder, 'series.txt'), `${series.map(linesOf).join('')}# EOF\n`);
  const create = ['tsdb', 'create-blocks-from', 'openmetrics', join(folder, 'series.txt'), dir];
  await promisify(execFile)(promtool, create);
  const running = await startPrometheus({
    config: 'global: {}\n',
    dir,
    args: ['--storage.tsdb.retention.time=100y', ...args],
  });
  return {
    ...running,
    async stop() {
      await running.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function linesOf({ name, labels, values, times }: Series): string {
  const inside = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  let lines = '';
  for (const [index, value] of values.entries()) {
    const at = times?.[index] ?? START + index * SCRAPE;
    if (value !== null) lines += `${name}{${inside.join(',')}} ${value} ${at}\n`;
  }
  return lines;
}

/** A counter that starts at `from` and grows by `step` each time. */
export function counter(count: number, step: number, from = 10_000): number[] {
  return Array.from({ length: count }, (_, index) => from + index * step);
}
