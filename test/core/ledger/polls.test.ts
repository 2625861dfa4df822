import { describe, expect, test } from 'vitest';
import { countingOf } from '../../../src/core/ledger/counting.ts';
import { countersRequest, guessedScrapeMs, type PollPlan } from '../../../src/core/ledger/polls.ts';

const SOURCE = { kind: 'ratio', bad: 'r{code="500"}', total: 'r', minRequests: 1 } as const;
const NOON = Date.UTC(2026, 0, 1, 12);

function request(plan: Partial<PollPlan>) {
  const counting = countingOf(SOURCE);
  if (!counting.ok) throw new Error(counting.error);
  return countersRequest(counting.value, {
    ...{ id: 'errors/canary', version: 'v2', versionLabel: 'version', intervalMs: 15_000, now: NOON },
    ...{ polledAt: null, scrapeMs: 15_000, ...plan },
  });
}

describe('a poll', () => {
  test('asks for all counters of its arm, two seconds back, as a sample needs a moment to arrive', () => {
    expect(request({ now: NOON + 14_000 })).toEqual({
      id: 'errors/canary',
      source: { kind: 'counters', selector: 'r' },
      version: 'v2',
      versionLabel: 'version',
      windowMs: 45_000,
      at: NOON + 12_000,
      intervalMs: 15_000,
    });
  });

  test('waits no longer than one scrape where scrapes are quick', () => {
    expect(request({ now: NOON, intervalMs: 1_000, scrapeMs: 500 }).at).toBe(NOON - 500);
  });

  test('is made for the same time by all that are looked at together', () => {
    const at = [2_000, 2_001, 3_499].map((ms) => request({ now: NOON + ms }).at);
    expect(new Set(at)).toEqual(new Set([NOON]));
    expect(request({ now: NOON + 3_500 }).at).toBe(NOON + 1_500);
  });

  test('reaches two scrapes behind the poll before, by doubling its window', () => {
    const now = NOON + 2_000;
    const windowAfter = (missed: number) => request({ now, polledAt: NOON - missed }).windowMs;
    expect([15_000, 16_000, 60_000, 61_000, 600_000].map(windowAfter)).toEqual([
      45_000, 90_000, 90_000, 180_000, 720_000,
    ]);
  });

  test('reaches back over an hour at most', () => {
    expect(request({ polledAt: NOON - 86_400_000 }).windowMs).toBe(3_600_000);
  });

  test('is not of the future where the clock was set back', () => {
    expect(request({ polledAt: NOON + 3_600_000 })).toMatchObject({ at: NOON - 3_000, windowMs: 45_000 });
  });
});

test('a first guess of the scrape interval is a quarter of the window, rounded up to what is usual, or the minute of Prometheus', () => {
  expect([60_000, 240_000, 300_000, 480_000, 4_000_000].map(guessedScrapeMs)).toEqual([
    60_000, 60_000, 120_000, 120_000, 1_000_000,
  ]);
});
