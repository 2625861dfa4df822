/**
 * The founding article's rule: the difference of two PromQL expressions over 5 minutes, as alert conditions. Back after
 * five minutes of violation, on after five without.
 */
import type { Counts, Sli } from '../sli.ts';
import { POLLS_PER_MINUTE } from '../world.ts';
import { isViolated, type Rule, type RuleKind } from './rule.ts';

const WINDOW = 5 * POLLS_PER_MINUTE;
const FOR = 5 * POLLS_PER_MINUTE;

export const ARTICLE: RuleKind = {
  name: 'article',
  from: 'rate over 5 min, back after 5 min of violation, on after 5 min without; no result is no violation',
  start: ({ sli, before }) => createArticle(sli, failuresSeen(before.last(Infinity))),
};

function createArticle(sli: Sli, stableHasFailed: boolean): Rule {
  let violatedSince: number | null = null;
  let keptSince: number | null = null;
  const stableFailures = createFailureSeries(stableHasFailed);
  const canaryFailures = createFailureSeries(false);

  return {
    look(view) {
      const { poll, pollInStep } = view;
      const canary = canaryFailures.value(sli, view.canary.last(WINDOW), view.canary.last(1));
      const stable = stableFailures.value(sli, view.stable.last(WINDOW), view.stable.last(1));
      const isBroken = isViolated(sli, canary, stable) === true;
      // A new weight is a new question to "good for five minutes"; what is bad stays bad.
      if (isBroken) keptSince = null;
      else keptSince = pollInStep === 1 ? poll : (keptSince ?? poll);
      violatedSince = isBroken ? (violatedSince ?? poll) : null;
      if (violatedSince !== null && poll - violatedSince >= FOR) return 'rollback';
      // The first poll of a step ends its first 15 seconds.
      return keptSince !== null && poll - keptSince + 1 >= FOR ? 'advance' : 'wait';
    },
  };
}

function failuresSeen(counts: Counts): boolean {
  return (counts[1] ?? 0) > 0;
}

interface FailureSeries {
  value(sli: Sli, window: Counts, now: Counts): number;
}

/**
 * Prometheus' view of `code=~"5.."`: no series before the first failure, so no result; born with the failures of its
 * first scrape, which `rate` never sees; from the second scrape on a number. A histogram is there from the first
 * request.
 */
function createFailureSeries(born: boolean): FailureSeries {
  let lost = 0;
  let age = born ? Infinity : 0;
  return {
    value(sli, window, now) {
      if (sli.kind === 'latency') return sli.value(window);
      if (age === 0 && !failuresSeen(now)) return Number.NaN;
      age += 1;
      if (age === 1) lost = now[1] ?? 0;
      if (age === 1) return Number.NaN;
      // The scrape of birth is the start of the increase for as long as it lies in the window.
      const unseen = age <= WINDOW ? lost : 0;
      const [good = 0, bad = 0] = window;
      return (bad - unseen) / (good + bad);
    },
  };
}
