/**
 * Reading the canaries directory. The directory itself is the truth: a scan looks at all of it, and reads again what
 * changed on disk. A watcher only says that a scan would be worth while.
 */
import { createHash } from 'node:crypto';
import { type Stats, stat as statByCallback } from 'node:fs';
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import type { ParsedFile } from '../spec/canary.ts';
import { unreadableFile } from '../spec/unreadable.ts';

/** Parses one file's text; the controller wraps the real parser with its cache. */
export type Parse = (text: string, file: string, contentHash: string) => ParsedFile;

export type Scan = CompleteScan | { readonly kind: 'unreadable'; readonly detail: string };

export interface CompleteScan {
  readonly kind: 'complete';
  /** In the order of their names. The same array as before while nothing changed. */
  readonly files: readonly ParsedFile[];
  /** Names of the files that are there. */
  readonly present: ReadonlySet<string>;
  /** Of those the ones that nothing is known of yet: being written, or swapped while we looked. */
  readonly unread: ReadonlySet<string>;
  /**
   * Another scan is due soon: a file is so fresh that its writer may not be done. Until then its last parsed form
   * stands.
   */
  readonly settling: boolean;
}

/** Why a scan is made. `tick`: only because time passed, so that it may be spared for a while. */
export type ScanReason = 'tick' | 'hint';

interface Seen {
  /** What the path led to; '' reads it again at the next scan. */
  readonly stamp: string;
  readonly hash: string;
  readonly parsed: ParsedFile;
}

/** What became of one file: its content, or nothing that can be used now. */
type Look = Seen | 'settling' | 'vanished' | 'noFile';

