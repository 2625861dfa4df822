/** Builders of requests for tests. */
import type { MeasureRequest } from '../../src/core/observation.ts';

export function ratioRequest(
  job: string,
  version: string,
  more: Partial<MeasureRequest> = {},
): MeasureRequest {
  return request(
    {
      kind: 'ratio',
      bad: `http_requests_total{job="${job}",code=~"5.."}`,
      total: `http_requests_total{job="${job}"}`,
      minRequests: 10,
    },
    version,
    more,
  );
}

export function latencyRequest(
  job: string,
  version: string,
  more: Partial<MeasureRequest> = {},
): MeasureRequest {
  return request(
    { kind: 'latency', histogram: `request_latency_bucket{job="${job}"}`, quantile: 0.99, minRequests: 10 },
    version,
    more,
  );
}

export function freeRequest(query: string, more: Partial<MeasureRequest> = {}): MeasureRequest {
  return request({ kind: 'query', query }, 'v2', more);
}

export function presenceRequest(
  selector: string,
  version: string,
  more: Partial<MeasureRequest> = {},
): MeasureRequest {
  return request({ kind: 'presence', selector }, version, more);
}

export function countersRequest(
  selector: string,
  version: string,
  more: Partial<MeasureRequest> = {},
): MeasureRequest {
  return request({ kind: 'counters', selector }, version, more);
}

function request(
  source: MeasureRequest['source'],
  version: string,
  more: Partial<MeasureRequest>,
): MeasureRequest {
  return {
    id: `${source.kind}/${version}`,
    source,
    version,
    versionLabel: 'version',
    windowMs: 60_000,
    at: null,
    intervalMs: 30_000,
    ...more,
  };
}
