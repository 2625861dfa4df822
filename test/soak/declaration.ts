/** The Canary files of a soak. */
import { formatDuration } from '../../src/lib/duration.ts';
import type { Pace } from './pace.ts';

export const FIRST_REVISION = 'v1';
export const GROUP = 'CANARY_GROUP';
/** Weights of the steps. */
export const WEIGHTS = [10, 50, 100] as const;

/** All of one length, in the order of their numbers. */
export function serviceNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `service-${String(index).padStart(4, '0')}`);
}

export function dataIdOf(service: string): string {
  return `canary-rules.${service}.json`;
}

/** The service that a document is about. */
export function serviceOf(dataId: string): string {
  return dataId.slice('canary-rules.'.length, -'.json'.length);
}

/** One Canary with a ratio and a quantile, each compared with stable. */
export function canaryText(service: string, revision: string, pace: Pace): string {
  const ms = (value: number) => formatDuration(value);
  return `apiVersion: canary/v1
kind: Canary
metadata: {name: ${service}}
spec:
  revision: ${revision}
  stableRevision: ${FIRST_REVISION}
  traffic: {settle: ${ms(pace.settleMs)}, verifyTimeout: ${ms(pace.verifyTimeoutMs)}}
  strategy:
    ready: {query: 'sum(http_requests_total{service="{{service}}",version="{{canary}}"})', min: 0}
    steps:
${WEIGHTS.map((weight) => `      - {setWeight: ${weight}, bake: ${ms(pace.bakeMs)}}`).join('\n')}
  analysis:
    interval: ${ms(pace.intervalMs)}
    window: ${ms(pace.windowMs)}
    judge: threshold
    metrics:
      - name: error-rate
        ratio: {bad: 'http_requests_total{service="${service}",code=~"5.."}', total: 'http_requests_total{service="${service}"}'}
        maxDelta: 0.01
      - name: p99
        latency: {histogram: 'request_latency_bucket{service="${service}"}', quantile: 0.99}
        maxDelta: 0.1
`;
}
