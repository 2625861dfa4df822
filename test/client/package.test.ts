import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';

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

const OUTPUT = JSON.stringify({ isReady: false, version: 'v1', because: 'default' });

/** A folder of that program, where `tsc` finds the types of Node. */
async function consumer(text: string): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'canary-consumer-'));
  onTestFinished(() => rm(home, { recursive: true }));
  await mkdir(join(home, 'node_modules'));
  for (const types of ['@types', 'undici-types']) {
    await symlink(join(ROOT, 'node_modules', types), join(home, 'node_modules', types));
  }
  await writeFile(join(home, 'package.json'), '{"type": "module"}');
  await writeFile(join(home, 'gateway.ts'), text);
  return home;
}

let built: string;

beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), 'canary-built-'));
  await run(TSC, ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', built]);
}, 60_000);

afterAll(() => rm(built, { recursive: true }));

/** Compiles the program and runs it; what it printed. */
async function outputOf(home: string): Promise<string> {
  const checks = ['--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false'];
  const target = ['--module', 'nodenext', '--target', 'es2024', '--types', 'node'];
  await run(TSC, [...checks, ...target, join(home, 'gateway.ts')], { cwd: home });
  const { stdout } = await run(process.execPath, [join(home, 'gateway.js')]);
  return stdout.trim();
}

test('the client library works for a program that has installed the package, with its types', async () => {
  const home = await consumer(CONSUMER);
  const installed = join(home, 'node_modules/canary-controller');
  // Nothing of what the package depends on is there.
  await mkdir(join(installed, 'node_modules'), { recursive: true });
  await symlink(join(ROOT, 'package.json'), join(installed, 'package.json'));
  await cp(built, join(installed, 'dist'), { recursive: true });
  expect(await outputOf(home)).toBe(OUTPUT);
});

test('the client library works for a program that took it alone from the package, as its page says', async () => {
  const page = await readFile(join(ROOT, 'docs/how-to/gateway.md'), 'utf8');
  const [, command = ''] = /```sh\n(mkdir -p vendor[^`]+)```/.exec(page) ?? [];
  const [, path = ''] = /from '(\.\/vendor[^']+)'/.exec(page) ?? [];
  const home = await consumer(CONSUMER.replace('canary-controller/client', path));
  await cp(built, join(home, 'package/dist'), { recursive: true });
  await run('tar', ['-czf', 'canary-controller-0.1.0.tgz', 'package'], { cwd: home });
  await rm(join(home, 'package'), { recursive: true });
  await run('sh', ['-ec', command], { cwd: home });
  expect(await outputOf(home)).toBe(OUTPUT);
});
