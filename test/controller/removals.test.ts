import { describe, expect, it } from 'vitest';
import { createRemovals, GONE_AFTER_MS } from '../../src/controller/removals.ts';

const NAMES = Array.from({ length: 10 }, (_, index) => `svc-${index}`);

function without(...names: readonly string[]): ReadonlySet<string> {
  return new Set(NAMES.filter((name) => !names.includes(name)));
}

describe('removals', () => {
  it('believes that a Canary is gone after 30 s', () => {
    const removals = createRemovals();
    expect(removals.judge(NAMES, without('svc-3'), 0).status('svc-3')).toBe('missing');
    expect(removals.judge(NAMES, without('svc-3'), GONE_AFTER_MS - 1).status('svc-3')).toBe('missing');
    const verdict = removals.judge(NAMES, without('svc-3'), GONE_AFTER_MS);
    expect(verdict.status('svc-3')).toBe('gone');
    expect(verdict.status('svc-4')).toBe('present');
    expect(verdict.massDeletion).toBeNull();
  });

  it('needs two scans, however long the time between', () => {
    const removals = createRemovals();
    expect(removals.judge(NAMES, without('svc-3'), GONE_AFTER_MS * 10).status('svc-3')).toBe('missing');
    expect(removals.judge(NAMES, without('svc-3'), GONE_AFTER_MS * 20).status('svc-3')).toBe('gone');
  });

  it('begins again for one that came back meanwhile', () => {
    const removals = createRemovals();
    removals.judge(NAMES, without('svc-3'), 0);
    expect(removals.judge(NAMES, without(), 10_000).status('svc-3')).toBe('present');
    removals.judge(NAMES, without('svc-3'), 20_000);
    expect(removals.judge(NAMES, without('svc-3'), 40_000).status('svc-3')).toBe('missing');
    expect(removals.judge(NAMES, without('svc-3'), 50_000).status('svc-3')).toBe('gone');
  });

  it('takes three of ten for removals and four of ten for an accident', () => {
    const few = createRemovals();
    few.judge(NAMES, without('svc-0', 'svc-1', 'svc-2'), 0);
    expect(few.judge(NAMES, without('svc-0', 'svc-1', 'svc-2'), GONE_AFTER_MS).status('svc-0')).toBe('gone');

    const many = createRemovals();
    const left = without('svc-0', 'svc-1', 'svc-2', 'svc-3');
    many.judge(NAMES, left, 0);
    const verdict = many.judge(NAMES, left, GONE_AFTER_MS);
    expect(verdict.status('svc-0')).toBe('missing');
    expect(verdict.massDeletion).toContain('4 of 10 canaries vanished at once');
    expect(verdict.massDeletion).toContain('canary forget NAME');
  });

  it('lets one or two go from a small directory, but never the last', () => {
    const removals = createRemovals();
    const names = ['a', 'b', 'c'];
    removals.judge(names, new Set(['c']), 0);
    expect(removals.judge(names, new Set(['c']), GONE_AFTER_MS).status('a')).toBe('gone');
    const verdict = removals.judge(names, new Set(), GONE_AFTER_MS * 2);
    expect(verdict.status('a')).toBe('missing');
    expect(verdict.massDeletion).toContain('no canary any more');
  });

  it('goes on with what is really gone once the rest is back', () => {
    const removals = createRemovals();
    removals.judge(NAMES, new Set(), 0);
    expect(removals.judge(NAMES, new Set(), GONE_AFTER_MS).massDeletion).not.toBeNull();
    const verdict = removals.judge(NAMES, without('svc-3'), GONE_AFTER_MS + 1);
    expect(verdict.massDeletion).toBeNull();
    expect(NAMES.filter((name) => verdict.status(name) !== 'present')).toEqual(['svc-3']);
    expect(verdict.status('svc-3')).toBe('gone');
  });

  it('forgets what the baseline no longer holds', () => {
    const removals = createRemovals();
    removals.judge(NAMES, without('svc-3'), 0);
    removals.judge(NAMES.slice(4), new Set(NAMES.slice(4)), 10_000);
    expect(removals.judge(NAMES, without('svc-3'), 60_000).status('svc-3')).toBe('missing');
  });
});
