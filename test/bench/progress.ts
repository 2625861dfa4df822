/** Every canary has a rollout under way and leaves at least one step by evidence: what its looks cost, and how late. */
import { join } from 'node:path';
import { between, mostOf, quantileOf } from './exposition.ts';
import { type Floor, floorFigures, measureFloor } from './floor.ts';
import { type Span, watch } from './load.ts';
import type { Figure } from './outcome.ts';
import { WEIGHTS } from './services.ts';
import { createWorld, type World } from './world.ts';

const METRICS = 2;
/** Names that a query holds at most, and the room that the bound on queries leaves for those that stay apart. */
const NAMES_PER_QUERY = 200;
const QUERIES_BESIDE = 10;
const [FIRST = 0, SECOND = 0] = WEIGHTS;

export interface ProgressPlan {
  readonly canaries: number;
  readonly intervalS: number;
  /** Seconds to measure, from the moment that every canary is at its first step. */
  readonly seconds: number;
  /** Modules loaded into the daemon. */
  readonly imports: readonly string[];
}

export interface Found {
  readonly figures: readonly Figure[];
  readonly findings: readonly string[];
  readonly cores: string;
}

export async function measureProgress(plan: ProgressPlan): Promise<Found> {
  const { canaries, intervalS } = plan;
  const declare = (index: number) => ({
    intervalS,
    // Three looks are the least that a step takes. Ends are spread over one interval, as they are in a fleet whose
    // releases did not begin together.
    bakeS: (3 + index / canaries) * intervalS,
    idle: false,
    critical: false,
  });
  const world = await createWorld({ canaries, intervalS, nacos: '3.1', declare });
  try {
    const floor = await measureFloor(world.directory, world.nacosUrl, world.cores);
    return { ...(await measure(plan, world, floor)), cores: world.cores.note };
  } finally {
    await world.close();
  }
}

async function measure(plan: ProgressPlan, world: World, floor: Floor): Promise<Omit<Found, 'cores'>> {
  const { documents, services } = world;
  const intervalMs = plan.intervalS * 1_000;
  const daemon = await world.daemon(join(world.directory, 'canary.db'), plan.imports);
  const startedAt = performance.now();
  const rampLimitMs = 2 * intervalMs + 20 * plan.canaries;
  const notBegun = await documents.reach(services, FIRST, rampLimitMs);
  const rampS = (performance.now() - startedAt) / 1_000;
  const span = await watch(daemon, world.others, plan.seconds * 1_000);
  const notLeft = await documents.reach(services, SECOND, 2 * intervalMs);
  const figures = [
    ...loadFigures(plan, span, floor),
    { name: 'canaries that left a step by evidence', value: plan.canaries - notLeft.length, unit: '' },
    { name: 'ready, with files never seen before', value: daemon.readyMs / 1_000, unit: 's' },
    { name: 'all at their first step, after ready', value: rampS, unit: 's' },
    ...floorFigures(floor),
  ];
  return { figures, findings: findingsOf(plan, span, notBegun, notLeft) };
}

function loadFigures(plan: ProgressPlan, span: Span, floor: Floor): Figure[] {
  const { canaries, intervalS } = plan;
  const { before, after, cpuMs, seconds } = span;
  const lag = between(before.lookLag, after.lookLag);
  const looks = looksOf(span);
  const queries = (after.prometheusQueries - before.prometheusQueries) / (seconds / intervalS);
  const mostQueries = METRICS * (Math.ceil(canaries / NAMES_PER_QUERY) + QUERIES_BESIDE);
  const { loopDelayMs, heapBytes, rssBytes } = after;
  return [
    {
      name: 'CPU per look',
      value: cpuMs / looks,
      unit: 'ms',
      most: 1.5,
      timesEmpty: cpuMs / looks / floor.emptyLookMs,
    },
    { name: 'lag of looks, p50', value: quantileOf(lag, 0.5), unit: 's' },
    { name: 'lag of looks, p99', value: quantileOf(lag, 0.99), unit: 's', most: 1 },
    { name: 'lag of looks, none above', value: mostOf(lag), unit: 's' },
    { name: 'Prometheus queries a round', value: queries, unit: '', most: mostQueries },
    { name: 'share of a core', value: cpuMs / seconds / 10, unit: '%' },
    { name: 'resident memory', value: rssBytes / 2 ** 20, unit: 'MiB' },
    { name: 'heap in use', value: heapBytes / 2 ** 20, unit: 'MiB' },
    { name: 'event loop stood still, p99', value: loopDelayMs.p99, unit: 'ms' },
    { name: 'event loop stood still, longest', value: loopDelayMs.max, unit: 'ms' },
    { name: 'looks a second', value: looks / seconds, unit: '' },
    {
      name: 'looks committed of those due',
      value: (100 * looks) / ((canaries * seconds) / intervalS),
      unit: '%',
    },
    { name: 'all other processes together', value: span.othersPercent, unit: '% of a core' },
  ];
}

function looksOf({ before, after }: Span): number {
  return (after.measurements - before.measurements) / METRICS;
}

/** What shows that the daemon does not keep up. */
function findingsOf(
  { canaries, intervalS }: ProgressPlan,
  span: Span,
  notBegun: readonly string[],
  notLeft: readonly string[],
): string[] {
  const due = (canaries * span.seconds) / intervalS;
  const looks = looksOf(span);
  const errors = span.after.errors - span.before.errors;
  const astray = canaries - span.after.inPhase('Progressing');
  return [
    ...(notBegun.length > 0
      ? [`${notBegun.length} canaries had no first step when the measuring began`]
      : []),
    ...(notLeft.length > 0
      ? [
          `${notLeft.length} of ${canaries} canaries left no step by evidence, the first of them ${notLeft[0]}`,
        ]
      : []),
    ...(looks < 0.95 * due
      ? [`does not keep up: ${looks} looks were committed and ${Math.round(due)} were due`]
      : []),
    ...(astray > 0 ? [`${astray} canaries are no longer progressing`] : []),
    ...(errors > 0 ? [`${errors} runs of the loop failed`] : []),
  ];
}
