import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createSpecIndex } from '../../src/controller/specs.ts';
import { type Store, StoreError } from '../../src/store/store.ts';
import { tempStore } from '../support/temp-store.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import { canaryText } from './canary-text.ts';

/** A real directory and store; the clock is ahead of the disk, so that every file has settled. */
function aPlace() {
  const temp = tempStore();
  const dir = join(temp.dir, 'canaries');
  mkdirSync(dir);
  const clock = createVirtualClock(Date.now() + 1_000);
  let store = temp.open();
  return {
    dir,
    clock,
    write: (file: string, ...texts: readonly string[]) => writeFileSync(join(dir, file), texts.join('---\n')),
    remove: (file: string) => unlinkSync(join(dir, file)),
    store: () => store,
    /** The index of a daemon that starts now. */
    index: (over: Partial<Store> = {}) => createSpecIndex(dir, { ...store, ...over }, clock),
    reopen() {
      store.close();
      store = temp.open();
    },
  };
}

type Index = ReturnType<ReturnType<typeof aPlace>['index']>;

/** What is in force, as "NAME REVISION FILE". */
function inForce(index: Index): string[] {
  return index.specs().map(({ canary, file }) => `${canary.name} ${canary.revision} ${file}`);
}

/** Errors, as "FILE CODE". */
function errors(index: Index): string[] {
  return index
    .diagnostics()
    .filter(({ severity }) => severity === 'error')
    .map(({ file, code }) => `${file} ${code}`);
}

const BROKEN = 'apiVersion: canary/v1\nkind: Canary\nmetadata: { name: shop }\nspec: {}\n';

