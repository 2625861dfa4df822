/** The product's own rule: the sequential judge with its evidence ladder, as the core has it. */
import {
  type ArmCounts,
  addCounts,
  NO_REQUESTS,
  type PollCounts,
} from '../../../src/core/sequential/counts.ts';
import { dispersionOf } from '../../../src/core/sequential/dispersion.ts';
import { enterStep, pollSequential } from '../../../src/core/sequential/poll.ts';
import {
  evidenceNeeded,
  type SequentialSettings,
  sequentialSettings,
} from '../../../src/core/sequential/settings.ts';
import { slowCounts } from '../../../src/core/sequential/slow-scores.ts';
import { startSequential } from '../../../src/core/sequential/state.ts';
import { BUCKETS, type Counts, requestsIn, type Sli } from '../sli.ts';
import { POLL_SECONDS, POLLS_PER_MINUTE } from '../world.ts';
import type { Answer, Rule, RuleKind, Setup, View } from './rule.ts';

/** A step is not left before. */
const BAKE = 2 * POLLS_PER_MINUTE;
/** A step that has not been left by then is inconclusive. */
const DEADLINE = 20 * POLLS_PER_MINUTE;

export interface SequentialOptions {
  readonly name: string;
  /** Part of the margin that is tolerated. */
  readonly sensitivity: number;
  /** Polls after a raise that only the guard judges. */
  readonly settlePolls: number;
  /** Part of alpha, where several metrics share it. */
  readonly alphaShare: number;
  readonly dispersion: 'auto' | number;
}

export function sequential(options: SequentialOptions): RuleKind {
  const { name, sensitivity, settlePolls, alphaShare, dispersion } = options;
  const settle = `settle ${settlePolls * POLL_SECONDS} s`;
  return {
    name,
    from: `alpha ${0.01 * alphaShare}, beta 0.05, sensitivity ${sensitivity}, dispersion ${dispersion}, ${settle}`,
    start: (setup) => createSequential(setup, options),
  };
}

function createSequential({ sli, steps, before, first }: Setup, options: SequentialOptions): Rule {
  const { sensitivity, settlePolls, alphaShare, dispersion } = options;
  const settings = settingsOf(sli, steps, sensitivity, alphaShare);
  const scores = scoring(sli, before.last(Infinity), sensitivity);
  const past = before.each().map(scores.stable);
  const estimated = dispersion === 'auto' ? dispersionOf(past) : dispersion;
  let state = startSequential(settings, past.reduce(addCounts, NO_REQUESTS), estimated);

  function look(view: View): Answer {
    const canary = view.canary.last(1);
    const counts: PollCounts = {
      canary: scores.canary(canary),
      stable: scores.stable(view.stable.last(1)),
      ...(sli.kind === 'latency' ? { canaryScoreAtBound: scores.atBound(canary).score } : {}),
      ...(first === undefined ? {} : { first }),
      settling: view.pollInStep <= settlePolls,
      alone: view.weight === 100,
    };
    const polled = pollSequential(enterStep(state, settings, view.step), counts, settings);
    state = polled.state;
    const { asks, nonInferiority } = polled.reading;
    if (asks === 'rollback') return 'rollback';
    const isEarned = nonInferiority >= evidenceNeeded(settings, view.step);
    if (asks === 'go' && isEarned && view.pollInStep >= BAKE) return 'advance';
    return view.pollInStep >= DEADLINE ? 'stop' : 'wait';
  }

  return { look };
}

/** Without the gap's interval: it explains and decides nothing. */
function settingsOf(sli: Sli, steps: number, sensitivity: number, alphaShare: number): SequentialSettings {
  const settings = sequentialSettings({
    source: sli.kind === 'latency' ? 'latency' : 'ratio',
    maxDelta: sli.maxDelta,
    tail: 0.01,
    alpha: 0.01,
    beta: 0.05,
    sensitivity,
    alphaShare,
    steps,
    pollMs: POLL_SECONDS * 1000,
  });
  return { ...settings, gaps: [] };
}

interface Scoring {
  readonly stable: (counts: Counts) => ArmCounts;
  readonly canary: (counts: Counts) => ArmCounts;
  /** Against the whole margin. */
  readonly atBound: (counts: Counts) => ArmCounts;
}

/** Latency: stable at its quantile before the rollout, the canary at the tolerated part of the margin above it. */
function scoring(sli: Sli, before: Counts, sensitivity: number): Scoring {
  if (sli.kind === 'errors') {
    const bad = (counts: Counts) => ({ requests: requestsIn(counts), score: counts[1] ?? 0 });
    return { stable: bad, canary: bad, atBound: bad };
  }
  const threshold = sli.value(before);
  const slowerThan = (bound: number) => (counts: Counts) => slowIn(counts, bound);
  return {
    stable: slowerThan(threshold),
    canary: slowerThan(threshold + sensitivity * sli.maxDelta),
    atBound: slowerThan(threshold + sli.maxDelta),
  };
}

function slowIn(counts: Counts, threshold: number): ArmCounts {
  let below = 0;
  const buckets = [...counts].map((inside, at) => {
    below += inside;
    return { upper: BUCKETS[at] ?? Infinity, count: below };
  });
  const slow = slowCounts(buckets, threshold);
  if (slow === null) throw new Error('the histogram has no +Inf bucket');
  return slow;
}
