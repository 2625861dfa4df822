/** The real Prometheus of one test file: it scrapes what all worlds of the file show. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningPrometheus, startPrometheus, waitForSample } from '../../infra/prometheus/process.ts';
import { type Exporter, METRICS_PATH, REMOTE_PATH, startExporter } from './exporter.ts';

export interface Measured {
  readonly exporter: Exporter;
  readonly url: string;
  /** Resolves with the first scrape, some six seconds after the start. */
  isScraping(): Promise<unknown>;
  /** Ends the process without a chance to say good-bye. */
  kill(): Promise<void>;
  /** Starts it again on the same port with what it had stored. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Queries with this matcher are also sent to the remote storage. */
export const REMOTE_LABEL = 'stored';
export const REMOTE_VALUE = 'remotely';

function configOf(port: number): string {
  return `
global: { scrape_interval: 500ms, scrape_timeout: 500ms }
scrape_configs:
  - job_name: worlds
    metrics_path: ${METRICS_PATH}
    static_configs: [{ targets: ['127.0.0.1:${port}'] }]
remote_read:
  - url: http://127.0.0.1:${port}${REMOTE_PATH}
    read_recent: true
    required_matchers: { ${REMOTE_LABEL}: ${REMOTE_VALUE} }
`;
}

export async function startMeasured(): Promise<Measured> {
  const exporter = await startExporter();
  const dir = await mkdtemp(join(tmpdir(), 'measured-'));
  const config = configOf(exporter.port);
  let running: RunningPrometheus = await startPrometheus({ config, dir });
  const { url } = running;
  return {
    exporter,
    url,
    isScraping: () => waitForSample(url, 'up == 1'),
    async kill() {
      process.kill(running.pid, 'SIGKILL');
      await running.stop();
    },
    async restart() {
      running = await startPrometheus({ config, dir, port: Number(new URL(url).port) });
    },
    async stop() {
      await running.stop();
      await exporter.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
