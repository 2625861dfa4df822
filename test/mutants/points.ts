/** Mutations of the Mann-Whitney judge: each lets a canary through of which too little is known. */
import type { Mutant } from './mutants.ts';

const CLOSED = 'what is not known is no pass, whatever was known before';
const HELD = 'points are of the held weight, and no request is in two of them';

const LOOK = ['test/core/mann-whitney/look.test.ts'];

export const POINTS: readonly Mutant[] = [
  {
    name: 'points of a step that was left go on counting',
    guards: HELD,
    file: 'src/core/mann-whitney/memory.ts',
    text: 'if (memory?.since === held.clearFrom) return memory;',
    by: 'if (memory !== undefined) return memory;',
    tests: LOOK,
  },
  {
    name: 'a request is in two points',
    guards: HELD,
    file: 'src/core/mann-whitney/memory.ts',
    text: 'at - memory.lastAt < windowMs - intervalMs / 4',
    by: 'at < memory.lastAt',
    tests: LOOK,
  },
  {
    name: 'a point is taken of a weight that settles or is not known',
    guards: HELD,
    file: 'src/core/looks.ts',
    text: 'isEvidence: clear && passesCount',
    by: 'isEvidence: true',
    tests: LOOK,
  },
  {
    name: 'a point stays although the live rule turned out to be unreadable',
    guards: HELD,
    file: 'src/core/drift.ts',
    text: '    doubtLastLook(rollout);',
    by: '    restartPasses(rollout);',
    tests: LOOK,
  },
  {
    name: 'a look without data passes by the points before it',
    guards: CLOSED,
    file: 'src/core/mann-whitney/look.ts',
    text: "if (trouble !== null && (trouble.kind === 'error' || isNeeded)) return trouble.kind;",
    by: 'if (trouble !== null && isNeeded) return "pass";',
    tests: LOOK,
  },
  {
    name: 'a metric without data is left out of the score',
    guards: CLOSED,
    file: 'src/core/mann-whitney/score.ts',
    text: "label === 'noData' && !mustHaveData && !critical",
    by: "label === 'noData'",
    tests: LOOK,
  },
  {
    name: 'a NaN of both is a point of 0 for every metric',
    guards: CLOSED,
    file: 'src/core/mann-whitney/look.ts',
    text: "if (isNan && nanStrategy === 'replace')",
    by: 'if (isNan && nanStrategy !== undefined)',
    tests: LOOK,
  },
  {
    name: 'at weight 100 stable has no points',
    guards: HELD,
    file: 'src/core/mann-whitney/memory.ts',
    text: 'frozenAt === null ? [] : (memory?.stable ?? [])',
    by: '[]',
    tests: LOOK,
  },
];