describe('the declarations in force', () => {
  it('are those of all documents of all files, in name order', async () => {
    const place = aPlace();
    place.write('z.yaml', canaryText('cart'), canaryText('shop'));
    place.write('a.yaml', canaryText('pay'));
    const index = place.index();
    const { changed } = await index.rescan('hint');
    expect(inForce(index)).toEqual(['cart v2 z.yaml', 'pay v2 a.yaml', 'shop v2 z.yaml']);
    expect(changed.map(({ spec, file }) => `${spec.canary.name} ${file}`).sort()).toEqual([
      'cart present',
      'pay present',
      'shop present',
    ]);
    expect(index.counts()).toEqual({ valid: 3, invalid: 0, kept: 0 });
    expect((await index.rescan('hint')).changed).toEqual([]);
  });

  it('change with their file, and only those that did are told', async () => {
    const place = aPlace();
    place.write('shop.yaml', canaryText('shop'));
    place.write('cart.yaml', canaryText('cart'));
    const index = place.index();
    await index.rescan('hint');
    place.write('shop.yaml', canaryText('shop', { revision: 'v3' }));
    const { changed } = await index.rescan('hint');
    expect(changed.map(({ spec }) => `${spec.canary.name} ${spec.canary.revision}`)).toEqual(['shop v3']);
  });

  it('keep their last valid form while their file is broken, also over a restart', async () => {
    const place = aPlace();
    place.write('shop.yaml', canaryText('shop'));
    const index = place.index();
    await index.rescan('hint');
    index.save();
    place.write('shop.yaml', BROKEN);
    const { fresh } = await index.rescan('hint');
    expect(fresh.length).toBeGreaterThan(0);
    expect(inForce(index)).toEqual(['shop v2 shop.yaml']);
    expect(index.counts()).toEqual({ valid: 0, invalid: 1, kept: 1 });
    expect((await index.rescan('hint')).fresh).toEqual([]);

    place.reopen();
    const restarted = place.index();
    const { changed } = await restarted.rescan('hint');
    expect(inForce(restarted)).toEqual(['shop v2 shop.yaml']);
    expect(changed.map(({ file }) => file)).toEqual(['present']);
    place.clock.advance(60_000);
    await restarted.rescan('hint');
    expect(restarted.massDeletion()).toBeNull();
  });

  it('keep their last valid form when the file is renamed and broken at once', async () => {
    const place = aPlace();
    place.write('shop.yaml', canaryText('shop'));
    place.write('cart.yaml', canaryText('cart'));
    const index = place.index();
    await index.rescan('hint');
    place.remove('shop.yaml');
    place.write('store.yaml', BROKEN);
    await index.rescan('hint');
    place.clock.advance(60_000);
    const { changed } = await index.rescan('hint');
    expect(changed).toEqual([]);
    expect(index.counts().kept).toBe(1);
  });

  it('move with a document to another file', async () => {
    const place = aPlace();
    place.write('a.yaml', canaryText('shop'));
    const index = place.index();
    await index.rescan('hint');
    renameSync(join(place.dir, 'a.yaml'), join(place.dir, 'b.yaml'));
    const { changed } = await index.rescan('hint');
    expect(inForce(index)).toEqual(['shop v2 b.yaml']);
    expect(changed.map(({ file }) => file)).toEqual(['present']);
  });

  it('are not gone any sooner because the wall clock is set forward', async () => {
    const place = aPlace();
    let aheadMs = 0;
    const now = () => place.clock.now() + aheadMs;
    const index = createSpecIndex(place.dir, place.store(), { ...place.clock, now });
    for (const name of ['cart', 'shop']) place.write(`${name}.yaml`, canaryText(name));
    await index.rescan('hint');
    place.remove('shop.yaml');
    await index.rescan('hint');
    aheadMs = 3_600_000;
    expect((await index.rescan('hint')).changed).toEqual([]);
    place.clock.advance(30_000);
    expect((await index.rescan('hint')).changed.map(({ file }) => file)).toEqual(['gone']);
  });

  it('are gone 30 s after their file, then forgotten; the store forgets them with the next save', async () => {
    const place = aPlace();
    for (const name of ['shop', 'cart', 'pay']) place.write(`${name}.yaml`, canaryText(name));
    const index = place.index();
    await index.rescan('hint');
    index.save();
    place.remove('shop.yaml');
    expect((await index.rescan('hint')).changed.map(({ file }) => file)).toEqual(['missing']);
    place.clock.advance(30_000);
    expect((await index.rescan('hint')).changed.map(({ file }) => file)).toEqual(['gone']);
    index.forget('shop');
    expect(inForce(index)).toEqual(['cart v2 cart.yaml', 'pay v2 pay.yaml']);
    expect(place.store().specs()).toHaveLength(3);
    index.save();
    expect(place.store().specs()).toHaveLength(2);
    expect((await index.rescan('hint')).changed).toEqual([]);
  });

  it('count as new when they are forgotten and their file is there all the same', async () => {
    const place = aPlace();
    place.write('shop.yaml', canaryText('shop'));
    const index = place.index();
    await index.rescan('hint');
    index.forget('shop');
    expect((await index.rescan('hint')).changed.map(({ spec }) => spec.canary.name)).toEqual(['shop']);
  });

  it('survive an empty directory, which is told once', async () => {
    const place = aPlace();
    for (const name of ['shop', 'cart']) place.write(`${name}.yaml`, canaryText(name));
    const index = place.index();
    await index.rescan('hint');
    for (const name of ['shop', 'cart']) place.remove(`${name}.yaml`);
    const { massDeletion } = await index.rescan('hint');
    expect(massDeletion).toContain('no canary any more (2 known)');
    place.clock.advance(60_000);
    const later = await index.rescan('hint');
    expect(later.massDeletion).toBeNull();
    expect(later.changed).toEqual([]);
    expect(index.massDeletion()).toBe(massDeletion);
    expect(errors(index)).toEqual([`${place.dir} SPEC_DIRECTORY`]);
    for (const name of ['shop', 'cart']) place.write(`${name}.yaml`, canaryText(name));
    expect((await index.rescan('hint')).changed.map(({ file }) => file)).toEqual(['present', 'present']);
    expect(index.massDeletion()).toBeNull();
  });

  it('stay as they are while the directory cannot be read', async () => {
    const place = aPlace();
    place.write('shop.yaml', canaryText('shop'));
    const index = place.index();
    await index.rescan('hint');
    renameSync(place.dir, `${place.dir}.away`);
    const { changed, fresh } = await index.rescan('hint');
    expect(changed).toEqual([]);
    expect(fresh.map(({ code }) => code)).toEqual(['SPEC_DIRECTORY']);
    place.clock.advance(60_000);
    expect((await index.rescan('hint')).fresh).toEqual([]);
    renameSync(`${place.dir}.away`, place.dir);
    expect((await index.rescan('hint')).changed).toEqual([]);
    expect(errors(index)).toEqual([]);
  });
});

