/** The rules that are compared, and the variants of the sequential judge that single figures are about. */
import { argo } from './rules/argo.ts';
import { ARTICLE } from './rules/article.ts';
import { flagger } from './rules/flagger.ts';
import { kayenta } from './rules/kayenta.ts';
import type { RuleKind } from './rules/rule.ts';
import { type SequentialOptions, sequential } from './rules/sequential.ts';
import { scraped } from './seen.ts';
import { POLLS_PER_MINUTE } from './world.ts';

const PLAIN: SequentialOptions = {
  name: 'sequential, no settle',
  sensitivity: 0.5,
  settlePolls: 0,
  alphaShare: 1,
  dispersion: 'auto',
};

const SETTLED: SequentialOptions = { ...PLAIN, name: 'sequential', settlePolls: POLLS_PER_MINUTE };
const HALF: SequentialOptions = { ...PLAIN, name: 'sequential, one of two', alphaShare: 0.5 };

/** As a Canary gets it by default. */
export const SEQUENTIAL = scraped(SETTLED);
export const NO_SETTLE = scraped(PLAIN);
export const STRICT = scraped({ ...PLAIN, name: 'sequential, strict', sensitivity: 1 });
/** One of two metrics of equal weight. */
export const HALF_ALPHA = scraped(HALF);
export const HALF_SETTLED = scraped({ ...SETTLED, name: `${HALF.name}, settle`, alphaShare: 0.5 });

/** The judge alone, given the counts of each poll at its end: what the odds take, without the way to them. */
export const IN_MEMORY = sequential({ ...SETTLED, name: 'in memory' });
export const IN_MEMORY_NO_SETTLE = sequential({ ...PLAIN, name: 'in memory, no settle' });
export const IN_MEMORY_STRICT = sequential({ ...PLAIN, name: 'in memory, strict', sensitivity: 1 });
export const IN_MEMORY_ANY = sequential({ ...PLAIN, name: 'in memory, any increase', sensitivity: 0 });
/** Takes every failure for independent of the others. */
export const NO_DISPERSION = sequential({ ...PLAIN, name: 'in memory, dispersion 1', dispersion: 1 });
/** The same judge with its evidence at once. */
export const ALONE: ReadonlyMap<string, string> = new Map([
  [SEQUENTIAL.name, IN_MEMORY.name],
  [NO_SETTLE.name, IN_MEMORY_NO_SETTLE.name],
]);

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
export const SCRAPED: readonly RuleKind[] = [STRICT, NO_SETTLE, SEQUENTIAL];
export const AT_ONCE: readonly RuleKind[] = [...RIVALS, IN_MEMORY, IN_MEMORY_NO_SETTLE];
export const ON_SCHEDULE: readonly RuleKind[] = [...RIVALS, ...SCRAPED, IN_MEMORY, IN_MEMORY_NO_SETTLE];
export const SCHEDULE_KEEPERS = RIVALS.filter(({ keepsSchedule }) => keepsSchedule);
export const PACE_SETTERS: readonly RuleKind[] = [ARTICLE, flagger(5), NO_SETTLE, SEQUENTIAL];
export const AT_PACE: readonly RuleKind[] = [ARTICLE, flagger(5), ...SCHEDULE_KEEPERS, NO_SETTLE, SEQUENTIAL];