const SPEC_NAME = /^[^.#].*\.ya?ml$/;
const READS_AT_ONCE = 32;
const STATS_AT_ONCE = 256;
/** A file that changed less than this ago may be half-written. */
const SETTLED_MS = 100;
/**
 * What passes between two looks at the times of all files while nothing hints at a change, for each file and at most:
 * a file that is written in place where no watcher works is seen that late. Ticks of 5 s look at 500 files each time;
 * at 2,000 files every time would be a fifth of all that a fleet at rest costs.
 */
const REST_PER_FILE_MS = 10;
const REST_MOST_MS = 30_000;
/** Nothing larger is parsed, and reading it would only fill the memory. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Names that editors use for swap and backup files never match: dot-names, `#x#`, `x~`, `x.swp`. */
function isSpecName(name: string): boolean {
  return SPEC_NAME.test(name);
}

/** A scanner that remembers what it read: an unchanged file costs one look at its times. Scans must not overlap. */
export function createSpecFiles(
  directory: string,
  parse: Parse,
  clock: Pick<Clock, 'now' | 'monotonic'>,
): { scan(reason: ScanReason): Promise<Scan> } {
  let seen = new Map<string, Seen>();
  let files: readonly ParsedFile[] = [];
  /** The last scan, if another one of the same directory would find the same names. */
  let last: { readonly scan: CompleteScan; readonly stamp: string; readonly at: number } | null = null;

  async function scan(reason: ScanReason): Promise<Scan> {
    const stamp = await directoryStamp();
    const restMs = Math.min(REST_MOST_MS, seen.size * REST_PER_FILE_MS);
    const rests = last !== null && last.stamp === stamp && clock.monotonic() - last.at < restMs;
    if (last !== null && rests && reason === 'tick') return last.scan;
    const at = clock.monotonic();
    const found = await scanWhole();
    const isSure = found.kind === 'complete' && !found.settling && stamp !== null;
    last = isSure ? { scan: found, stamp, at } : null;
    return found;
  }

  /** Changes with every name that comes, goes or is swapped. Null: that may be happening now. */
  async function directoryStamp(): Promise<string | null> {
    try {
      const found = await stat(directory);
      return clock.now() - found.mtimeMs < SETTLED_MS ? null : stampOf(found);
    } catch {
      return null;
    }
  }

  async function scanWhole(): Promise<Scan> {
    let names: string[];
    try {
      names = (await readdir(directory)).filter(isSpecName);
    } catch (error) {
      return { kind: 'unreadable', detail: reasonOf(error) };
    }
    const next = new Map<string, Seen>();
    const unread = new Set<string>();
    const present = new Set(names);
    let settling = false;
    for (const [name, look] of await lookAtAll(names)) {
      if (look === 'noFile') present.delete(name);
      const isFleeting = look === 'settling' || look === 'vanished';
      if (isFleeting) settling = true;
      const kept = isFleeting ? seen.get(name) : look;
      if (typeof kept === 'object') next.set(name, kept);
      else if (isFleeting) unread.add(name);
    }
    if (!isSame(seen, next)) files = parsedInOrder(next);
    seen = next;
    return { kind: 'complete', files, present, unread, settling };
  }

  async function lookAtAll(names: readonly string[]): Promise<Map<string, Look>> {
    const looks = new Map<string, Look>();
    const changed: string[] = [];
    await eachStat(directory, names, (name, found) => {
      const known = seen.get(name);
      if (known !== undefined && found !== null && known.stamp === stampOf(found)) looks.set(name, known);
      else changed.push(name);
    });
    for (let at = 0; at < changed.length; at += READS_AT_ONCE) {
      const slice = changed.slice(at, at + READS_AT_ONCE);
      const found = await Promise.all(slice.map(async (name) => [name, await readOne(name)] as const));
      for (const [name, look] of found) looks.set(name, look);
    }
    return looks;
  }

  async function readOne(name: string): Promise<Look> {
    const path = join(directory, name);
    const known = seen.get(name);
    try {
      const before = await stat(path);
      if (!before.isFile()) return 'noFile';
      if (Math.abs(clock.now() - Math.max(before.mtimeMs, before.ctimeMs)) < SETTLED_MS) return 'settling';
      if (before.size > MAX_BYTES) return unreadable(name, 'it is far too large');
      const text = await readFile(path, 'utf8');
      const stamp = stampOf(before);
      if (stampOf(await stat(path)) !== stamp) return 'settling';
      const hash = createHash('sha256').update(text).digest('hex');
      if (known?.hash === hash) return { ...known, stamp };
      return { stamp, hash, parsed: parse(text, name, hash) };
    } catch (error) {
      // A fault of the parser, too, is this file's and keeps no other from being read.
      return (await isThere(path)) ? unreadable(name, reasonOf(error)) : 'vanished';
    }
  }

  /** The same form as at the last scan when the reason is the same, so that nothing seems to have changed. */
  function unreadable(name: string, reason: string): Seen {
    const hash = `unreadable: ${reason}`;
    const known = seen.get(name);
    if (known?.hash === hash) return known;
    return { stamp: '', hash, parsed: unreadableFile(name, reason) };
  }

  return { scan };
}

/** Whether both hold the same forms of the same files. */
function isSame(before: ReadonlyMap<string, Seen>, after: ReadonlyMap<string, Seen>): boolean {
  if (before.size !== after.size) return false;
  for (const [name, { parsed }] of after) if (before.get(name)?.parsed !== parsed) return false;
  return true;
}

function parsedInOrder(seen: ReadonlyMap<string, Seen>): readonly ParsedFile[] {
  return [...seen.keys()].sort().flatMap((name) => seen.get(name)?.parsed ?? []);
}

/** Identity and age of what a path leads to now: another link target is another inode, every write another time. */
function stampOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`;
}

/**
 * Calls `use` for each name with what its path leads to, null where that cannot be told. By callbacks: promises
 * would take twice the time of a scan in which nothing changed.
 */
async function eachStat(
  directory: string,
  names: readonly string[],
  use: (name: string, found: Stats | null) => void,
): Promise<void> {
  for (let at = 0; at < names.length; at += STATS_AT_ONCE) {
    const slice = names.slice(at, at + STATS_AT_ONCE);
    await new Promise<void>((resolve) => {
      let left = slice.length;
      for (const name of slice) {
        statByCallback(join(directory, name), (error, found) => {
          use(name, error === null ? found : null);
          left -= 1;
          if (left === 0) resolve();
        });
      }
    });
  }
}

/** A name that leads nowhere is still there: somebody swaps what it points to, or a link is broken. */
async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
