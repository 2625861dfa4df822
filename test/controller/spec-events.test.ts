import { describe, expect, it } from 'vitest';
import { createSpecEvents } from '../../src/controller/spec-events.ts';
import type { Diagnostic } from '../../src/spec/diagnostic.ts';
import { StoreError } from '../../src/store/store.ts';
import { tempStore } from '../support/temp-store.ts';

function fault(file: string, over: Partial<Diagnostic> = {}): Diagnostic {
  return { severity: 'error', file, line: 3, column: 1, code: 'SPEC_YAML', detail: 'no', ...over };
}

describe('what is wrong with files, as events', () => {
  it('is told once, and again when it comes back after it was gone', () => {
    const store = tempStore().open();
    const events = createSpecEvents(store);
    const told = () => store.events({ limit: 100 }).map(({ canary, message }) => `${canary} ${message}`);
    events.begin();
    events.tell([fault('a.yaml', { canary: 'shop' })], null, 0);
    events.tell([fault('a.yaml', { canary: 'shop' }), fault('b.yaml')], null, 0);
    expect(told()).toEqual(['shop a.yaml:3:1 SPEC_YAML: no', 'null b.yaml:3:1 SPEC_YAML: no']);
    events.tell([], null, 0);
    events.tell([fault('b.yaml')], null, 0);
    expect(told()).toHaveLength(3);
  });

  it('leaves out warnings and what concerns the directory', () => {
    const store = tempStore().open();
    const events = createSpecEvents(store);
    events.tell([fault('a.yaml', { severity: 'warning' }), fault('.', { code: 'SPEC_DIRECTORY' })], null, 0);
    expect(store.events({ limit: 100 })).toEqual([]);
  });

  it('is not told again by the next leader, but a mass deletion is', () => {
    const store = tempStore().open();
    const wrong = () => [fault('a.yaml')];
    createSpecEvents(store).tell(wrong(), 'much is gone', 0);
    const next = createSpecEvents(store);
    next.begin();
    next.tell(wrong(), 'much is gone', 0);
    expect(store.events({ limit: 100 }).map(({ type }) => type)).toEqual([
      'SpecInvalid',
      'MassDeletion',
      'MassDeletion',
    ]);
  });

  it('tells of a mass deletion once, however it grows', () => {
    const store = tempStore().open();
    const events = createSpecEvents(store);
    events.tell([fault('.', { code: 'SPEC_DIRECTORY' })], '4 of 10 vanished', 0);
    events.tell([fault('.', { code: 'SPEC_DIRECTORY' })], '5 of 10 vanished', 0);
    expect(store.events({ limit: 100 })).toHaveLength(1);
  });

  it('is told later when the store could not take it', () => {
    const store = tempStore().open();
    let isLocked = true;
    const events = createSpecEvents({
      ...store,
      appendEvents(appended, at) {
        if (isLocked) throw new StoreError('STORE_LOCKED', 'locked');
        return store.appendEvents(appended, at);
      },
    });
    const wrong = [fault('a.yaml')];
    expect(() => events.tell(wrong, null, 0)).toThrow('locked');
    isLocked = false;
    events.tell(wrong, null, 0);
    expect(store.events({ limit: 100 })).toHaveLength(1);
  });
});
