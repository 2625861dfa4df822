import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Event, Store } from '../../src/store/store.ts';
import { aCommand, anEvent, anExplanation, aRollout, aSave, aState, aVerdict, T0 } from '../support/saves.ts';
import { tempStore } from '../support/temp-store.ts';

function stateOf(store: Store, canary: string): string | undefined {
  return store.load(canary).state?.reason;
}

function saveWith(canary: string, reason: string) {
  return aSave(canary, {
    state: aState(canary, { reason }),
    events: [anEvent('WeightVerified', { message: reason })],
  });
}

/** Holds the write lock as a backup or a person with a shell may. */
function lockDatabase(file: string): Database.Database {
  const other = new Database(file);
  onTestFinished(() => void other.close());
  other.exec('BEGIN IMMEDIATE');
  return other;
}

describe('an urgent save', () => {
  test('is there for whoever opens the file next', () => {
    const { open } = tempStore();
    const explanation = anExplanation('checkout', { action: 'raise', to: 25 });
    const first = open();
    first.save(aSave('checkout', { explanation, nextCheckAt: T0 + 0.5 }));
    first.close();
    const second = open();
    expect(second.load('checkout')).toEqual({
      state: aState('checkout'),
      commands: [],
      signals: [],
      explanation,
    });
    expect(second.index()).toEqual([
      { canary: 'checkout', nextCheckAt: T0, state: aState('checkout'), commands: [] },
    ]);
  });

  test('keeps what was handed over, whatever becomes of the object afterwards', async () => {
    const store = tempStore().open();
    const state = aState('checkout', { reason: 'as decided' });
    const saved = store.saveLater(aSave('checkout', { state }));
    state.reason = 'changed by the next decision';
    expect(stateOf(store, 'checkout')).toBe('as decided');
    store.flush();
    await saved;
    expect(stateOf(store, 'checkout')).toBe('as decided');
  });

  test('returns its events with the numbers under which the log has them', () => {
    const store = tempStore().open();
    const events = store.save(
      aSave('checkout', {
        events: [
          anEvent('RolloutStarted'),
          anEvent('StepStarted', { data: { step: 0 }, rolloutId: 'checkout-1' }),
        ],
      }),
    );
    expect(events.map(({ id }) => id)).toEqual([1, 2]);
    expect(store.events({ after: 0, limit: 10 })).toEqual(events);
    expect(store.event(2)).toEqual(events[1]);
  });

  test('commits everything that waited first, in order', async () => {
    const store = tempStore().open();
    const queued = store.saveLater(saveWith('search', 'queued'));
    const urgent = store.save(saveWith('checkout', 'urgent'));
    expect(urgent.map(({ id }) => id)).toEqual([2]);
    expect((await queued).map(({ id }) => id)).toEqual([1]);
  });

  test('knows nothing of a canary that was never saved', () => {
    expect(tempStore().open().load('checkout')).toEqual({
      state: null,
      commands: [],
      signals: [],
      explanation: null,
    });
  });
});

