import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const TSC = join(ROOT, 'node_modules/.bin/tsc');
const run = promisify(execFile);

/** A gateway of someone else, in TypeScript with the strictest checks, that has installed the package. */
const CONSUMER = `
import { type CanaryClient, createCanaryClient } from 'canary-controller/client';
const client: CanaryClient = createCanaryClient({
  nacos: 'http://127.0.0.1:1/nacos',
  services: { checkout: { fallback: 'v1' } },
  readyWithinMs: 1,
});
const isReady: boolean = await client.ready;
const { version, because } = client.choose('checkout', { headers: {}, key: 'ann' });
await client.close();
console.log(JSON.stringify({ isReady, version, because }));
`;

test('the client library works for a program that has installed the package, with its types', async () => {
  const home = await mkdtemp(join(tmpdir(), 'canary-consumer-'));
  onTestFinished(() => rm(home, { recursive: true }));
  const installed = join(home, 'node_modules/canary-controller');
  await mkdir(join(installed, 'node_modules'), { recursive: true });
  await symlink(join(ROOT, 'node_modules/@types'), join(home, 'node_modules/@types'));
  await symlink(join(ROOT, 'node_modules/undici-types'), join(home, 'node_modules/undici-types'));
  await symlink(join(ROOT, 'package.json'), join(installed, 'package.json'));
  await run(TSC, ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(installed, 'dist')]);
  await writeFile(join(home, 'package.json'), '{"type": "module"}');
  await writeFile(join(home, 'gateway.ts'), CONSUMER);
  const checks = ['--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false'];
  const target = ['--module', 'nodenext', '--target', 'es2024', '--types', 'node'];
  await run(TSC, [...checks, ...target, join(home, 'gateway.ts')], { cwd: home });
  const { stdout } = await run(process.execPath, [join(home, 'gateway.js')]);
  expect(JSON.parse(stdout)).toEqual({ isReady: false, version: 'v1', because: 'default' });
});
