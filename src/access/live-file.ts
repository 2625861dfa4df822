/**
 * Files that may change while the program runs: tokens, secrets, certificates. Their content is compared at each look,
 * whatever times and links say; what cannot be used leaves the last good content in force.
 */
import { open } from 'node:fs/promises';
import { err, ok, type Result } from '../lib/result.ts';

/** What a file held when it was read. */
export interface FileText {
  readonly path: string;
  readonly text: string;
}

export interface LiveFile<T> {
  /** Of the first of its files. */
  readonly path: string;
  /** What is in force. */
  current(): T;
  /** Reads again. Never rejects; a look that runs is not doubled. */
  look(): Promise<void>;
  /** Why the files cannot be used as they are now, with the path; null: what they hold is in force. */
  trouble(): string | null;
}

export interface LiveFileOptions<T> {
  /** Files that belong together, as they were read at the start. */
  readonly files: readonly FileText[];
  /** Of the texts in the order of `files`; the error is the end of a sentence that begins with a path. Must repeat nothing of the texts. */
  readonly parse: (texts: readonly string[]) => Result<T, string>;
  /** Something else is in force now. */
  readonly onChange: (value: T) => void;
  /** Trouble came, changed, or is over (null). */
  readonly onTrouble: (trouble: string | null) => void;
}

const SIZE_LIMIT = 1024 * 1024;

/** Throws an Error when the content of the start cannot be used. */
export function createLiveFile<T>({ files, parse, onChange, onTrouble }: LiveFileOptions<T>): LiveFile<T> {
  const name = files.map(({ path }) => path).join(', ');
  const first = parse(files.map(({ text }) => text));
  if (!first.ok) throw new Error(`${name} ${first.error}`);
  let value = first.value;
  let good = files.map(({ text }) => text);
  let trouble: string | null = null;
  let running: Promise<void> | null = null;

  function settle(now: string | null): void {
    if (now === trouble) return;
    trouble = now;
    onTrouble(now);
  }

  async function lookOnce(): Promise<void> {
    const texts: string[] = [];
    for (const { path } of files) {
      const read = await readText(path);
      if (!read.ok) return settle(`${path} ${read.error}`);
      texts.push(read.value);
    }
    if (texts.every((text, index) => text === good[index])) return settle(null);
    const parsed = parse(texts);
    if (!parsed.ok) return settle(`${name} ${parsed.error}`);
    value = parsed.value;
    good = texts;
    settle(null);
    onChange(value);
  }

  return {
    path: files[0]?.path ?? '',
    current: () => value,
    look() {
      running ??= lookOnce().finally(() => {
        running = null;
      });
      return running;
    },
    trouble: () => trouble,
  };
}

async function readText(path: string): Promise<Result<string, string>> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      return size > SIZE_LIMIT ? err('is larger than 1 MiB') : ok(await file.readFile('utf8'));
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'unknown error';
    return err(`cannot be read: ${code}`);
  }
}
