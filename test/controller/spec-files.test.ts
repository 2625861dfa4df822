import { mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CompleteScan, createSpecFiles, type ScanReason } from '../../src/controller/spec-files.ts';
import { tempDir } from '../support/temp-store.ts';

/** A directory of text files and a scanner of it, whose clock is ahead of the disk so that every file has settled. */
function aDirectory(dir = join(tempDir(), 'canaries')) {
  mkdirSync(dir, { recursive: true });
  let aheadMs = 1_000;
  let monotonicMs = 0;
  const parsed: string[] = [];
  const files = createSpecFiles(
    dir,
    (text, file) => {
      parsed.push(file);
      const diagnostic = { severity: 'warning' as const, line: 1, column: 1, code: 'TEXT' };
      return { specs: [], diagnostics: [{ ...diagnostic, file, detail: text }] };
    },
    { now: () => Date.now() + aheadMs, monotonic: () => monotonicMs },
  );
  return {
    dir,
    parsed,
    write: (name: string, text: string) => writeFileSync(join(dir, name), text),
    /** From now on, files count as just written. */
    freshen: () => {
      aheadMs = 0;
    },
    settle: () => {
      aheadMs = 1_000;
    },
    pass: (ms: number) => {
      monotonicMs += ms;
    },
    async scan(reason: ScanReason = 'hint'): Promise<CompleteScan> {
      const scan = await files.scan(reason);
      if (scan.kind !== 'complete') throw new Error(scan.detail);
      return scan;
    },
    files,
  };
}

/** What was understood, as "FILE: TEXT". */
function texts({ files }: CompleteScan): string[] {
  return files.flatMap(({ diagnostics }) => diagnostics.map(({ file, detail }) => `${file}: ${detail}`));
}

