import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Log } from '../../src/telemetry/log.ts';
import { createSupervisor } from '../../src/telemetry/supervisor.ts';
import { silentLog } from '../support/silent-log.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const SOCKET = { NOTIFY_SOCKET: '/run/systemd/notify' };

/** A supervisor on a standing clock, with a tool of systemd's name that writes down what it is given. */
function supervised(env: Readonly<Record<string, string>>, script = 'echo "$@" >> "$TOLD"') {
  const folder = mkdtempSync(join(tmpdir(), 'supervisor-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'told');
  writeFileSync(file, '');
  writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, 'systemd-notify'), 0o755);
  const clock = createVirtualClock();
  const warnings: unknown[] = [];
  const log: Log = { ...silentLog, warn: (fields) => void warnings.push(fields) };
  const path = `${folder}:${process.env['PATH']}`;
  const supervisor = createSupervisor({ env: { ...env, PATH: path, TOLD: file }, clock, log });
  onTestFinished(supervisor.close);
  const told = () => readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return { supervisor, clock, warnings, told };
}

const soon = (assertion: () => void) => vi.waitFor(assertion, { timeout: 20_000, interval: 10 });

test('signs of life come twice in each interval of the watchdog, until the end', async () => {
  const { supervisor, clock, told } = supervised({ ...SOCKET, WATCHDOG_USEC: '60000000' });
  expect(clock.nextIn()).toBeNull();
  supervisor.ready();
  await soon(() => expect(told()).toEqual(['READY=1']));
  expect(clock.nextIn()).toBe(30_000);
  for (let count = 1; count <= 2; count += 1) {
    await soon(() => {
      if (told().length === count) clock.advance(30_000);
      expect(told()).toHaveLength(count + 1);
    });
  }
  expect(told()).toEqual(['READY=1', 'WATCHDOG=1', 'WATCHDOG=1']);
  supervisor.close();
  expect(clock.nextIn()).toBeNull();
});

test('without a watchdog there are none', async () => {
  const { supervisor, clock, told } = supervised(SOCKET);
  supervisor.ready();
  await soon(() => expect(told()).toEqual(['READY=1']));
  expect(clock.nextIn()).toBeNull();
});

test('without systemd nothing is told and nothing is started', () => {
  const { supervisor, clock, told, warnings } = supervised({ NOTIFY_SOCKET: '', WATCHDOG_USEC: '60000000' });
  supervisor.ready();
  supervisor.stopping();
  expect(clock.nextIn()).toBeNull();
  expect([told(), warnings]).toEqual([[], []]);
});

test('a message that does not get through is a warning, and the daemon goes on', async () => {
  const { supervisor, warnings } = supervised(SOCKET, 'exit 3');
  supervisor.ready();
  await soon(() => expect(warnings).toMatchObject([{ message: 'READY=1' }]));
});
