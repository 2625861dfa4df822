import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { find, run, skipped } from '../terraform/tools.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const UNIT = join(ROOT, 'infra/systemd/canary-controller.service');
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** Values of a setting in the unit, in order. */
function settings(name: string): string[] {
  const lines = readFileSync(UNIT, 'utf8').split('\n');
  return lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1));
}

const analyze = await find('systemd-analyze');
if (analyze === null) skipped('the exposure of the systemd unit', 'systemd-analyze is not on PATH');

test.skipIf(analyze === null)('the unit is hardened to an exposure below 2.0', async () => {
  const args = ['security', '--offline=true', '--threshold=20', UNIT];
  const ended = await run(analyze ?? '', args);
  expect(ended.said).toMatch(/Overall exposure level for canary-controller.service: [01]\.\d/);
  expect(ended.code).toBe(0);
});

test.skipIf(analyze === null)('systemd understands every line of the unit', async () => {
  const ended = await run(analyze ?? '', ['verify', '--man=no', UNIT]);
  // The program is not installed here.
  const others = ended.said.split('\n').filter((line) => line !== '' && !line.includes('is not executable'));
  expect(others).toEqual([]);
});

test('the unit starts what the package installs, by the Node that comes with it', () => {
  const [command = ''] = settings('ExecStart');
  const [node = '', program = ''] = command.split(' ');
  const installed = '/opt/canary/node_modules';
  expect(program).toBe(`${installed}/${manifest.name}/${manifest.bin.canary}`);
  expect(node.startsWith(`${installed}/`)).toBe(true);
  expect(Object.keys(manifest.optionalDependencies)).toContain(node.split('/').at(-3));
  expect(existsSync(join(ROOT, 'node_modules', node.slice(installed.length)))).toBe(true);
});

test('the unit waits for readiness, hears from a child process, and never restarts what cannot work', () => {
  expect(settings('Type')).toEqual(['notify']);
  expect(settings('NotifyAccess')).toEqual(['all']);
  expect(settings('RestartPreventExitStatus')).toEqual(['78']);
  expect(Number(settings('WatchdogSec')[0])).toBeGreaterThan(0);
  // The daemon takes up to 10 s to stop.
  expect(Number(settings('TimeoutStopSec')[0])).toBeGreaterThan(10);
});

test('what the page tells to copy is in the package', () => {
  const page = readFileSync(join(ROOT, 'docs/how-to/systemd.md'), 'utf8');
  const copied = [...page.matchAll(/^install .*?(infra\/\S+) /gm)].map(([, file = '']) => file);
  const isPacked = (file: string) => manifest.files.some((path: string) => file.startsWith(`${path}/`));
  expect(page).toContain(`cd /opt/canary/node_modules/${manifest.name}\n`);
  expect(copied.length).toBeGreaterThan(1);
  expect(copied.filter((file) => !isPacked(file))).toEqual([]);
  expect(copied.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
});
