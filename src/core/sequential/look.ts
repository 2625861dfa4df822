/** The sequential judge at one look: what it asks for, and what it makes of the answers. */
import { compactNumber, percent, roughDuration } from '../../lib/text.ts';
import type { Canary, Metric, SequentialPromise } from '../../spec/canary.ts';
import { type Counting, countingOf } from '../ledger/counting.ts';
import { type ArmTally, newLedger, type Polled, takePoll } from '../ledger/ledger.ts';
import { countersRequest, guessedScrapeMs, leastWindowMs } from '../ledger/polls.ts';
import type { Measurement, MeasureRequest } from '../observation.ts';
import type { RolloutState, VerdictClass } from '../rollout.ts';
import { lateText, stableName } from '../words.ts';
import { BEFORE_MS, beforeOf, scoreOf } from './before.ts';
import { type ArmCounts, addCounts, NO_REQUESTS, type PollCounts } from './counts.ts';
import type { SequentialMemory } from './memory.ts';
import { enterStep, pollSequential } from './poll.ts';
import { readSequential, type SequentialReading } from './reading.ts';
import { evidenceNeeded, type SequentialSettings, sequentialSettings } from './settings.ts';
import { startSequential } from './state.ts';
import { addSplit, NO_SPLIT, readSplit } from './traffic-split.ts';
import { againstText, aloneText, countsText, forText, type Scored } from './words.ts';

/** A metric that has the sequential judge. */
export interface SequentialMetric {
  readonly metric: Metric;
  readonly promise: SequentialPromise;
  readonly counting: Counting;
}

/** Where a look stands: the declaration, the rollout, and what is remembered of the metric. */
export interface SequentialContext extends SequentialMetric {
  readonly canary: Canary;
  readonly rollout: RolloutState;
  readonly memory: SequentialMemory | undefined;
}

export interface SequentialAnswers {
  readonly canary: Measurement;
  /** Null at weight 100, where stable has no traffic. */
  readonly stable: Measurement | null;
  /** Stable before the rollout; asked for until it was read. */
  readonly before: Measurement | null;
}

export interface SequentialJudgement {
  readonly class: VerdictClass;
  readonly memory: SequentialMemory | undefined;
  /** Judged counts of the whole rollout. */
  readonly reading: SequentialReading | null;
  /** What the counts are held against. */
  readonly bound: string;
  readonly detail: string;
  readonly structural: boolean;
  readonly guard: boolean;
  /** Whether new samples are behind it. A pass without is that of the look before, which still stands. */
  readonly isNews: boolean;
  /** All that this poll counted, settling weights included, bad as stable's quantile has it; null: nothing. */
  readonly heard: { readonly canary: ArmCounts; readonly stable: ArmCounts } | null;
}

/** So many polls with new samples and no request of the canary are no data. Its traffic may be thin, but not silent. */
const SILENT_POLLS = 3;
/** Scrapes of both versions this part of a poll apart show nearly the same time. */
const APART = 0.1;

/** Null: another judge has it. */
export function sequentialMetric(metric: Metric): SequentialMetric | null {
  if (metric.sequential === undefined) return null;
  const counting = countingOf(metric.source);
  return counting.ok ? { metric, promise: metric.sequential, counting: counting.value } : null;
}

/** Counters of both arms since the poll before, and once stable's before the rollout. */
export function sequentialRequests(
  context: SequentialContext,
  now: number,
  id: (arm: 'canary' | 'stable' | 'before') => string,
): MeasureRequest[] {
  const { canary, rollout, counting, metric } = context;
  const ledger = context.memory?.ledger ?? newLedger(guessedScrapeMs(metric.windowMs));
  const { versionLabel, intervalMs } = canary.analysis;
  const one = (arm: 'canary' | 'stable' | 'before'): MeasureRequest =>
    countersRequest(counting, {
      id: id(arm),
      version: arm === 'canary' ? rollout.revision : rollout.stable,
      versionLabel,
      intervalMs,
      now,
      polledAt: ledger.polledAt,
      scrapeMs: ledger.scrapeMs,
    });
  const requests = [one('canary')];
  if (rollout.frozenAt === null) requests.push(one('stable'));
  if ((context.memory?.test ?? null) === null) requests.push({ ...one('before'), windowMs: BEFORE_MS });
  return requests;
}

