import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createJournal } from '../../src/store/journal.ts';
import { type Store, StoreError } from '../../src/store/store.ts';
import { aMetric } from '../support/a-canary.ts';
import { tempStore } from '../support/temp-store.ts';
import { aRig, BAD, GOOD, quickSpec, type Rig } from './rig.ts';

/** A second program that holds the database until it is let go. */
function lock(rig: Rig): () => void {
  const other = new Database(rig.temp.file);
  other.exec('BEGIN IMMEDIATE');
  return () => {
    other.exec('ROLLBACK');
    other.close();
  };
}

describe('a database that another program holds', () => {
  it('keeps a raise from being made, and lets it be made afterwards', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    await rig.run(55_000);
    const release = lock(rig);
    await rig.run(60_000);
    expect(rig.traffic.writes).toEqual(['shop 10 guarded']);
    expect(rig.failures).toContain('save');
    release();
    await rig.run(20_000);
    expect(rig.traffic.writes).toEqual(['shop 10 guarded', 'shop 50 guarded']);
    expect(rig.events().filter((type) => type === 'StepStarted')).toHaveLength(2);
  });

  it('does not keep a rollback from being carried out, which is recorded later and in order', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    await rig.run(15_000);
    const release = lock(rig);
    rig.answers.canary.set('shop', BAD);
    await rig.run(30_000);
    expect(rig.weight()).toBe(0);
    expect(rig.controller.state('shop')?.phase).toBe('RolledBack');
    expect(rig.events()).not.toContain('RollbackStarted');
    expect(rig.lines.filter(({ where }) => where === 'kept in the journal')).toHaveLength(1);
    release();
    await rig.run(70_000);
    const events = rig.events();
    expect(events.slice(events.indexOf('RollbackStarted'))).toEqual([
      'RollbackStarted',
      'WeightVerified',
      'RolloutEnded',
    ]);
    expect(rig.store.load('shop').state?.phase).toBe('RolledBack');
    expect(rig.store.rollouts('shop', 10)[0]).toMatchObject({ outcome: 'RolledBack' });
  });

  it.each([
    ['for', { forMs: 30_000, failureLimit: null }],
    ['failureLimit', { forMs: null, failureLimit: 2 }],
  ])(
    'keeps no failure from counting while a raise that was never seen is given up: %s',
    async (_by, limit) => {
      const metric = aMetric({
        name: 'latency',
        source: { kind: 'query', query: 'ms{job="shop"}' },
        bounds: { max: 500 },
        windowMs: 10_000,
        ...limit,
      });
      const rig = await aRig({ specs: [quickSpec('shop', { analysis: { metrics: [metric] } })] });
      rig.lead();
      await rig.run(55_000);
      rig.traffic.refusal = { result: 'accepted', code: '', detail: '' };
      while (rig.controller.state('shop')?.intent?.direction !== 'raise') await rig.run(500);
      const release = lock(rig);
      await rig.run(40_000);
      rig.traffic.refusal = null;
      expect(rig.controller.state('shop')).toMatchObject({ intent: null, rollout: { withdrawDue: true } });
      rig.answers.canary.set('shop', { kind: 'value', value: 900, requests: null });
      await rig.run(60_000);
      expect(rig.weight()).toBe(0);
      expect(rig.controller.state('shop')?.phase).toBe('RolledBack');
      release();
      await rig.run(10_000);
      const events = rig.events();
      expect(events.slice(events.indexOf('RaiseCancelled'))).toEqual([
        'RaiseCancelled',
        'RollbackStarted',
        'WeightVerified',
        'RolloutEnded',
      ]);
    },
  );

  it('lets no look be judged by a declaration that came while a raise was being saved', async () => {
    const declared = (query: string, max: number) => {
      const source = { kind: 'query', query } as const;
      const metric = aMetric({ source, bounds: { max }, windowMs: 10_000, critical: true });
      return quickSpec('shop', { analysis: { metrics: [metric] } });
    };
    let isLocked = false;
    const rig: Rig = await aRig({
      specs: [declared('ms{job="shop"}', 500)],
      store: (store) => ({
        async saveSoon(save) {
          if (!isLocked) return store.saveSoon(save);
          isLocked = false;
          rig.files.set('shop', { spec: declared('seconds{job="shop"}', 0.5), file: 'present' });
          await rig.controller.rescan();
          throw new StoreError('STORE_LOCKED', 'another program holds the database');
        },
      }),
    });
    rig.answers.canary.set('shop', { kind: 'value', value: 200, requests: null });
    rig.lead();
    await rig.run(15_000);
    isLocked = true;
    while (isLocked) await rig.run(1_000);
    expect(rig.controller.state('shop')).toMatchObject({ phase: 'Progressing', rollout: { weight: 10 } });
  });

  it('keeps no mark from being written afterwards that was earned meanwhile', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    while (rig.weight() !== 100) await rig.run(1_000);
    await rig.run(5_000);
    const release = lock(rig);
    await rig.run(120_000);
    expect(rig.controller.state('shop')).toMatchObject({ phase: 'Progressing', intent: null });
    expect(rig.controller.state('shop')?.reason).toMatch(/^nothing rises unsaved: .*another program holds/);
    release();
    await rig.run(20_000);
    expect(rig.controller.state('shop')?.phase).toBe('Succeeded');
  });

  it('is waited for once, and not by each of hundreds of Canaries with each of its looks', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `shop-${index}`);
    const rig = await aRig({ specs: names.map((name) => quickSpec(name)) });
    rig.lead();
    await rig.run(15_000);
    const pragmas = vi.spyOn(Database.prototype, 'pragma');
    onTestFinished(() => pragmas.mockRestore());
    const waits = () => pragmas.mock.calls.map(([text]) => text).filter((text) => text.includes('busy'));
    const release = lock(rig);
    for (const name of names) rig.answers.canary.set(name, BAD);
    await rig.run(40_000);
    expect(rig.weight(names[0])).toBe(0);
    expect(rig.failures.filter((stage) => stage === 'save').length).toBeGreaterThan(names.length);
    expect(waits(), 'one wait, then none while it is held').toEqual(['busy_timeout = 0']);
    release();
    await rig.run(10_000);
    expect(waits()).toEqual(['busy_timeout = 0', 'busy_timeout = 20']);
    expect(rig.events(names[0]).at(-1)).toBe('RolloutEnded');
  });

  it('empties the journal once all of it is in the database, not before', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    const journal = createJournal(`${rig.temp.file}.journal`, rig.store.storeId);
    rig.lead();
    await rig.run(15_000);
    const release = lock(rig);
    rig.answers.canary.set('shop', BAD);
    await rig.run(30_000);
    expect(journal.entries()).toHaveLength(1);
    release();
    await rig.run(70_000);
    expect(journal.entries()).toEqual([]);
    journal.close();
  });

  it('empties the journal before a Canary is forgotten that may come back and count its decisions anew', async () => {
    const rig = await aRig({ specs: [quickSpec()], tickMs: 3_600_000 });
    const journal = createJournal(`${rig.temp.file}.journal`, rig.store.storeId);
    rig.lead();
    await rig.run(15_000);
    const release = lock(rig);
    rig.answers.canary.set('shop', BAD);
    await rig.run(12_000);
    expect(journal.entries()).toHaveLength(1);
    release();
    rig.files.set('shop', { spec: quickSpec(), file: 'gone' });
    await rig.controller.rescan();
    await rig.run(1_000);
    expect(rig.events()).toContain('Forgotten');
    expect(journal.entries()).toEqual([]);
    journal.close();
  });

  it('empties the journal at a takeover when the database knows all of it', async () => {
    const rig = await aRig({ specs: [quickSpec()], tickMs: 3_600_000 });
    const journal = createJournal(`${rig.temp.file}.journal`, rig.store.storeId);
    journal.append({ canary: 'forgotten long ago', explanation: null });
    rig.lead();
    expect(journal.entries()).toEqual([]);
    journal.close();
  });

  it('is written once more at a stop, so that nothing waits for the next start', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    await rig.run(15_000);
    const release = lock(rig);
    rig.answers.canary.set('shop', BAD);
    await rig.run(30_000);
    release();
    await rig.controller.stop(4_000);
    expect(rig.events()).toContain('RolloutEnded');
  });

  it('costs memory once, not once a look', async () => {
    const saved: unknown[] = [];
    let isLocked = false;
    const rig = await aRig({
      specs: [
        quickSpec('shop', { strategy: { steps: [{ weight: 100, bakeMs: 86_400_000, approval: false }] } }),
      ],
      store: (store) => ({
        async saveSoon(save) {
          if (isLocked) throw new StoreError('STORE_FULL', 'full');
          saved.push(save);
          return store.saveSoon(save);
        },
        saveLater: (save) =>
          isLocked ? Promise.reject(new StoreError('STORE_FULL', 'full')) : store.saveLater(save),
      }),
    });
    rig.lead();
    await rig.run(15_000);
    isLocked = true;
    await rig.run(3_600_000);
    isLocked = false;
    saved.length = 0;
    await rig.run(10_100);
    expect(saved.length).toBeLessThan(5);
    expect(rig.controller.state('shop')?.phase).toBe('Progressing');
  });
});

