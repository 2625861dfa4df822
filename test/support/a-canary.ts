/** Declarations for tests: a plain, healthy default with the parts under test laid over it. */
import type { Analysis, Canary, Metric, Spec, Step, Strategy } from '../../src/spec/canary.ts';

export function aMetric(over: Partial<Metric> = {}): Metric {
  return {
    name: 'error-rate',
    source: {
      kind: 'ratio',
      bad: 'http_requests_total{job="shop",code=~"5.."}',
      total: 'http_requests_total{job="shop"}',
      minRequests: 10,
    },
    bounds: { maxDelta: 0.005 },
    windowMs: 60_000,
    forMs: 90_000,
    failureLimit: null,
    critical: false,
    dryRun: false,
    judge: 'threshold',
    ...over,
  };
}

export function steps(...weights: readonly number[]): Step[] {
  return weights.map((weight) => ({ weight, bakeMs: 300_000, approval: false }));
}

export interface CanaryParts extends Partial<Omit<Canary, 'strategy' | 'analysis'>> {
  readonly strategy?: Partial<Strategy>;
  readonly analysis?: Partial<Analysis>;
}

export function aCanary(parts: CanaryParts = {}): Canary {
  const { strategy, analysis, ...rest } = parts;
  return {
    name: 'shop',
    labels: {},
    service: 'shop',
    revision: 'v2',
    stableRevision: 'v1',
    suspend: false,
    target: { kind: 'nacos', namespace: '', group: 'CANARY_GROUP', dataId: 'canary-rules.shop.json' },
    settleMs: 60_000,
    verifyTimeoutMs: 30_000,
    onDrift: 'correct',
    ...rest,
    strategy: {
      steps: steps(5, 25, 50, 100),
      ready: null,
      onRevisionChange: 'restart',
      onFailure: 'rollback',
      onDelete: 'rollback',
      progressDeadlineMs: 3_600_000,
      ...strategy,
    },
    analysis: {
      skip: false,
      intervalMs: 30_000,
      versionLabel: 'version',
      onNoData: 'hold',
      noDataGraceMs: 600_000,
      onError: 'pause',
      errorLimit: 4,
      onInconclusive: 'pause',
      resumeOnResolved: false,
      metrics: [aMetric()],
      ...analysis,
    },
  };
}

export function aSpec(parts: CanaryParts = {}): Spec {
  const canary = aCanary(parts);
  return { canary, file: `${canary.name}.yaml`, line: 1, hash: JSON.stringify(canary) };
}