/** Judges one look. What could not be measured changes nothing, and is made up for by the next poll that can. */
export function judgeSequential(context: SequentialContext, answers: SequentialAnswers): SequentialJudgement {
  const { canary, rollout, counting, metric } = context;
  const bound = boundOf(metric, context.memory?.threshold ?? null);
  const nothing = {
    memory: context.memory,
    reading: null,
    bound,
    structural: false,
    guard: false,
    isNews: false,
    heard: null,
  };
  const started = begun(context, answers.before);
  if (typeof started === 'string') return { ...nothing, class: 'noData', detail: started };
  if ('structural' in started) return { ...nothing, ...started, class: 'error' };
  const { held, notBefore } = rollout;
  const { ledger, polled } = takePoll(counting, started.ledger, {
    at: answers.canary.at,
    canary: answers.canary.reading,
    stable: rollout.frozenAt === null ? (answers.stable?.reading ?? null) : null,
    versionLabel: canary.analysis.versionLabel,
    // Below the first step nothing has settled: only the guard is live.
    countFrom: held.weight === 0 ? Infinity : Math.max(held.clearFrom, notBefore),
    settleFrom: Math.max(held.verifiedAt, notBefore),
  });
  const memory = { ...started, ledger };
  if (polled.kind === 'noData') {
    return { ...nothing, memory, class: 'noData', detail: `${polled.arm}: ${polled.detail}` };
  }
  if (polled.kind === 'error') {
    const { structural, detail } = polled;
    return { ...nothing, memory, class: 'error', structural, detail: `${polled.arm}: ${detail}` };
  }
  const settings = settingsOf(context);
  const here = atHeld(memory, rollout);
  const next = polled.isNews ? counted(context, settings, here, polled, answers.canary.at) : here;
  const heard = (tally: ArmTally | null) => heardOf(tally, memory.threshold);
  return {
    ...conclude(context, settings, next, answers.canary.at),
    isNews: polled.isNews,
    heard: { canary: heard(polled.canary), stable: heard(polled.stable) },
  };
}

function heardOf(tally: ArmTally | null, threshold: number | null): ArmCounts {
  if (tally === null) return NO_REQUESTS;
  return addCounts(scoreOf(tally.counted, threshold), scoreOf(tally.settling, threshold));
}

type Started = SequentialMemory & { readonly test: NonNullable<SequentialMemory['test']> };

/** The memory to go on with; a sentence: stable before the rollout says too little; an error: it could not be asked. */
function begun(
  context: SequentialContext,
  before: Measurement | null,
): Started | string | { readonly structural: boolean; readonly detail: string } {
  const { memory, metric, counting, canary, promise } = context;
  if (memory !== undefined && memory.test !== null) return { ...memory, test: memory.test };
  if (before === null) return 'stable before the rollout was not asked for yet';
  const { reading } = before;
  if (reading.kind === 'error') {
    return { structural: reading.structural, detail: `stable before the rollout: ${reading.detail}` };
  }
  // What the test begins with is fixed for the rollout: a part of it is not enough, where none at all has to be.
  if (reading.kind === 'noData' && reading.why !== 'empty') {
    return `stable before the rollout: ${reading.detail}`;
  }
  const { versionLabel, intervalMs } = canary.analysis;
  const ledger = memory?.ledger ?? newLedger(guessedScrapeMs(metric.windowMs));
  const { weight, verifiedAt } = context.rollout.held;
  // The first poll of a metric that is edited late counts no more than its window.
  const until =
    weight === 0 ? before.at : Math.max(verifiedAt, before.at - leastWindowMs(intervalMs, ledger.scrapeMs));
  const shape = { tail: tailOf(metric), margin: metric.bounds.maxDelta ?? 0 };
  const known = beforeOf(counting, before, versionLabel, intervalMs, shape, until);
  if (counting.kind === 'latency' && known.threshold === null) {
    return 'stable has no such quantile before the rollout: it had no traffic, or lies above the highest finite bucket';
  }
  return {
    ledger,
    test: startSequential(settingsOf(context), known.counts, promise.dispersion ?? known.dispersion),
    threshold: known.threshold,
    traffic: known.traffic,
    judgedMs: 0,
    split: NO_SPLIT,
    splitWeight: 0,
    silentPolls: 0,
  };
}