describe('a Canary at rest', () => {
  const savesOf = async () => {
    const saves: string[] = [];
    const rig = await aRig({
      specs: [quickSpec('shop', { revision: 'v1' })],
      store: (store) => ({
        saveLater(save) {
          saves.push(save.canary);
          return store.saveLater(save);
        },
      }),
    });
    rig.lead();
    await rig.run(15 * 60_000);
    expect(rig.controller.state('shop')?.phase).toBe('Stable');
    return { rig, saves };
  };

  it('is not saved at each look at which nothing happened, but its times never grow older than 15 minutes', async () => {
    const { rig, saves } = await savesOf();
    const reads = rig.traffic.reads.length;
    saves.length = 0;
    await rig.run(60 * 60_000);
    expect(saves).toHaveLength(4);
    expect(rig.traffic.reads.length - reads).toBeGreaterThanOrEqual(59);
    expect(rig.controller.explanation('shop')?.at).toBeGreaterThan(rig.clock.now() - 61_000);
  });

  it('is saved as soon as anything but a time differs', async () => {
    const { rig, saves } = await savesOf();
    saves.length = 0;
    rig.traffic.documents.delete('shop');
    await rig.run(61_000);
    expect(saves.length).toBeGreaterThan(0);
  });
});

describe('a daemon that is killed while the database takes nothing', () => {
  it('goes on with the rollback from the journal, and records it', async () => {
    const temp = tempStore();
    let isFull = false;
    const full = (store: Store): Partial<Store> => ({
      async saveSoon(save) {
        if (isFull) throw new StoreError('STORE_FULL', 'full');
        return store.saveSoon(save);
      },
    });
    const killed = await aRig({ temp, specs: [quickSpec()], store: full });
    killed.lead();
    await killed.run(15_000);
    isFull = true;
    killed.answers.canary.set('shop', BAD);
    // The write is lost with the process: the server says yes and does nothing.
    killed.traffic.refusal = { result: 'accepted', code: '', detail: '' };
    await killed.run(12_000);
    expect(killed.weight()).toBe(10);
    killed.follow();

    const next = await aRig({ beside: killed });
    killed.traffic.refusal = null;
    killed.answers.canary.set('shop', GOOD);
    next.lead();
    await next.run(1_000);
    expect(next.weight()).toBe(0);
    expect(next.controller.state('shop')?.phase).toBe('RolledBack');
    expect(next.events()).toContain('RollbackStarted');
    await next.run(10_000);
    const journal = createJournal(`${temp.file}.journal`, next.store.storeId);
    expect(journal.entries()).toEqual([]);
    journal.close();
  });

  it('leaves no hole in history where it had decided something before that', async () => {
    const temp = tempStore();
    let isFull = false;
    const refuse = () => {
      if (isFull) throw new StoreError('STORE_FULL', 'full');
    };
    const killed = await aRig({
      temp,
      specs: [quickSpec()],
      store: (store) => ({
        async saveSoon(save) {
          refuse();
          return store.saveSoon(save);
        },
        save(save) {
          refuse();
          return store.save(save);
        },
      }),
    });
    killed.lead();
    await killed.run(15_000);
    isFull = true;
    const text = killed.traffic.documents.get('shop') ?? '';
    killed.traffic.documents.set('shop', text.replace('"canaryWeight": 10', '"canaryWeight": 3'));
    await killed.run(12_000);
    expect(killed.controller.state('shop')?.phase).toBe('Paused');
    killed.answers.canary.set('shop', BAD);
    await killed.run(12_000);
    expect(killed.controller.state('shop')?.phase).toBe('RolledBack');
    killed.follow();

    const next = await aRig({ beside: killed });
    next.lead();
    await next.run(20_000);
    const events = next.events();
    expect(events.slice(events.indexOf('DriftSeen') - 1)).toEqual([
      'Paused',
      'DriftSeen',
      'RollbackStarted',
      'WeightVerified',
      'RolloutEnded',
    ]);
  });

  it('does not go back to what the journal holds when the database knows better', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    const journal = createJournal(`${rig.temp.file}.journal`, rig.store.storeId);
    rig.lead();
    await rig.run(15_000);
    const { state, explanation } = rig.store.load('shop');
    journal.append({
      canary: 'shop',
      at: 0,
      state: { ...state, decidedAt: 0, phase: 'RollingBack' },
      nextCheckAt: 0,
      events: [],
      rollouts: [],
      explanation,
      consumed: [],
      verdicts: [],
    });
    journal.close();
    rig.follow();
    rig.lead();
    await rig.run(200_000);
    expect(rig.controller.state('shop')?.phase).toBe('Succeeded');
  });
});