describe('claims', () => {
  it('leave a name with the file that it runs from, whatever comes later', async () => {
    const place = aPlace();
    place.write('m.yaml', canaryText('shop'));
    const index = place.index();
    await index.rescan('hint');
    place.write('a.yaml', canaryText('shop', { revision: 'v9' }));
    expect((await index.rescan('hint')).changed).toEqual([]);
    expect(inForce(index)).toEqual(['shop v2 m.yaml']);
    expect(errors(index)).toEqual(['a.yaml SPEC_DUPLICATE_NAME']);
    place.remove('m.yaml');
    await index.rescan('hint');
    expect(inForce(index)).toEqual(['shop v9 a.yaml']);
    expect(errors(index)).toEqual([]);
  });

  it('leave a traffic document with the Canary that runs on it, also against an edit of an older file', async () => {
    const place = aPlace();
    place.write('a.yaml', canaryText('cart'));
    place.write('m.yaml', canaryText('shop', { dataId: 'shared.json' }));
    const index = place.index();
    await index.rescan('hint');
    place.write('a.yaml', canaryText('cart', { revision: 'v3', dataId: 'shared.json' }));
    await index.rescan('hint');
    expect(inForce(index)).toEqual(['cart v2 a.yaml', 'shop v2 m.yaml']);
    expect(errors(index)).toEqual(['a.yaml SPEC_DUPLICATE_TARGET']);
  });

  it('hold for a Canary whose file is broken', async () => {
    const place = aPlace();
    place.write('shop.yaml', canaryText('shop', { dataId: 'shared.json' }));
    const index = place.index();
    await index.rescan('hint');
    place.write('shop.yaml', BROKEN);
    place.write('cart.yaml', canaryText('cart', { dataId: 'shared.json' }));
    await index.rescan('hint');
    expect(inForce(index)).toEqual(['shop v2 shop.yaml']);
    expect(errors(index)).toContain('cart.yaml SPEC_DUPLICATE_TARGET');
  });

  it('hold for the last form of a Canary whose edit is refused', async () => {
    const place = aPlace();
    place.write('pay.yaml', canaryText('pay', { dataId: 'pay.json' }));
    place.write('shop.yaml', canaryText('shop', { dataId: 'shop.json' }));
    const index = place.index();
    await index.rescan('hint');
    place.write('shop.yaml', canaryText('shop', { dataId: 'pay.json' }));
    place.write('cart.yaml', canaryText('cart', { dataId: 'shop.json' }));
    await index.rescan('hint');
    expect(inForce(index)).toEqual(['pay v2 pay.yaml', 'shop v2 shop.yaml']);
    expect(errors(index)).toEqual(['cart.yaml SPEC_DUPLICATE_TARGET', 'shop.yaml SPEC_DUPLICATE_TARGET']);
  });

  it('hold for a removed Canary until it is forgotten: a rename of the Canary waits for that', async () => {
    const place = aPlace();
    place.write('other.yaml', canaryText('other'));
    place.write('shop.yaml', canaryText('shop', { dataId: 'shop.json' }));
    const index = place.index();
    await index.rescan('hint');
    place.write('shop.yaml', canaryText('store', { dataId: 'shop.json' }));
    await index.rescan('hint');
    expect(inForce(index)).toEqual(['other v2 other.yaml', 'shop v2 shop.yaml']);
    index.forget('shop');
    await index.rescan('hint');
    expect(inForce(index)).toEqual(['other v2 other.yaml', 'store v2 shop.yaml']);
    expect(errors(index)).toEqual([]);
  });
});

describe('the store behind the declarations', () => {
  it('is not written by scans, only by a save', async () => {
    const place = aPlace();
    place.write('shop.yaml', canaryText('shop'));
    const index = place.index({
      putSpecs: () => {
        throw new Error('written');
      },
      cacheParse: () => {
        throw new Error('written');
      },
    });
    await index.rescan('hint');
    expect(place.store().specs()).toEqual([]);
    expect(() => index.save()).toThrow('written');
  });

  it('gets what it could not take with the next save', async () => {
    const place = aPlace();
    place.write('shop.yaml', canaryText('shop'));
    let isLocked = true;
    const index = place.index({
      putSpecs: (changed, removed) => {
        if (isLocked) throw new StoreError('STORE_LOCKED', 'locked');
        place.store().putSpecs(changed, removed);
      },
    });
    await index.rescan('hint');
    expect(() => index.save()).toThrow('locked');
    expect((await index.rescan('hint')).changed).toEqual([]);
    isLocked = false;
    index.save();
    expect(
      place
        .store()
        .specs()
        .map(({ canary }) => canary.name),
    ).toEqual(['shop']);
  });

  it('spares a start the parsing of unchanged files', async () => {
    const place = aPlace();
    place.write('shop.yaml', canaryText('shop'));
    const index = place.index();
    await index.rescan('hint');
    index.save();
    place.reopen();
    const found: boolean[] = [];
    const restarted = place.index({
      cachedParse(contentHash, schemaHash) {
        const parsed = place.store().cachedParse(contentHash, schemaHash);
        found.push(parsed !== null);
        return parsed;
      },
    });
    await restarted.rescan('hint');
    expect(found).toEqual([true]);
    expect(inForce(restarted)).toEqual(['shop v2 shop.yaml']);
  });

  it('may be away: files are parsed all the same', async () => {
    const place = aPlace();
    place.write('shop.yaml', canaryText('shop'));
    const index = place.index({
      cachedParse: () => {
        throw new StoreError('STORE_LOCKED', 'locked');
      },
    });
    await index.rescan('hint');
    expect(inForce(index)).toEqual(['shop v2 shop.yaml']);
  });
});

