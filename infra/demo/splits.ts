/** The traffic split of each step, from counts taken at the instances while the gateway followed one rule. Pure. */
import type { CanaryRule } from '../../src/client/rule.ts';
import { binomialInterval, type CountInterval } from './binomial.ts';

/** Requests that one instance received, and how many of them it failed. */
export interface Served {
  readonly total: number;
  readonly failed: number;
}

/** Counts of one service at one moment. */
export interface Sample {
  /** Just before the counts were read, Unix milliseconds. */
  readonly at: number;
  readonly served: Readonly<Record<string, Served>>;
  /** The rule that the gateway followed just after the counts were read, and since when it had. */
  readonly split: Pick<CanaryRule, 'canaryVersion' | 'canaryWeight' | 'stableVersion'> | null;
  readonly since: number;
}

/** The controller read this weight back. */
export interface Verification {
  readonly at: number;
  readonly weight: number;
}

export interface CountedSplit {
  readonly weight: number;
  readonly requests: number;
  readonly toCanary: number;
  /** Where the canary's count lies if the gateway splits by the weight. */
  readonly expected: CountInterval;
  readonly fits: boolean;
}

/** Share of honest splits that the interval holds. */
export const COVERAGE = 0.999;

/** Requests that the gateway sent by the rule before have arrived after this time. */
const IN_FLIGHT_MS = 200;

/**
 * One split for each verified weight: what the instances received from the moment the controller had read it back
 * (and the gateway had it) until the gateway followed the next rule. Verifications of a weight that already held
 * (a rule written again) open no new step; neither does one that no two samples lie within.
 */
export function countSplits(
  samples: readonly Sample[],
  canary: string,
  verifications: readonly Verification[],
): CountedSplit[] {
  const changes = verifications.filter(({ weight }, index) => weight !== verifications[index - 1]?.weight);
  return changes.flatMap(({ at, weight }, index) => {
    const until = changes[index + 1]?.at ?? Number.POSITIVE_INFINITY;
    const within = samples.filter(
      (sample) =>
        sample.split?.canaryVersion === canary &&
        sample.split.canaryWeight === weight &&
        sample.at >= Math.max(at, sample.since + IN_FLIGHT_MS) &&
        sample.at < until,
    );
    const [first, last] = [within[0], within.at(-1)];
    return first === undefined || last === undefined || first === last
      ? []
      : [between(first, last, canary, weight)];
  });
}

function between(first: Sample, last: Sample, canary: string, weight: number): CountedSplit {
  const received = (version: string) =>
    (last.served[version]?.total ?? 0) - (first.served[version]?.total ?? 0);
  const requests = Object.keys(last.served).reduce((sum, version) => sum + received(version), 0);
  const toCanary = received(canary);
  const expected = binomialInterval(requests, weight / 100, COVERAGE);
  return {
    weight,
    requests,
    toCanary,
    expected,
    fits: toCanary >= expected.low && toCanary <= expected.high,
  };
}
