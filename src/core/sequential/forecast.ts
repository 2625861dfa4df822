/** How long a rollout would take at the traffic of stable: until a good revision goes on, and until a bad one is caught. */
import { err, ok, type Result } from '../../lib/result.ts';
import { compactNumber, roughDuration } from '../../lib/text.ts';
import type { Canary, Step } from '../../spec/canary.ts';
import { countersRequest, guessedScrapeMs } from '../ledger/polls.ts';
import type { Measurement, MeasureRequest } from '../observation.ts';
import { BEFORE_MS, type Before, type BeforeTraffic, beforeOf } from './before.ts';
import { armsAt, msToPass, msToRollBack } from './expected.ts';
import { type SequentialMetric, settingsOf, tailOf } from './look.ts';

/** Regressions that are told of, as multiples of `maxDelta`. */
const EFFECTS = [1, 2, 4] as const;

/** A metric of a Canary whose rollout is to come. */
export interface Prospect extends SequentialMetric {
  readonly canary: Canary;
}

/** Times are averages in ms from the read-back of the weight on, `settle` included; Infinity: it never comes. */
export interface StepForecast {
  /** From 0. */
  readonly index: number;
  readonly step: Step;
  /** Until a revision as good as stable has the evidence that leaving the step takes. */
  readonly promoteMs: number;
  /** Until a revision that is worse by `delta`, in the unit of `maxDelta`, is rolled back. */
  readonly effects: readonly { readonly delta: number; readonly ms: number }[];
  /** pastBake: the evidence takes longer than `bake`, and the step so long. pastMaxHold: it does not come in time. */
  readonly fit: 'fits' | 'pastBake' | 'pastMaxHold';
  /** A sentence where it does not come in time; else null. */
  readonly advice: string | null;
}

export interface Forecast {
  /** Requests a second of now, all of the service. */
  readonly rps: number;
  /** Stable's share of failed or slow requests in all of the time that was asked for. */
  readonly mean: number;
  /** Latency: what requests are slow against, in the histogram's unit. */
  readonly threshold: number | null;
  readonly dispersion: number;
  /** Steps below 100. */
  readonly steps: readonly StepForecast[];
  /** The step at 100, where stable has no traffic to compare with; null: there is none. */
  readonly alone: Pick<StepForecast, 'index' | 'step'> | null;
  /** A sentence where the buckets are too wide for the margin; else null. */
  readonly advice: string | null;
}

/** Asks for the counters of a version over `BEFORE_MS`. */
export function trafficRequest(
  { canary, metric, counting }: Prospect,
  version: string,
  now: number,
): MeasureRequest {
  const { versionLabel, intervalMs } = canary.analysis;
  const request = countersRequest(counting, {
    id: `${canary.name}/${metric.name}/${version}`,
    version,
    versionLabel,
    intervalMs,
    now,
    polledAt: null,
    scrapeMs: guessedScrapeMs(metric.windowMs),
  });
  return { ...request, windowMs: BEFORE_MS };
}

/**
 * What the answers to `trafficRequest` say of the steps to come, or a sentence why they say nothing.
 *
 * @param onTrial a revision that takes a part of the traffic from stable now; null: there is none
 */
export function forecastOf(
  prospect: Prospect,
  stable: Measurement,
  onTrial: Measurement | null,
): Result<Forecast, string> {
  const { reading } = stable;
  if (reading.kind === 'noData' || reading.kind === 'error') return err(reading.detail);
  const before = knownOf(prospect, stable);
  const { traffic, threshold } = before;
  if (traffic === null) return err(`stable got no request in the last ${roughDuration(BEFORE_MS)}`);
  if (prospect.counting.kind === 'latency' && threshold === null) {
    return err('stable has no such quantile: it lies above the highest finite bucket');
  }
  const taken = onTrial === null ? 0 : knownOf(prospect, onTrial).rpsNow;
  const rps = taken > 0 ? before.rpsNow + taken : traffic.rps;
  const dispersion = prospect.promise.dispersion ?? before.dispersion;
  const facts = { prospect, before, traffic: { ...traffic, rps }, dispersion };
  const declared = prospect.canary.strategy.steps.map((step, index) => ({ index, step }));
  const steps = declared
    .filter(({ step }) => step.weight < 100)
    .map(({ index, step }) => forecastStep(facts, index, step));
  const alone = declared.find(({ step }) => step.weight === 100) ?? null;
  const advice = bucketAdvice(prospect, before);
  return ok({ rps, mean: traffic.mean, threshold, dispersion, steps, alone, advice });
}