/** Fills the database up to its last byte; the returned function makes room again. */
function fill(store: Store): () => void {
  const names: string[] = [];
  for (const size of [4_000, 400, 40]) {
    try {
      for (;;) {
        const spec = quickSpec(`filler-${names.length}`);
        store.putSpecs([{ ...spec, hash: 'x'.repeat(size) }], []);
        names.push(spec.canary.name);
      }
    } catch (error) {
      if (!(error instanceof StoreError && error.code === 'STORE_FULL')) throw error;
    }
  }
  return () => store.putSpecs([], names);
}

describe('a full disk', () => {
  it('lets nothing be raised, still lowers, and gets its history once there is room', async () => {
    const temp = tempStore();
    const rig = await aRig({
      temp: { ...temp, open: (options) => temp.open({ maxPages: 300, ...options }) },
      specs: [quickSpec('shop'), quickSpec('cart')],
    });
    rig.lead();
    await rig.run(15_000);
    const makeRoom = fill(rig.store);
    rig.answers.canary.set('cart', BAD);
    const asked = rig.answers.asked;
    await rig.run(120_000);
    expect(rig.answers.asked - asked, 'looks stay at their interval').toBeGreaterThan(20);
    expect(rig.weight('shop')).toBe(10);
    expect(rig.weight('cart')).toBe(0);
    expect(rig.events('cart')).not.toContain('RollbackStarted');

    makeRoom();
    await rig.run(70_000);
    expect(rig.events('cart').slice(-3)).toEqual(['RollbackStarted', 'WeightVerified', 'RolloutEnded']);
    expect(rig.weight('shop')).toBeGreaterThan(10);
  });
});