/** What is known of a weight is known of no other one. */
function atHeld(memory: Started, { held }: RolloutState): Started {
  if (memory.splitWeight === held.weight) return memory;
  return { ...memory, split: NO_SPLIT, splitWeight: held.weight, silentPolls: 0 };
}

/** Takes the requests of a settling weight, for the guard, and then those that are judged. */
function counted(
  { canary: { analysis }, rollout, metric, promise }: SequentialContext,
  settings: SequentialSettings,
  memory: Started,
  { canary, stable, leadMs }: Extract<Polled, { kind: 'counted' }>,
  at: number,
): Started {
  const alone = rollout.frozenAt !== null;
  const margin = metric.bounds.maxDelta ?? 0;
  const isApart = Math.abs(leadMs) > APART * Math.max(analysis.intervalMs, memory.ledger.scrapeMs);
  const poll = (part: 'counted' | 'settling'): PollCounts => {
    const beyond = (arm: ArmTally, by: number) =>
      scoreOf(arm[part], memory.threshold === null ? null : memory.threshold + by);
    return {
      canary: beyond(canary, promise.sensitivity * margin),
      canaryScoreAtBound: beyond(canary, margin).score,
      stable: stable === null ? NO_REQUESTS : beyond(stable, 0),
      ...(isApart ? { first: leadMs > 0 ? 'stable' : 'canary' } : {}),
      settling: part === 'settling',
      alone,
    };
  };
  const settling = poll('settling');
  const judged = poll('counted');
  let test = enterStep(memory.test, settings, rollout.held.index);
  test = pollSequential(test, settling, settings).state;
  test = pollSequential(test, judged, settings).state;
  const requests = judged.canary.requests;
  const share = rollout.held.weight / 100;
  const sinceMs = Math.max(0, at - (memory.newsAt ?? at));
  return {
    ...memory,
    test,
    judgedMs: memory.judgedMs + (requests > 0 ? sinceMs : 0),
    split: addSplit(memory.split, { canary: requests, stable: judged.stable.requests }, share),
    silentPolls: requests > 0 ? 0 : memory.silentPolls + Math.sign(canary.differences),
    newsAt: at,
  };
}

