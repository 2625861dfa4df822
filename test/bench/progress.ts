/** Every canary has a rollout under way and leaves at least one step by evidence: what its looks cost, and how late. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Daemon } from './daemon.ts';
import { between, mostOf, quantileOf } from './exposition.ts';
import { floorFigures } from './floor.ts';
import { type Span, watch } from './load.ts';
import type { Figure, Found } from './outcome.ts';
import { say } from './say.ts';
import { type BenchJudge, WEIGHTS } from './services.ts';
import type { World } from './world.ts';

const METRICS = 2;
/** Fewer canaries than this are a small fleet. */
const SMALL_FLEET = 1_000;
/** Names that a query holds at most, and the room that the bound on queries leaves for those that stay apart. */
const NAMES_PER_QUERY = 200;
const QUERIES_BESIDE = 10;

export interface ProgressPlan {
  readonly judge: BenchJudge;
  readonly canaries: number;
  readonly intervalS: number;
  /** Seconds to measure, beginning one interval after every canary is at its first step. */
  readonly seconds: number;
  /** Milliseconds that each commit takes longer. */
  readonly commitDelayMs: number;
}

/** What became of the first step of everyone. */
export interface Ramp {
  readonly seconds: number;
  /** Services that were not brought to it. */
  readonly missing: readonly string[];
}

/** Declares a release of every service, all at once. */
export function release(world: World, judge: BenchJudge, intervalS: number): void {
  // As long as the three looks take that a step needs at least.
  const declaration = { judge, intervalS, bakeS: 2.9 * intervalS, idle: false, critical: false };
  for (const service of world.services) world.declare(service, declaration);
}

/** Waits until every canary has its first weight in Nacos, or until it takes too long. */
export async function rampUp(
  { documents, services }: World,
  judge: BenchJudge,
  intervalS: number,
): Promise<Ramp> {
  const [first = 0] = WEIGHTS[judge];
  say('waiting for the first step of every canary');
  const startedAt = performance.now();
  const limitMs = 2_000 * intervalS + 10 * services.length;
  const missing = await documents.reach(services, first, limitMs);
  return { seconds: (performance.now() - startedAt) / 1_000, missing };
}

export async function measureProgress(plan: ProgressPlan, world: World, daemon: Daemon): Promise<Found> {
  const { judge, canaries, intervalS, seconds, commitDelayMs } = plan;
  const [, second = 0] = WEIGHTS[judge];
  const ramp = await rampUp(world, judge, intervalS);
  // What was put off while all of them began is made up for first.
  await wait(1_000 * intervalS);
  say(`measuring for ${seconds} s`);
  const span = await watch(daemon, world.others, seconds * 1_000);
  say('reading the documents of every canary');
  const graceMs = ramp.missing.length > 0 ? 0 : 2_000 * intervalS;
  const behind = await world.documents.reach(world.services, second, graceMs);
  const by = judge === 'threshold' ? '' : `, by the ${judge} judge`;
  const slower = commitDelayMs === 0 ? '' : `, each commit ${commitDelayMs} ms slower`;
  return {
    title: `${canaries} canaries progressing at ${intervalS} s, two metrics each${by}${slower}`,
    load: {
      canaries,
      interval: intervalS,
      seconds,
      ...(judge === 'threshold' ? {} : { judge }),
      ...(commitDelayMs === 0 ? {} : { 'commit-delay': commitDelayMs }),
    },
    figures: [
      ...lookFigures(plan, span, world.floor.emptyLookMs),
      ...processFigures(span),
      { name: 'canaries that left a step by evidence', value: canaries - behind.length, unit: '' },
      { name: 'ready, with files never seen before', value: daemon.readyMs / 1_000, unit: 's' },
      { name: 'all at their first step, after ready', value: ramp.seconds, unit: 's' },
      { name: 'lag of looks until then, p99', value: quantileOf(span.before.lookLag, 0.99), unit: 's' },
      ...floorFigures(world.floor),
    ],
    findings: findingsOf(plan, span, ramp, behind, await daemon.inPhase('Progressing')),
  };
}

