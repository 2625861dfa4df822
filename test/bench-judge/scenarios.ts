/** What can be true of a canary: the worlds that every rule is put into. */
import type { Arm } from '../../src/core/observation.ts';
import type { Random } from '../../src/core/simulation/random.ts';
import {
  errorWorld,
  latencyWorld,
  type Place,
  POLLS_PER_MINUTE,
  type Rates,
  TRUE_P99,
  type World,
} from './world.ts';

/**
 * good: within what the sequential judge tolerates, must not be rolled back. drifting: good on average, beyond the
 * margin at times. margin: exactly at it. bad: beyond it.
 */
export type Truth = 'good' | 'drifting' | 'margin' | 'bad';

export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly truth: Truth;
  /** Step at which the canary turns bad. */
  readonly onsetStep: number;
  /** Weight 100 is part of it, as a fifth step; else the raise to 100 ends it. */
  readonly isFull?: true;
  /** Whose requests a poll shows earlier ones of, where the versions are scraped at two times. */
  readonly first?: Arm;
  world(random: Random, rps: number): World;
}

/** Traffic levels, requests a second of both versions together. */
export const TRAFFIC = [5, 50, 500] as const;

const INCIDENT = { from: 12 * POLLS_PER_MINUTE, to: 15 * POLLS_PER_MINUTE };

export function steady(
  id: string,
  title: string,
  truth: Truth,
  rates: Rates | ((place: Place) => Rates),
  onsetStep = 0,
): Scenario {
  const at = typeof rates === 'function' ? rates : () => rates;
  return { id, title, truth, onsetStep, world: (random, rps) => errorWorld(random, rps, at) };
}

function worse(id: string, title: string, truth: Truth, stable: number, by: number): Scenario {
  return steady(id, title, truth, { stable, canary: Math.min(1, stable + by) });
}

/** Stationary with deviation `sd`; neighbors 15 s apart correlate by 0.95. */
function drift(random: Random, sd: number): () => number {
  const kept = 0.95;
  let level = sd * random.normal();
  return () => {
    level = kept * level + sd * Math.sqrt(1 - kept * kept) * random.normal();
    return level;
  };
}

function drifting(
  id: string,
  title: string,
  truth: Truth,
  base: number,
  sd: number,
  common: boolean,
): Scenario {
  return {
    id,
    title,
    truth,
    onsetStep: 0,
    world(random, rps) {
      const [ours, theirs] = [drift(random, sd), drift(random, sd)];
      return errorWorld(random, rps, () => {
        const stable = Math.min(0.5, base * Math.exp(theirs()));
        return { stable, canary: common ? stable : Math.min(0.5, base * Math.exp(ours())) };
      });
    },
  };
}

function bursts(id: string, title: string, base: number): Scenario {
  const rates = () => ({ canary: base, stable: base });
  // Clusters of 3 on average: variance x5.
  return {
    id,
    title,
    truth: 'good',
    onsetStep: 0,
    world: (random, rps) => errorWorld(random, rps, rates, 3),
  };
}

export const ERROR_SCENARIOS: readonly Scenario[] = [
  worse('N1', 'equal, 0.1 %', 'good', 0.001, 0),
  worse('N2', 'equal, 1 %', 'good', 0.01, 0),
  worse('N3', '+0.25 % on 0.1 % (half the margin)', 'good', 0.001, 0.0025),
  worse('N4', '+0.5 % on 0.1 % (the margin)', 'margin', 0.001, 0.005),
  steady('N5', 'common incident: both at 5 % for 3 min', 'good', ({ poll }) => {
    const rate = poll > INCIDENT.from && poll <= INCIDENT.to ? 0.05 : 0.001;
    return { canary: rate, stable: rate };
  }),
  drifting('N6', 'common drift about 0.5 %', 'good', 0.005, 0.7, true),
  bursts('N7', 'bursts, variance x5, 0.5 %', 0.005),
  drifting('N8', 'independent drift about 0.5 %', 'drifting', 0.005, 0.5, false),
  worse('N9', 'no errors at all', 'good', 0, 0),
  steady('N10', 'cold start: +3 % in the first minute of each step', 'good', ({ pollInStep }) => ({
    stable: 0.001,
    canary: pollInStep >= 1 && pollInStep <= POLLS_PER_MINUTE ? 0.031 : 0.001,
  })),
  worse('R1', '+1 % on 0.1 %', 'bad', 0.001, 0.01),
  worse('R2', '+2 % on 0.1 %', 'bad', 0.001, 0.02),
  worse('R3', '+5 % on 0.1 %', 'bad', 0.001, 0.05),
  worse('R4', 'all fail', 'bad', 0.001, 1),
  steady(
    'R5',
    '+2 % from the 25 % step',
    'bad',
    ({ step }) => ({ stable: 0.001, canary: step >= 2 ? 0.021 : 0.001 }),
    2,
  ),
  worse('R6', '+1 % on 1 %', 'bad', 0.01, 0.01),
  worse('R7', '+1 %, stable never fails', 'bad', 0, 0.01),
];