describe('the group commit', () => {
  test('shows a queued save to the next load of that canary, and to nobody else before it is committed', async () => {
    const { open, clock } = tempStore();
    const store = open();
    const other = open();
    const saved = store.saveLater(saveWith('checkout', 'first'));
    store.saveLater(saveWith('checkout', 'second'));
    expect(stateOf(store, 'checkout')).toBe('second');
    expect(store.load('search').state).toBeNull();
    expect(stateOf(other, 'checkout')).toBeUndefined();
    expect(store.lastEventId()).toBe(0);
    clock.advance(50);
    await saved;
    expect(stateOf(other, 'checkout')).toBe('second');
    expect(store.lastEventId()).toBe(2);
  });

  test('comes 50 ms after the first save that waits, however many follow', async () => {
    const { open, clock } = tempStore();
    const store = open();
    const commits: number[] = [];
    store.onCommit((events) => commits.push(events.length));
    store.saveLater(saveWith('a', 'x'));
    clock.advance(30);
    store.saveLater(saveWith('b', 'x'));
    clock.advance(19);
    expect(commits).toEqual([]);
    clock.advance(1);
    expect(commits).toEqual([2]);
    const next = store.saveLater(saveWith('c', 'x'));
    clock.advance(50);
    await next;
    expect(commits).toEqual([2, 1]);
  });

  test('counts its 50 ms anew after an urgent save took along what waited', () => {
    const { open, clock } = tempStore();
    const store = open();
    store.saveLater(saveWith('a', 'x'));
    clock.advance(30);
    store.save(saveWith('b', 'x'));
    store.saveLater(saveWith('c', 'x'));
    clock.advance(49);
    expect(store.lastEventId()).toBe(2);
    clock.advance(1);
    expect(store.lastEventId()).toBe(3);
  });

  test('does not wait when 200 saves have come together', () => {
    const store = tempStore().open();
    for (let i = 0; i < 199; i += 1) store.saveLater(saveWith(`service-${i}`, 'x'));
    expect(store.lastEventId()).toBe(0);
    store.saveLater(saveWith('service-199', 'x'));
    expect(store.lastEventId()).toBe(200);
  });

  test('gives every writer its own events', async () => {
    const store = tempStore().open();
    const one = store.saveLater(saveWith('a', 'from a'));
    const none = store.saveLater(aSave('b'));
    const three = store.saveLater(saveWith('c', 'from c'));
    store.flush();
    expect(await none).toEqual([]);
    expect((await one).map(({ canary, message }) => [canary, message])).toEqual([['a', 'from a']]);
    expect((await three).map(({ canary, message }) => [canary, message])).toEqual([['c', 'from c']]);
  });

  test('that cannot get the lock rejects every writer and keeps nothing, and the next one works', async () => {
    const { file, open, clock } = tempStore();
    const store = open();
    store.save(saveWith('a', 'committed'));
    const other = lockDatabase(file);
    const saves = ['a', 'b', 'c'].map((name) => store.saveLater(saveWith(name, 'lost')));
    const outcomes = Promise.allSettled(saves);
    clock.advance(50);
    expect((await outcomes).map((outcome) => outcome.status === 'rejected' && outcome.reason.code)).toEqual([
      'STORE_LOCKED',
      'STORE_LOCKED',
      'STORE_LOCKED',
    ]);
    expect(['a', 'b', 'c'].map((name) => stateOf(store, name))).toEqual(['committed', undefined, undefined]);
    other.exec('ROLLBACK');
    expect(store.save(saveWith('b', 'again')).map(({ id }) => id)).toEqual([2]);
  });

  test('that fails in the middle keeps nothing of the saves before it', async () => {
    const store = tempStore().open();
    const good = store.saveLater(saveWith('a', 'good'));
    const bad = store.saveLater(aSave('b', { nextCheckAt: Number.NaN, events: [anEvent('StepStarted')] }));
    const outcomes = Promise.allSettled([good, bad]);
    expect(() => store.flush()).toThrow();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(store.load('a').state).toBeNull();
    expect(store.lastEventId()).toBe(0);
  });

  test('is committed when the store is closed', async () => {
    const { open } = tempStore();
    const store = open();
    const saved = store.saveLater(saveWith('a', 'on the way out'));
    store.close();
    await saved;
    expect(stateOf(open(), 'a')).toBe('on the way out');
  });
});

describe('commands', () => {
  test('wait for their canary under the number of the event that records them', () => {
    const { open } = tempStore();
    const store = open();
    const id = store.addCommand(aCommand('checkout', { verb: 'start', revision: 'v2' }), T0);
    store.addCommand(aCommand('search'), T0);
    expect(store.event(id)).toMatchObject({
      type: 'CommandReceived',
      canary: 'checkout',
      actor: 'ops',
      message: 'start by ops: lunch',
      data: { verb: 'start', source: 'api', revision: 'v2', restart: false },
    });
    store.close();
    expect(open().load('checkout').commands).toEqual([
      {
        id,
        at: T0,
        verb: 'start',
        actor: 'ops',
        reason: 'lunch',
        force: false,
        full: false,
        revision: 'v2',
        restart: false,
      },
    ]);
  });

  test('are gone once a decision took them, also while that decision waits for its commit', async () => {
    const store = tempStore().open();
    const first = store.addCommand(aCommand('checkout'), T0);
    const second = store.addCommand(aCommand('checkout', { verb: 'resume' }), T0);
    const waiting = () => store.load('checkout').commands.map(({ id }) => id);
    expect(waiting()).toEqual([first, second]);
    const answer = anEvent('CommandApplied', { causedBy: first });
    const saved = store.saveLater(aSave('checkout', { consumed: [first], events: [answer] }));
    expect(waiting()).toEqual([second]);
    expect(store.isAnswered(first)).toBe(false);
    store.flush();
    await saved;
    expect(waiting()).toEqual([second]);
    expect(store.isAnswered(first)).toBe(true);
    expect(store.isAnswered(second)).toBe(false);
  });

  test('come back when the decision that took them could not be committed', () => {
    const { file, open } = tempStore();
    const store = open();
    const id = store.addCommand(aCommand('checkout'), T0);
    lockDatabase(file);
    expect(() => store.save(aSave('checkout', { consumed: [id] }))).toThrow('another program holds');
    expect(store.load('checkout').commands).toHaveLength(1);
  });
});