describe('the watch', () => {
  /** Resolves at the first hint after `change`. */
  async function hintAfter(place: ReturnType<typeof aPlace>, change: () => void): Promise<void> {
    const index = place.index();
    onTestFinished(() => index.close());
    const hint = Promise.withResolvers<void>();
    index.watch(hint.resolve);
    const again = setInterval(change, 50);
    try {
      await place.clock.armed(100);
      place.clock.advance(100);
      await hint.promise;
    } finally {
      clearInterval(again);
    }
  }

  it('hints at an edited file, a new one and a removed one', async () => {
    const place = aPlace();
    place.write('shop.yaml', canaryText('shop'));
    await hintAfter(place, () => place.write('shop.yaml', canaryText('shop')));
    await hintAfter(place, () => {
      place.write('new.yaml', canaryText('cart'));
      place.remove('new.yaml');
    });
  });

  it('watches what a link leads to', async () => {
    const place = aPlace();
    renameSync(place.dir, `${place.dir}.real`);
    symlinkSync(`${place.dir}.real`, place.dir);
    await hintAfter(place, () => place.write('shop.yaml', canaryText('shop')));
  });

  it('does without a directory', async () => {
    const place = aPlace();
    rmSync(place.dir, { recursive: true });
    const index = place.index();
    index.watch(() => {});
    expect((await index.rescan('hint')).fresh.map(({ code }) => code)).toEqual(['SPEC_DIRECTORY']);
    await index.close();
  });
});

describe('a template that Canaries share', () => {
  const template = (delta: string) => `apiVersion: canary/v1
kind: AnalysisTemplate
metadata: { name: slo }
spec:
  metrics: [{ name: errors, query: 'x{version="{{version}}"}', maxDelta: ${delta} }]
`;
  const user = (name: string, rest = '') => `apiVersion: canary/v1
kind: Canary
metadata: { name: ${name} }
spec:
  strategy: { ready: { query: 'up{version="{{canary}}"}' }, steps: [{ setWeight: 100, bake: 10m }] }
  analysis: { template: slo${rest} }
`;
  const bounds = (index: Index) =>
    index.specs().map(({ canary }) => canary.analysis.metrics[0]?.bounds.maxDelta);

  it('changes each of them with one edit, and none that does not use it', async () => {
    const place = aPlace();
    place.write('slo.yaml', template('0.1'));
    place.write('users.yaml', user('cart'), user('shop'));
    place.write('alone.yaml', canaryText('pay'));
    const index = place.index();
    await index.rescan('hint');
    place.write('slo.yaml', template('0.2'));
    const { changed } = await index.rescan('hint');
    expect(changed.map(({ spec }) => spec.canary.name).sort()).toEqual(['cart', 'shop']);
    expect(bounds(index)).toEqual([0.2, expect.anything(), 0.2]);
  });

  it('goes on in its last valid form while its file is broken, over a restart and an edit of its user', async () => {
    const place = aPlace();
    place.write('slo.yaml', template('0.1'));
    place.write('cart.yaml', user('cart'));
    const before = place.index();
    await before.rescan('hint');
    before.save();
    place.write('slo.yaml', 'kind: [');
    place.reopen();
    const index = place.index();
    place.write('cart.yaml', user('cart', ', errorLimit: 9'));
    await index.rescan('hint');
    expect(bounds(index)).toEqual([0.1]);
    expect(index.specs()[0]!.canary.analysis.errorLimit).toBe(9);
    expect(errors(index)).toEqual(['slo.yaml SPEC_YAML']);
    expect(index.diagnostics().map(({ code }) => code)).toContain('SPEC_TEMPLATE_KEPT');
    place.write('slo.yaml', template('0.3'));
    await index.rescan('hint');
    expect(bounds(index)).toEqual([0.3]);
    expect(index.diagnostics()).toEqual([]);
  });

  it('leaves its users as they are when its file is gone, and says so of each', async () => {
    const place = aPlace();
    place.write('slo.yaml', template('0.1'));
    place.write('users.yaml', user('cart'), user('shop'));
    const index = place.index();
    await index.rescan('hint');
    place.remove('slo.yaml');
    const { changed } = await index.rescan('hint');
    expect(changed).toEqual([]);
    expect(bounds(index)).toEqual([0.1, 0.1]);
    expect(errors(index)).toEqual(['users.yaml SPEC_TEMPLATE', 'users.yaml SPEC_TEMPLATE']);
    expect(index.counts()).toMatchObject({ kept: 2 });
  });

  it('is read from the store as it was written, so that a start need not parse it again', async () => {
    const place = aPlace();
    place.write('all.yaml', template('0.1'), user('cart', ', errorLimit: .inf'));
    const before = place.index();
    await before.rescan('hint');
    before.save();
    place.reopen();
    const index = place.index();
    await index.rescan('hint');
    expect(index.diagnostics()).toEqual(before.diagnostics());
    expect(index.diagnostics()[0]!.detail).toContain('Infinity');
  });
});
