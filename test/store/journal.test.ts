import { closeSync, openSync, readFileSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createJournal } from '../../src/store/journal.ts';
import { tempDir } from '../support/temp-store.ts';

function tempJournal() {
  const file = join(tempDir(), 'canary.db.journal');
  const open = (storeId = 'store-1') => {
    const journal = createJournal(file, storeId);
    onTestFinished(journal.close);
    return journal;
  };
  return { file, open };
}

function overwrite(file: string, position: number, bytes: Buffer): void {
  const fd = openSync(file, 'r+');
  writeSync(fd, bytes, 0, bytes.length, position);
  closeSync(fd);
}

describe('the emergency journal', () => {
  test('owns 64 KiB of disk from the start and never needs more', () => {
    const { file, open } = tempJournal();
    const journal = open();
    expect(statSync(file)).toMatchObject({ size: 65_536 });
    expect(statSync(file).blocks * 512).toBeGreaterThanOrEqual(65_536);
    for (let i = 0; i < 100; i += 1) journal.append({ i });
    journal.clear();
    expect(statSync(file).size).toBe(65_536);
  });

  test('keeps entries in order for the next process', () => {
    const { open } = tempJournal();
    const first = open();
    expect(first.append({ canary: 'checkout', to: 0 })).toBe(true);
    expect(first.append({ canary: 'søk ✓', to: 0 })).toBe(true);
    const second = open();
    expect(second.entries()).toEqual([
      { canary: 'checkout', to: 0 },
      { canary: 'søk ✓', to: 0 },
    ]);
    second.append({ canary: 'third', to: 0 });
    expect(first.entries()).toHaveLength(3);
  });

  test('says no when it is full and keeps what it has', () => {
    const journal = tempJournal().open();
    const entry = { text: 'x'.repeat(1_000) };
    let kept = 0;
    while (journal.append(entry)) kept += 1;
    expect(kept).toBeGreaterThan(60);
    expect(journal.entries()).toHaveLength(kept);
    expect(journal.append({})).toBe(true);
  });

  test('is empty after it was cleared, and then takes shorter entries without finding the old ones', () => {
    const { open } = tempJournal();
    const journal = open();
    for (let i = 0; i < 3; i += 1) journal.append({ i });
    expect(journal.clear()).toBe(true);
    expect(journal.entries()).toEqual([]);
    journal.append({ i: 9 });
    expect(open().entries()).toEqual([{ i: 9 }]);
  });

  test('ignores an entry that a crash cut short, and writes over it', () => {
    const { file, open } = tempJournal();
    const journal = open();
    journal.append({ n: 1 });
    const end = readFileSync(file).findLastIndex((byte) => byte !== 0) + 1;
    journal.append({ n: 2, text: 'x'.repeat(1_000) });
    overwrite(file, end + 500, Buffer.alloc(200));
    expect(journal.entries()).toEqual([{ n: 1 }]);
    expect(journal.append({ n: 3 })).toBe(true);
    expect(journal.entries()).toEqual([{ n: 1 }, { n: 3 }]);
  });

  test('takes a header that points beyond the file for the end', () => {
    const { file, open } = tempJournal();
    const journal = open();
    overwrite(file, 0, Buffer.from('ffffff7f00000000', 'hex'));
    expect(journal.entries()).toEqual([]);
  });

  test('forgets what it kept for a database that was lost', () => {
    const { file, open } = tempJournal();
    const lost = open('store-1');
    lost.append({ n: 1 });
    const begun = open('store-2');
    expect(begun.entries()).toEqual([]);
    expect(readFileSync(file).every((byte) => byte === 0)).toBe(true);
    lost.append({ n: 2 });
    expect(begun.append({ n: 3 })).toBe(true);
    expect(open('store-2').entries()).toEqual([{ n: 3 }]);
  });

  test('is allocated again when something shortened it', () => {
    const { file, open } = tempJournal();
    open().append({ n: 1 });
    truncateSync(file, 100);
    expect(open().entries()).toEqual([{ n: 1 }]);
    expect(statSync(file).size).toBe(65_536);
  });

  test('that cannot be allocated says why and takes nothing, without throwing', () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'file'), '');
    const journal = createJournal(join(dir, 'file', 'canary.db.journal'), 'store-1');
    expect(journal.problem).toContain('ENOTDIR');
    expect(journal.append({ n: 1 })).toBe(false);
    expect(journal.entries()).toEqual([]);
    journal.close();
  });

  test('answers no when the disk fails', () => {
    const journal = createJournal('/dev/full', 'store-1');
    onTestFinished(journal.close);
    expect(journal.append({ n: 1 })).toBe(false);
  });
});
