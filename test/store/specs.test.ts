import { describe, expect, test } from 'vitest';
import type { Spec } from '../../src/spec/canary.ts';
import { tempStore } from '../support/temp-store.ts';

function aSpec(name: string, hash = 'h1'): Spec {
  return { canary: { name, service: name } as Spec['canary'], file: `${name}.yaml`, line: 1, hash };
}

describe('specs', () => {
  test('are kept in name order until they are replaced or removed', () => {
    const { open } = tempStore();
    const store = open();
    expect(store.specs()).toEqual([]);
    store.putSpecs([aSpec('search'), aSpec('checkout'), aSpec('payments')], []);
    store.putSpecs([aSpec('search', 'h2')], ['payments']);
    store.close();
    expect(open().specs()).toEqual([aSpec('checkout'), aSpec('search', 'h2')]);
  });

  test('that move to another name in one change are not lost', () => {
    const store = tempStore().open();
    store.putSpecs([aSpec('a')], []);
    store.putSpecs([aSpec('a', 'h2')], ['a']);
    expect(store.specs()).toEqual([aSpec('a', 'h2')]);
  });
});

describe('parses', () => {
  test('are found by content and schema once their group is committed', () => {
    const { open, clock } = tempStore();
    const store = open();
    store.cacheParse('content', 'schema', '{"specs":[]}');
    store.cacheParse('content', 'schema', '{"specs":[1]}');
    clock.advance(50);
    expect(store.cachedParse('content', 'schema')).toBe('{"specs":[1]}');
    expect(store.cachedParse('content', 'newer schema')).toBeNull();
    expect(store.cachedParse('other content', 'schema')).toBeNull();
  });

  test('are pruned down to the newest 20,000', () => {
    const store = tempStore().open();
    for (let i = 0; i < 20_003; i += 1) store.cacheParse(`content-${i}`, 'schema', '{}');
    store.flush();
    expect(store.prune(0)).toBe(3);
    expect(store.prune(0)).toBe(0);
    expect(store.cachedParse('content-2', 'schema')).toBeNull();
    expect(store.cachedParse('content-3', 'schema')).toBe('{}');
  });
});

test('a cursor is null until it is stored, which 0 is not', () => {
  const { open } = tempStore();
  const store = open();
  expect(store.cursor('webhook')).toBeNull();
  store.setCursor('webhook', 0);
  expect(store.cursor('webhook')).toBe(0);
  store.setCursor('webhook', 12);
  store.close();
  const again = open();
  expect(again.cursor('webhook')).toBe(12);
  expect(again.cursor('other')).toBeNull();
});
