import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test, vi } from 'vitest';
import { aWorld, type Cleanup } from '../system/world.ts';
import { find, skipped } from '../terraform/tools.ts';

const python = await find('python3');
const tool = await find('systemd-notify');
const missing = [...(python === null ? ['python3'] : []), ...(tool === null ? ['systemd-notify'] : [])];
if (missing.length > 0) skipped('what the daemon tells systemd', `${missing.join(' and ')} not on PATH`);

/** Messages to the socket at `path`, as they come. */
async function listenAt(path: string, cleanup: Cleanup): Promise<readonly string[]> {
  const messages: string[] = [];
  const script = resolve(import.meta.dirname, 'notify-socket.py');
  const receiver = spawn(python ?? 'python3', [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  cleanup(() => void receiver.kill());
  createInterface({ input: receiver.stdout }).on('line', (line) => messages.push(line));
  await vi.waitFor(() => expect(messages).toEqual(['bound']), { timeout: 20_000 });
  return messages;
}

test.skipIf(missing.length > 0)(
  'the daemon tells systemd that it is ready, then that it lives, and at the end that it stops',
  async ({ onTestFinished }) => {
    const world = await aWorld(onTestFinished);
    const socket = join(world.dir, 'notify');
    const messages = await listenAt(socket, onTestFinished);
    const daemon = world.start([], { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '200000' });
    const told = (message: string) =>
      vi.waitFor(() => expect(messages).toContain(message), { timeout: 20_000, interval: 20 });
    await told('READY=1');
    await told('WATCHDOG=1');
    daemon.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
    await told('STOPPING=1');
    const order = ['READY=1', 'WATCHDOG=1', 'STOPPING=1'].map((message) => messages.indexOf(message));
    expect(order).toEqual(order.toSorted((one, other) => one - other));
  },
);
