import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ensurePrometheus } from '../../infra/prometheus/fetch.ts';
import { startPrometheus, waitForSample } from '../../infra/prometheus/process.ts';
import { missing } from './real.ts';

describe.skipIf(missing !== null)('a Prometheus of our own', () => {
  test('everyone who asks for the binaries gets the same ones', async () => {
    const [first, ...others] = await Promise.all([
      ensurePrometheus(),
      ensurePrometheus(),
      ensurePrometheus(),
    ]);
    for (const other of others) expect(other.prometheus).toBe(first.prometheus);
    expect(existsSync(first.promtool)).toBe(true);
  });

  test('answers on a free loopback port and leaves nothing behind', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'kept-'));
    const running = await startPrometheus({ config: 'global: {}\n', dir });
    expect(running.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    expect(await waitForSample(running.url, 'vector(3)')).toBe(3);
    await running.stop();
    await running.stop();
    expect(() => process.kill(running.pid, 0)).toThrow('ESRCH');
    expect(await readdir(dir)).not.toEqual([]);
    await rm(dir, { recursive: true });
  });

  test('says what is wrong with its configuration', async () => {
    await expect(startPrometheus({ config: 'nonsense: true\n' })).rejects.toThrow('field nonsense not found');
  });

  test('a query without a sample ends with what was answered last', async () => {
    const running = await startPrometheus({ config: 'global: {}\n' });
    await expect(waitForSample(running.url, 'up', 150)).rejects.toThrow('"result":[]');
    await running.stop();
  });
});