describe('a forgotten canary', () => {
  test('leaves no state but keeps its history', () => {
    const store = tempStore().open();
    store.save(
      aSave('checkout', {
        events: [anEvent('RolloutStarted')],
        rollouts: [aRollout('checkout-1', 'checkout')],
        verdicts: [{ rolloutId: 'checkout-1', verdict: aVerdict('errors', 'pass', T0) }],
      }),
    );
    const queued = store.saveLater(aSave('checkout', { state: null, events: [anEvent('Forgotten')] }));
    expect(store.load('checkout')).toEqual({ state: null, commands: [], signals: [], explanation: null });
    store.flush();
    expect(store.load('checkout').state).toBeNull();
    expect(store.index()).toEqual([]);
    expect(store.rollouts('checkout', 10)).toHaveLength(1);
    expect(store.measurements('checkout-1', 10)).toHaveLength(1);
    expect(store.events({ canary: 'checkout', limit: 10 }).map(({ type }) => type)).toEqual([
      'RolloutStarted',
      'Forgotten',
    ]);
    return queued;
  });

  test('refuses the commands that came too late for it, so that none of that name waits for a later one', () => {
    const store = tempStore().open();
    store.save(aSave('checkout'));
    const id = store.addCommand(aCommand('checkout', { verb: 'abort' }), T0);
    const events = store.save(aSave('checkout', { state: null, events: [anEvent('Forgotten')] }));
    expect(events.map(({ type, causedBy }) => [type, causedBy])).toEqual([
      ['Forgotten', null],
      ['CommandRefused', id],
    ]);
    store.save(aSave('checkout'));
    expect(store.load('checkout').commands).toEqual([]);
  });
});

describe('trouble', () => {
  test('a database that another program holds is STORE_LOCKED', () => {
    const { file, open } = tempStore();
    const store = open();
    lockDatabase(file);
    expect(() => store.save(aSave('checkout'))).toThrow(expect.objectContaining({ code: 'STORE_LOCKED' }));
    expect(store.load('checkout').state).toBeNull();
  });

  test('a full disk is STORE_FULL, keeps nothing half, and reading goes on', async () => {
    const store = tempStore().open({ maxPages: 60 });
    const filler = 'x'.repeat(3_000);
    const codes: string[] = [];
    let saved = 0;
    while (codes.length === 0) {
      const queued = store
        .saveLater(saveWith(`queued-${saved}`, filler))
        .catch(({ code }) => codes.push(code));
      try {
        store.save(saveWith(`urgent-${saved}`, filler));
        saved += 1;
      } catch (error) {
        codes.push((error as { code: string }).code);
      }
      await queued;
    }
    expect(codes).toEqual(['STORE_FULL', 'STORE_FULL']);
    expect(saved).toBeGreaterThan(2);
    expect(store.index()).toHaveLength(2 * saved);
    expect(store.lastEventId()).toBe(2 * saved);
    expect(stateOf(store, `urgent-${saved}`)).toBeUndefined();
  });

  test('a closed store rejects what comes too late', () => {
    const store = tempStore().open();
    store.close();
    store.close();
    expect(() => store.save(aSave('checkout'))).toThrow('not open');
  });
});

describe('fencing', () => {
  test('a writer whose epoch another took since may write nothing more', async () => {
    const { open } = tempStore();
    const old = open();
    const other = open();
    expect(old.epoch()).toBe(0);
    expect(old.holder()).toBeNull();
    expect(old.claimEpoch('host/1', T0)).toBe(1);
    old.save(saveWith('checkout', 'ours'));
    const queued = old.saveLater(saveWith('search', 'too late'));
    expect(other.claimEpoch('host/2', T0)).toBe(2);
    expect(old.holder()).toBe('host/2');

    const fenced = expect.objectContaining({ code: 'STORE_FENCED' });
    expect(() => old.save(saveWith('checkout', 'stale'))).toThrow(fenced);
    await expect(queued).rejects.toThrow(fenced);
    expect(() => old.addCommand(aCommand('checkout'), T0)).toThrow(fenced);
    expect(() => old.putSpecs([], ['checkout'])).toThrow(fenced);
    expect(() => old.setCursor('webhook', 1)).toThrow(fenced);
    expect(stateOf(other, 'checkout')).toBe('ours');
    expect(other.load('search').state).toBeNull();
    other.save(saveWith('checkout', 'theirs'));
    expect(stateOf(old, 'checkout')).toBe('theirs');
  });

  test('what waited under a lost epoch is not smuggled in under a new one', async () => {
    const { open } = tempStore();
    const store = open();
    store.claimEpoch('host/1', T0);
    const queued = store.saveLater(saveWith('checkout', 'decided before'));
    const rejected = expect(queued).rejects.toThrow(expect.objectContaining({ code: 'STORE_FENCED' }));
    open().claimEpoch('host/2', T0);
    expect(store.claimEpoch('host/1', T0)).toBe(3);
    await rejected;
    expect(store.load('checkout').state).toBeNull();
    store.save(saveWith('checkout', 'decided after'));
  });

  test('each claim is an event that listeners hear of', () => {
    const store = tempStore().open();
    const heard: Event[] = [];
    store.onCommit((events) => heard.push(...events));
    store.claimEpoch('host/1', T0);
    expect(heard).toMatchObject([
      { id: 1, type: 'LeaderChanged', canary: null, data: { holder: 'host/1', epoch: 1 } },
    ]);
    expect(store.event(1)).toEqual(heard[0]);
  });
});
