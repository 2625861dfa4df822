/** What the product sees of the counters, where Prometheus scrapes them shortly before each poll. */
import type { RuleKind } from './rules/rule.ts';
import { type SequentialOptions, sequential } from './rules/sequential.ts';
import { createSeries } from './series.ts';
import type { Counts } from './sli.ts';
import type { Place } from './world.ts';

/**
 * Looks by which what follows a settle time comes later than its end: one for the sample that the look waits for, one
 * for the poll that lies across the end.
 */
const LOOKS_LATE = 2;

/** The sequential judge as the product has it: behind a Prometheus. */
export function scraped(options: SequentialOptions): RuleKind {
  const { from } = sequential(options);
  return { ...asScraped(sequential({ ...options, settlePolls: options.settlePolls + LOOKS_LATE })), from };
}

/**
 * A rule that sees all one poll late, because a look reads the counters as they were one scrape ago, so that every
 * sample of that time has arrived; and nothing of the first and the last poll of a weight, because neither lies between
 * two scrapes at that weight.
 */
function asScraped(kind: RuleKind): RuleKind {
  return {
    ...kind,
    start(setup) {
      const before = createSeries(setup.sli.classes);
      for (const counts of setup.before.each().slice(0, -1)) before.push(counts);
      const rule = kind.start({ ...setup, before });
      const [canary, stable] = [createSeries(setup.sli.classes), createSeries(setup.sli.classes)];
      let newest: (Place & { readonly canary: Counts; readonly stable: Counts }) | null = null;
      return {
        look(view) {
          const seen = newest;
          newest = { ...view, canary: view.canary.last(1), stable: view.stable.last(1) };
          if (seen === null || !isSeen(seen, view.step)) return 'wait';
          canary.push(seen.canary);
          stable.push(seen.stable);
          return rule.look({ ...view, canary, stable, baseline: stable });
        },
      };
    },
  };
}

/** @param step the one at the poll after it */
export function isSeen({ step: own, pollInStep }: Place, step: number): boolean {
  return own === step && pollInStep > 1;
}