describe('the directory scan', () => {
  it('reads every YAML file, in the order of their names, and nothing that editors leave behind', async () => {
    const directory = aDirectory();
    for (const name of ['b.yml', 'a.yaml']) directory.write(name, 'text');
    for (const name of [
      '.a.yaml.swp',
      '.hidden.yaml',
      'a.yaml~',
      '#a.yaml#',
      '#a.yaml',
      'a.yaml.swp',
      '4913',
    ]) {
      directory.write(name, 'junk');
    }
    mkdirSync(join(directory.dir, 'folder.yaml'));
    const scan = await directory.scan();
    expect(texts(scan)).toEqual(['a.yaml: text', 'b.yml: text']);
    expect([...scan.present].sort()).toEqual(['a.yaml', 'b.yml']);
  });

  it('does not read a file again while nothing about it changed', async () => {
    const directory = aDirectory();
    for (let index = 0; index < 2_000; index += 1) directory.write(`${index}.yaml`, `text ${index}`);
    const first = await directory.scan();
    expect(directory.parsed).toHaveLength(2_000);
    const second = await directory.scan();
    expect(directory.parsed).toHaveLength(2_000);
    expect(second.files).toBe(first.files);
    directory.write('7.yaml', 'other text');
    const third = await directory.scan();
    expect(directory.parsed.slice(2_000)).toEqual(['7.yaml']);
    expect(third.files).not.toBe(second.files);
  });

  it('does not parse again what was only touched', async () => {
    const directory = aDirectory();
    directory.write('a.yaml', 'text');
    const first = await directory.scan();
    directory.write('a.yaml', 'text');
    expect((await directory.scan()).files).toBe(first.files);
    expect(directory.parsed).toEqual(['a.yaml']);
  });

  it('waits with a file whose writer may not be done, and keeps its last form meanwhile', async () => {
    const directory = aDirectory();
    directory.write('a.yaml', 'whole');
    await directory.scan();
    directory.freshen();
    directory.write('a.yaml', 'ha');
    directory.write('new.yaml', 'ha');
    const during = await directory.scan();
    expect(during.settling).toBe(true);
    expect(texts(during)).toEqual(['a.yaml: whole']);
    expect([...during.unread]).toEqual(['new.yaml']);
    directory.write('a.yaml', 'half no more');
    directory.settle();
    const after = await directory.scan();
    expect(after.settling).toBe(false);
    expect(texts(after)).toEqual(['a.yaml: half no more', 'new.yaml: ha']);
  });

  it('sees a file that is replaced by a rename, also by one of the same size and time', async () => {
    const directory = aDirectory();
    directory.write('a.yaml', 'one');
    await directory.scan();
    directory.write('.a.yaml.tmp', 'two');
    renameSync(join(directory.dir, '.a.yaml.tmp'), join(directory.dir, 'a.yaml'));
    expect(texts(await directory.scan())).toEqual(['a.yaml: two']);
  });

  it('sees that a file was removed', async () => {
    const directory = aDirectory();
    directory.write('a.yaml', 'text');
    directory.write('b.yaml', 'text');
    await directory.scan();
    unlinkSync(join(directory.dir, 'a.yaml'));
    const scan = await directory.scan();
    expect(texts(scan)).toEqual(['b.yaml: text']);
    expect(scan.present.has('a.yaml')).toBe(false);
  });

  it('follows a link, and sees when it leads elsewhere', async () => {
    const directory = aDirectory();
    const outside = tempDir();
    writeFileSync(join(outside, 'one'), 'one');
    writeFileSync(join(outside, 'two'), 'two');
    symlinkSync(join(outside, 'one'), join(directory.dir, 'a.yaml'));
    expect(texts(await directory.scan())).toEqual(['a.yaml: one']);
    symlinkSync(join(outside, 'two'), join(directory.dir, '.next'));
    renameSync(join(directory.dir, '.next'), join(directory.dir, 'a.yaml'));
    expect(texts(await directory.scan())).toEqual(['a.yaml: two']);
    writeFileSync(join(outside, 'two'), 'two, edited');
    expect(texts(await directory.scan())).toEqual(['a.yaml: two, edited']);
  });

  it('calls a link that leads nowhere unreadable, not removed', async () => {
    const directory = aDirectory();
    symlinkSync('/does/not/exist', join(directory.dir, 'a.yaml'));
    const scan = await directory.scan();
    expect(scan.present.has('a.yaml')).toBe(true);
    expect(scan.files.flatMap(({ diagnostics }) => diagnostics.map(({ code }) => code))).toEqual([
      'SPEC_UNREADABLE',
    ]);
    expect((await directory.scan()).files).toBe(scan.files);
  });

  it('reads no file that is far too large', async () => {
    const directory = aDirectory();
    directory.write('a.yaml', ' '.repeat(17 * 1024 * 1024));
    const scan = await directory.scan();
    expect(directory.parsed).toEqual([]);
    expect(texts(scan)[0]).toContain('far too large');
  });

  it('sees the new files when the directory is a link that is swapped', async () => {
    const root = tempDir();
    for (const release of ['one', 'two']) {
      mkdirSync(join(root, release));
      writeFileSync(join(root, release, 'a.yaml'), release);
    }
    const link = join(root, 'canaries');
    symlinkSync('one', link);
    const directory = aDirectory(link);
    expect(texts(await directory.scan())).toEqual(['a.yaml: one']);
    symlinkSync('two', join(root, 'next'));
    renameSync(join(root, 'next'), link);
    expect(texts(await directory.scan())).toEqual(['a.yaml: two']);
  });

  it('sees the new files when the directory is swapped by renames', async () => {
    const directory = aDirectory();
    directory.write('a.yaml', 'one');
    await directory.scan();
    mkdirSync(`${directory.dir}.next`);
    writeFileSync(join(`${directory.dir}.next`, 'a.yaml'), 'two');
    renameSync(directory.dir, `${directory.dir}.old`);
    renameSync(`${directory.dir}.next`, directory.dir);
    expect(texts(await directory.scan())).toEqual(['a.yaml: two']);
  });

  it('says why a directory cannot be read, and goes on when it is back', async () => {
    const directory = aDirectory();
    directory.write('a.yaml', 'text');
    await directory.scan();
    renameSync(directory.dir, `${directory.dir}.away`);
    expect(await directory.files.scan('hint')).toMatchObject({
      kind: 'unreadable',
      detail: expect.stringContaining('ENOENT'),
    });
    renameSync(`${directory.dir}.away`, directory.dir);
    expect(texts(await directory.scan())).toEqual(['a.yaml: text']);
    expect(directory.parsed).toEqual(['a.yaml']);
  });

  it('keeps a fault of the parser to the file that provokes it', async () => {
    const dir = tempDir();
    for (const name of ['a.yaml', 'b.yaml']) writeFileSync(join(dir, name), 'text');
    const files = createSpecFiles(
      dir,
      (_text, file) => {
        if (file === 'a.yaml') throw new Error('a fault');
        return { specs: [], diagnostics: [] };
      },
      { now: () => Date.now() + 1_000, monotonic: () => 0 },
    );
    const scan = await files.scan('hint');
    expect(scan).toMatchObject({ kind: 'complete' });
    if (scan.kind === 'complete')
      expect(texts(scan).join()).toContain('a.yaml: the file cannot be read (a fault)');
  });

  describe('of a tick', () => {
    /** So many that the times of all of them are looked at every 20 s only. */
    async function many() {
      const directory = aDirectory();
      for (let index = 0; index < 2_000; index += 1) directory.write(`${index}.yaml`, 'old');
      await directory.scan();
      return directory;
    }
    const tick = async (directory: Awaited<ReturnType<typeof many>>) => texts(await directory.scan('tick'));

    it('spares the times of many files for a while when nothing hints at a change', async () => {
      const directory = await many();
      directory.write('7.yaml', 'new');
      directory.pass(19_999);
      expect(await tick(directory)).not.toContain('7.yaml: new');
      directory.pass(1);
      expect(await tick(directory)).toContain('7.yaml: new');
    });

    it('looks at all of them as soon as something hints at it', async () => {
      const directory = await many();
      directory.write('7.yaml', 'new');
      expect(texts(await directory.scan('hint'))).toContain('7.yaml: new');
    });

    it('looks at all of them when a name came, went or was swapped', async () => {
      const directory = await many();
      directory.write('new.yaml', 'new');
      expect(await tick(directory)).toContain('new.yaml: new');
      unlinkSync(join(directory.dir, '7.yaml'));
      expect(await tick(directory)).not.toContain('7.yaml: old');
      directory.write('swap.tmp', 'swapped');
      renameSync(join(directory.dir, 'swap.tmp'), join(directory.dir, '8.yaml'));
      expect(await tick(directory)).toContain('8.yaml: swapped');
    });

    it('looks at all of them again while one was being written', async () => {
      const directory = await many();
      directory.freshen();
      directory.write('7.yaml', 'ne');
      await directory.scan('hint');
      directory.write('7.yaml', 'new');
      directory.settle();
      expect(await tick(directory)).toContain('7.yaml: new');
    });

    it('looks at all of a few files each time', async () => {
      const directory = aDirectory();
      directory.write('a.yaml', 'old');
      await directory.scan();
      directory.write('a.yaml', 'new');
      directory.pass(10);
      expect(await tick(directory)).toEqual(['a.yaml: new']);
    });
  });
});
