/** Settings, counts and seeded chance for the tests of the sequential judge. */
import type { ArmCounts, PollCounts } from '../../../src/core/sequential/counts.ts';
import {
  type SequentialRules,
  type SequentialSettings,
  sequentialSettings,
} from '../../../src/core/sequential/settings.ts';

/** The example of the documentation: half a percent, four steps below 100, a poll every 15 s. */
export const RULES: SequentialRules = {
  source: 'ratio',
  maxDelta: 0.005,
  tail: 0.01,
  alpha: 0.01,
  beta: 0.05,
  sensitivity: 0.5,
  alphaShare: 1,
  steps: 4,
  pollMs: 15_000,
};

/** Without late bets, as the published vectors are. */
export function aRule(rules: Partial<SequentialRules> = {}): SequentialSettings {
  return { ...aShippedRule(rules), lateShare: 0 };
}

export function aShippedRule(rules: Partial<SequentialRules> = {}): SequentialSettings {
  return sequentialSettings({ ...RULES, ...rules });
}

export function arm(requests: number, score: number): ArmCounts {
  return { requests, score };
}

export function aPoll(canary: ArmCounts, stable: ArmCounts, rest: Partial<PollCounts> = {}): PollCounts {
  return { canary, stable, settling: false, alone: false, ...rest };
}

/** Numbers from 0 to below 1, the same for the same seed (Mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How many of `requests` independent ones fail. */
export function failures(requests: number, rate: number, random: () => number): number {
  let count = 0;
  for (let request = 0; request < requests; request += 1) if (random() < rate) count += 1;
  return count;
}
