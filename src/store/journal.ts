/**
 * The emergency journal: what must be remembered while the database cannot be written. A file of 64 KiB whose blocks
 * are allocated beforehand, so that a full disk does not stop it.
 */
import { closeSync, constants, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

export interface Journal {
  /** Why it cannot take entries, for the start-up log; null when it can. */
  readonly problem: string | null;
  /** Keeps `entry` (plain JSON) on disk before it returns true. False: no room left, or the disk failed. */
  append(entry: object): boolean;
  /** What was kept, oldest first. An entry that a crash cut short is not among them; nothing is when the disk fails. */
  entries(): readonly unknown[];
  /** Forgets everything. False: the disk failed, and the entries may come again. */
  clear(): boolean;
  close(): void;
}

const SIZE = 64 * 1024;
/** Length and CRC-32 of the JSON that follows, both 32 bit little-endian. Length 0 ends the journal. */
const HEADER = 8;

/** An entry belongs to one database: the next one knows nothing of what it tells. */
interface Kept {
  readonly store: string;
  readonly entry: object;
}

/**
 * Opens `file` for the store `storeId`, allocating it where it is missing or too short. What was kept for a database
 * that was lost is forgotten. Never throws: a journal with a `problem` takes nothing, and whoever needs it keeps its
 * entries in memory.
 * Every call reads the file anew, so that a standby that takes over sees what the last leader wrote.
 */
export function createJournal(file: string, storeId: string): Journal {
  const opened = open(file);
  if (typeof opened === 'string') return brokenJournal(opened);
  const fd = opened;

  function read(): { readonly ours: readonly object[]; readonly hasOthers: boolean } {
    const all = scan(readAll(fd)).entries.filter(isKept);
    const ours = all.filter(({ store }) => store === storeId);
    return { ours: ours.map(({ entry }) => entry), hasOthers: ours.length < all.length };
  }

  function clear(): boolean {
    return succeeds(() => {
      writeAll(fd, Buffer.alloc(SIZE), 0);
      return true;
    });
  }

  succeeds(() => {
    const { ours, hasOthers } = read();
    return hasOthers && ours.length === 0 && clear();
  });
  return {
    problem: null,
    append(entry) {
      const kept: Kept = { store: storeId, entry };
      const payload = Buffer.from(JSON.stringify(kept));
      const record = Buffer.concat([headerOf(payload), payload]);
      return succeeds(() => {
        const { end } = scan(readAll(fd));
        if (end + record.length > SIZE) return false;
        writeAll(fd, record, end);
        return true;
      });
    },
    entries() {
      let found: readonly object[] = [];
      succeeds(() => {
        found = read().ours;
        return true;
      });
      return found;
    },
    clear,
    close: () => closeSync(fd),
  };
}

/** The file descriptor, or why there is none. */
function open(file: string): number | string {
  let fd: number | null = null;
  try {
    fd = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o644);
    const { length } = readAll(fd);
    // Zeros are written, not skipped over: only written blocks are ours when the disk is full.
    if (length < SIZE) writeAll(fd, Buffer.alloc(SIZE - length), length);
    return fd;
  } catch (error) {
    if (fd !== null) closeSync(fd);
    return `${file} cannot be allocated: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function brokenJournal(problem: string): Journal {
  return { problem, append: () => false, entries: () => [], clear: () => true, close: () => {} };
}

/** Whole entries were checked by their sum; what else stands in the file is of another version. */
function isKept(found: unknown): found is Kept {
  return typeof found === 'object' && found !== null && 'store' in found && 'entry' in found;
}

function headerOf(payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(payload.length, 0);
  header.writeUInt32LE(crc32(payload), 4);
  return header;
}

/** The entries up to the first that is not whole, and where that one begins. */
function scan(content: Buffer): { readonly entries: readonly unknown[]; readonly end: number } {
  const entries: unknown[] = [];
  let end = 0;
  while (end + HEADER <= content.length) {
    const length = content.readUInt32LE(end);
    const payload = content.subarray(end + HEADER, end + HEADER + length);
    if (length === 0 || payload.length < length || crc32(payload) !== content.readUInt32LE(end + 4)) break;
    entries.push(JSON.parse(payload.toString('utf8')));
    end += HEADER + length;
  }
  return { entries, end };
}

function readAll(fd: number): Buffer {
  const content = Buffer.alloc(SIZE);
  let length = 0;
  for (;;) {
    const read = readSync(fd, content, length, SIZE - length, length);
    if (read === 0) return content.subarray(0, length);
    length += read;
  }
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(fd, bytes, written, bytes.length - written, position + written);
  }
  fdatasyncSync(fd);
}

/** The disk failing is an answer here, not an exception. */
function succeeds(attempt: () => boolean): boolean {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return false;
    throw error;
  }
}