function conclude(
  context: SequentialContext,
  settings: SequentialSettings,
  memory: Started,
  at: number,
): Omit<SequentialJudgement, 'heard' | 'isNews'> {
  const { canary, rollout, metric, promise, counting } = context;
  const reading = readSequential(memory.test, settings);
  const scored = scoredOf(metric, promise, counting, memory);
  const counts = countsText(reading, scored);
  const stable = stableName(rollout.frozenAt, at);
  const against = `${againstText(reading, scored, stable)}: ${counts}`;
  const judgement = (kind: VerdictClass, detail: string) => ({
    class: kind,
    memory,
    reading,
    bound: boundOf(metric, memory.threshold),
    detail,
    structural: false,
    guard: kind === 'fail' && reading.by === 'guard',
  });
  const wait = (detail: string) => {
    const late = lateText(canary, rollout);
    return late === null ? judgement('pending', detail) : judgement('inconclusive', `${late}, ${detail}`);
  };
  if (reading.asks === 'rollback') return judgement('fail', against);
  if (memory.silentPolls > SILENT_POLLS) return judgement('noData', silentText(context, memory));
  const split = canary.analysis.anySplit === true ? null : splitTrouble(rollout, memory);
  if (split !== null) return wait(`${split}; ${counts}`);
  if (reading.asks === 'hold') return wait(`nothing advances, ${against}`);
  const needed = rollout.frozenAt === null ? evidenceNeeded(settings, rollout.held.index) : -Infinity;
  const have = reading.nonInferiority;
  if (memory.split.canary === 0) {
    // It may settle still: what was judged before does not tell when the rest comes.
    const evidence = rollout.frozenAt === null ? `, ${forText(reading, needed, null)}` : '';
    return wait(`no request was judged at this weight yet${evidence}: ${counts}`);
  }
  if (have < needed) {
    // What was earned so far tells how fast the rest comes: it knows this traffic and this canary.
    const remainingMs = have > 0 ? (memory.judgedMs * (needed - have)) / have : null;
    return wait(`${forText(reading, needed, remainingMs)}: ${counts}`);
  }
  if (rollout.frozenAt === null) return judgement('pass', `${forText(reading, needed, null)}: ${counts}`);
  return reading.stableBound === 1
    ? judgement('noData', `${stable}: nothing of it was counted until then`)
    : judgement('pass', `${aloneText(reading, scored, stable)}: ${counts}`);
}

function silentText({ canary }: SequentialContext, { silentPolls, ledger }: SequentialMemory): string {
  const silent = roughDuration(silentPolls * Math.max(canary.analysis.intervalMs, ledger.scrapeMs));
  return `canary: no requests at the last ${silentPolls} polls, about ${silent}`;
}

/** Null: the canary gets about the share that was asked for, or too little is known. */
function splitTrouble({ held }: RolloutState, { split }: SequentialMemory): string | null {
  const { observed, mismatch } = readSplit(split, held.weight / 100);
  if (!mismatch || observed === null) return null;
  return `routingMismatch: the canary gets ${percent(observed)} of the requests counted, and the weight is ${held.weight} %`;
}

export function settingsOf({
  canary,
  metric,
  promise,
}: Pick<SequentialContext, 'canary' | 'metric' | 'promise'>): SequentialSettings {
  return sequentialSettings({
    source: metric.source.kind === 'latency' ? 'latency' : 'ratio',
    maxDelta: metric.bounds.maxDelta ?? 0,
    tail: tailOf(metric),
    alpha: promise.alpha,
    beta: promise.beta,
    sensitivity: promise.sensitivity,
    alphaShare: 1,
    steps: canary.strategy.steps.filter(({ weight }) => weight < 100).length,
    pollMs: canary.analysis.intervalMs,
  });
}

/** "maxDelta 0.005"; for a latency also what its shares are of: "slower than 0.387, maxDelta 0.05". */
function boundOf(metric: Metric, threshold: number | null): string {
  const margin = `maxDelta ${metric.bounds.maxDelta ?? 0}`;
  return threshold === null ? margin : `slower than ${compactNumber(threshold)}, ${margin}`;
}

/** Share of requests above a latency's quantile; not read for a ratio. */
export function tailOf({ source }: Metric): number {
  return source.kind === 'latency' ? 1 - source.quantile : 0.01;
}

function scoredOf(
  metric: Metric,
  promise: SequentialPromise,
  counting: Counting,
  { threshold }: SequentialMemory,
): Scored {
  const margin = metric.bounds.maxDelta ?? 0;
  const tolerated = promise.sensitivity * margin;
  return counting.kind === 'ratio'
    ? { kind: 'failed', margin, tolerated }
    : { kind: 'slow', threshold: threshold ?? 0, margin, tolerated };
}
