/** Evidence that starts again: what a revision has earned at a weight that is held anew no longer counts. */
import { withoutOpenGain } from './apart.ts';
import type { SequentialMemory } from './memory.ts';
import { withoutGain } from './mixture.ts';
import type { SequentialState } from './state.ts';
import { NO_SPLIT } from './traffic-split.ts';

/**
 * Takes back the odds that the revision is good enough, and asks for requests of the weight that is held from now on.
 * What speaks against the revision stays, in both tests: giving odds up keeps `alpha` and `beta` of the whole rollout,
 * forgetting losses would be another chance.
 */
export function withoutEarned(memory: SequentialMemory): SequentialMemory {
  const { test } = memory;
  return {
    ...memory,
    test: test === null ? null : withoutGains(test),
    judgedMs: 0,
    split: NO_SPLIT,
    silentPolls: 0,
  };
}

function withoutGains(test: SequentialState): SequentialState {
  const { nonInferiority, apart } = test;
  const open = apart === undefined ? {} : { apart: withoutOpenGain(apart) };
  return { ...test, ...open, nonInferiority: withoutGain(nonInferiority) };
}
