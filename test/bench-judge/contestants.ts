/** The rules that are compared, and the variants of the sequential judge that single figures are about. */
import { argo } from './rules/argo.ts';
import { ARTICLE } from './rules/article.ts';
import { flagger } from './rules/flagger.ts';
import { kayenta } from './rules/kayenta.ts';
import type { RuleKind } from './rules/rule.ts';
import { type SequentialOptions, sequential } from './rules/sequential.ts';
import { POLLS_PER_MINUTE } from './world.ts';

const PLAIN: SequentialOptions = {
  name: 'sequential, no settle',
  sensitivity: 0.5,
  settlePolls: 0,
  alphaShare: 1,
  dispersion: 'auto',
};

/** As a Canary gets it by default. */
export const SEQUENTIAL = sequential({ ...PLAIN, name: 'sequential', settlePolls: POLLS_PER_MINUTE });
export const NO_SETTLE = sequential(PLAIN);
export const STRICT = sequential({ ...PLAIN, name: 'sequential, strict', sensitivity: 1 });
/** One of two metrics of equal weight. */
export const HALF_ALPHA = sequential({ ...PLAIN, name: 'sequential, one of two', alphaShare: 0.5 });
export const ANY_INCREASE = sequential({ ...PLAIN, name: 'sequential, any increase', sensitivity: 0 });
/** Takes every failure for independent of the others. */
export const NO_DISPERSION = sequential({ ...PLAIN, name: 'sequential, dispersion 1', dispersion: 1 });

const KAYENTA_RUNS = 200;

export const RIVALS: readonly RuleKind[] = [
  ARTICLE,
  flagger(5),
  flagger(10),
  argo(0),
  argo(3),
  kayenta('stable', KAYENTA_RUNS),
  kayenta('baseline', KAYENTA_RUNS),
];
export const ON_SCHEDULE: readonly RuleKind[] = [...RIVALS, STRICT, NO_SETTLE, SEQUENTIAL];
/** Rules with a pace of their own: Argo's is a schedule, Kayenta's is hours. */
export const AT_PACE: readonly RuleKind[] = [ARTICLE, flagger(5), NO_SETTLE, SEQUENTIAL];
