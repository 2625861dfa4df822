import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { acquireLock } from '../../src/store/file-lock.ts';
import { tempDir } from '../support/temp-store.ts';

function acquire(file: string) {
  const lock = acquireLock(file, 0);
  if (lock !== null) onTestFinished(lock.release);
  return lock;
}

test('a lock is held by one and free again once it is released', () => {
  const file = join(tempDir(), 'canary.db.lock');
  const first = acquire(file)!;
  expect(acquire(file)).toBeNull();
  expect(first.isHeld()).toBe(true);
  first.release();
  expect(first.isHeld()).toBe(false);
  expect(acquire(file)?.isHeld()).toBe(true);
});

test('a lock whose file was removed or replaced is no longer held', () => {
  const dir = tempDir();
  const file = join(dir, 'canary.db.lock');
  const first = acquire(file)!;
  rmSync(file);
  expect(first.isHeld()).toBe(false);
  const second = acquire(file)!;
  expect(first.isHeld()).toBe(false);
  expect(second.isHeld()).toBe(true);
  renameSync(file, join(dir, 'elsewhere'));
  writeFileSync(file, '');
  expect(second.isHeld()).toBe(false);
});

test('a file that is no lock is refused with what to do, and left alone', () => {
  const file = join(tempDir(), 'canary.db.lock');
  writeFileSync(file, 'something of value '.repeat(100));
  expect(() => acquire(file)).toThrow('is not a lock file: remove it or choose another --db');
});

test('a lock in a directory that does not exist is refused with what to check', () => {
  expect(() => acquire(join(tempDir(), 'missing', 'canary.db.lock'))).toThrow(
    'check that its directory is writable',
  );
});