function slower(id: string, title: string, truth: Truth, by: number): Scenario {
  const scales = () => ({ stable: 1, canary: 1 + by / TRUE_P99 });
  return { id, title, truth, onsetStep: 0, world: (random, rps) => latencyWorld(random, rps, scales) };
}

export const LATENCY_SCENARIOS: readonly Scenario[] = [
  slower('L1', 'equal', 'good', 0),
  slower('L2', 'p99 +25 ms (half the margin)', 'good', 25),
  slower('L3', 'p99 +50 ms (the margin)', 'margin', 50),
  {
    id: 'L4',
    title: 'equal, independent drift by 10 %',
    truth: 'drifting',
    onsetStep: 0,
    world(random, rps) {
      const [ours, theirs] = [drift(random, 0.1), drift(random, 0.1)];
      return latencyWorld(random, rps, () => ({ canary: Math.exp(ours()), stable: Math.exp(theirs()) }));
    },
  },
  {
    id: 'L5',
    title: 'common slow-down: both x2 for 3 min',
    truth: 'good',
    onsetStep: 0,
    world: (random, rps) =>
      latencyWorld(random, rps, ({ poll }) => {
        const scale = poll > INCIDENT.from && poll <= INCIDENT.to ? 2 : 1;
        return { canary: scale, stable: scale };
      }),
  },
  slower('L6', 'p99 +100 ms', 'bad', 100),
  slower('L7', 'p99 +200 ms', 'bad', 200),
  slower('L8', 'x3', 'bad', 2 * TRUE_P99),
];

/** Healthy until the raise to 100, where stable has no traffic left to compare with. */
function atFull(id: string, title: string, truth: Truth, by: number): Scenario {
  const stable = 0.001;
  const rates = ({ weight }: Place) => ({
    stable,
    canary: weight === 100 ? Math.min(1, stable + by) : stable,
  });
  return { ...steady(id, title, truth, rates, 4), isFull: true };
}

export const FULL_SCENARIOS: readonly Scenario[] = [
  atFull('F1', 'equal, 0.1 %, at weight 100 too', 'good', 0),
  atFull('F2', '+0.25 % from weight 100 on (half the margin)', 'good', 0.0025),
  atFull('F3', '+1 % from weight 100 on', 'bad', 0.01),
  atFull('F4', '+5 % from weight 100 on', 'bad', 0.05),
  atFull('F5', 'all fail from weight 100 on', 'bad', 1),
];

/** Two metrics at once, errors and latency: both good, or one at the margin or beyond. */
export const PAIRS_AT_PACE: readonly Pair[] = [
  { id: 'N1+L1', title: 'both equal', truth: 'good' },
  { id: 'N3+L2', title: 'both at half the margin', truth: 'good' },
  { id: 'N4+L1', title: 'errors at the margin, latency equal', truth: 'margin' },
  { id: 'N1+L3', title: 'errors equal, latency at the margin', truth: 'margin' },
  { id: 'R2+L1', title: '+2 % errors, latency equal', truth: 'bad' },
  { id: 'N1+L7', title: 'errors equal, p99 +200 ms', truth: 'bad' },
];

interface Pair extends Pick<Scenario, 'title' | 'truth'> {
  readonly id: `${string}+${string}`;
}

/** Canaries exactly at the gap that a sensitivity tolerates. */
export const EDGES = {
  balanced: worse('E1', '+0.25 % on 0.1 %, sensitivity 0.5', 'good', 0.001, 0.0025),
  strict: worse('E2', '+0.5 % on 0.1 %, sensitivity 1', 'good', 0.001, 0.005),
  any: worse('E3', 'equal, 1 %, sensitivity 0', 'good', 0.01, 0),
} as const;

/** One more of which only the pace is shown: no rule that needs stable's failures sees it. */
export const SILENT = worse('R8', 'all fail, stable never fails', 'bad', 0, 1);
