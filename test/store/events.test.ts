import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Event } from '../../src/store/store.ts';
import { aCommand, anEvent, anExplanation, aSave, T0 } from '../support/saves.ts';
import { tempStore } from '../support/temp-store.ts';

describe('the event log', () => {
  test.each([
    ['change an event', "UPDATE events SET message = 'rewritten'"],
    ['delete an event', 'DELETE FROM events'],
    [
      'replace an event',
      "INSERT OR REPLACE INTO events (id, at, type, message) VALUES (1, 0, 'Paused', 'rewritten')",
    ],
    ['change a decision', "UPDATE decisions SET explanation = '{}'"],
    ['delete a decision', 'DELETE FROM decisions'],
    ['replace a decision', "INSERT OR REPLACE INTO decisions (id, explanation) VALUES (1, '{}')"],
  ])('refuses to %s, whoever asks', (_what, sql) => {
    const { file, open } = tempStore();
    const store = open();
    const [kept] = store.save(aSave('checkout', { events: [anEvent('StepStarted')] }));
    const shell = new Database(file);
    onTestFinished(() => void shell.close());
    expect(() => shell.exec(sql)).toThrow('append-only');
    expect(store.event(1)).toEqual(kept);
  });

  test('keeps of a command who gave it, by which proof, from where and why', () => {
    const store = tempStore().open();
    const from = { address: '192.0.2.7', requestId: 'build-118', role: 'operator' };
    const id = store.addCommand(aCommand('checkout', { actor: 'ana', reason: 'lunch', from }), T0);
    expect(store.event(id)).toMatchObject({ actor: 'ana', data: { reason: 'lunch', ...from } });
  });

  test('keeps the decision with each of its events', () => {
    const store = tempStore().open();
    const explanation = anExplanation('checkout', {
      because: [{ code: 'breach', facts: { canary: 0.027 }, text: 'error-rate 2.7 % is above 1 %' }],
    });
    store.save(aSave('checkout', { explanation, events: [anEvent('Paused'), anEvent('StepLeft')] }));
    store.appendEvents([{ ...anEvent('MassDeletion'), canary: null }], T0);
    expect(store.events({ limit: 10 }).map((event) => event.explanation)).toEqual([
      explanation,
      explanation,
      null,
    ]);
  });

  test('numbers events without gaps, also after a transaction that failed', () => {
    const store = tempStore().open();
    store.save(aSave('a', { events: [anEvent('StepStarted')] }));
    expect(() =>
      store.save(aSave('b', { events: [anEvent('StepStarted')], nextCheckAt: Number.NaN })),
    ).toThrow();
    const [event] = store.appendEvents([{ ...anEvent('SpecInvalid'), canary: 'b' }], T0);
    expect(event?.id).toBe(2);
    expect(store.lastEventId()).toBe(2);
  });

  test('is read on from a number, or from the end, always in order', () => {
    const store = tempStore().open();
    for (let i = 0; i < 6; i += 1) {
      store.save(
        aSave(i % 2 === 0 ? 'even' : 'odd', { events: [anEvent(i < 3 ? 'StepStarted' : 'StepLeft')] }),
      );
    }
    const ids = (query: Parameters<typeof store.events>[0]) => store.events(query).map(({ id }) => id);
    expect(ids({ after: 0, limit: 2 })).toEqual([1, 2]);
    expect(ids({ after: 2, limit: 10 })).toEqual([3, 4, 5, 6]);
    expect(ids({ limit: 2 })).toEqual([5, 6]);
    expect(ids({ canary: 'odd', limit: 2 })).toEqual([4, 6]);
    expect(ids({ canary: 'even', after: 1, limit: 10 })).toEqual([3, 5]);
    expect(ids({ types: ['StepLeft'], after: 0, limit: 2 })).toEqual([4, 5]);
    expect(ids({ canary: 'even', types: ['StepStarted', 'Paused'], limit: 10 })).toEqual([1, 3]);
    expect(ids({ types: [], limit: 10 })).toEqual([]);
  });

  test('has no event under a number that was never given', () => {
    expect(tempStore().open().event(7)).toBeNull();
  });
});

describe('listeners', () => {
  test('hear of each commit once, after it, and no more when they unsubscribed', () => {
    const { open } = tempStore();
    const store = open();
    const other = open();
    const heard: (readonly Event[])[] = [];
    const unsubscribe = store.onCommit((events) => {
      expect(other.lastEventId()).toBe(events.at(-1)?.id);
      heard.push(events);
    });
    store.saveLater(aSave('a', { events: [anEvent('StepStarted')] }));
    const urgent = store.save(aSave('b', { events: [anEvent('StepLeft')] }));
    expect(heard.map((events) => events.map(({ id }) => id))).toEqual([[1, 2]]);
    expect(heard[0]?.[1]).toEqual(urgent[0]);
    unsubscribe();
    store.save(aSave('b', { events: [anEvent('StepLeft')] }));
    expect(heard).toHaveLength(1);
  });

  test('are not called for a commit without events, nor for one that failed', () => {
    const store = tempStore().open();
    let calls = 0;
    store.onCommit(() => {
      calls += 1;
    });
    store.save(aSave('a'));
    expect(() =>
      store.save(aSave('b', { events: [anEvent('StepStarted')], nextCheckAt: Number.NaN })),
    ).toThrow();
    expect(calls).toBe(0);
  });

  test('may write to the store themselves', () => {
    const store = tempStore().open();
    const unsubscribe = store.onCommit((events) => {
      unsubscribe();
      store.setCursor('webhook', events[0]!.id);
      store.appendEvents([{ ...anEvent('Diagnostic'), canary: null }], T0);
    });
    store.save(aSave('a', { events: [anEvent('StepStarted')] }));
    expect(store.cursor('webhook')).toBe(1);
    expect(store.lastEventId()).toBe(2);
  });
});