function knownOf({ canary, metric, counting }: Prospect, answer: Measurement): Before {
  const { versionLabel, intervalMs } = canary.analysis;
  const shape = { tail: tailOf(metric), margin: metric.bounds.maxDelta ?? 0 };
  return beforeOf(counting, answer, versionLabel, intervalMs, shape, answer.at);
}

function bucketAdvice({ metric: { source, bounds } }: Prospect, { bucket }: Before): string | null {
  if (source.kind !== 'latency' || bucket === null) return null;
  const { maxDelta = 0 } = bounds;
  const { lower, upper } = bucket;
  // Sixteen digits of 0.4 - 0.35 are more than 0.05.
  const width = Number((upper - lower).toPrecision(12));
  if (width <= maxDelta) return null;
  return (
    `stable's quantile ${source.quantile} lies in the bucket from ${compactNumber(lower)} to ${compactNumber(upper)}, ` +
    `wider than maxDelta ${maxDelta}, and nobody can see inside of it: ` +
    `make the buckets there narrower, or widen maxDelta to ${compactNumber(width)}`
  );
}

interface Facts {
  readonly prospect: Prospect;
  readonly before: Before;
  readonly traffic: BeforeTraffic;
  readonly dispersion: number;
}

function forecastStep(facts: Facts, index: number, step: Step): StepForecast {
  const { bakeMs, maxHoldMs = 0 } = step;
  const promoteMs = promotionAt(facts, step.weight);
  const isLate = maxHoldMs > 0 && promoteMs > maxHoldMs;
  return {
    index,
    step,
    promoteMs,
    effects: EFFECTS.map((factor) => catchAt(facts, step.weight, factor)),
    fit: isLate ? 'pastMaxHold' : promoteMs > bakeMs ? 'pastBake' : 'fits',
    advice: isLate ? adviceFor(facts, index, step, promoteMs) : null,
  };
}

function promotionAt({ prospect, traffic, dispersion }: Facts, weight: number): number {
  return prospect.canary.settleMs + msToPass(traffic, weight, settingsOf(prospect), dispersion);
}

function catchAt(facts: Facts, weight: number, factor: number): { delta: number; ms: number } {
  const { prospect, before, traffic, dispersion } = facts;
  const { canary, metric, promise } = prospect;
  const maxDelta = metric.bounds.maxDelta ?? 0;
  const delta = factor * maxDelta;
  // Requests that all come later by delta are as slow at a threshold as stable's are at one that much lower.
  const mean =
    metric.source.kind === 'latency'
      ? before.meanBeyond(promise.sensitivity * maxDelta - delta)
      : Math.min(1, traffic.mean + delta);
  const ms = msToRollBack(armsAt(traffic, weight), mean, settingsOf(prospect), dispersion);
  return { delta, ms: canary.settleMs + ms };
}

function adviceFor(facts: Facts, index: number, { weight, maxHoldMs = 0 }: Step, promoteMs: number): string {
  const what = `step ${index + 1} (${weight} %): the evidence for a healthy revision`;
  const { kind } = facts.prospect.counting;
  if (!Number.isFinite(promoteMs)) {
    const narrow = kind === 'latency' ? ', or make the buckets around its quantile narrower' : '';
    return `${what} never comes: widen maxDelta${narrow}`;
  }
  const enough = leastWeight(facts, weight, maxHoldMs);
  const more = enough === null ? '' : `${index === 0 ? 'begin with' : 'give it'} ${enough} %, `;
  return (
    `${what} takes about ${roughDuration(promoteMs)}, and its maxHold is ${roughDuration(maxHoldMs)}: ` +
    `${more}raise maxHold, or widen maxDelta`
  );
}

/** The least weight above `weight` at which the evidence comes in time; null: none below 100. */
function leastWeight(facts: Facts, weight: number, maxHoldMs: number): number | null {
  for (let more = weight + 1; more < 100; more += 1) if (promotionAt(facts, more) <= maxHoldMs) return more;
  return null;
}
