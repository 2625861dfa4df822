/**
 * Argo Rollouts' rule: a background analysis that measures each minute beside a fixed schedule of pauses; more failed
 * measurements than `failureLimit` abort at once.
 */
import { POLLS_PER_MINUTE } from '../world.ts';
import { isViolated, type RuleKind } from './rule.ts';

/** 0 is Argo's default: the first failed measurement aborts. */
export function argo(failureLimit: number): RuleKind {
  return {
    name: failureLimit === 0 ? 'Argo (default)' : `Argo ${failureLimit}`,
    from: `one value over 1 min each minute; more than ${failureLimit} failed ones roll back; each step pauses 10 min`,
    keepsSchedule: true,
    start({ sli }) {
      let failed = 0;
      return {
        look({ poll, canary, stable }) {
          if (poll % POLLS_PER_MINUTE === 0) {
            const [ours, theirs] = [canary.last(POLLS_PER_MINUTE), stable.last(POLLS_PER_MINUTE)];
            // A success condition compares: with NaN no comparison is true, and the measurement failed.
            if (isViolated(sli, sli.value(ours), sli.value(theirs)) !== false) failed += 1;
            if (failed > failureLimit) return 'rollback';
          }
          return 'wait';
        },
      };
    },
  };
}
