/** Starts the process of `one-look.ts`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { NacosTarget } from '../../src/spec/canary.ts';
import type { NacosRouterOptions } from '../../src/traffic/nacos/router.ts';
import type { Look } from './one-look.ts';

/** What the process saw; resolves when it has ended by itself. `environment` is added to ours. */
export async function lookFromAProcess(
  options: Omit<NacosRouterOptions, 'clock' | 'random' | 'log'>,
  target: NacosTarget,
  environment: Readonly<Record<string, string>> = {},
): Promise<Look> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'one-look.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment, LOOK: JSON.stringify({ ...options, target }) },
  });
  const [printed] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return JSON.parse(printed);
}