function lookFigures({ canaries, intervalS }: ProgressPlan, span: Span, emptyLookMs: number): Figure[] {
  const { before, after, cpuMs, seconds } = span;
  const lag = between(before.lookLag, after.lookLag);
  const looks = looksOf(span);
  const queries = (after.prometheusQueries - before.prometheusQueries) / (seconds / intervalS);
  const mostQueries = METRICS * (Math.ceil(canaries / NAMES_PER_QUERY) + QUERIES_BESIDE);
  const lookMs = cpuMs / looks;
  return [
    {
      name: 'CPU per look',
      value: lookMs,
      unit: 'ms',
      // Of a small fleet it is mostly the ticks and scrapes, which a share of a core tells better.
      ...(canaries < SMALL_FLEET ? {} : { most: 1.5 }),
      timesEmpty: lookMs / emptyLookMs,
    },
    { name: 'lag of looks, p50', value: quantileOf(lag, 0.5), unit: 's' },
    { name: 'lag of looks, p99', value: quantileOf(lag, 0.99), unit: 's', most: 1 },
    { name: 'lag of looks, none above', value: mostOf(lag), unit: 's' },
    { name: 'Prometheus queries a round', value: queries, unit: '', most: mostQueries },
    { name: 'looks a second', value: looks / seconds, unit: '' },
    {
      name: 'looks committed of those due',
      value: (100 * looks * intervalS) / (canaries * seconds),
      unit: '%',
    },
  ];
}

function processFigures(span: Span): Figure[] {
  const { before, after, cpuMs, seconds, othersPercent, scrapesMs } = span;
  return [
    { name: 'share of a core', value: cpuMs / seconds / 10, unit: '%' },
    { name: 'all other processes together', value: othersPercent, unit: '% of a core' },
    { name: 'scrape of /metrics, longest', value: Math.max(...scrapesMs) / 1_000, unit: 's' },
    { name: 'commits a second', value: (after.commits - before.commits) / seconds, unit: '' },
    { name: 'resident memory', value: after.rssBytes / 2 ** 20, unit: 'MiB' },
    { name: 'heap in use', value: after.heapBytes / 2 ** 20, unit: 'MiB' },
    { name: 'event loop stood still, p99', value: after.loopDelayMs.p99, unit: 'ms' },
    { name: 'event loop stood still, longest', value: after.loopDelayMs.max, unit: 'ms' },
  ];
}

function looksOf({ before, after }: Span): number {
  return between(before.lookLag, after.lookLag).get(Infinity) ?? 0;
}

/** What shows that the daemon does not keep up. */
function findingsOf(
  plan: ProgressPlan,
  span: Span,
  ramp: Ramp,
  behind: readonly string[],
  progressing: number | null,
): string[] {
  const { canaries, intervalS } = plan;
  const { before, after, seconds } = span;
  const findings: string[] = [];
  const due = Math.round((canaries * seconds) / intervalS);
  const looks = looksOf(span);
  if (ramp.missing.length > 0) {
    findings.push(`${ramp.missing.length} canaries had no first step after ${Math.round(ramp.seconds)} s`);
  }
  if (behind.length > 0) {
    findings.push(
      `${behind.length} of ${canaries} canaries left no step by evidence, among them ${behind[0]}`,
    );
  }
  if (looks < 0.95 * due) {
    findings.push(`the daemon does not keep up: ${looks} looks were committed and ${due} were due`);
  }
  const givenUp = span.scrapesMs.filter((ms) => ms === Infinity).length;
  if (givenUp > 0) findings.push(`${givenUp} scrapes of /metrics took longer than 10 s`);
  if (progressing === null) findings.push('/metrics did not say within a minute who is progressing');
  else if (progressing < canaries) findings.push(`${canaries - progressing} canaries are not progressing`);
  const errors = after.errors - before.errors;
  if (errors > 0) findings.push(`${errors} runs of the loop failed`);
  if (after.commits === before.commits) findings.push('no commit was seen, so none was made slower');
  return findings;
}
