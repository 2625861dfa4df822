/** The services of a benchmark and what their Canary files say. */
import { CANARY, STABLE } from './fleet-page.ts';

/** In the order of their numbers, all of one length. */
export function serviceNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `service-${String(index).padStart(5, '0')}`);
}

/** What the metrics are judged by; counted in both. */
export type BenchJudge = 'threshold' | 'sequential';

export interface Declaration {
  readonly judge: BenchJudge;
  readonly intervalS: number;
  /** Seconds that each step bakes. */
  readonly bakeS: number;
  /** Stable is wanted: nothing is released. */
  readonly idle: boolean;
  /** One failing look at the error rate is enough. */
  readonly critical: boolean;
}

const STEPS = 20;

/**
 * Weights of the steps: enough of them to go on stepping for as long as anything is measured. The sequential judge holds
 * a canary whose share of the requests is not its weight, and the versions of the fleet have half of them each.
 */
export const WEIGHTS: Readonly<Record<BenchJudge, readonly number[]>> = {
  threshold: Array.from({ length: STEPS }, (_, index) => 5 * (index + 1)),
  sequential: [...Array.from({ length: STEPS - 1 }, (_, index) => 42 + index), 100],
};

/** Time between two scrapes, for looks that come every `intervalS`: four of them lie in the window of a look. */
export function scrapeMs(intervalS: number): number {
  return Math.round((1_000 * intervalS) / 6);
}

/**
 * One Canary with two metrics, a ratio and a quantile, each compared with stable. The window and the settle time are
 * so short that a look one interval after a step is evidence already: every third look can leave a step.
 */
export function canaryFile(name: string, { judge, intervalS, bakeS, idle, critical }: Declaration): string {
  const weights = WEIGHTS[judge];
  return `apiVersion: canary/v1
kind: Canary
metadata: {name: ${name}}
spec:
  revision: ${idle ? STABLE : CANARY}
  stableRevision: ${STABLE}
  traffic: {settle: ${intervalS * 50}ms}
  strategy:
    steps:
${weights.map((weight) => `      - {setWeight: ${weight}, bake: ${Math.round(bakeS * 1_000)}ms}`).join('\n')}
  analysis:
    interval: ${intervalS}s
    window: ${intervalS * 800}ms
    judge: ${judge}
    metrics:
      - name: error-rate
        ratio: {bad: 'http_requests_total{service="${name}",code=~"5.."}', total: 'http_requests_total{service="${name}"}'}
        maxDelta: 0.005${critical ? '\n        critical: true' : ''}
      - name: p99
        latency: {histogram: 'request_latency_bucket{service="${name}"}', quantile: 0.99}
        maxDelta: 0.05
`;
}
