/** A clone as a reader has it after the download: what git knows of this tree, and what `make setup` fetches in place. */
import { cp, mkdtemp, rm, stat, symlink, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from '../system/world.ts';
import { run } from '../terraform/tools.ts';
import { ROOT } from './reference.ts';

/** Null where the tree can be cloned; else the reason why not. */
export async function noClone(): Promise<string | null> {
  const { code, said } = await run('git', ['rev-parse', '--verify', '--quiet', 'HEAD'], { cwd: ROOT });
  return code === 0 ? null : `this is no checkout that can be cloned: ${said.trim() || `exit code ${code}`}`;
}

/**
 * The folder of a clone of HEAD, with the changes on top that are not committed yet. What comes over the network is
 * linked: `node_modules`, made before the lock file to make's eyes, and `.tools`; nothing else that git ignores is there.
 */
export async function freshClone(cleanup: Cleanup): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'clone-'));
  cleanup(() => rm(home, { recursive: true, force: true }));
  const clone = join(home, 'canary-controller');
  await git('clone', '--quiet', ROOT, clone);
  const changed = await git('ls-files', '-z', '--modified', '--others', '--exclude-standard');
  for (const path of new Set(changed.split('\0').filter((name) => name !== ''))) {
    await rm(join(clone, path), { force: true });
    if (await isThere(join(ROOT, path))) await cp(join(ROOT, path), join(clone, path));
  }
  await utimes(join(clone, 'package-lock.json'), 0, 0);
  for (const fetched of ['node_modules', '.tools']) {
    if (await isThere(join(ROOT, fetched))) await symlink(join(ROOT, fetched), join(clone, fetched));
  }
  // Else `make setup` would install anew, and begin with emptying what the link leads to.
  const { code, said } = await run('make', ['-q', 'node_modules/.package-lock.json'], { cwd: clone });
  if (code !== 0) throw new Error(`make would install the dependencies again: ${said}`);
  return clone;
}

async function git(...args: readonly string[]): Promise<string> {
  const { code, said, stdout } = await run('git', args, { cwd: ROOT });
  if (code !== 0) throw new Error(`git ${args[0]}: ${said}`);
  return stdout;
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
