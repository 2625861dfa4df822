/** Mutations of the counter ledger: each makes it count a request twice, not at all, or where nothing is known. */
import type { Mutant } from './mutants.ts';

const ONCE = 'each request is counted once, whatever restarts, gaps, late series and repeated polls';
const MISSING = 'fewer than needed or stale counters are no data, never evidence';

const LEDGER = ['test/core/ledger/ledger.test.ts'];

export const COUNTERS: readonly Mutant[] = [
  {
    name: 'a restart that no smaller value shows is growth',
    guards: ONCE,
    file: 'src/core/ledger/walk.ts',
    text: 'startedAt > known + SAME_START_MS',
    by: 'startedAt < known',
    tests: LEDGER,
  },
  {
    name: 'a corrected clock is a restart',
    guards: ONCE,
    file: 'src/core/ledger/walk.ts',
    text: 'if (isLater && startedAt >= seenAt - CLOCKS_DIFFER_MS)',
    by: 'if (isLater)',
    tests: LEDGER,
  },
  {
    name: 'the samples of an earlier poll are walked again',
    guards: ONCE,
    file: 'src/core/ledger/walk.ts',
    text: 'to <= before[0]',
    by: 'false',
    tests: LEDGER,
  },
  {
    name: 'a label value that comes late begins at its first value',
    guards: ONCE,
    file: 'src/core/ledger/walk.ts',
    text: 'if (scrapedAt !== null) return { amount: value,',
    by: 'if (scrapedAt !== null) return { amount: 0,',
    tests: LEDGER,
  },
  {
    name: 'growth across the end of the settling is judged',
    guards: ONCE,
    file: 'src/core/ledger/ledger.ts',
    text: '({ from }) => from >= countFrom)',
    by: '({ to }) => to >= countFrom)',
    tests: LEDGER,
  },
  {
    name: 'one arm counts while the other has no data',
    guards: MISSING,
    file: 'src/core/ledger/ledger.ts',
    text: "gapIn('stable', stable, counting, poll.at, { ...ledger, scrapeMs })",
    by: 'null',
    tests: LEDGER,
  },
  {
    name: 'a clock that was set back lets old samples be new',
    guards: MISSING,
    file: 'src/core/ledger/ledger.ts',
    text: 'if (setBackMs > STALE_SCRAPES * scrapeMs)',
    by: 'if (setBackMs > 100 * STALE_SCRAPES * scrapeMs)',
    tests: LEDGER,
  },
  {
    name: 'label values that vanished are remembered for ever',
    guards: ONCE,
    file: 'src/core/ledger/walk.ts',
    text: 'if (gone.length <= VANISHED_KEPT) return [];',
    by: 'if (gone.length >= 0) return [];',
    tests: LEDGER,
  },
  {
    name: 'a label value that is away for a moment is a new one',
    guards: ONCE,
    file: 'src/core/ledger/walk.ts',
    text: 'if (gone.length <= VANISHED_KEPT) return [];',
    by: 'if (gone.length > 0) return gone;',
    tests: LEDGER,
  },
  {
    name: 'old counters are fresh',
    guards: MISSING,
    file: 'src/core/ledger/ledger.ts',
    text: 'ageMs > STALE_SCRAPES * scrapeMs',
    by: 'ageMs > 100 * STALE_SCRAPES * scrapeMs',
    tests: LEDGER,
  },
];
