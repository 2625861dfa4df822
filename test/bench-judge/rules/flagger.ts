/**
 * Flagger's rule: one value over the last minute, each minute; failed checks are counted over the whole analysis and
 * never forgiven, and the tick after the last allowed one rolls back. No value is a failed check.
 */
import { POLLS_PER_MINUTE } from '../world.ts';
import { isViolated, type RuleKind } from './rule.ts';

/** `threshold`: failed checks that end the analysis. */
export function flagger(threshold: number): RuleKind {
  return {
    name: `Flagger ${threshold}`,
    from: `one value over 1 min each minute; ${threshold} failed checks in all roll back at the next tick; a passed one goes on`,
    start({ sli }) {
      let failed = 0;
      return {
        look({ poll, canary, stable }) {
          if (poll % POLLS_PER_MINUTE !== 0) return 'wait';
          if (failed >= threshold) return 'rollback';
          const [ours, theirs] = [canary.last(POLLS_PER_MINUTE), stable.last(POLLS_PER_MINUTE)];
          const isPassed = isViolated(sli, sli.value(ours), sli.value(theirs)) === false;
          if (!isPassed) failed += 1;
          return isPassed ? 'advance' : 'wait';
        },
      };
    },
  };
}
