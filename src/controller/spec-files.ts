/**
 * Reading the canaries directory. The directory itself is the truth: every scan looks at all of it, and reads again
 * what changed on disk. A watcher only says that a scan would be worth while.
 */
import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ParsedFile } from '../spec/canary.ts';

/** Parses one file's text; the controller wraps the real parser with its cache. */
export type Parse = (text: string, file: string, contentHash: string) => ParsedFile;

export type Scan =
  | {
      readonly kind: 'complete';
      readonly files: readonly ParsedFile[];
      readonly present: ReadonlySet<string>;
    }
  | { readonly kind: 'unreadable'; readonly detail: string };

export interface SpecFiles {
  /**
   * Looks at the whole directory. A file that is being written (its size or time changed while it was read) keeps its
   * last parsed form in this scan, and `settling` is true: another scan is due soon.
   */
  scan(): Promise<Scan & { readonly settling: boolean }>;
}

interface Seen {
  readonly stamp: string;
  readonly hash: string;
  readonly parsed: ParsedFile;
}

const SPEC_NAME = /^[^.].*\.ya?ml$/;
const READS_AT_ONCE = 32;

/** Names that editors use for swap and backup files never match: dot-names, `#x#`, `x~`, `x.swp`. */
function isSpecName(name: string): boolean {
  return SPEC_NAME.test(name) && !name.startsWith('#');
}

export function createSpecFiles(directory: string, parse: Parse): SpecFiles {
  let seen = new Map<string, Seen>();

  async function scan(): Promise<Scan & { readonly settling: boolean }> {
    let names: string[];
    try {
      names = (await readdir(directory)).filter(isSpecName).sort();
    } catch (error) {
      return { kind: 'unreadable', detail: reasonOf(error), settling: false };
    }
    const next = new Map<string, Seen>();
    let settling = false;
    for (let at = 0; at < names.length; at += READS_AT_ONCE) {
      const slice = names.slice(at, at + READS_AT_ONCE);
      const results = await Promise.all(slice.map((name) => readOne(name)));
      for (const [index, result] of results.entries()) {
        const name = slice[index];
        if (name === undefined || result === 'gone') continue;
        if (result === 'settling') settling = true;
        const kept = result === 'settling' ? seen.get(name) : result;
        if (kept !== undefined) next.set(name, kept);
      }
    }
    seen = next;
    const files = [...next.values()].map(({ parsed }) => parsed);
    return { kind: 'complete', files, present: new Set(names), settling };
  }

  async function readOne(name: string): Promise<Seen | 'settling' | 'gone'> {
    const path = join(directory, name);
    try {
      const before = await stampOf(path);
      if (before === null) return 'gone';
      const known = seen.get(name);
      if (known?.stamp === before) return known;
      const text = await readFile(path, 'utf8');
      if ((await stampOf(path)) !== before) return 'settling';
      const hash = createHash('sha256').update(text).digest('hex');
      if (known?.hash === hash) return { ...known, stamp: before };
      return { stamp: before, hash, parsed: parse(text, name, hash) };
    } catch (error) {
      if (isMissing(error)) return 'gone';
      return { stamp: '', hash: '', parsed: unreadableFile(name, reasonOf(error)) };
    }
  }

  return { scan };
}

/** Identity and age of what a path leads to now; null for directories. Change time and inode see every rename. */
async function stampOf(path: string): Promise<string | null> {
  const [link, file] = await Promise.all([lstat(path), stat(path)]);
  if (!file.isFile()) return null;
  return `${link.ino}:${file.ino}:${file.size}:${file.mtimeMs}:${file.ctimeMs}`;
}

function unreadableFile(file: string, detail: string): ParsedFile {
  return {
    specs: [],
    diagnostics: [
      {
        severity: 'error',
        file,
        line: 1,
        column: 1,
        code: 'SPEC_UNREADABLE',
        detail: `the file cannot be read: ${detail}`,
      },
    ],
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
