/** The way of an alert in tests: what is scraped, a real Prometheus with its rules, a real Alertmanager, a webhook. */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import { startAlertmanager } from '../../infra/prometheus/alertmanager.ts';
import { startPrometheus } from '../../infra/prometheus/process.ts';

type Cleanup = TestContext['onTestFinished'];

/** Serves what `page` makes of each scrape's path; resolves with its port. */
export async function serveMetrics(cleanup: Cleanup, page: (path: string) => string): Promise<number> {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(page(request.url ?? ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

export interface Alerting {
  /** A folder of the test's. */
  readonly dir: string;
  /** The rule file. */
  readonly rules: string;
  /** `HOST:PORT` by job. */
  readonly targets: Readonly<Record<string, string>>;
  /** Address of the controller that is told, and the secret that it wants to see. */
  readonly url: string;
  readonly secret: string;
  /** Labels that alerts are told together by. */
  readonly groupBy: readonly string[];
  /** How soon what still fires is told again; default: Alertmanager's own. */
  readonly repeat?: string;
}

/** Scrapes and evaluates every second, and tells at once what fires. */
export async function startAlerting(cleanup: Cleanup, alerting: Alerting): Promise<void> {
  const { dir, rules, targets, url, secret, groupBy, repeat = '4h' } = alerting;
  const alertmanager = await startAlertmanager(`
route:
  receiver: canary
  group_by: [${groupBy.join(', ')}]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: ${repeat}
receivers:
  - name: canary
    webhook_configs:
      - url: ${url}/webhooks/alertmanager
        http_config: { authorization: { credentials: ${secret} } }
`);
  cleanup(() => alertmanager.stop());
  const file = join(dir, 'rules.yml');
  writeFileSync(file, rules);
  const scrapes = Object.entries(targets).map(
    ([job, target]) => `  - { job_name: ${job}, static_configs: [{ targets: ['${target}'] }] }`,
  );
  const prometheus = await startPrometheus({
    config: `
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ['${file}']
scrape_configs:
${scrapes.join('\n')}
alerting: { alertmanagers: [{ static_configs: [{ targets: ['${new URL(alertmanager.url).host}'] }] }] }
`,
  });
  cleanup(() => prometheus.stop());
}
