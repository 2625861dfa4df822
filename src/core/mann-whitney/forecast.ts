/** How long the steps to come need for the points of a first score, at the traffic of stable. */
import { formatDuration } from '../../lib/duration.ts';
import { err, ok, type Result } from '../../lib/result.ts';
import { compactNumber, roughDuration } from '../../lib/text.ts';
import type { Canary, MannWhitneyTerms, Metric, Step } from '../../spec/canary.ts';
import { leastMsOfPoints, type PointTimes, pointsApartMs } from '../../spec/mann-whitney.ts';
import { renderQuery } from '../../spec/template.ts';
import type { MeasuredSource, Measurement, MeasureRequest } from '../observation.ts';
import { NOW_MS } from '../sequential/before.ts';
import { pointsNeeded } from './classify.ts';
import { ruleOf } from './look.ts';

/** A window that has enough requests less often than this never has. */
const RARE = 0.01;
/** One that has them more often than this always has. */
const USUAL = 0.99;

/** A metric of a Canary whose rollout is to come. */
export interface PointsProspect {
  readonly canary: Canary;
  readonly metric: Metric;
  readonly terms: MannWhitneyTerms;
  readonly source: MeasuredSource;
}

/** What stable shows now. */
export interface PointsTraffic {
  /** In the unit of the metric. */
  readonly value: number;
  /** Requests a second, all of the service; null: a query tells of none. */
  readonly rps: number | null;
}

export interface PointsStepForecast {
  /** From 0. */
  readonly index: number;
  readonly step: Step;
  /** Requests of the canary in the window of a point, on average; null: nobody knows. */
  readonly requests: number | null;
  /** From the read-back of the weight on until the points of a first score are there, ms on average; Infinity: never. */
  readonly scoreMs: number;
  /** pastBake: the step lasts longer than its `bake`. pastMaxHold, pastDeadline: the points come too late. */
  readonly fit: 'fits' | 'pastBake' | 'pastMaxHold' | 'pastDeadline';
  /** A sentence where they come too late and the metric holds the step; else null. */
  readonly advice: string | null;
}

export interface PointsForecast {
  /** Needed of each arm. */
  readonly points: number;
  /** From one point to the next. */
  readonly apartMs: number;
  /** The error says why nothing is known: the steps are then those of a service with enough requests. */
  readonly traffic: Result<PointsTraffic, string>;
  /** All of them: at 100 the canary's points are compared with stable's of the step before. */
  readonly steps: readonly PointsStepForecast[];
}

/** Null: another judge has it. */
export function pointsProspect(canary: Canary, metric: Metric): PointsProspect | null {
  const { source, mannWhitney: terms } = metric;
  return terms === undefined || source.kind === 'external' ? null : { canary, metric, terms, source };
}

/** Asks what a look would ask of stable; of what counts requests, over the time that tells of the traffic of now. */
export function stableRequest({ canary, metric, source }: PointsProspect, version: string): MeasureRequest {
  const { versionLabel, intervalMs } = canary.analysis;
  const id = `${canary.name}/${metric.name}/${version}`;
  const request = { id, version, versionLabel, at: null, intervalMs };
  if (source.kind !== 'query') return { ...request, source, windowMs: trafficMs(metric) };
  const query = renderQuery(source.query, {
    service: canary.service,
    name: canary.name,
    version,
    canary: canary.revision ?? version,
    stable: version,
    window: formatDuration(metric.windowMs),
  });
  return { ...request, source: { kind: 'query', query }, windowMs: metric.windowMs };
}

/**
 * What the answers to `stableRequest` say of the steps to come.
 *
 * @param stable the error: it could not be asked
 * @param onTrial a revision that takes a part of the traffic from stable now; null: there is none
 */
export function pointsForecast(
  prospect: PointsProspect,
  stable: Result<Measurement, string>,
  onTrial: Measurement | null,
): PointsForecast {
  const { canary, metric, terms } = prospect;
  const points = pointsNeeded(ruleOf(metric, terms));
  const traffic = stable.ok ? trafficOf(metric, stable.value, onTrial) : stable;
  const times = {
    settleMs: canary.settleMs,
    windowMs: metric.windowMs,
    intervalMs: canary.analysis.intervalMs,
  };
  const facts = { prospect, points, times, rps: traffic.ok ? traffic.value.rps : null };
  return {
    points,
    apartMs: pointsApartMs(times),
    traffic,
    steps: [...canary.strategy.steps.entries()].map(([index, step]) => forecastStep(facts, index, step)),
  };
}

/** Requests of a short window are a matter of chance. */
function trafficMs({ windowMs }: Metric): number {
  return Math.max(NOW_MS, windowMs);
}

function trafficOf(
  metric: Metric,
  { reading }: Measurement,
  onTrial: Measurement | null,
): Result<PointsTraffic, string> {
  if (reading.kind === 'noData' || reading.kind === 'error') return err(reading.detail);
  if (reading.kind === 'above') {
    return err(`stable's quantile lies in the +Inf bucket, above ${compactNumber(reading.bound)}`);
  }
  if (reading.kind !== 'value' || !Number.isFinite(reading.value))
    return err('stable shows no finite number');
  const { value, requests } = reading;
  const taken = onTrial === null ? 0 : requestsOf(onTrial);
  return ok({ value, rps: requests === null ? null : (1000 * (requests + taken)) / trafficMs(metric) });
}

function requestsOf({ reading }: Measurement): number {
  return reading.kind === 'value' || reading.kind === 'above' ? (reading.requests ?? 0) : 0;
}

interface Facts {
  readonly prospect: PointsProspect;
  readonly points: number;
  readonly times: PointTimes;
  readonly rps: number | null;
}

