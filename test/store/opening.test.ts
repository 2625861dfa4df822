import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { acquireLock, lockFileOf } from '../../src/store/file-lock.ts';
import { SCHEMA_VERSION } from '../../src/store/migrations.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { StoreError } from '../../src/store/store.ts';
import { anEvent, aSave, T0 } from '../support/saves.ts';
import { tempDir, tempStore } from '../support/temp-store.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

/** A connection beside the store's own. */
function sideDoor(file: string): Database.Database {
  const db = new Database(file);
  onTestFinished(() => void db.close());
  return db;
}

async function storeIdSeenByProcess(file: string): Promise<string> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'opener.ts'), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return text(child.stdout);
}

function codeThrownBy(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof StoreError) return error.code;
    throw error;
  }
  return 'nothing thrown';
}

/** Damages everything behind the first page, so that the header still looks sound. */
function overwritePages(file: string): void {
  const size = statSync(file).size;
  const fd = openSync(file, 'r+');
  writeSync(fd, Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096);
  closeSync(fd);
}

describe('a new database', () => {
  test('is written ahead and synchronized at each commit', () => {
    const { file } = tempStore();
    const { db } = openDatabase(file, { now: T0, busyTimeoutMs: 0, maxPages: null });
    onTestFinished(() => void db.close());
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(db.pragma('synchronous', { simple: true })).toBe(2);
  });

  test('has strict tables only', () => {
    const { file, open } = tempStore();
    open();
    const tables = sideDoor(file)
      .prepare("SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      .all() as { name: string; strict: number }[];
    expect(tables.length).toBeGreaterThan(8);
    expect(tables.filter(({ strict }) => strict === 0)).toEqual([]);
  });

  test('gets an identity of its own that it keeps', () => {
    const one = tempStore();
    const first = one.open();
    const { storeId } = first;
    first.close();
    expect(storeId).toMatch(/^[0-9a-f]{16}$/);
    expect(one.open().storeId).toBe(storeId);
    expect(tempStore().open().storeId).not.toBe(storeId);
  });

  test('is begun once when several processes start at the same time', async () => {
    const { file, open } = tempStore();
    const ids = await Promise.all(Array.from({ length: 4 }, () => storeIdSeenByProcess(file)));
    expect(new Set(ids)).toEqual(new Set([open().storeId]));
  });

  test('tells nothing, because nothing happened', () => {
    expect(tempStore().open().notices).toEqual([]);
  });
});

describe('migrations', () => {
  test('change nothing on a database that is up to date', () => {
    const { file, open } = tempStore();
    open().close();
    const schema = () => sideDoor(file).prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all();
    const before = schema();
    open().close();
    expect(schema()).toEqual(before);
    expect(sideDoor(file).pragma('user_version', { simple: true })).toBe(SCHEMA_VERSION);
  });

  test('are not run beside a daemon that uses the file, since it may be an older one', () => {
    const { file, open } = tempStore();
    open().close();
    sideDoor(file).pragma('user_version = 0');
    const lock = acquireLock(lockFileOf(file), 0)!;
    onTestFinished(() => lock.release());
    const before = readFileSync(file);
    expect(codeThrownBy(open)).toBe('STORE_LOCKED');
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test('refuse a database of a newer version and say which', () => {
    const { file, open } = tempStore();
    open().close();
    sideDoor(file).pragma(`user_version = ${SCHEMA_VERSION + 1}`);
    expect(open).toThrow(`has schema ${SCHEMA_VERSION + 1}, but this version of canary knows only up to`);
  });

  test("refuse another program's database and leave it as it was", () => {
    const { file, open } = tempStore();
    sideDoor(file).exec('CREATE TABLE invoices (id INTEGER)');
    expect(open).toThrow('is a database of another program');
    expect(sideDoor(file).prepare('SELECT name FROM sqlite_schema').pluck().all()).toEqual(['invoices']);
  });
});

describe('a damaged database', () => {
  test('whose pages were overwritten is moved aside with a notice, and a new one is begun', () => {
    const { file, dir, clock, open } = tempStore();
    const first = open();
    for (let i = 0; i < 200; i += 1) first.save(aSave(`service-${i}`, { events: [anEvent('StepStarted')] }));
    first.close();
    overwritePages(file);
    const damaged = readFileSync(file);

    const second = open();
    const aside = `canary.db.corrupt-${new Date(clock.now()).toISOString().replaceAll(':', '-')}`;
    expect(second.notices).toHaveLength(1);
    expect(second.notices[0]).toContain(`is now ${join(dir, aside)}`);
    expect(second.index()).toEqual([]);
    expect(second.storeId).not.toBe(first.storeId);
    second.save(aSave('service-1'));
    expect(readFileSync(join(dir, aside)).equals(damaged)).toBe(true);
  });

  test('that is no database at all is moved aside too', () => {
    const { file, open } = tempStore();
    writeFileSync(file, 'not a database '.repeat(1_000));
    expect(open().notices[0]).toContain('file is not a database');
  });

  test('is moved together with its write-ahead log', () => {
    const { file, dir, open } = tempStore();
    writeFileSync(file, 'not a database '.repeat(1_000));
    writeFileSync(`${file}-wal`, 'left behind');
    open();
    const moved = readdirSync(dir).filter((name) => name.includes('corrupt') && name.endsWith('-wal'));
    expect(moved).toHaveLength(1);
    expect(readFileSync(join(dir, moved[0]!), 'utf8')).toBe('left behind');
  });

  test('stays where it is while another daemon uses it', () => {
    const { file, open } = tempStore();
    writeFileSync(file, 'not a database '.repeat(1_000));
    const lock = acquireLock(lockFileOf(file), 0)!;
    onTestFinished(() => lock.release());
    expect(codeThrownBy(open)).toBe('STORE_CORRUPT');
    expect(readFileSync(file, 'utf8')).toMatch(/^not a database/);
  });
});

test('a directory that does not exist is named with what to check', () => {
  const file = join(tempDir(), 'missing', 'canary.db');
  expect(() => openStore(file, { clock: createVirtualClock() })).toThrow(
    `${file} cannot be opened: check that its directory exists`,
  );
});

test('what a process committed before it was killed is there, although its write-ahead log was left behind', () => {
  const { file, open } = tempStore();
  const child = spawnSync(process.execPath, [join(import.meta.dirname, 'killed-writer.ts'), file]);
  expect(child.signal).toBe('SIGKILL');
  expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);
  expect(open().load('checkout').state).toMatchObject({ name: 'checkout', reason: 'before the kill' });
});
