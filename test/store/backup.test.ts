import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { backUp } from '../../src/store/backup.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { anEvent, aSave } from '../support/saves.ts';
import { tempStore } from '../support/temp-store.ts';

test('a copy of a store in use is sound, its owner’s alone, and opens with everything up to its moment', async () => {
  const { open, file, dir, clock } = tempStore();
  const store = open();
  store.save(aSave('checkout', { events: [anEvent('RolloutStarted')] }));
  const to = join(dir, 'copy.db');
  const made = await backUp(file, to);
  store.save(aSave('payment', { events: [anEvent('RolloutStarted')] }));
  const lastEvent = 1;
  expect(made).toMatchObject({ ok: true, value: { file: to, lastEvent, canaries: 1 } });
  expect(statSync(to).mode & 0o777).toBe(0o600);
  expect(readdirSync(dir).filter((name) => name.startsWith('copy.db'))).toEqual(['copy.db']);

  const copy = openStore(to, { clock });
  onTestFinished(() => copy.close());
  expect(copy.storeId).toBe(store.storeId);
  expect(copy.index().map(({ canary }) => canary)).toEqual(['checkout']);
  expect(copy.load('checkout')).toEqual(store.load('checkout'));
});

test('a file that exists is never replaced', async () => {
  const { open, file, dir } = tempStore();
  open();
  const to = join(dir, 'kept');
  writeFileSync(to, 'kept');
  expect(await backUp(file, to)).toEqual({ ok: false, error: `${to} exists; name a new file` });
  expect(await backUp(file, file)).toMatchObject({ ok: false });
  expect(statSync(to).size).toBe(4);
});

test('a database that is not there, is another program’s or is damaged gives an error and no file', async () => {
  const { dir } = tempStore();
  const to = join(dir, 'copy.db');
  const absent = join(dir, 'absent.db');
  expect(await backUp(absent, to)).toEqual({ ok: false, error: `there is no database ${absent}` });

  const foreign = join(dir, 'foreign.db');
  const other = new Database(foreign);
  other.exec('CREATE TABLE stamps (country TEXT)');
  other.close();
  expect(await backUp(foreign, to)).toMatchObject({
    ok: false,
    error: expect.stringContaining('another program'),
  });

  const damaged = join(dir, 'damaged.db');
  writeFileSync(damaged, 'this is no database'.repeat(1_000));
  expect(await backUp(damaged, to)).toMatchObject({ ok: false });
  expect(await backUp(damaged, join(dir, 'none', 'copy.db'))).toMatchObject({ ok: false });
  expect(existsSync(to)).toBe(false);
  expect(readdirSync(dir).filter((name) => name.includes('partial'))).toEqual([]);
});
