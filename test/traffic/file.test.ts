/** The router that keeps documents in files: whole or not at all, and never outside its directory. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { FileTarget } from '../../src/spec/canary.ts';
import { createFileRouter, FILE_CODES } from '../../src/traffic/file.ts';
import type { PublishGuard, TrafficRouter } from '../../src/traffic/router.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import { NEVER, TARGET } from './setup.ts';

const CONTENT = '{"serviceName":"付款","weight":5}\n';
const md5 = (content: string) => createHash('md5').update(content, 'utf8').digest('hex');

let base: string;
let directory: string;
let router: TrafficRouter;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'file-router-'));
  onTestFinished(() => rm(base, { recursive: true, force: true }));
  directory = join(base, 'canaries');
  await mkdir(directory);
  router = createFileRouter({ directory, clock: createVirtualClock() });
});

function target(path = 'weights/shop.json'): FileTarget {
  return { kind: 'file', path };
}

function publish(content: string, expectMd5: PublishGuard['expectMd5'], path?: string) {
  return router.publish(target(path), 'operation.1', content, { expectMd5 }, NEVER);
}

describe('the file router', () => {
  it('reads a missing file, and one in a missing directory, as absent', async () => {
    const absent = { kind: 'absent', authoritative: true };
    expect(await router.read(target('shop.json'), NEVER)).toMatchObject(absent);
    expect(await router.read(target('weights/deep/shop.json'), NEVER)).toMatchObject(absent);
    expect(await readdir(directory)).toEqual([]);
  });

  it('reads back what it wrote, every byte of it, making directories on the way', async () => {
    const report = await publish(CONTENT, 'absent');
    expect(report).toMatchObject({ operation: 'operation.1', result: 'accepted' });
    expect(await router.read(target(), NEVER)).toMatchObject({
      kind: 'document',
      content: CONTENT,
      md5: md5(CONTENT),
      authoritative: true,
    });
    expect(await readFile(join(directory, 'weights/shop.json'), 'utf8')).toBe(CONTENT);
  });

  it('keeps a byte order mark in content and md5', async () => {
    await writeFile(join(directory, 'shop.json'), '\uFEFF{}');
    expect(await router.read(target('shop.json'), NEVER)).toMatchObject({
      content: '\uFEFF{}',
      md5: md5('\uFEFF{}'),
    });
  });

  it('replaces the file when its md5 is the expected one', async () => {
    await publish('{"weight":5}', 'absent');
    expect(await publish('{"weight":25}', md5('{"weight":5}'))).toMatchObject({ result: 'accepted' });
    expect(await router.read(target(), NEVER)).toMatchObject({ content: '{"weight":25}' });
  });

  it.each([
    ['another md5 is expected', md5('{"weight":0}')],
    ['no file is expected', 'absent'],
  ])('reports a conflict and overwrites nothing when %s', async (_, expectMd5) => {
    await publish('{"weight":5}', 'absent');
    expect(await publish('{"weight":25}', expectMd5)).toMatchObject({
      result: 'conflict',
      code: 'FILE_CONFLICT',
    });
    expect(await router.read(target(), NEVER)).toMatchObject({ content: '{"weight":5}' });
  });

  it('does not recreate a file that was deleted meanwhile', async () => {
    expect(await publish('{"weight":25}', md5('{"weight":5}'))).toMatchObject({ result: 'conflict' });
    expect(await router.read(target(), NEVER)).toMatchObject({ kind: 'absent' });
  });

  it('overwrites whatever is there when nothing is expected', async () => {
    await publish('{"weight":5}', 'absent');
    expect(await publish('{"weight":0}', null)).toMatchObject({ result: 'accepted' });
    expect(await router.read(target(), NEVER)).toMatchObject({ content: '{"weight":0}' });
  });

  it('leaves nothing but the document behind, whatever came of a write', async () => {
    await publish('{"weight":5}', 'absent');
    await publish('{"weight":25}', 'absent');
    await writeFile(join(directory, 'weights/.shop.json.draft'), 'left by a crash');
    await publish('{"weight":0}', null);
    expect(await readdir(join(directory, 'weights'))).toEqual(['shop.json']);
  });

  it('shows readers one document or the other, never a part', async () => {
    const small = JSON.stringify({ weight: 5 });
    const large = JSON.stringify({ weight: 25, padding: 'x'.repeat(1_000_000) });
    await publish(small, 'absent');
    let isDone = false;
    const writing = (async () => {
      for (let round = 0; round < 10; round += 1) {
        await publish(large, null);
        await publish(small, null);
      }
      isDone = true;
    })();
    const seen = new Set<number>();
    while (!isDone) seen.add((await readFile(join(directory, 'weights/shop.json'))).length);
    await writing;
    expect([...seen].filter((length) => length !== small.length && length !== large.length)).toEqual([]);
  });

  it('has no betas, knows no readers, is up, and tells how it works', async () => {
    expect(await router.beta(target(), NEVER)).toBe('none');
    expect(await router.listeners(target(), NEVER)).toMatchObject({ kind: 'unknown' });
    expect(router.isUp()).toBe(true);
    expect(router.facts()).toMatchObject({ compareAndSet: false, authoritativeReads: true, warnings: [] });
    await router.close();
  });
});

describe('a path that leads out of the directory', () => {
  const outside = { kind: 'unreadable', code: 'FILE_OUTSIDE' };

  async function isRefused(path: string) {
    expect(await router.read(target(path), NEVER)).toMatchObject(outside);
    expect(await publish('{}', null, path)).toMatchObject({ result: 'denied', code: 'FILE_OUTSIDE' });
  }

  it.each(['../shop.json', 'weights/../../shop.json', '/etc/hostname', '.', ''])('%j is refused', isRefused);

  it('through a link to a directory is refused', async () => {
    await mkdir(join(base, 'elsewhere'));
    await symlink(join(base, 'elsewhere'), join(directory, 'weights'));
    await isRefused('weights/shop.json');
    await isRefused('weights/deep/shop.json');
    expect(await readdir(join(base, 'elsewhere'))).toEqual([]);
  });

  it('through a link to a file is refused', async () => {
    await writeFile(join(base, 'secret.json'), '{"secret":1}');
    await symlink(join(base, 'secret.json'), join(directory, 'shop.json'));
    await isRefused('shop.json');
    expect(await readFile(join(base, 'secret.json'), 'utf8')).toBe('{"secret":1}');
  });

  it('through a link to nothing is refused', async () => {
    await symlink(join(base, 'nothing'), join(directory, 'shop.json'));
    await isRefused('shop.json');
  });

  it('through a directory whose name only begins like ours is refused', async () => {
    await mkdir(join(base, 'canaries-2'));
    await isRefused('../canaries-2/shop.json');
  });
});

describe('links that stay inside', () => {
  it('are followed, and what they point to is replaced', async () => {
    await mkdir(join(directory, 'v1'));
    await symlink('v1', join(directory, 'live'));
    await symlink('v1/shop.json', join(directory, 'shop.json'));
    await publish('{"weight":5}', 'absent', 'live/shop.json');
    expect(await publish('{"weight":25}', md5('{"weight":5}'), 'shop.json')).toMatchObject({
      result: 'accepted',
    });
    expect(await readFile(join(directory, 'v1/shop.json'), 'utf8')).toBe('{"weight":25}');
  });

  it('may be the canaries directory itself, swapped between calls', async () => {
    for (const [name, weight] of [['first', 5] as const, ['second', 25] as const]) {
      await mkdir(join(base, name));
      await writeFile(join(base, name, 'shop.json'), `{"weight":${weight}}`);
    }
    await rm(directory, { recursive: true });
    await symlink('first', directory);
    expect(await router.read(target('shop.json'), NEVER)).toMatchObject({ content: '{"weight":5}' });
    await symlink('second', join(base, 'next'));
    await rename(join(base, 'next'), directory);
    expect(await router.read(target('shop.json'), NEVER)).toMatchObject({ content: '{"weight":25}' });
  });
});

describe('what is no readable file', () => {
  it('a directory is refused', async () => {
    await mkdir(join(directory, 'shop.json'));
    expect(await router.read(target('shop.json'), NEVER)).toMatchObject({ code: 'FILE_NOT_REGULAR' });
    expect(await publish('{}', 'absent', 'shop.json')).toMatchObject({ result: 'denied' });
  });

  it('a file above the size of any Nacos document is refused', async () => {
    await writeFile(join(directory, 'shop.json'), Buffer.alloc(2 * 1024 * 1024 + 1));
    expect(await router.read(target('shop.json'), NEVER)).toMatchObject({ code: 'FILE_NOT_REGULAR' });
  });

  it('a missing canaries directory is unreadable, and written to it is nothing', async () => {
    await rm(directory, { recursive: true });
    expect(await router.read(target(), NEVER)).toMatchObject({ kind: 'unreadable', code: 'FILE_UNREADABLE' });
    expect(router.isUp()).toBe(false);
    expect(await publish('{}', null)).toMatchObject({ result: 'failed', code: 'FILE_UNWRITABLE' });
    expect(await readdir(base)).toEqual([]);
  });

  it('a file where a directory must be is unreadable', async () => {
    await writeFile(join(directory, 'weights'), '');
    expect(await router.read(target(), NEVER)).toMatchObject({ code: 'FILE_UNREADABLE' });
    expect(await publish('{}', null)).toMatchObject({ result: 'failed', code: 'FILE_UNWRITABLE' });
  });

  it('a place where nothing can be written is said to be one, and the document stays', async () => {
    await publish('{"weight":5}', 'absent', 'shop.json');
    await mkdir(join(directory, '.shop.json.draft/taken'), { recursive: true });
    expect(await publish('{"weight":25}', null, 'shop.json')).toMatchObject({
      result: 'failed',
      code: 'FILE_UNWRITABLE',
      detail: expect.stringContaining('shop.json ('),
    });
    expect(await router.read(target('shop.json'), NEVER)).toMatchObject({ content: '{"weight":5}' });
  });

  it('an aborted read is unreadable', async () => {
    await writeFile(join(directory, 'shop.json'), '{}');
    const reading = await router.read(target('shop.json'), AbortSignal.abort());
    expect(reading).toMatchObject({ kind: 'unreadable', code: 'FILE_UNREADABLE' });
  });
});

it('every code has a sentence that says what to do next', () => {
  for (const sentence of Object.values(FILE_CODES)) expect(sentence).toMatch(/; \w+/);
});

it('a target of another kind is a bug, not a reading', async () => {
  await expect(router.read(TARGET, NEVER)).rejects.toThrow('nacos target');
});
