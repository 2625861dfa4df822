/** Finds programs of a Debian package, or unpacks the package into the checkout: nothing is installed. */
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
const LOCK_WAIT_MS = 180_000;

/** What is looked for, all of it in one place. */
export interface Wanted {
  /** For sentences, e.g. "Prometheus". */
  readonly name: string;
  /** Debian's package. */
  readonly package: string;
  readonly programs: readonly string[];
}

export interface Found {
  /** Absolute paths, in the order of `programs`. */
  readonly paths: readonly string[];
  /** Where they come from, for the first line of a log. */
  readonly how: string;
}

/**
 * The programs: from PATH, else from `.tools/PACKAGE` of this checkout, else fetched there. Fetching takes Debian's
 * package apart instead of installing it, because installing starts a system service; it needs neither root nor any
 * change to the machine. Safe to call from many processes at once.
 * Throws an Error that says what to do when the machine offers none of these ways.
 */
export async function ensurePrograms(wanted: Wanted): Promise<Found> {
  const found = (await onPath(wanted)) ?? (await unpacked(wanted));
  if (found !== null) return found;
  await mkdir(TOOLS, { recursive: true });
  const release = await takeLock(`${homeOf(wanted)}.lock`);
  try {
    const meanwhile = await unpacked(wanted);
    if (meanwhile !== null) return meanwhile;
    await fetchPackage(wanted);
  } finally {
    await release();
  }
  const fetched = await unpacked(wanted);
  if (fetched === null) {
    throw new Error(`Debian's package ${wanted.package} holds no ${wanted.programs[0]}; ${advice(wanted)}`);
  }
  return { ...fetched, how: "unpacked from Debian's package just now" };
}

function homeOf(wanted: Wanted): string {
  return join(TOOLS, wanted.package);
}

function advice({ programs }: Wanted): string {
  const names = programs.map((name) => `\`${name}\``).join(' and ');
  return `put ${names} on PATH, or run this on a Debian or Ubuntu machine that can reach its package mirror`;
}

async function onPath(wanted: Wanted): Promise<Found | null> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (folder === '') continue;
    const found = await allIn(folder, wanted, 'found on PATH');
    if (found !== null) return found;
  }
  return null;
}

function unpacked(wanted: Wanted): Promise<Found | null> {
  const folder = join(homeOf(wanted), 'usr/bin');
  return allIn(folder, wanted, `unpacked earlier into .tools/${wanted.package}`);
}

async function allIn(folder: string, { programs }: Wanted, how: string): Promise<Found | null> {
  const paths = programs.map((name) => resolve(folder, name));
  try {
    await Promise.all(paths.map((path) => access(path, constants.X_OK)));
    return { paths, how };
  } catch {
    return null;
  }
}

/** Unpacks beside the final folder and renames, so that nobody ever sees half of it. */
async function fetchPackage(wanted: Wanted): Promise<void> {
  const scratch = await mkdtemp(join(TOOLS, `${wanted.package}-`));
  try {
    await download(wanted, scratch);
    const archive = (await readdir(scratch)).find((name) => name.endsWith('.deb'));
    if (archive === undefined) throw new Error(`apt-get left no package behind; ${advice(wanted)}`);
    const root = join(scratch, 'root');
    await command(wanted, 'dpkg-deb', ['-x', join(scratch, archive), root], scratch);
    await rm(homeOf(wanted), { recursive: true, force: true });
    await rename(root, homeOf(wanted));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A fresh machine has no package lists yet: only then are they fetched, which takes root. */
async function download(wanted: Wanted, folder: string): Promise<void> {
  const load = () => command(wanted, 'apt-get', ['download', wanted.package], folder);
  try {
    await load();
  } catch (first) {
    try {
      const update = ['apt-get', 'update', '-qq'];
      const [name, ...rest] = process.getuid?.() === 0 ? update : ['sudo', '-n', ...update];
      await command(wanted, name ?? 'apt-get', rest, folder);
    } catch {
      throw first;
    }
    await load();
  }
}

async function command(wanted: Wanted, name: string, args: readonly string[], cwd: string): Promise<void> {
  try {
    await run(name, args, { cwd });
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : '';
    const why = said.split('\n').at(-1) || (cause instanceof Error ? cause.message : String(cause));
    const what = `no ${wanted.name} here, and \`${name} ${args[0] ?? ''}\` failed (${why})`;
    throw new Error(`${what}; ${advice(wanted)}`, { cause });
  }
}

/**
 * One process fetches, the others wait for it. A lock whose owner died is taken over; should two take it over at
 * once, both fetch and the rename still leaves one whole folder.
 */
async function takeLock(file: string): Promise<() => Promise<void>> {
  const deadline = performance.now() + LOCK_WAIT_MS;
  while (performance.now() < deadline) {
    try {
      await writeFile(file, String(process.pid), { flag: 'wx' });
      return () => rm(file, { force: true });
    } catch (cause) {
      if (codeOf(cause) !== 'EEXIST') throw cause;
    }
    const pid = Number(await readFile(file, 'utf8').catch(() => ''));
    if (pid > 0 && !isAlive(pid)) await rm(file, { force: true });
    else await wait(100);
  }
  throw new Error(`another process has held ${file} for minutes; remove that file and try again`);
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
