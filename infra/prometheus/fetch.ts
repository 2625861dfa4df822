/** Finds a Prometheus to run in tests and the demo, or unpacks Debian's package into the checkout: nothing is installed. */
import { execFile } from 'node:child_process';
import {
  access,
  constants,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

const TOOLS = resolve(import.meta.dirname, '../../.tools');
const HOME = join(TOOLS, 'prometheus');
const LOCK = join(TOOLS, 'prometheus.lock');
const LOCK_WAIT_MS = 180_000;

export interface Binaries {
  /** Absolute path of the server. */
  readonly prometheus: string;
  /** Absolute path of its companion tool, from the same place. */
  readonly promtool: string;
  /** Where they come from, for the first line of a log. */
  readonly how: string;
}

/**
 * The server and promtool: from PATH, else from `.tools/prometheus` of this checkout, else fetched there. Fetching
 * takes Debian's package apart instead of installing it, because installing starts a system service; it needs
 * neither root nor any change to the machine. Safe to call from many processes at once.
 * Throws an Error that says what to do when the machine offers none of these ways.
 */
export async function ensurePrometheus(): Promise<Binaries> {
  const found = (await onPath()) ?? (await unpacked());
  if (found !== null) return found;
  await mkdir(TOOLS, { recursive: true });
  const release = await takeLock();
  try {
    const meanwhile = await unpacked();
    if (meanwhile !== null) return meanwhile;
    await fetchPackage();
  } finally {
    await release();
  }
  const fetched = await unpacked();
  if (fetched === null) throw new Error(`Debian's prometheus package holds no runnable server; ${ADVICE}`);
  return { ...fetched, how: "unpacked from Debian's package just now" };
}

const ADVICE =
  'put `prometheus` and `promtool` on PATH, or run this on a Debian or Ubuntu machine that can reach its package mirror';

async function onPath(): Promise<Binaries | null> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (folder === '') continue;
    const found = await both(folder, 'found on PATH');
    if (found !== null) return found;
  }
  return null;
}

function unpacked(): Promise<Binaries | null> {
  return both(join(HOME, 'usr/bin'), 'unpacked earlier into .tools/prometheus');
}

async function both(folder: string, how: string): Promise<Binaries | null> {
  const prometheus = resolve(folder, 'prometheus');
  const promtool = resolve(folder, 'promtool');
  try {
    await Promise.all([access(prometheus, constants.X_OK), access(promtool, constants.X_OK)]);
    return { prometheus, promtool, how };
  } catch {
    return null;
  }
}

/** Unpacks beside the final folder and renames, so that nobody ever sees half of it. */
async function fetchPackage(): Promise<void> {
  const scratch = await mkdtemp(join(TOOLS, 'prometheus-'));
  try {
    await download(scratch);
    const archive = (await readdir(scratch)).find((name) => name.endsWith('.deb'));
    if (archive === undefined) throw new Error(`apt-get left no package behind; ${ADVICE}`);
    const root = join(scratch, 'root');
    await command('dpkg-deb', ['-x', join(scratch, archive), root], scratch);
    await rm(HOME, { recursive: true, force: true });
    await rename(root, HOME);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A fresh machine has no package lists yet: only then are they fetched, which takes root. */
async function download(folder: string): Promise<void> {
  try {
    await command('apt-get', ['download', 'prometheus'], folder);
  } catch (first) {
    try {
      const update = ['apt-get', 'update', '-qq'];
      const [name, ...rest] = process.getuid?.() === 0 ? update : ['sudo', '-n', ...update];
      await command(name ?? 'apt-get', rest, folder);
    } catch {
      throw first;
    }
    await command('apt-get', ['download', 'prometheus'], folder);
  }
}

async function command(name: string, args: readonly string[], cwd: string): Promise<void> {
  try {
    await run(name, args, { cwd });
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : '';
    const why = said.split('\n').at(-1) || (cause instanceof Error ? cause.message : String(cause));
    throw new Error(`no Prometheus here, and \`${name} ${args[0] ?? ''}\` failed (${why}); ${ADVICE}`, {
      cause,
    });
  }
}

/**
 * One process fetches, the others wait for it. A lock whose owner died is taken over; should two take it over at
 * once, both fetch and the rename still leaves one whole folder.
 */
async function takeLock(): Promise<() => Promise<void>> {
  const deadline = performance.now() + LOCK_WAIT_MS;
  while (performance.now() < deadline) {
    try {
      await writeFile(LOCK, String(process.pid), { flag: 'wx' });
      return () => rm(LOCK, { force: true });
    } catch (cause) {
      if (codeOf(cause) !== 'EEXIST') throw cause;
    }
    const pid = Number(await readFile(LOCK, 'utf8').catch(() => ''));
    if (pid > 0 && !isAlive(pid)) await rm(LOCK, { force: true });
    else await wait(100);
  }
  throw new Error(`another process has held ${LOCK} for minutes; remove that file and try again`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return codeOf(cause) !== 'ESRCH';
  }
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined;
}

if (import.meta.main) {
  const { prometheus, promtool, how } = await ensurePrometheus();
  process.stdout.write(`${prometheus}\n${promtool}\n`);
  process.stderr.write(`Prometheus: ${how}.\n`);
}
