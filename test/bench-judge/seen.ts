/** What the product sees of the counters, where Prometheus scrapes them once between two looks. */
import type { RuleKind } from './rules/rule.ts';
import { type SequentialOptions, sequential } from './rules/sequential.ts';
import { createSeries } from './series.ts';
import type { Place } from './world.ts';

/** The poll that lies across the end of a settle time is settling as a whole. */
const POLLS_LATE = 1;

/** The sequential judge as the product has it: behind a Prometheus. */
export function scraped(options: SequentialOptions): RuleKind {
  const { from } = sequential(options);
  return { ...asScraped(sequential({ ...options, settlePolls: options.settlePolls + POLLS_LATE })), from };
}

/**
 * A rule that sees nothing of the first poll of a weight, because that does not lie between two scrapes at this weight,
 * nor of the first one that is known at all.
 */
function asScraped(kind: RuleKind): RuleKind {
  return {
    ...kind,
    start(setup) {
      const before = createSeries(setup.sli.classes);
      for (const counts of setup.before.each().slice(1)) before.push(counts);
      const rule = kind.start({ ...setup, before });
      return { look: (view) => (isSeen(view) ? rule.look(view) : 'wait') };
    },
  };
}

export function isSeen({ pollInStep }: Place): boolean {
  return pollInStep > 1;
}
