import { expect, it } from 'vitest';
import { parseExposition } from '../server/exposition.ts';
import { createFleetPage } from './fleet-page.ts';
import { serviceNames } from './services.ts';

type Page = ReturnType<typeof createFleetPage>;

function valueAt(page: Page, seconds: number, name: string, wanted: Record<string, string>): number {
  const head = `# HELP ${name} .\n# TYPE ${name} counter\n`;
  const lines = page.at(seconds).toString().split('\n');
  const own = lines.filter((line) => line.startsWith(`${name}{`)).join('\n');
  const found = parseExposition(`${head}${own}\n`).samples.filter(({ labels }) =>
    Object.entries(wanted).every(([label, value]) => labels[label] === value),
  );
  expect(found).toHaveLength(1);
  return found[0]!.value;
}

it('counts requests as time goes on, with the same page', () => {
  const page = createFleetPage(serviceNames(2));
  const good = { service: 'service-00001', version: 'v2', code: '200' };
  const fast = { service: 'service-00000', version: 'v1', le: '0.05' };
  expect(valueAt(page, 10, 'http_requests_total', good)).toBe(500);
  expect(valueAt(page, 20, 'http_requests_total', good)).toBe(1_000);
  expect(valueAt(page, 20, 'request_latency_bucket', fast)).toBe(500);
  expect(valueAt(page, 20, 'request_latency_bucket', { ...fast, le: '+Inf' })).toBe(1_000);
  expect(page.at(20).length).toBe(page.at(2_000_000).length);
});

it('lets the canary version of one service fail, and no other', () => {
  const page = createFleetPage(serviceNames(2));
  page.fail(['service-00001', 'nobody']);
  const failures = (service: string, version: string) =>
    valueAt(page, 100, 'http_requests_total', { service, version, code: '500' });
  expect(failures('service-00001', 'v2')).toBe(500);
  expect(failures('service-00001', 'v1')).toBe(0);
  expect(failures('service-00000', 'v2')).toBe(0);
});
