/** Files that are only ever whole: the new content is written beside the old one and takes its name at the end. */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { err, type Result } from '../lib/result.ts';

/** The owner may read and write, and of what is there already the group may go on reading; nobody else. */
const MODE = 0o600;
const MODE_KEPT = 0o040;

/**
 * Replaces the text of a file (null: there is none yet) by what `change` makes of it, or leaves it alone when that is
 * an error. Mode 0600 and the owner that it had, so that a daemon of another user still reads what root has changed.
 * The name of the new content is a lock as well: two commands at once cannot undo each other. Errors are sentences.
 */
export function rewriteFile<T>(
  path: string,
  change: (text: string | null) => Result<{ readonly text: string; readonly value: T }, string>,
): Result<T, string> {
  const old = statSync(path, { throwIfNoEntry: false }) ?? null;
  // A link stays a link.
  const target = old === null ? path : realpathSync(path);
  const next = `${target}.new`;
  const opened = openNew(next);
  if (!opened.ok) return opened;
  let isInPlace = false;
  try {
    const made = change(old === null ? null : readFileSync(target, 'utf8'));
    if (!made.ok) return made;
    writeFileSync(opened.value, made.value.text);
    inherit(opened.value, old);
    fsyncSync(opened.value);
    renameSync(next, target);
    isInPlace = true;
    return { ok: true, value: made.value.value };
  } catch (error) {
    return err(`${target} cannot be changed: ${codeOf(error)}`);
  } finally {
    closeSync(opened.value);
    if (!isInPlace) unlinkSync(next);
  }
}

function openNew(path: string): Result<number, string> {
  try {
    return { ok: true, value: openSync(path, 'wx', MODE) };
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'EEXIST') return err(`${path} cannot be made: ${code}`);
    return err(`${path} is there: another command is writing, or was killed; remove it if none is`);
  }
}

function inherit(file: number, old: Stats | null): void {
  const { uid, gid } = fstatSync(file);
  if (old !== null && (old.uid !== uid || old.gid !== gid)) fchownSync(file, old.uid, old.gid);
  fchmodSync(file, MODE | ((old?.mode ?? 0) & MODE_KEPT));
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
