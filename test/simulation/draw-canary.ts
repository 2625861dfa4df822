/** Canaries and revisions as the seed wants them. */
import type { Canary, MannWhitneyTerms, Metric, SequentialPromise } from '../../src/spec/canary.ts';
import type { Random } from './random.ts';
import type { Truth } from './traffic.ts';

export const FIRST_REVISION = 'v1';

export const WINDOWS_MS = [20_000, 60_000] as const;

/** How a query begins that asks for the instances of a revision. */
export const READY_QUERY = 'count(up';

const STEPS = [
  [5, 25, 50, 100],
  [10, 100],
  [1, 10, 30, 60, 100],
  [20, 40, 100],
  [100],
  [25, 75, 100],
] as const;

/** What a revision is like that the metrics of this Canary can tell. */
export function drawTruth(random: Random, canary: Canary): Truth {
  const measuresLatency = canary.analysis.metrics.some(({ source }) => source.kind === 'latency');
  const lasts = canary.strategy.steps.filter(({ weight }) => weight < 100).map(({ weight }) => weight / 100);
  const later = lasts.length === 0 ? 0 : random.pick(lasts);
  return random.weighted<Truth>([
    [{ kind: 'healthy' }, 45],
    [{ kind: 'broken', from: 0 }, 15],
    [{ kind: 'broken', from: later }, 15],
    [{ kind: 'slow' }, measuresLatency ? 10 : 0],
    [{ kind: 'silent', from: 0 }, 8],
    [{ kind: 'silent', from: later }, 7],
  ]);
}

export function drawCanary(random: Random, name: string, isOfFiles: boolean): Canary {
  const intervalMs = random.pick([5_000, 10_000, 15_000, 30_000]);
  const isGits = random.chance(0.8);
  return {
    name,
    labels: {},
    service: name,
    revision: isGits ? FIRST_REVISION : null,
    stableRevision: FIRST_REVISION,
    suspend: false,
    target: isOfFiles
      ? { kind: 'file', path: name }
      : { kind: 'nacos', namespace: '', group: 'CANARY_GROUP', dataId: name },
    settleMs: random.pick([0, 10_000, 30_000]),
    verifyTimeoutMs: random.pick([10_000, 30_000]),
    onDrift: random.weighted([
      ['correct', 3],
      ['pause', 1],
      ['adopt', 1],
    ] as const),
    strategy: {
      steps: drawSteps(random),
      ready: random.chance(0.3) ? { query: `${READY_QUERY}{job="${name}"})`, min: 1 } : null,
      onRevisionChange: random.weighted([
        ['restart', 3],
        ['queue', 1],
        ['reject', 1],
      ] as const),
      onFailure: random.chance(0.85) ? 'rollback' : 'pause',
      onDelete: random.chance(0.7) ? 'rollback' : 'retain',
      progressDeadlineMs: 600_000,
    },
    analysis: {
      skip: random.chance(0.04),
      intervalMs,
      versionLabel: 'version',
      onNoData: random.pick(['hold', 'pause', 'rollback'] as const),
      noDataGraceMs: random.pick([60_000, 180_000]),
      onError: random.weighted([
        ['hold', 1],
        ['pause', 3],
        ['rollback', 1],
      ] as const),
      errorLimit: 4,
      onInconclusive: 'pause',
      resumeOnResolved: random.chance(0.3),
      ...scored(drawMetrics(random, name, intervalMs)),
    },
  };
}

export function drawSteps(random: Random): Canary['strategy']['steps'] {
  return random.pick(STEPS).map((weight) => ({
    weight,
    bakeMs: random.pick([15_000, 60_000, 120_000]),
    approval: weight < 100 && random.chance(0.1),
    maxHoldMs: random.pick([300_000, 600_000]),
  }));
}

function scored(metrics: readonly Metric[]): Pick<Canary['analysis'], 'metrics' | 'scoring'> {
  const hasScore = metrics.some(({ mannWhitney }) => mannWhitney !== undefined);
  return hasScore ? { metrics, scoring: { weights: {}, pass: 95, marginal: 75 } } : { metrics };
}

/** So few points that steps of a minute can have them. */
const POINTS: MannWhitneyTerms = {
  direction: 'increase',
  tolerance: 0.25,
  confidence: 0.98,
  effectSize: {
    measure: 'meanRatio',
    allowedIncrease: 1,
    allowedDecrease: 1,
    criticalIncrease: 1,
    criticalDecrease: 1,
  },
  nanStrategy: 'remove',
  outlierFactor: null,
  minPoints: 5,
  groups: ['all'],
  mustHaveData: true,
};

/** For failures that come one by one, as they do here. */
const ODDS: SequentialPromise = { alpha: 0.01, beta: 0.05, sensitivity: 0.5, dispersion: 1 };

function drawMetrics(random: Random, name: string, intervalMs: number): readonly Metric[] {
  const critical = random.chance(0.5);
  const errors: Metric = {
    name: 'error-rate',
    source: {
      kind: 'ratio',
      bad: `http_requests_total{job="${name}",code=~"5.."}`,
      total: `http_requests_total{job="${name}"}`,
      minRequests: 10,
    },
    bounds: { maxDelta: 0.05 },
    windowMs: random.pick(WINDOWS_MS),
    forMs: random.chance(0.7) ? 3 * intervalMs : null,
    failureLimit: null,
    critical,
    dryRun: false,
    judge: 'threshold',
  };
  const limited: Metric = errors.forMs === null ? { ...errors, failureLimit: random.whole(0, 3) } : errors;
  const judged = random.weighted<Metric>([
    [limited, 5],
    [{ ...errors, forMs: null, judge: 'mannWhitney', mannWhitney: POINTS }, 2],
    [{ ...errors, forMs: null, critical: false, judge: 'sequential', sequential: ODDS }, 3],
  ]);
  const latency: Metric = {
    ...errors,
    name: 'latency',
    source: { kind: 'latency', histogram: `latency{job="${name}"}`, quantile: 0.99, minRequests: 10 },
    bounds: random.chance(0.5) ? { max: 1 } : { maxRatio: 2 },
    forMs: 3 * intervalMs,
    failureLimit: null,
    critical: random.chance(0.3),
  };
  const queried: Metric = {
    ...latency,
    name: 'queried',
    source: { kind: 'query', query: `bad_share{job="${name}",version="{{version}}"}` },
    bounds: { max: 0.2 },
  };
  /** Fails nearly always and counts never. */
  const dry: Metric = { ...errors, name: 'dry', bounds: { max: 0 }, forMs: intervalMs, dryRun: true };
  return [
    judged,
    ...(random.chance(0.5) ? [latency] : []),
    ...(random.chance(0.2) ? [queried] : []),
    ...(random.chance(0.2) ? [dry] : []),
  ];
}
