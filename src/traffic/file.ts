/** The traffic router that keeps the rule document in a file, for proxies that reload one and for people without Nacos. */
import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import type { PublishReport } from '../core/observation.ts';
import type { Clock } from '../lib/clock.ts';
import type { FileTarget, TrafficTarget } from '../spec/canary.ts';
import type { PublishGuard, TrafficRouter } from './router.ts';

/** Every way in which the file router can fail, with what a person does next. */
export const FILE_CODES = {
  FILE_OUTSIDE: 'the path leads out of the canaries directory; use a path and links that stay inside it',
  FILE_NOT_REGULAR:
    'the path is not a regular file of at most 2 MiB; remove what is there or name another path',
  FILE_CONFLICT:
    'the file is not the one that was to be replaced; see who else writes it, nothing was overwritten',
  FILE_UNREADABLE: 'the file cannot be read; check its permissions and the disk',
  FILE_UNWRITABLE: 'the file cannot be written; check the permissions of its directory and the disk',
} as const;

export type FileCode = keyof typeof FILE_CODES;

class FileError extends Error {
  readonly code: FileCode;
  constructor(code: FileCode, particulars: string) {
    super(`${particulars}: ${FILE_CODES[code]}`);
    this.name = 'FileError';
    this.code = code;
  }
}

export interface FileRouterOptions {
  /** The canaries directory. It may be a link that is swapped: it is looked up again for every call. */
  readonly directory: string;
  readonly clock: Clock;
}

/** The size limit of a Nacos document, so that a rule can move from one router to the other. */
const SIZE_LIMIT_BYTES = 2 * 1024 * 1024;

/**
 * A router for files inside one directory. Readers see the old document or the new one, never a part: it is written to
 * a dot-file beside its place, synced, compared, and renamed. The comparison and the rename are two calls, so an edit
 * made between them is overwritten. Directories that are missing are made. A link is followed as long as it stays
 * inside, and what it points to is replaced, not the link.
 */
export function createFileRouter({ directory, clock }: FileRouterOptions): TrafficRouter {
  let isUp = true;

  /** Runs one access and keeps whether the disk answered. */
  async function access<T>(code: FileCode, path: string, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      isUp = true;
      return result;
    } catch (error) {
      isUp = error instanceof FileError;
      throw error instanceof FileError ? error : new FileError(code, `${path} (${reasonOf(error)})`);
    }
  }

  return {
    async read(target, signal) {
      const { path } = fileTarget(target);
      try {
        const found = await access('FILE_UNREADABLE', path, async () =>
          load(await placeOf(directory, path), path, signal),
        );
        const at = clock.now();
        if (found === null) return { kind: 'absent', at, authoritative: true };
        return {
          kind: 'document',
          at,
          content: found.toString('utf8'),
          md5: md5Of(found),
          authoritative: true,
        };
      } catch (error) {
        const { code, message } = expected(error);
        return { kind: 'unreadable', at: clock.now(), code, detail: message };
      }
    },

    async publish(target, operation, content, guard, signal) {
      const { path } = fileTarget(target);
      try {
        await access('FILE_UNWRITABLE', path, async () => {
          const place = await placeOf(directory, path);
          await replace(place, content, () => requireExpected(place, path, guard, signal));
        });
        return { operation, at: clock.now(), result: 'accepted', code: '', detail: `${path} is written` };
      } catch (error) {
        const { code, message } = expected(error);
        return { operation, at: clock.now(), result: resultOf(code), code, detail: message };
      }
    },

    beta: async () => 'none',

    listeners: async () => ({ kind: 'unknown', detail: 'nobody can tell who reads a file' }),

    facts: () => ({
      summary: `files in ${directory}, compared just before they are replaced, verified by reading them`,
      compareAndSet: false,
      authoritativeReads: true,
      warnings: [],
    }),

    isUp: () => isUp,

    async close() {},
  };
}

/** Where the document really is: inside the real directory, all links followed. Makes no directory. */
async function placeOf(directory: string, path: string): Promise<string> {
  const root = await realpath(directory);
  const wanted = resolve(root, path);
  requireInside(root, wanted, path);
  const missing: string[] = [];
  let existing = wanted;
  while (existing !== root && (await look(existing)) === null) {
    missing.unshift(basename(existing));
    existing = dirname(existing);
  }
  const real = await realpath(existing).catch(() => {
    throw new FileError('FILE_OUTSIDE', `${path} (a link that leads nowhere)`);
  });
  const place = join(real, ...missing);
  requireInside(root, place, path);
  return place;
}

function requireInside(root: string, place: string, path: string): void {
  if (!place.startsWith(root.endsWith(sep) ? root : root + sep)) throw new FileError('FILE_OUTSIDE', path);
}

/** What is at a path, links not followed; null when nothing is. */
async function look(path: string): Promise<Stats | null> {
  return lstat(path).catch(orNothing);
}

function orNothing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

async function load(place: string, path: string, signal: AbortSignal): Promise<Buffer | null> {
  // A pipe or a device would be waited for until somebody writes into it.
  const found = await stat(place).catch(orNothing);
  if (found === null) return null;
  if (!found.isFile() || found.size > SIZE_LIMIT_BYTES) throw new FileError('FILE_NOT_REGULAR', path);
  return readFile(place, { signal }).catch(orNothing);
}

async function requireExpected(
  place: string,
  path: string,
  { expectMd5 }: PublishGuard,
  signal: AbortSignal,
): Promise<void> {
  if (expectMd5 === null) return;
  const live = await load(place, path, signal);
  const found = live === null ? 'absent' : md5Of(live);
  if (found !== expectMd5) throw new FileError('FILE_CONFLICT', `${path} is ${found}`);
}

/** Atomic replacement: complete on the disk under another name first, then renamed once `mayReplace` agrees. */
async function replace(place: string, content: string, mayReplace: () => Promise<void>): Promise<void> {
  const parent = dirname(place);
  await mkdir(parent, { recursive: true });
  const draft = join(parent, `.${basename(place)}.draft`);
  // Left by a crash, or put there by someone: never written through.
  await rm(draft, { force: true });
  try {
    const file = await open(draft, 'wx', 0o644);
    try {
      await file.writeFile(content, 'utf8');
      await file.sync();
    } finally {
      await file.close();
    }
    await mayReplace();
    await rename(draft, place);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncDirectory(parent);
}

/** The rename itself survives a power cut only when its directory is on the disk too. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Of the bytes, so that a file that is no valid UTF-8 cannot be taken for another one. */
function md5Of(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}

function resultOf(code: FileCode): PublishReport['result'] {
  if (code === 'FILE_CONFLICT') return 'conflict';
  return code === 'FILE_OUTSIDE' || code === 'FILE_NOT_REGULAR' ? 'denied' : 'failed';
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function expected(error: unknown): FileError {
  if (error instanceof FileError) return error;
  throw error;
}

function fileTarget(target: TrafficTarget): FileTarget {
  if (target.kind === 'file') return target;
  throw new Error(`a ${target.kind} target was given to the file router`);
}
