import { describe, expect, test } from 'vitest';
import { compareQuarters, isFlat } from './flatness.ts';
import type { Sample } from './samples.ts';

const MIB = 2 ** 20;
const DURATION_MS = 400_000;

/** One sample each ten seconds of what takes up `of` at each. */
function samples(of: (atMs: number) => Partial<Sample>): Sample[] {
  return Array.from({ length: 40 }, (_, index) => {
    const atMs = (index + 1) * 10_000;
    return {
      atMs,
      pid: 1,
      rssBytes: 200 * MIB,
      heapBytes: 50 * MIB,
      externalBytes: 10 * MIB,
      committedBytes: 150 * MIB,
      isCollected: index % 2 === 0,
      handles: 40,
      databaseBytes: 100 * MIB + atMs * 1_000,
      walBytes: 16 * MIB,
      scrapeMs: 20,
      scrapeBytes: 1_000_000,
      latestSeconds: 1,
      rolloutsEnded: Math.floor(atMs / 1_000),
      events: 0,
      ...of(atMs),
    };
  });
}

function grown(of: (atMs: number) => Partial<Sample>): string[] {
  return compareQuarters(samples(of), DURATION_MS)
    .filter((comparison) => !isFlat(comparison))
    .map(({ name }) => name);
}

describe('the last quarter against the second', () => {
  test('is flat when only the history grows, by the same for each rollout', () => {
    expect(
      compareQuarters(
        samples(() => ({})),
        DURATION_MS,
      ),
    ).toHaveLength(5);
    expect(grown(() => ({}))).toEqual([]);
  });

  test.each([
    ['resident memory', (atMs: number) => ({ rssBytes: (200 + atMs / 8_000) * MIB })],
    ['heap and what it holds', (atMs: number) => ({ heapBytes: (50 + atMs / 10_000) * MIB })],
    ['open file descriptors', (atMs: number) => ({ handles: 40 + atMs / 20_000 })],
    ['write-ahead log', (atMs: number) => ({ walBytes: (atMs / 4_000) * MIB })],
    ['growth of the database', (atMs: number) => ({ databaseBytes: atMs ** 2 / 100 })],
  ])('shows that it grows: %s', (name, of) => {
    expect(grown(of).join()).toContain(name);
  });

  test('is flat when a fault opens many connections at once, and they close again', () => {
    expect(grown((atMs) => ({ handles: atMs === 380_000 ? 90 : 40 }))).toEqual([]);
  });

  test('cannot be told from too few samples', () => {
    expect(compareQuarters(samples(() => ({})).slice(0, 31), DURATION_MS)).toEqual([]);
  });
});