function forecastStep(facts: Facts, index: number, step: Step): PointsStepForecast {
  const { metric, terms, canary } = facts.prospect;
  const scoreMs = msToScore(facts, index, step.weight);
  const limit = limitOf(canary, step);
  const isLate = scoreMs > limit.ms;
  const isNeeded = !metric.dryRun && (terms.mustHaveData || metric.critical);
  return {
    index,
    step,
    requests: requestsAt(facts, step.weight),
    scoreMs,
    fit: isLate ? limit.fit : scoreMs > step.bakeMs ? 'pastBake' : 'fits',
    advice: isLate && isNeeded ? adviceFor(facts, index, step, scoreMs) : null,
  };
}

/** Requests that an arm with so many percent of the traffic has in a window, on average. */
function requestsAt({ rps, times }: Facts, weight: number): number | null {
  return rps === null ? null : (rps * times.windowMs * weight) / 100 / 1000;
}

/**
 * On average a look comes half an interval after the first window can. Windows with too few requests are no points, and
 * are taken one after the other: a look in between may find one a little sooner.
 */
function msToScore(facts: Facts, index: number, weight: number): number {
  const { points, times } = facts;
  const chance = armsAt(facts, weight).reduce((product, arm) => product * arm.chance, 1);
  if (chance < RARE || isAloneFromTheStart(index, weight)) return Infinity;
  return leastMsOfPoints(times, points / chance) + times.intervalMs / 2;
}

/** At 100 stable has no traffic; its points are those of the step before. */
function isAloneFromTheStart(index: number, weight: number): boolean {
  return weight === 100 && index === 0;
}

interface ArmAt {
  readonly name: 'the canary' | 'stable';
  /** In a window, on average. */
  readonly requests: number;
  /** That make it a point. */
  readonly needed: number;
  /** How often a window has them. */
  readonly chance: number;
}

/** The arms that must have requests in a window; none where nobody knows how many there are. */
function armsAt(facts: Facts, weight: number): readonly ArmAt[] {
  const { source } = facts.prospect;
  const arm = (name: ArmAt['name'], percentage: number, needed: number): ArmAt[] => {
    const requests = requestsAt(facts, percentage);
    return requests === null ? [] : [{ name, requests, needed, chance: chanceOfAtLeast(needed, requests) }];
  };
  const canary = arm('the canary', weight, 'minRequests' in source ? Math.max(1, source.minRequests) : 1);
  return weight === 100 ? canary : [...canary, ...arm('stable', 100 - weight, 1)];
}

/** That so many requests or more come where `mean` come on average and each by itself: a Poisson variable. */
function chanceOfAtLeast(needed: number, mean: number): number {
  let fewer = 0;
  let logOfCount = -mean;
  for (let count = 0; count < needed; count += 1) {
    if (count > 0) logOfCount += Math.log(mean / count);
    fewer += Math.exp(logOfCount);
  }
  return Math.max(0, 1 - fewer);
}

/** When the step is no longer held for want of points, from its read-back on. */
function limitOf(
  { strategy: { progressDeadlineMs } }: Canary,
  { bakeMs, maxHoldMs = 0 }: Step,
): { readonly ms: number; readonly fit: 'pastMaxHold' | 'pastDeadline' } {
  const holdMs = maxHoldMs === 0 ? Infinity : maxHoldMs;
  const deadlineMs = progressDeadlineMs === 0 ? Infinity : bakeMs + progressDeadlineMs;
  return holdMs <= deadlineMs ? { ms: holdMs, fit: 'pastMaxHold' } : { ms: deadlineMs, fit: 'pastDeadline' };
}

function adviceFor(facts: Facts, index: number, step: Step, scoreMs: number): string {
  const { prospect, points, times } = facts;
  const { weight } = step;
  const place = `step ${index + 1} (${weight} %)`;
  if (isAloneFromTheStart(index, weight)) {
    return `${place}: stable has no points to compare with: begin with a step below 100`;
  }
  const limit = limitOf(prospect.canary, step);
  const [ends, raise] =
    limit.fit === 'pastMaxHold'
      ? [`its maxHold is ${roughDuration(limit.ms)}`, 'raise maxHold']
      : [`progressDeadline ends it after ${roughDuration(limit.ms)}`, 'raise progressDeadline'];
  const isEver = Number.isFinite(scoreMs);
  const takes = isEver ? `take about ${roughDuration(scoreMs)}, and ${ends}` : 'never come';
  const what = `${place}: ${points} points of each version ${takes}`;
  const thin = armsAt(facts, weight).toSorted((a, b) => a.chance - b.chance)[0];
  if (thin === undefined || thin.chance > USUAL) return `${what}: ${raise}, or lower minPoints`;
  const enough = leastWeight(facts, index, weight, limit.ms);
  const ways = [
    ...(enough === null ? [] : [`${index === 0 ? 'begin with' : 'give it'} ${enough} %`]),
    ...(isEver ? [raise] : []),
  ];
  const { name, requests, needed } = thin;
  const has = `${name} has about ${compactNumber(requests)} requests in ${formatDuration(times.windowMs)}, a point needs ${needed}`;
  return `${what} (${has}): ${ways.map((way) => `${way}, `).join('')}${ways.length > 0 ? 'or ' : ''}lengthen window`;
}

/** The least weight above `weight` at which the points come in time; null: none below 100. */
function leastWeight(facts: Facts, index: number, weight: number, limitMs: number): number | null {
  for (let more = weight + 1; more < 100; more += 1) {
    if (msToScore(facts, index, more) <= limitMs) return more;
  }
  return null;
}
